"""A stream in NumPy that does what `codegen.problem.state` says: it holds what is kept, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from codegen.problem import reference
from codegen.problem.problem import Problem
from codegen.problem.state import StageState, State

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Stage:
    """A stage at work: its kept input steps, (batch, steps, channels), end at step `done`."""

    state: StageState
    kernel: Array
    bias: Array | None
    kept: Array
    done: int = 0

    def process(self, x: Array) -> Array:
        """The outputs of a block."""
        had, self.done = self.state.outputs(self.done), self.done + x.shape[1]
        y = self._outputs(np.concatenate([self.kept, x], axis=1), had, self.state.outputs(self.done))
        most = self.done - self.state.first_kept(self.done)
        assert not self.done or most <= self.state.history
        rows = np.concatenate([self.kept, x], axis=1)
        self.kept = rows[:, rows.shape[1] - max(0, most) :] if most <= rows.shape[1] else rows
        return y

    def flush(self) -> Array:
        """What the whole has beyond the outputs that came."""
        return self._outputs(
            self.kept, self.state.outputs(self.done), self.state.problem.out_steps(self.done), ends=True
        )

    def _outputs(self, rows: Array, first: int, last: int, ends: bool = False) -> Array:
        """Outputs [first, last) of the rows that end at step `done`: all that these read, or the end's padding."""
        p = self.state.problem.inside(None)
        begins = self.done - rows.shape[1]  # the step of the first row
        wanted = -((self.state.left - first * p.stride) // p.up)  # the first step that is read
        rows = rows[:, max(0, wanted - begins) :]
        begins = max(begins, wanted)
        if first == last:
            return np.zeros((len(rows), 0, p.out_filters), rows.dtype)
        if not rows.shape[1]:  # padding alone, and zeros between steps
            rows = np.zeros((len(rows), (last - first - 1) * p.stride + p.reach, p.channels), rows.dtype)
            return reference.convolve(replace(p, up=1), rows, self.kernel, self.bias, dtype=rows.dtype.name)
        assert wanted == begins or begins <= 0  # what is not there lies before the input
        left = begins * p.up - (first * p.stride - self.state.left)
        right = (last - first - 1) * p.stride + p.reach - left - p.spread(rows.shape[1])
        assert ends or right <= p.up - 1  # no output reads a step that has not come
        one = replace(p, pad_left=left, pad_right=max(0, right))
        return reference.convolve(one, rows, self.kernel, self.bias, dtype=rows.dtype.name)[:, : last - first]


@dataclass
class Stream:
    """All stages in a row, on arrays in the problem's layout and of whole numbers."""

    problem: Problem
    kernel: Array
    bias: Array | None = None
    batch: int = 1
    state: State = field(init=False)
    stages: list[Stage] = field(init=False)

    def __post_init__(self) -> None:
        self.state, dtype = State(self.problem), self.kernel.dtype
        weights = self.problem.stage_weights(self.kernel, self.bias)
        self.stages = [
            Stage(each, taps, added[0] if added else None, np.zeros((self.batch, 0, p.channels), dtype))
            for each, (p, taps, added) in zip(self.state.stages, weights, strict=True)
        ]

    def process(self, x: Array) -> Array:
        y = x if self.problem.channels_last else x.swapaxes(1, 2)
        for stage in self.stages:
            y = stage.process(y)
        return y if self.problem.channels_last else y.swapaxes(1, 2)

    def flush(self) -> Array:
        """The rest, as each stage flushes into those behind it."""
        y = self.stages[0].flush()
        for stage in self.stages[1:]:
            y = np.concatenate([stage.process(y), stage.flush()], axis=1)
        return y if self.problem.channels_last else y.swapaxes(1, 2)

    def whole(self, x: Array, blocks: Sequence[int]) -> Array:
        """x in blocks of so many steps, and the flush."""
        axis = 1 if self.problem.channels_last else 2
        parts = np.split(x, np.cumsum(blocks)[:-1], axis=axis)
        return np.concatenate([*map(self.process, parts), self.flush()], axis=axis)
