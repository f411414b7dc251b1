"""The numbers of steps of a model's values in C, where the input has any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.emission import lengths
from codegen.graph import steps
from codegen.graph.calls import Call
from codegen.graph.op import Op
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.moves import window
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.problem import Problem
from codegen.records import dataclass

__all__ = ["Rule", "out_steps", "rules", "statements"]


@dataclass(frozen=True)
class Rule:
    """`value` of `steps` steps in C; `room` is what it may be made of."""

    number: int
    room: str
    value: str


def rules(plan: ModelPlan) -> tuple[Rule, ...]:
    """How each length but the input's is found."""
    found = []
    for number, length in enumerate(plan.lengths):
        if length.op is not None:
            room, value = _RULES[type(length.op)](length.op)
            found.append(Rule(number, room, value))
    return tuple(found)


def statements(plan: ModelPlan, name: str) -> tuple[str, ...]:
    """The variables of all lengths, each of an earlier one."""
    found = []
    for number, length in enumerate(plan.lengths):
        if length.op is not None:
            found.append(f"const ptrdiff_t n{number} = {name}_steps_{number}({_named(length.of or 0)});")
    return tuple(found)


def out_steps(plan: ModelPlan, name: str, number: int) -> str:
    """The C of the length of that number, of the input's alone."""
    length = plan.lengths[number]
    return "steps" if length.op is None else f"{name}_steps_{number}({out_steps(plan, name, length.of or 0)})"


def _named(number: int) -> str:
    return "steps" if number == 0 else f"n{number}"


def _of_problem(problem: Problem) -> tuple[str, str]:
    walk = problem.walk or problem.stages[0]
    _, padding = lengths.padding(walk)
    return lengths.room(walk, padding), f"steps > 0 && room >= 0 ? {lengths.out_steps(walk)} : 0"


def _called(op: Call) -> tuple[str, str]:
    layer: Any = op.layer
    if hasattr(layer, "problem"):
        return _of_problem(layer.problem.at_length(None))
    return "", "steps" if layer.out_steps(2) == 2 else "steps > 0 ? 1 : 0"


def _pool(op: steps.Pool) -> tuple[str, str]:
    return _of_problem(window(op, 1))


def _frames(op: steps.Frames) -> tuple[str, str]:
    return _of_problem(ConvProblem(None, 1, 1, op.size, op.hop, epilogue=Epilogue()))


def _one(op: Op) -> tuple[str, str]:
    return "", "steps > 0 ? 1 : 0"


def _padded(op: steps.Padded) -> tuple[str, str]:
    return "", f"steps > 0 ? steps + {op.left + op.right} : 0"


def _crop(op: steps.Crop) -> tuple[str, str]:
    return "", f"steps > {op.left + op.right} ? steps - {op.left + op.right} : 0"


def _upsampled(op: steps.Upsample) -> tuple[str, str]:
    return "", f"steps * {op.size}"


_RULES: dict[type[Op], Callable[[Any], tuple[str, str]]] = {
    Call: _called,
    steps.MaxPool: _pool,
    steps.AveragePool: _pool,
    steps.GlobalMaxPool: _one,
    steps.GlobalAveragePool: _one,
    steps.Last: _one,
    steps.Upsample: _upsampled,
    steps.Pad: _padded,
    steps.Reflect: _padded,
    steps.Replicate: _padded,
    steps.Crop: _crop,
    steps.Frames: _frames,
}
