"""What a fresh kernel is tried on: whole numbers, lengths at which all its loops run, and the outputs to look at.

Sums of whole numbers are exact in any order, so a right kernel gives NumPy's bits before its activation. Samples are
scaled by powers of two, which changes no digit: the sums of the first lie where an activation is steep, those of the
others farther out.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from math import log2, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.machine.self_test_lengths import FREE_PRODUCTS, LARGE, brief, several
from codegen.machine.self_test_outputs import marks, turns
from codegen.numbers.formats import COMPUTED
from codegen.planning.error_bounds import is_transform
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "MARGIN_BYTES",
    "SCALES",
    "UNWRITTEN",
    "Trial",
    "Weights",
    "array",
    "between_margins",
    "margins_are_whole",
    "too_large",
    "trial",
    "trials",
    "whole",
]

PATTERN = 65537  # numbers until they come again: a prime
SCALES = (1, 8, 128), (1, 16, 1024)  # of samples before an activation: exp ends at 88, 709; in two halves at 176, 1,419
ROWS_SCALE = 16  # times less for an activation of a whole row, whose filters are then alike; and more, farther out
MARGIN_BYTES = 1 << 16  # around each array: what a slip writes there is seen
UNWRITTEN = 0x7F  # of each byte there, and in y: numbers near the largest, which no sum, comparison or relu passes over
PRODUCTS, NUMBERS, OUTPUTS = 200_000_000, 1_000_000, 150_000  # that NumPy multiplies, gathers and compares, about
LEAST_LOOKED_AT = 64  # outputs that are all looked at, whatever it takes
AROUND = 2  # tiles to each side of the ends and of the middle; one beside other marks
NEAR = 4  # outputs beside these where time is short
FILLED = 1 << 21  # numbers of x up to which all are drawn; beyond it those that outputs looked at read, others are zero
MOST_BYTES = 512 << 20  # of a sample's y: a kernel of a fixed length with more is not tried
MOST_PRODUCTS = 20_000_000_000  # in one sample: the same
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)  # Python names it from 3.13 on


@dataclass(frozen=True)
class Weights:
    """A kernel (problem.kernel_shape) of whole numbers, and how what is added to its sums is drawn.

    That is whole numbers up to `added` times `unit`: of the sums' size, in units of the first sample's scale.
    Samples are whole numbers up to `most` times `scale`, which makes sums of about 1 of them. `slack` is what a
    transform may round on them before they are scaled.
    """

    kernel: Array
    added: int
    unit: float
    most: int
    scale: float
    slack: float

    @classmethod
    def of(cls, plan: KernelPlan) -> Weights:
        """Large numbers where sums are direct, as few of them are equal; small ones where a transform rounds."""
        p, rounds = plan.problem, is_transform(plan)
        spacing = plan.kernel_format.spacing
        taps, most = (3, 3) if rounds else (15, 15 if len(p.stages) > 1 or p.terms > 1 << 16 else 63)
        size = _rms(taps) ** len(p.stages) * _rms(most) * sqrt(p.terms)
        largest = _factors(p)[-1]
        scale = 1.0 if p.epilogue.exact else 2.0 ** -round(log2(size)) / (largest / p.format.of_pair(SCALES)[-1])
        step = 1 if size * largest < 1 << 21 else 64  # so that no sum has more digits than float32
        kernel = (whole(p.kernel_shape, taps, 1) * spacing).astype(p.dtype)
        slack = min(0.12, 5e-4 + 1.2e-5 * p.terms) if rounds else 0.0  # of float32: some eight times what was seen
        slack *= p.format.unit / COMPUTED["float32"].unit
        return cls(kernel, max(1, int(size) // step), step * scale * spacing, most, scale, slack)

    def operands(self, p: Problem, batch: int, steps: int) -> tuple[Array, ...]:
        """What the epilogue reads, between margins: factors are powers of two."""
        found = []
        for number, operand in enumerate(p.epilogue.operands):
            shape = p.operand_shape(operand, batch, steps)
            drawn = whole(shape, 1 if operand.factor else self.added, 2 + 2 * number)
            numbers = np.exp2(drawn) if operand.factor else drawn * self.unit
            found.append(between_margins(numbers.astype(p.dtype)))
        return tuple(found)


@dataclass(frozen=True)
class Trial:
    """A batch of inputs in the problem's layout, the outputs to look at, in order, and the scale of each sample.

    `operands` are what the epilogue reads.
    """

    x: Array
    operands: tuple[Array, ...]
    steps: int
    at: Array
    scales: Array


def too_large(p: Problem) -> bool:
    """Whether one sample of the fixed length takes more memory or time than a trial may."""
    if p.steps is None:
        return False
    return prod(p.out_shape(1, p.steps)) * p.item_bytes > MOST_BYTES or p.macs(p.steps) > MOST_PRODUCTS


def trials(plan: KernelPlan, weights: Weights) -> Iterator[Trial]:
    """The plan's own length, or for a free one several; a length for which there is no room is left out."""
    p = plan.problem
    lengths = several(plan) if p.steps is None else [p.steps]
    for_tiles = brief(plan).difference(lengths)
    for steps in sorted({*lengths, *for_tiles}):
        factors = _factors(p)[: 1 if steps in for_tiles else None]
        large = prod(p.out_shape(1, steps)) * p.item_bytes > LARGE or p.macs(steps) > FREE_PRODUCTS
        scales = np.array(factors[:1] if large else factors) * weights.scale
        at = _looked_at(plan, steps, len(scales))
        at = at[:: -(-len(at) // LEAST_LOOKED_AT)] if steps in for_tiles else at
        with suppress(MemoryError, OSError):
            x = _inputs(p, steps, at, weights.most, scales)
            yield Trial(x, weights.operands(p, len(x), steps), steps, at, scales)


def trial(p: Problem, steps: int, weights: Weights) -> Trial:
    """A length all of whose outputs are looked at."""
    scales, at = np.array(_factors(p)) * weights.scale, np.arange(p.out_steps(steps))
    x = _inputs(p, steps, at, weights.most, scales)
    return Trial(x, weights.operands(p, len(x), steps), steps, at, scales)


def _factors(p: Problem) -> tuple[int, ...]:
    """What each sample is multiplied by before it is scaled."""
    if p.epilogue.exact:
        return (1, 1)
    first, *others = p.format.of_pair(SCALES)
    wider = ROWS_SCALE if p.epilogue.rowwise else 1
    return (first, *(each * wider for each in others))


def whole(shape: tuple[int, ...], most: int, seed: int, start: int = 0) -> Array:
    """Whole numbers from -most to most without 0, in no visible order, float32: those from `start` on."""
    pattern = _pattern(most, seed)
    if not start:
        return np.resize(pattern, shape)
    return pattern[np.arange(start, start + prod(shape)) % PATTERN].reshape(shape)


@lru_cache(maxsize=8)
def _pattern(most: int, seed: int) -> Array:
    mixed = np.arange(seed * PATTERN, (seed + 1) * PATTERN, dtype=np.uint32) * np.uint32(2654435761)
    mixed = (mixed ^ mixed >> np.uint32(15)) * np.uint32(2246822519)
    drawn = ((mixed ^ mixed >> np.uint32(13)) % np.uint32(2 * most)).astype(np.float32) - np.float32(most)
    return np.asarray(drawn + (drawn >= 0), np.float32)


def _rms(most: int) -> float:
    """Of whole numbers up to `most`."""
    return sqrt((most + 1) * (2 * most + 1) / 6)


def array(shape: tuple[int, ...], dtype: str) -> Array:
    """Numbers near the largest between margins of them; a large array is zeros that take no memory until touched."""
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= LARGE:
        memory = np.full(size + 2 * MARGIN_BYTES, UNWRITTEN, np.uint8)
    else:
        memory = _untouched(size + 2 * MARGIN_BYTES)
        memory[:MARGIN_BYTES] = memory[MARGIN_BYTES + size :] = UNWRITTEN
    return memory[MARGIN_BYTES : MARGIN_BYTES + size].view(dtype).reshape(shape)


def between_margins(given: Array) -> Array:
    """A copy of `given` as an `array`."""
    copy = array(given.shape, given.dtype.name)
    copy[...] = given
    return copy


def margins_are_whole(made: Array) -> bool:
    """Whether nothing was written in the margins of an `array`, or of all that it is made of."""
    memory = made
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    return bool((memory[:MARGIN_BYTES] == UNWRITTEN).all() and (memory[-MARGIN_BYTES:] == UNWRITTEN).all())


def _untouched(size: int) -> Array:
    """Zeros; not NumPy's own, which ask for pages of 2 MB, where what is touched may lie 400 KB apart."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(size, np.uint8)
    return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE), np.uint8)


def _looked_at(plan: KernelPlan, steps: int, samples: int) -> Array:
    """All outputs, or those around the plan's marks and, as far as time allows, some evenly between."""
    p = plan.problem
    outs = p.out_steps(steps)
    gathered = samples * max(stage.kernel_size * stage.channels for stage in p.stages)
    most = min(PRODUCTS // (samples * p.products), NUMBERS // gathered, OUTPUTS // (samples * p.filters))
    if outs <= max(most, LEAST_LOOKED_AT):
        return np.arange(outs)
    tile = turns(plan)[0]
    found: set[int] = set()
    for mark in marks(plan, outs):
        wide = AROUND * tile if mark in (0, outs, outs // 2) else tile if len(found) < most else NEAR
        found.update(range(max(0, mark - wide), min(outs, mark + wide)))
    if samples * steps * p.channels <= FILLED and len(found) < most:
        found.update(np.linspace(0, outs - 1, most - len(found), dtype=int).tolist())
    return np.array(sorted(found))


def _inputs(p: Problem, steps: int, at: Array, most: int, scales: Array) -> Array:
    """x between margins; where it is large only what the outputs `at` read is drawn, and the rest is zero."""
    x = array(p.in_shape(len(scales), steps), p.dtype)
    rows, each = (x if p.channels_last else x.swapaxes(1, 2)), scales.astype(p.dtype)[:, None, None]
    if x.size <= FILLED:
        np.multiply(whole(rows.shape, most, 3), each, rows)
        return x
    if x.nbytes <= LARGE:
        x[...] = 0
    for first, last in _read(p, steps, at):
        shape = (len(scales), last - first, p.channels)
        rows[:, first:last] = whole(shape, most, 3, 1 + first * p.channels) * each
    return x


def _read(problem: Problem, steps: int, at: Array) -> Iterator[tuple[int, int]]:
    """Runs of input steps, [first, last), that the outputs `at` read; they may overlap. All of them for some chains."""
    p = problem.stages[0]
    if problem.walk is not p:
        yield 0, steps
        return
    apart = np.flatnonzero(np.diff(at) > 1) + 1 if p.stride <= p.reach else np.arange(1, len(at))
    spread = p.dilation > 1 and p.stride < p.dilation
    taps = range(p.kernel_size) if spread else (0,)
    beyond = 0 if spread else p.reach - 1
    left = p.pads(steps)[0]
    for begin, end in pairwise([0, *apart.tolist(), len(at)]):
        for tap in taps:
            at_tap = tap * p.dilation - left
            first = -(-(int(at[begin]) * p.stride + at_tap) // p.up)
            last = (int(at[end - 1]) * p.stride + at_tap + beyond) // p.up + 1
            if max(0, first) < min(steps, last):
                yield max(0, first), min(steps, last)
