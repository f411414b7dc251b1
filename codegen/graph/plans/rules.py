"""How many steps an op makes of so many, as numbers; codegen.emission.models.lengths has the same in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from codegen.graph import steps
from codegen.graph.calls import Call
from codegen.graph.op import Op
from codegen.graph.plans.place import Length
from codegen.specs.kinds import Spec

__all__ = ["lengths_of"]


def lengths_of(lengths: Sequence[Length], given: int) -> tuple[int, ...]:
    """The number of steps that each length is for an input of `given` steps."""
    found: list[int] = []
    for length in lengths:
        if length.op is None:
            found.append(given)
        else:
            before = found[length.of or 0]
            found.append(_RULES[type(length.op)](length.op, before) if before else 0)
    return tuple(found)


def _called(op: Call, before: int) -> int:
    layer = op.layer
    made: int = layer.problem.at_length(None).out_steps(before) if isinstance(layer, Spec) else layer.out_steps(before)
    return made


def _pool(op: steps.Pool, before: int) -> int:
    return op.out_steps(before)


def _frames(op: steps.Frames, before: int) -> int:
    return max(0, (before - op.size) // op.hop + 1)


def _one(op: Op, before: int) -> int:
    return 1


def _padded(op: steps.Padded, before: int) -> int:
    return before + op.left + op.right


def _crop(op: steps.Crop, before: int) -> int:
    return max(0, before - op.left - op.right)


def _upsampled(op: steps.Upsample, before: int) -> int:
    return before * op.size


_RULES: dict[type[Op], Callable[[Any, int], int]] = {
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
