"""What a kernel that is rewritten to others knows of them in C: their functions, the size of their weights."""

from __future__ import annotations

from itertools import accumulate
from math import prod

from codegen.emission.cfunction import CFunction
from codegen.emission.interface import entry, kernels
from codegen.planning.plan import AnyPlan


def inner_names(plan: AnyPlan, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The C names of the functions of `plan.parts`: what they compute, numbered where one of `words` serves several."""
    count = len(plan.parts)
    if count > len(words):
        words = tuple(f"{words[0]}_{number}" for number in range(1, count + 1))
    return tuple(f"{name}_{word}" for word in words[:count])


def inner_functions(plan: AnyPlan, name: str, words: tuple[str, ...], *, sliced: bool = False) -> tuple[CFunction, ...]:
    """The functions of `plan.parts`, each of all of its work or, `sliced`, of a slice of it."""
    parts = (part.asked(sliced=sliced) for part in plan.parts)
    return tuple(map(entry, parts, inner_names(plan, name, words)))


def kernel_places(plan: AnyPlan) -> tuple[tuple[str, int], ...]:
    """The name of each kernel, and where it begins in the array that `pack` makes of all."""
    found = kernels(plan)
    if len(found) == 1:
        return ((found[0][0], 0),)
    packed = plan.weights == "packed"
    sizes = (part.packed_numbers if packed else prod(part.problem.kernel_shape) for _, part in found)
    return tuple(zip((label for label, _ in found), accumulate(sizes, initial=0), strict=False))
