"""A layer on arrays of dask: each worker computes chunks, with the steps of the neighbours that these need."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError, UsageError
from codegen.layers import labelled
from codegen.layers.windows import Samples, Windows, divisible, window
from codegen.planning.ask import Ask
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer
    from codegen.problem.problem import Problem

    Array = NDArray[Any]

__all__ = ["conv"]


def conv(layer: Layer, x: Any) -> Any:
    """`layer(x)` of an array of dask, as another one; nothing is computed before it is asked for.

    x is (steps, channels) or (batch, steps, channels), for channels_first (channels, steps) or (batch, channels,
    steps), in any chunks along batch and steps. Each chunk is computed where the scheduler puts it, from its steps and
    the few of its neighbours that it reads (`map_overlap`), by a kernel that the worker compiles from the text of the
    same plan: the bits are the same on every worker. In class `exact` they are those of one call. A DataArray of xarray
    keeps its coordinates. Raises ShapeError; UsageError without dask, and for transposed layers and those of int8.
    """
    if labelled.is_labelled(x):
        return labelled.like(x, conv(layer, x.data), layer)
    array = _dask_array(x, layer)
    given = Samples(x, f"`{layer.name}`: x", layer._spec.channels_last)
    problem = divisible(layer, layer._problem_for(np.broadcast_to(np.zeros((), layer.dtype), given.shape)))
    outs = layer._outs(problem, given.steps, given.shape[0])
    time = given.time - 1 if given.alone else given.time
    before, after = _depth(problem, given.steps)
    x = _in_few_chunks(x, time, before + after + problem.stride)
    begins = (0, *accumulate(x.chunks[time]))
    firsts = tuple(_first(problem, begin, given.steps, outs) for begin in begins)
    layer._made()
    part = _Part(copy(layer), replace(layer._how.ask, weights="packed"), time, begins, firsts)
    chunks = [*x.chunks[:-2], (problem.out_filters,), (problem.out_filters,)]
    chunks[time] = tuple(end - first for first, end in pairwise(firsts))
    return array.map_overlap(
        part,
        x,
        depth={time: (before, after)},
        boundary="none",
        trim=False,
        chunks=tuple(chunks),
        meta=np.empty((0,) * x.ndim, layer.dtype),
    )


def _dask_array(x: Any, layer: Layer) -> Any:
    """The module `dask.array`, of which x is an array. Raises UsageError where it is not installed, ShapeError."""
    if find_spec("dask") is None:
        raise UsageError("`codegen.dask` needs dask: pip install 'gen-conv[dask]'")
    from dask import array

    if not isinstance(x, array.Array):
        way = "dask.array.from_array makes one; codegen.map_blocks takes arrays, memory maps and zarr"
        raise ShapeError(f"`{layer.name}`: x is {type(x).__name__}, expected an array of dask; {way}")
    if any(map(math.isnan, x.shape)):
        way = "x.compute_chunk_sizes() counts them"
        raise ShapeError(f"`{layer.name}`: x has chunks of an unknown size, as a selection by values has; {way}")
    return array


def _depth(problem: Problem, steps: int) -> tuple[int, int]:
    """The steps before and behind its own that a chunk may read: together one less than the kernel reaches over."""
    before = min(problem.pads(steps)[0], problem.reach - 1)
    return before, problem.reach - 1 - before


def _first(problem: Problem, begin: int, steps: int, outs: int) -> int:
    """The first output of the chunk that begins at step `begin`, or how many there are where the last one ends.

    An output belongs to the chunk of the step with as many in front of it as a chunk is handed.
    """
    if begin in (0, steps):
        return outs if begin else 0
    ahead = problem.pads(steps)[0] - _depth(problem, steps)[0]
    return min(max(-(-(begin + ahead) // problem.stride), 0), outs)


def _in_few_chunks(x: Any, time: int, least: int) -> Any:
    """x with all channels in each chunk, and at least so many steps."""
    from dask.array.overlap import ensure_minimum_chunksize

    channels = {x.ndim - 1, x.ndim - 2} - {time}
    steps = ensure_minimum_chunksize(least, x.chunks[time]) if x.shape[time] > least else (x.shape[time],)
    return x.rechunk({channels.pop(): -1, time: tuple(steps)})


@dataclass(frozen=True)
class _Part:
    """What is done to a chunk; it is pickled, with a copy of the layer, whose weights stay those of then.

    `ask` names the target of the machine that made it, where the layer says `native`. `begins` and `firsts` are the
    first step and the first output of each chunk, and behind them those that there are.
    """

    layer: Layer
    ask: Ask
    time: int
    begins: tuple[int, ...]
    firsts: tuple[int, ...]

    @property
    def __name__(self) -> str:  # what dask calls the array's tasks
        return self.layer.name

    def __call__(self, held: Array, block_id: tuple[int, ...] = ()) -> Array:
        """The outputs of the chunk `block_id`, from its steps and those around them."""
        layer, problem, steps = self.layer, self.layer.spec.problem, self.begins[-1]
        chunk = block_id[self.time]
        first, end = self.firsts[chunk : chunk + 2]
        away = max(0, self.begins[chunk] - _depth(problem, steps)[0])
        taken = Samples(held, "a chunk", layer._spec.channels_last)
        made = np.empty((taken.shape[0], end - first, problem.out_filters), layer.dtype)
        if made.size:
            windows, found = Windows(layer, problem, None, self.ask), window(problem, steps, first, end - first)
            found = replace(found, begin=found.begin - away, end=found.end - away)
            for sample, rows in enumerate(made):
                rows[...] = windows.outputs(taken, sample, found)
        return taken.ordered(made)
