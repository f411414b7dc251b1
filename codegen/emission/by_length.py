"""What `templates/by_length.c.j2` prints: the call of the function that serves an input's length."""

from __future__ import annotations

from math import prod
from typing import Any

from codegen.emission.ending import handed
from codegen.emission.expressions import Array
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.writer import Packing, PackingOf, PartPacking, Writer
from codegen.planning.algorithms.by_length import Schedule, places
from codegen.planning.plan import AnyPlan, KernelPlan

WORDS = {1: ("any",), 2: ("short", "long"), 3: ("short", "middle", "long"), 4: ("short", "middle", "long", "longest")}


def words(plan: KernelPlan[Schedule]) -> tuple[str, ...]:
    """The inputs that its inner functions serve, as their names end."""
    known = [part.problem.steps for part in plan.parts if part.problem.steps is not None]
    return (*WORDS[len(plan.parts) - len(known)], *(f"steps_{steps}" for steps in known))


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, (kernel,) = plan.schedule, weight_names(plan, name)[:1]
    at, functions = places(plan), inner_functions(plan, name, words(plan), sliced=plan.sliced)
    sliced = ["slice", "slices"] * plan.sliced
    calls = []
    for i in schedule.turn:
        operands, spare = handed(plan, name, str, str), ["workspace"] * plan.parts[i].has_workspace
        given = [
            "x",
            *["steps"] * (plan.parts[i].problem.steps is None),
            Array(kernel, _numbers(plan)).at(at[i], taken=_numbers(plan.parts[i])),
            *operands,
            "y",
            *spare,
            *sliced,
        ]
        calls.append(f"{functions[i].of(*given)};")
    whether = [
        f"steps < {limit}" if plan.parts[i].problem.steps is None else f"steps == {plan.parts[i].problem.steps}"
        for limit, i in zip(schedule.limits, schedule.turn, strict=False)
    ]
    heads = [f"{'else ' * (i > 0)}if ({one})" for i, one in enumerate(whether)]
    branches = [{"head": head, "call": call} for head, call in zip((*heads, "else"), calls, strict=True)]
    return {"branches": branches}


def _numbers(plan: AnyPlan) -> int:
    """Those of the kernel that the C is handed: as it is, or packed."""
    return prod(plan.problem.kernel_shape) if plan.weights == "argument" else plan.packed_numbers


def packing(plan: KernelPlan[Schedule], inner: PackingOf) -> Packing | None:
    """Each part's packing in its place, those that lie alike once; None where C cannot pack one."""
    at, found = places(plan), list[PartPacking]()
    for i, (word, part) in enumerate(zip(words(plan), plan.parts, strict=True)):
        how = inner(part)
        if how is None:
            return None
        if at[i] not in at[:i]:
            found.append(PartPacking(word, part, at[i], how))
    return Packing((), parts=tuple(found))


WRITER = Writer(
    template="by_length.c.j2", view=view, inner=words, packing=packing, slices_inner=True, counts_outs=False
)
