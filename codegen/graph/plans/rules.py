"""How many steps an op makes of so many, as a value; codegen.emission.models.lengths spells it in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from codegen.graph import steps
from codegen.graph.calls import Call
from codegen.graph.op import Op
from codegen.graph.plans.moves import window
from codegen.graph.plans.place import Length
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.problem import Problem
from codegen.records import dataclass

__all__ = ["More", "One", "Rule", "Times", "Windows", "lengths_of", "rule_of"]


@dataclass(frozen=True)
class Windows:
    """As many as the outputs of a convolution."""

    problem: Problem

    def out_steps(self, before: int) -> int:
        return self.problem.out_steps(before)


@dataclass(frozen=True)
class More:
    """So many more, or fewer where it is negative; none of none."""

    steps: int

    def out_steps(self, before: int) -> int:
        return max(0, before + self.steps) if before else 0


@dataclass(frozen=True)
class Times:
    """So many times as many."""

    steps: int

    def out_steps(self, before: int) -> int:
        return before * self.steps


@dataclass(frozen=True)
class One:
    """One of any, none of none."""

    def out_steps(self, before: int) -> int:
        return min(1, before)


Rule: TypeAlias = Windows | More | Times | One


def lengths_of(lengths: Sequence[Length], given: int) -> tuple[int, ...]:
    """The number of steps that each length is for an input of `given` steps."""
    found: list[int] = []
    for length in lengths:
        found.append(given if length.op is None else rule_of(length.op).out_steps(found[length.of or 0]))
    return tuple(found)


def rule_of(op: Op) -> Rule:
    """The rule of an op that changes the number of steps."""
    return _RULES[type(op)](op)


def _called(op: Call) -> Rule:
    layer: Any = op.layer
    if hasattr(layer, "problem"):
        return Windows(layer.problem.at_length(None))
    return More(0) if layer.out_steps(2) == 2 else One()


def _pool(op: steps.Pool) -> Rule:
    return Windows(window(op, 1))


def _frames(op: steps.Frames) -> Rule:
    return Windows(ConvProblem(None, 1, 1, op.size, op.hop, epilogue=Epilogue()))


def _one(op: Op) -> Rule:
    return One()


def _padded(op: steps.Padded) -> Rule:
    return More(op.left + op.right)


def _crop(op: steps.Crop) -> Rule:
    return More(-op.left - op.right)


def _upsampled(op: steps.Upsample) -> Rule:
    return Times(op.size)


_RULES: dict[type[Op], Callable[[Any], Rule]] = {
    Call: _called,
    steps.MaxPool: _pool,
    steps.AveragePool: _pool,
    steps.GlobalMaxPool: _one,
    steps.GlobalAveragePool: _one,
    steps.GlobalSumPool: _one,
    steps.Last: _one,
    steps.Upsample: _upsampled,
    steps.Pad: _padded,
    steps.Reflect: _padded,
    steps.Replicate: _padded,
    steps.Wrap: _padded,
    steps.Crop: _crop,
    steps.Frames: _frames,
}
