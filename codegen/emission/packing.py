"""The C functions that lay a kernel in Keras' shape out as a plan reads it, for `templates/pack.c.j2`.

What `pack` of the plan's algorithm does in NumPy for known weights, for a program that learns them at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emission.interface import kernels
from codegen.emission.writer import Packing
from codegen.planning.plan import KernelPlan


@dataclass(frozen=True)
class Pack:
    """A pack function: the end of its name, the macro of its count, the shape that it reads, what it does."""

    function: str
    macro: str
    plan: KernelPlan
    packing: Packing

    @property
    def shape(self) -> tuple[int, ...]:
        return self.plan.problem.kernel_shape

    @property
    def count(self) -> int:
        """Packed numbers."""
        return self.plan.packed_numbers


def packs(plan: KernelPlan) -> tuple[Pack, ...]:
    """The pack function of each kernel of the plan; none where C cannot pack them all."""
    found = []
    for label, part in kernels(plan):
        how = packing(part)
        if how is None:
            return ()
        function = "pack" if label == "kernel" else f"pack_{label}"
        found.append(Pack(function, f"{label.upper()}_NUMBERS", part, how))
    return tuple(found)


def packing(plan: KernelPlan) -> Packing | None:
    """How C packs the plan's one kernel; None where it cannot."""
    from codegen.emission.registry import writer

    return writer(plan).packing(plan, packing)
