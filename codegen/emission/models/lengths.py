"""The numbers of steps of a model's values in C, where the input has any number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from codegen.emission import lengths
from codegen.graph.plans import rules
from codegen.graph.plans.model_plan import ModelPlan
from codegen.records import dataclass

__all__ = ["Made", "made", "out_steps", "statements"]


@dataclass(frozen=True)
class Made:
    """`value` of `steps` steps in C; `room` is what it may be made of."""

    number: int
    room: str
    value: str


def made(plan: ModelPlan) -> tuple[Made, ...]:
    """How each length but the input's is found."""
    found = []
    for number, length in enumerate(plan.lengths):
        if length.op is not None:
            rule = rules.rule_of(length.op)
            found.append(Made(number, *_SPELLED[type(rule)](rule)))
    return tuple(found)


def statements(plan: ModelPlan, name: str, read: Collection[int]) -> tuple[str, ...]:
    """The variables of the lengths with the numbers that are `read`, each of an earlier one, which is then read too."""
    found, wanted = [], set(read)
    for number, length in reversed(tuple(enumerate(plan.lengths))):
        if number in wanted:
            wanted.add(length.of or 0)
    for number, length in enumerate(plan.lengths):
        if length.op is not None and number in wanted:
            found.append(f"const ptrdiff_t n{number} = {name}_steps_{number}({_named(length.of or 0)});")
    return tuple(found)


def out_steps(plan: ModelPlan, name: str, number: int) -> str:
    """The C of the length of that number, of the input's alone."""
    length = plan.lengths[number]
    return "steps" if length.op is None else f"{name}_steps_{number}({out_steps(plan, name, length.of or 0)})"


def _named(number: int) -> str:
    return "steps" if number == 0 else f"n{number}"


def _windows(rule: rules.Windows) -> tuple[str, str]:
    walk = rule.problem.walk or rule.problem.stages[0]
    _, padding = lengths.padding(walk)
    return lengths.room(walk, padding), f"steps > 0 && room >= 0 ? {lengths.out_steps(walk)} : 0"


def _more(rule: rules.More) -> tuple[str, str]:
    if rule.steps < 0:
        return "", f"steps > {-rule.steps} ? steps - {-rule.steps} : 0"
    return "", f"steps > 0 ? steps + {rule.steps} : 0" if rule.steps else "steps"


def _times(rule: rules.Times) -> tuple[str, str]:
    return "", f"steps * {rule.steps}"


def _one(rule: rules.One) -> tuple[str, str]:
    return "", "steps > 0 ? 1 : 0"


_SPELLED: dict[type, Callable[[Any], tuple[str, str]]] = {
    rules.Windows: _windows,
    rules.More: _more,
    rules.Times: _times,
    rules.One: _one,
}
