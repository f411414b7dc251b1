"""Helium, one filter at a time over a line of positions: 8 sums in the even registers, 16 products each.

Depthwise layers, and those of fewer filters than four.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codegen.emission.cortex.helium import EVEN, GUARD, GUARD_FLOAT, SAVED, Step, bounds, scaling
from codegen.emission.cortex.rows import Rows, frame, octets, told, words
from codegen.emission.cortex.scaling import Scaling
from codegen.emission.cortex.sums import Sums
from codegen.planning.assembly.shape import LANES, Shape
from codegen.records import dataclass

POSITIONS = 8
MOST_UNROLLED = 6  # vectors of a window that are written out without a loop
NEAREST = 127  # bytes that a load moves its pointer on by itself
FRAME = (
    *("x", "y", "rows", "last", "weights", "weights_end", "filter", "filters"),
    *("block", "now", "left", "row", "phase", "groups"),
)


@dataclass(frozen=True)
class Move:
    """Two sums on their way into two lanes of a vector."""

    vector: str
    low: int
    high: int
    sooner: str
    later: str


@dataclass(frozen=True)
class View(Rows):
    """What cortex/helium_line.S.j2 prints."""

    fewer: bool
    chunk: int
    last_bytes: int
    turns: int
    sums: tuple[str, ...]
    sums_told: str
    windows: tuple[tuple[Step, ...], ...]
    moves: tuple[Move, ...]
    vectors: tuple[str, ...]
    near: bool
    pitch_bytes: int
    back_bytes: int
    four_bytes: int
    tile_bytes: int
    tile_window_bytes: int
    bounded: bool
    lowest: int
    highest: int


def view(sums: Sums, over: Shape, name: str) -> View | None:
    """The view of a layer; None where its sums do not fit."""
    how = scaling(sums)
    if how is None:
        return None
    walk, p, count, steps = over.walk, sums.problem, over.positions, over.steps
    apart = p.filters * walk.phases
    turns = steps if steps > MOST_UNROLLED else 1
    bounded, lowest, highest = bounds(how)
    vectors = ("q0", "q1") if count == POSITIONS else ("q0",)
    return View(
        **told(sums, over, name),
        scaling=how,
        guard=GUARD_FLOAT if how.float else GUARD,
        slots=frame((*FRAME, *(("chunk", "fill") if walk.counted else ())), walk, SAVED),
        positions=count,
        fewer=count < 4,
        chunk=over.held,
        last_bytes=walk.pitch * (over.held - count),
        turns=turns,
        sums=EVEN[:count],
        sums_told=", ".join(EVEN[:count]),
        windows=tuple(tuple(_steps(count, turns == 1 and i == 0)) for i in range(steps if turns == 1 else 1)),
        moves=tuple(_moves(len(vectors))),
        vectors=vectors,
        near=walk.pitch <= NEAREST,
        pitch_bytes=walk.pitch,
        back_bytes=LANES - count * walk.pitch,
        four_bytes=4 * apart,
        tile_bytes=count * apart,
        tile_window_bytes=count * walk.pitch,
        bounded=bounded,
        lowest=lowest,
        highest=highest,
        aligned=16,
        data=tuple(_data(sums, how, steps)),
    )


def _steps(count: int, starts: bool) -> Iterator[Step]:
    """The products of a vector of weights with one of each window, which is loaded before the product of the last."""
    for j in range(count + 1):
        if j < count:
            yield Step(vector=f"q{j % 2}")
        if j:
            yield Step(sum=EVEN[j - 1], x=f"q{(j - 1) % 2}", starts=starts)


def _moves(count: int) -> Iterator[Move]:
    for i in range(count):
        four = EVEN[4 * i : 4 * i + 4]
        yield Move(f"q{i}", 0, 2, four[0], four[2])
        yield Move(f"q{i}", 1, 3, four[1], four[3])


def _data(sums: Sums, how: Scaling, steps: int) -> Iterator[str]:
    """Filter by filter: the weights, the bias, the parameters."""
    p, folded = sums.problem, sums.folded
    for f in range(p.filters):
        run = sums.weights[:, :, f].ravel()
        yield from octets(np.pad(run, (0, LANES * steps - len(run))).tolist())
        yield from words([int(folded[f]), *how.each[f]])
