"""A layer on arrays that are larger than memory: a block of outputs at a time, from file to file."""

from __future__ import annotations

import mmap
import sys
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError, UsageError
from codegen.errors.quoting import exactly
from codegen.layers import labelled
from codegen.layers import progress as progress_
from codegen.layers.windows import Samples, Windows, by_slices, divisible, window

if TYPE_CHECKING:
    from codegen.layers.layer import Layer
    from codegen.problem.problem import Problem

__all__ = ["map_blocks"]

BLOCK_BYTES = 4 << 20  # of the samples of a block
SHARED = 8  # times the samples that two blocks share: a block's least length


def map_blocks(
    layer: Layer, x: Any, *, out: Any = None, block: int | None = None, progress: bool | None = False
) -> Any:
    """`layer(x)` in a new array or in `out`, computed `block` outputs at a time with the exact overlap.

    x is (steps, channels) or (batch, steps, channels), for channels_first (channels, steps) or (batch, channels,
    steps). It is an array, a memory map, or an object that reads slices, such as zarr's and h5py's. Any real dtype is
    cast block by block. `out` has the same order of axes and the layer's dtype, and shares no memory with x. Only a few
    blocks stay in memory. An array of xarray gives another one with the same coordinates. `progress` draws a bar on
    standard error; with None it does so on a terminal. In class `exact` the bits are those of one call. An activity
    regularizer does not see these outputs. Raises ShapeError; UsageError for transposed and int8 layers.
    """
    if labelled.is_labelled(x):
        y = map_blocks(layer, x.data, out=out, block=block, progress=progress)
        return labelled.like(x, y, layer)
    given = Samples(x, f"`{layer.name}`: x", layer._spec.channels_last)
    problem = divisible(layer, _problem(layer, given))
    outs = layer._outs(problem, given.steps, given.shape[0])
    shape = problem.out_shape(given.shape[0], given.steps)
    wanted = shape[1:] if given.alone else shape
    made = np.empty(wanted, layer.dtype) if out is None else _held(out, wanted, np.dtype(layer.dtype), given.array)
    taken = Samples(made, "`out`", layer._spec.channels_last)
    count = min(_block(problem, block, taken.together), outs)
    windows = Windows(layer, problem, (count - 1) * problem.stride + problem.reach, layer._how.ask)
    with progress_.bar(layer.name, outs * shape[0], progress) as tell:
        for sample in range(shape[0]):
            for start in range(0, outs, count):
                rows = windows.outputs(given, sample, window(problem, given.steps, start, count))
                taken.write(sample, start, rows[: outs - start])
                tell(sample * outs + min(start + count, outs))
                _release(given.array, made)
    return made


def _problem(layer: Layer, x: Samples) -> Problem:
    """The problem, built for x's channels. Raises ShapeError."""
    nothing = np.broadcast_to(np.zeros((), layer.dtype), x.shape)  # of the shape, and in no memory
    return layer._problem_for(nothing)


def _held(out: Any, wanted: tuple[int, ...], dtype: np.dtype[Any], x: Any) -> Any:
    """`out`, if it can take the outputs. Raises ShapeError."""
    plain = isinstance(out, np.ndarray)
    fits = (plain or by_slices(out)) and tuple(out.shape) == wanted and np.dtype(out.dtype) == dtype
    writable = out.flags.writeable if plain else not getattr(out, "read_only", False)
    if not fits or not writable:
        told = f"{out.dtype} {tuple(out.shape)}" if plain or by_slices(out) else type(out).__name__
        raise ShapeError(f"`out` is {told}, expected a writable array of {dtype} {wanted}")
    if _shared(out, x):
        raise ShapeError("`out` shares memory with x, whose samples later blocks read; give it memory of its own")
    return out


def _shared(out: Any, x: Any) -> bool:
    """Whether what is written to one array may be read from the other."""
    if isinstance(out, np.ndarray) and isinstance(x, np.ndarray):
        return np.may_share_memory(out, x)
    stored = getattr(out, "store_path", None)  # of zarr: where the array's chunks lie
    return out is x or (stored is not None and stored == getattr(x, "store_path", None))


def _block(problem: Problem, asked: int | None, together: int) -> int:
    """The outputs of a block, without a number whole chunks of `together`. Raises UsageError for one that is none."""
    if asked is None:
        samples = max(BLOCK_BYTES // (problem.channels * problem.item_bytes), SHARED * problem.reach)
        outs = max(1, (samples - problem.reach) // problem.stride + 1)
        return max(1, outs // together) * together
    if not isinstance(asked, Integral) or isinstance(asked, bool) or asked < 1:
        raise UsageError(f"`block` must be a whole number of outputs, 1 or more, got {exactly(asked)}")
    return int(asked)


def _release(*held: Any) -> None:
    """Let go of what memory maps hold resident of files; what was written stays, and what is read comes again."""
    for array in held:
        owner = array
        while isinstance(owner, np.ndarray) and not isinstance(owner.base, mmap.mmap):
            owner = owner.base
        if isinstance(owner, np.memmap) and owner.mode != "c" and sys.platform == "linux":
            owner.base.madvise(mmap.MADV_DONTNEED)  # type: ignore[union-attr]  # the loop has ended at a map
