"""The C functions that lay a kernel in Keras' shape out as a plan reads it, for `templates/pack.c.j2`.

What `pack` of the plan's algorithm does in NumPy for known weights, for a program that learns them at run time.
"""

from __future__ import annotations

from math import prod

from codegen.emission.cformat import grouped, times
from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static
from codegen.emission.expressions import Place, Variable
from codegen.emission.interface import kernels, stored
from codegen.emission.writer import Packing
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass


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


def transforms(plan: KernelPlan) -> bool:
    """Whether a function in C makes points of the taps of the plan's one kernel: more work than to move numbers."""
    found = packs(plan) if plan.weights == "packed" else ()
    return len(found) == 1 and found[0].packing.transforms


def packs_alone(plan: KernelPlan) -> bool:
    """Whether a function in C lays out the plan's one kernel, whose numbers lie as they are computed with."""
    plain = plan.weights == "packed" and plan.kernel_format is plan.problem.format
    return plain and len(packs(plan)) == 1


def function(pack: Pack, name: str) -> CFunction:
    """The pack function of the layer `name`."""
    c = stored(pack.plan)
    return CFunction(f"{name}_{pack.function}", (Parameter("kernel", f"const {c} *"), Parameter("packed", f"{c} *")))


def weight_function(name: str, c: str) -> CFunction:
    """The function that looks up a number of a part's kernel, in the order in which it is packed."""
    return static(
        f"{name}_weight",
        *reads(c, "kernel", alone=False),
        *numbers("tap", "step", "phases", "n"),
        returns=c,
    )


def packing(plan: KernelPlan) -> Packing | None:
    """How C packs the plan's one kernel; None where it cannot."""
    from codegen.emission.registry import writer

    return writer(plan).packing(plan, packing)


def numbered(p: ConvProblem, packing: Packing) -> tuple[str, ...]:
    """The C that looks up number n of a part's kernel, its value last: of what row and lane, so what tap and filter."""
    if packing.tap_step is None:
        return ()
    row_width = times(p.groups, "width")
    divided = grouped(row_width)
    lane, group = ("lane % width", "lane / width") if p.groups > 1 else ("lane", "0")
    phase = Variable.free(f"({lane} / {p.group_filters})" if p.group_filters > 1 else grouped(lane))
    rows = 1 if p.group_channels == 1 else p.group_channels
    channel = Variable(f"row % {rows}", rows - 1)
    tap = Variable.free("row" if rows == 1 else f"(row / {rows})")
    k, f = Variable("k", p.kernel_size - 1), Variable("f", p.filters - 1)
    step = Variable.free(f"step * {phase.name}")
    filter_ = Place.of(
        (p.group_filters, Variable(f"({group})", p.groups - 1)),
        (1, Variable(f"lane % {p.group_filters}", p.group_filters - 1)),
    )
    row = Place.of((p.group_channels, k), (1, channel))
    place = Place.of((p.filters, Variable(grouped(row.text), row.most)), (1, f))
    return (
        f"const ptrdiff_t width = {times(p.group_filters, 'phases')}, lane = n % {divided}, row = n / {divided};",
        f"const ptrdiff_t k = {Place.of((1, Variable.free('tap')), (1, step), (packing.tap_step, tap)).text};",
        *[f"const ptrdiff_t f = {filter_.text};"] * (f.most > 0),
        f"return k < {p.kernel_size} ? kernel[{place.inside(prod(p.kernel_shape)).text}] : 0;",
    )
