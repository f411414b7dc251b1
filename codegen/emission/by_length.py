"""What `templates/by_length.c.j2` prints: the call of the function that serves an input's length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from codegen.emission.ending import handed
from codegen.emission.expressions import Array
from codegen.emission.inner import inner_functions
from codegen.emission.interface import entry, weight_names
from codegen.emission.writer import Packing, PackingOf, PartPacking, Writer
from codegen.planning.algorithms.by_length import Schedule, free_runs, places
from codegen.planning.plan import AnyPlan, KernelPlan

WORDS = {1: ("any",), 2: ("short", "long"), 3: ("short", "middle", "long"), 4: ("short", "middle", "long", "longest")}


def words(plan: KernelPlan[Schedule]) -> tuple[str, ...]:
    """The inputs that its inner functions serve, as their names end."""
    known = [part.problem.steps for part in plan.parts if part.problem.steps is not None]
    return (*WORDS[len(plan.parts) - len(known)], *(f"steps_{steps}" for steps in known))


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel.

    Where some lengths have parts that know them, the first one's call comes before a function that chooses among the
    others: a compiler that put all of them into one would save registers in the shortest call, too.
    """
    calls, others = _calls(plan, name), free_runs(plan)
    knowing = [(i, part.problem.steps) for i, part in enumerate(plan.parts) if part.problem.steps is not None]
    by_limit, last = [f"steps < {limit}" for limit, _ in others[:-1]], [calls[i] for _, i in others]
    if not knowing:
        return {"branches": _branches(by_limit, last), "longer": None, "longer_branches": ()}
    (first, steps), *more = knowing
    choice = _branches([*(f"steps == {each}" for _, each in more), *by_limit], [*(calls[i] for i, _ in more), *last])
    longer = replace(entry(plan, f"{name}_longer"), linkage="static") if len(choice) > 1 else None
    rest = f"{longer.call()};" if longer else last[0]
    return {
        "branches": _branches([f"steps < {steps}", f"steps == {steps}"], [rest, calls[first], rest]),
        "longer": longer.declarator if longer else None,
        "longer_branches": choice,
    }


def _calls(plan: KernelPlan[Schedule], name: str) -> list[str]:
    """The call of each part's function."""
    kernels = weight_names(plan, name)[: len(plan.problem.kernel_names)]
    at, functions = places(plan), inner_functions(plan, name, words(plan), sliced=plan.sliced)
    calls = []
    for i, (function, part) in enumerate(zip(functions, plan.parts, strict=True)):
        given = [
            "x",
            *["steps"] * (part.problem.steps is None),
            *_handed(plan, kernels, i, at[i]),
            *handed(plan, name, str, str),
            "y",
            *["workspace"] * part.has_workspace,
            *["slice", "slices"] * plan.sliced,
        ]
        calls.append(f"{function.of(*given)};")
    return calls


def _branches(whether: Sequence[str], calls: Sequence[str]) -> list[dict[str, str]]:
    """Which call is made where: one more than there are conditions."""
    heads = [f"{'else ' * (i > 0)}if ({one})" for i, one in enumerate(whether)]
    return [{"head": head, "call": call} for head, call in zip((*heads, "else"), calls, strict=True)]


def _handed(plan: AnyPlan, kernels: tuple[str, ...], i: int, at: int) -> tuple[str, ...]:
    """What the plan's part `i` reads: from `at` on of the one kernel, or each of several, which all parts share."""
    if len(kernels) > 1:
        return kernels
    return (Array(kernels[0], _numbers(plan)).at(at, taken=_numbers(plan.parts[i])),)


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
