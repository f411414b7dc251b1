"""A layer on arrays that are larger than memory: a block of outputs at a time, from memory map to memory map."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.errors import ShapeError, UsageError
from codegen.errors.quoting import exactly
from codegen.layers import progress as progress_
from codegen.planning.plan import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer
    from codegen.problem.problem import Problem

    Array = NDArray[Any]

__all__ = ["map_blocks"]

BLOCK_BYTES = 4 << 20  # of the samples of a block
SHARED = 8  # times the samples that two blocks share: a block's least length


def map_blocks(
    layer: Layer, x: Any, *, out: Array | None = None, block: int | None = None, progress: bool | None = False
) -> Array:
    """What `layer(x)` is, in a new array or in `out`, computed `block` outputs at a time with the exact overlap.

    x is (steps, channels) or (batch, steps, channels), for channels_first (channels, steps) or (batch, channels,
    steps): an array or a memory map of any real dtype, cast block by block. `out` has the same order of axes and the
    layer's dtype, and shares no memory with x. Of memory maps no more stays resident than a few blocks. `progress`
    draws a bar on standard error; None: where that is a terminal. In class `exact` the bits are those of one call. An
    activity regularizer is not told. Raises ShapeError; UsageError for a layer that puts zeros between its steps.
    """
    x, alone = _batched(x, layer)
    problem = layer._problem_for(x)
    if problem.up > 1 or problem.walk is None:
        raise UsageError(f"`{layer.name}`: a transposed convolution has no blocks; call it on the whole array")
    axis = 1 if problem.channels_last else 2
    outs = layer._outs(problem, x.shape[axis], x.shape[0])
    shape = problem.out_shape(x.shape[0], x.shape[axis])
    y = np.empty(shape, layer.dtype) if out is None else _held(out, shape, alone, np.dtype(layer.dtype), x)
    run = _Run(layer, problem, axis, min(_block(problem, block), outs))
    with progress_.bar(f"{layer.name}", outs * len(x), progress) as tell:
        for sample, one in enumerate(x):
            for done in run.blocks(one, y[sample]):
                tell(sample * outs + done)
                _release(x, y)
    if out is not None:
        return out
    made: Array = y[0] if alone else y
    return made


class _Run:
    """The kernel of a layer without padding for blocks of `outs` outputs, and the arrays that it works on."""

    def __init__(self, layer: Layer, problem: Problem, axis: int, outs: int) -> None:
        self.layer, self.problem, self.outs, self.time = layer, problem, outs, axis - 1
        self.samples = (outs - 1) * problem.stride + problem.reach
        inner = problem.inside(self.samples).in_layout(channels_last=problem.channels_last)
        kernel, bias = layer.spec.problem_weights(layer._made().arrays)
        ask = replace(layer._how.ask, weights="packed")
        self.kernel = pipeline.compiled(Request(inner, ask), None, layer._how.threads)
        self.weights = self.kernel.pack(kernel), bias
        self.x = np.zeros(inner.in_shape(1, self.samples), layer.dtype)
        self.y = np.zeros(inner.out_shape(1, self.samples), layer.dtype)

    def blocks(self, x: Array, y: Array) -> Iterator[int]:
        """Fill y, the outputs of one sample; yields how many are there after each block."""
        steps, outs = x.shape[self.time], y.shape[self.time]
        left = self.problem.pads(steps)[0]
        for start in range(0, outs, self.outs):
            first = start * self.problem.stride - left
            begin = min(max(first, 0), first + self.samples)
            end = max(begin, min(first + self.samples, steps))
            rows, made = self._along(self.x[0]), self._along(self.y[0])
            rows[: begin - first] = 0
            rows[begin - first : end - first] = self._along(x)[begin:end]
            rows[end - first :] = 0
            self.kernel.run(self.x, self.y, *self.weights)
            self.layer._activate(self.y)
            count = min(self.outs, outs - start)
            self._along(y)[start : start + count] = made[:count]
            yield start + count

    def _along(self, array: Array) -> Array:
        """The array with time first."""
        return array if self.time == 0 else array.T


def _batched(x: Any, layer: Layer) -> tuple[Array, bool]:
    """(x with a batch, whether it has come without one). Raises ShapeError."""
    found = np.asanyarray(x)
    if found.ndim not in (2, 3) or found.dtype.kind not in "fiub":
        told = f"an array of shape {found.shape} and dtype {found.dtype}"
        raise ShapeError(f"`{layer.name}`: x is {told}, expected two or three axes of real numbers")
    return (found[None], True) if found.ndim == 2 else (found, False)


def _held(out: Array, shape: tuple[int, ...], alone: bool, dtype: np.dtype[Any], x: Array) -> Array:
    """`out` with a batch, if it can take the outputs. Raises ShapeError."""
    wanted = shape[1:] if alone else shape
    if not isinstance(out, np.ndarray) or out.shape != wanted or out.dtype != dtype or not out.flags.writeable:
        told = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ShapeError(f"`out` is {told}, expected a writable array of {dtype} {wanted}")
    if np.may_share_memory(out, x):
        raise ShapeError("`out` shares memory with x, whose samples later blocks read; give it memory of its own")
    return out[None] if alone else out


def _block(problem: Problem, asked: int | None) -> int:
    """The outputs of a block. Raises UsageError for a number that is none."""
    if asked is None:
        samples = max(BLOCK_BYTES // (problem.channels * problem.item_bytes), SHARED * problem.reach)
        return max(1, (samples - problem.reach) // problem.stride + 1)
    if not isinstance(asked, Integral) or isinstance(asked, bool) or asked < 1:
        raise UsageError(f"`block` must be a whole number of outputs, 1 or more, got {exactly(asked)}")
    return int(asked)


def _release(*held: Array) -> None:
    """Let go of what memory maps hold resident of files; what was written stays, and what is read comes again."""
    for array in held:
        owner: Any = array
        while isinstance(owner, np.ndarray) and not isinstance(owner.base, mmap.mmap):
            owner = owner.base
        if isinstance(owner, np.memmap) and owner.mode != "c" and sys.platform == "linux":
            owner.base.madvise(mmap.MADV_DONTNEED)  # type: ignore[union-attr]  # the loop has ended at a map
