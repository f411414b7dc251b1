"""Windows: a layer on a part of its outputs, with the input steps that these read and zeros where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.errors import ShapeError, UsageError
from codegen.planning.plan import Request
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer
    from codegen.planning.ask import Ask
    from codegen.problem.problem import Problem

    Array = NDArray[Any]

__all__ = ["Samples", "Window", "Windows", "divisible", "window"]


@dataclass(frozen=True)
class Window:
    """What outputs read: the steps [begin, end) of the input, behind `before` zeros and before `after` zeros."""

    begin: int
    end: int
    before: int
    after: int

    @property
    def samples(self) -> int:
        """Steps and zeros together."""
        return self.before + self.end - self.begin + self.after


def window(problem: Problem, steps: int, first: int, count: int) -> Window:
    """What the outputs [first, first + count) read of an input of so many steps."""
    start = first * problem.stride - problem.pads(steps)[0]
    stop = start + (count - 1) * problem.stride + problem.reach
    begin = min(max(start, 0), steps)
    end = min(max(stop, begin), steps)
    before = min(max(-start, 0), stop - start)
    return Window(begin, end, before, stop - start - before - (end - begin))


def divisible(layer: Layer, problem: Problem) -> Problem:
    """The problem itself. Raises UsageError for a layer whose outputs are not computed in parts."""
    if problem.up > 1 or problem.walk is None:
        raise UsageError(f"`{layer.name}`: a transposed convolution has no blocks; call it on the whole array")
    if problem.format.whole:
        raise UsageError(f"`{layer.name}`: a layer of {layer.dtype} has no blocks; call it on the whole array")
    return problem


class Windows:
    """A layer's kernel without padding, for windows of `samples` steps or, None, of any number; one thread calls it.

    `ask` is what is asked of the plan: the same one gives the same bits in another process, too.
    """

    def __init__(self, layer: Layer, problem: Problem, samples: int | None, ask: Ask) -> None:
        self.layer = layer
        self.inner = problem.inside(samples).in_layout(channels_last=problem.channels_last)
        compiled = pipeline.compiled(Request(self.inner, ask), None, layer._how.threads)
        kernel, bias = layer.spec.problem_weights(layer._made().arrays)
        self.run = compiled.with_weights(compiled.pack(kernel), bias)
        self._x: Array = np.empty(0, layer.dtype)
        self._y = self._x

    def outputs(self, samples: Samples, sample: int, found: Window) -> Array:
        """(outputs, filters) of one window of a sample, in an array that the next call writes to."""
        x, y = self._arrays(found.samples)
        rows = samples.timed(x[0])
        rows[: found.before] = 0
        if found.end > found.begin:
            rows[found.before : found.before + found.end - found.begin] = samples.read(sample, found.begin, found.end)
        rows[found.samples - found.after :] = 0
        self.run(x, y)
        self.layer._activate(y)
        return samples.timed(y[0])

    def _arrays(self, steps: int) -> tuple[Array, Array]:
        """Room for a window and for its outputs, that of the last call where it fits."""
        shape = self.inner.in_shape(1, steps)
        if self._x.shape != shape:
            self._x = np.empty(shape, self.layer.dtype)
            self._y = np.empty(self.inner.out_shape(1, steps), self.layer.dtype)
        return self._x, self._y


class Samples:
    """An array of steps and channels, with a batch or without: NumPy's, or any that is read and written by slices.

    `time` is the axis of steps, counted with the batch. Raises ShapeError for what is no such array of real numbers.
    """

    def __init__(self, array: Any, name: str, channels_last: bool) -> None:
        self.array = found = array if by_slices(array) else np.asanyarray(array)
        if len(found.shape) not in (2, 3) or np.dtype(found.dtype).kind not in "fiub":
            told = f"an array of shape {tuple(found.shape)} and dtype {found.dtype}"
            raise ShapeError(f"{name} is {told}, expected two or three axes of real numbers")
        self.alone, self.time = len(found.shape) == 2, 1 if channels_last else 2
        shape = tuple(int(size) for size in found.shape)
        self.shape = (1, *shape) if self.alone else shape

    @property
    def steps(self) -> int:
        return self.shape[self.time]

    @property
    def together(self) -> int:
        """Steps that are stored as one chunk; 1 where any number is read and written alike."""
        chunks = getattr(self.array, "shards", None) or getattr(self.array, "chunks", None)
        return int((1, *chunks)[-3:][self.time]) if chunks else 1

    def timed(self, array: Array) -> Array:
        """One sample with time as the first axis."""
        return array if self.time == 1 else array.T

    def ordered(self, array: Array) -> Array:
        """What is (batch, steps, channels), with the axes in this array's order and a batch only if it has one."""
        found = array if self.time == 1 else np.ascontiguousarray(array.transpose(0, 2, 1))
        return found[0] if self.alone else found

    def read(self, sample: int, begin: int, end: int) -> Array:
        """The steps [begin, end) of a sample, time first."""
        return self.timed(np.asarray(self.array[self._at(sample, begin, end)]))

    def write(self, sample: int, begin: int, rows: Array) -> None:
        """Replace the steps from `begin` on by `rows`, time first."""
        self.array[self._at(sample, begin, begin + len(rows))] = self.timed(rows)

    def _at(self, sample: int, begin: int, end: int) -> tuple[int | slice, ...]:
        steps, channels = slice(begin, end), slice(None)
        within = (steps, channels) if self.time == 1 else (channels, steps)
        return within if self.alone else (sample, *within)


def by_slices(array: Any) -> bool:
    """Whether it tells shape and dtype and hands out slices, so that no more of it need be in memory."""
    return all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__")) and not hasattr(array, "__dlpack__")
