"""The const tables of a plan whose weights are baked, as a template prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.emission import cformat
from codegen.emission.cformat import CText, written
from codegen.emission.interface import kernels, stored
from codegen.emission.writer import Arrays, Beside
from codegen.planning.plan import KernelPlan


def tables(plan: KernelPlan, name: str, weights: Arrays) -> dict[str, Any]:
    """The template's variables: `tables`, and what an algorithm's own way to write them adds."""
    from codegen.emission.registry import writer

    own = writer(plan).tables
    if own:
        return {each: written(value) for each, value in own(plan, name, weights).items()}
    p, dtype, stored_as = plan.problem, plan.problem.format, plan.kernel_format
    kernel, *held = weights
    assert kernel is not None
    kernel = stored_as.encode(kernel)
    given = p.stage_weights(kernel, None)
    tables = []
    for (label, part), (_, array, _) in zip(kernels(plan), given, strict=True):
        packed = part.pack(array)
        text = cformat.array_table(packed, stored_as)
        tables.append((CText(label), CText(stored(plan)), len(packed), text))
    for operand, numbers in zip(p.epilogue.weights, held, strict=False):
        assert numbers is not None
        label = cformat.identifier(operand.name)
        tables.append((label, CText(dtype.c), len(numbers), cformat.array_table(numbers, dtype)))
    return {"tables": tuple(tables)}


def instead(plan: KernelPlan, name: str, weights: Arrays, banner: Sequence[str]) -> Beside | None:
    """The file that can take the place of NAME.c, if there is one."""
    from codegen.emission.registry import writer

    return writer(plan).beside(plan, name, weights, banner)
