"""The DSP extension, one filter at a time over a line of positions: depthwise layers, and those of a single filter.

Where each position reads the next sample of one channel, a word of two samples feeds the sums of four positions: pairs
of weights (w0, w1), (w2, w3), … for the even ones, (0, w0), (w1, w2), … for the odd ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codegen.emission.cortex.dsp_pairs import GUARD, GUARD_FLOAT, SAVED, Load, Stored, Together, together
from codegen.emission.cortex.rows import Rows, frame, halves, octets, told, words
from codegen.emission.cortex.scaling import Scaling, scaling
from codegen.emission.cortex.sums import Sums
from codegen.planning.assembly.shape import Shape
from codegen.records import dataclass

FRAME = (
    *("x", "y", "rows", "last", "weights", "weights_end", "filter", "filters"),
    *("block", "now", "left", "row", "phase", "groups"),
)


@dataclass(frozen=True)
class Add:
    """Two products that are added to a sum, or to the bias."""

    instruction: str
    register: str
    pair: str
    onto: str


@dataclass(frozen=True)
class Word:
    """Two samples at `x`; two weights at `weights`, 0 for none; the sums that they are for."""

    x: int
    weights: int
    even: str
    odd: str
    even_before: str
    sums: tuple[Add, ...]


@dataclass(frozen=True)
class Quarter:
    """Two of four weights, in the register `weights`."""

    weights: str
    first: bool


@dataclass(frozen=True)
class Single:
    """A position's sum; `x` holds two numbers of its window."""

    a: str
    x: str


@dataclass(frozen=True)
class View(Rows):
    """What cortex/dsp_line.S.j2 prints."""

    tile: str
    params: str
    chunk: int
    last_bytes: int
    line: tuple[Word, ...]
    stored: tuple[Together, ...]
    parameters_at: int
    parameter_bytes: int
    filter_bytes: int
    tile_bytes: int
    tile_window_bytes: int
    pitch_bytes: int
    window_bytes: int
    sums_told: str
    later_sums: tuple[str, ...]
    unrolled: tuple[int, ...]
    pairs: tuple[Quarter, ...]
    loads: tuple[tuple[Load | None, tuple[Single, ...]], ...]
    table_held: bool


def view(sums: Sums, over: Shape, name: str) -> View | None:
    """The view of a layer; None where its sums do not fit."""
    how = scaling(sums)
    if how is None:
        return None
    walk, p, count, steps = over.walk, sums.problem, over.positions, over.steps
    apart, pairs = p.filters * walk.phases, p.kernel_size // 2 + 1
    tile = _neighbours(p.kernel_size) if over.neighbours else _single()
    return View(
        **told(sums, over, name),
        **tile,
        scaling=how,
        guard=GUARD_FLOAT if how.float else GUARD,
        slots=frame((*FRAME, *(("chunk", "fill") if walk.counted else ())), walk, SAVED),
        positions=count,
        chunk=over.held,
        last_bytes=2 * walk.pitch * (over.held - count),
        stored=together([Stored(f"r{j}", j * apart) for j in range(count)], how),
        parameters_at=4 + 4 * pairs,
        parameter_bytes=4 * how.words,
        filter_bytes=4 + 4 * pairs + 4 * how.words,
        tile_bytes=count * apart,
        tile_window_bytes=2 * count * walk.pitch,
        pitch_bytes=2 * walk.pitch,
        window_bytes=8 * steps,
        sums_told="r0" if count == 1 else f"r0 to r{count - 1}",
        later_sums=tuple(f"r{j}" for j in range(1, count)),
        unrolled=tuple(range(over.each)),
        loads=tuple(_loads(count, 2 * walk.pitch)),
        table_held=how.table and not how.steep,
        aligned=4,
        data=tuple(_data(sums, how, pairs if over.neighbours else 0, steps)),
    )


def _neighbours(taps: int) -> dict[str, Any]:
    return {"tile": "cortex/dsp_even_odd.j2", "params": "r7", "line": tuple(_line(taps)), "pairs": ()}


def _single() -> dict[str, Any]:
    quarters = (Quarter("r4", first=True), Quarter("r5", first=False))
    return {"tile": "cortex/dsp_single.j2", "params": "r10", "line": (), "pairs": quarters}


def _line(taps: int) -> Iterator[Word]:
    """Word by word, what two samples are multiplied with; two of four positions take the pairs of the word before."""
    evens, odds = -(-taps // 2), taps // 2 + 1
    for i in range(odds + 1):
        (even, odd), (before, odd_before) = (("r4", "r5"), ("r6", "r7"))[:: 1 if i % 2 == 0 else -1]
        adds = [
            Add("smlad", "r0", even, "lr" if i == 0 else "r0") if i < evens else None,
            Add("smladx", "r1", odd, "lr" if i == 0 else "r1") if i < odds else None,
            Add("smlad", "r2", before, "lr" if i == 1 else "r2") if 1 <= i <= evens else None,
            Add("smladx", "r3", odd_before, "lr" if i == 1 else "r3") if i else None,
        ]
        sums = tuple(one for one in adds if one)
        yield Word(4 * i, 4 + 4 * i if i < odds else 0, even, odd, before, sums)


def _loads(count: int, pitch: int) -> Iterator[tuple[Load | None, tuple[Single, ...]]]:
    """What is loaded after the first position's numbers, and the products that follow it."""
    sums = [Single(f"r{j}", "r6" if j % 2 == 0 else "r7") for j in range(count)]
    yield (Load("r7", pitch - 4) if count > 1 else None), tuple(sums[:2])
    if count > 2:
        yield Load("r6", 2 * pitch - 4), tuple(sums[2:]) if count == 3 else ()
    if count > 3:
        yield Load("r7", 3 * pitch - 4), tuple(sums[2:])


def _data(sums: Sums, how: Scaling, pairs: int, steps: int) -> Iterator[str]:
    """Filter by filter: the bias, the weights, the parameters. As `pairs` of 16 bits, or in fours (0, 2, 1, 3)."""
    p, folded = sums.problem, sums.folded
    for f in range(p.filters):
        yield from words([int(folded[f])])
        run = sums.weights[:, :, f].ravel()
        if pairs:
            yield from halves(np.pad(run, (0, 2 * pairs - len(run))).tolist())
        else:
            padded = np.pad(run, (0, 4 * steps - len(run))).reshape(-1, 4)
            yield from octets(padded[:, (0, 2, 1, 3)].ravel().tolist())
        yield from words(how.each[f])
