"""A tile of a kernel's gradient whose vectors run along time: products of two rows of neighbours, for some taps.

It is for layers whose filters have one channel each, where the outputs of a filter lie side by side. No number is
broadcast and no row is copied: a vector of dz serves all taps of a tile, and each tap loads its own vector of x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.emission.cfunction import CFunction
from codegen.emission.microkernel import Spelling, tile_function
from codegen.errors.counting import counted
from codegen.records import dataclass

__all__ = ["RowTile", "Taken", "row_tile"]


@dataclass(frozen=True)
class Taken:
    """What a tile takes: `taps`, `apart` numbers of x from one to the next, and outputs, `stride` numbers apart.

    Outputs go `vectors` vectors of `lanes` a turn, then one, then one of `narrow` numbers, then one by one.
    """

    taps: int
    apart: int
    stride: int
    vectors: int
    lanes: int
    narrow: int
    c: str

    @property
    def width(self) -> int:
        """Outputs of a turn."""
        return self.vectors * self.lanes

    @property
    def widths(self) -> tuple[int, ...]:
        """Those of the vectors, the widest first."""
        return tuple(sorted({self.lanes, self.narrow, 1}, reverse=True))


@dataclass(frozen=True)
class Turns:
    """The loop `head` over outputs that are left, its statements, and those before it."""

    before: tuple[str, ...]
    head: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class RowTile:
    """One static function: turns in vectors, the widest first, and what is left one by one; `ends` add the sums to y.

    `part`: the numbers of the array in which a vector is added up, 0 where there is none.
    """

    function: CFunction
    comment: str
    turns: tuple[Turns, ...]
    ends: tuple[str, ...]
    part: int


def row_tile(name: str, taken: Taken, sum_row: int) -> RowTile:
    """The function `name`_TAPSxWIDTH; the sums of neighbouring taps are `sum_row` numbers apart."""
    widest, *narrower = taken.widths
    starts = [_declared(taken, widest, _sum(widest, k, v), "0") for k, v in _cells(taken)]
    turns = [_turns(taken, widest, taken.vectors, starts)]
    if taken.vectors > 1:
        turns.append(_turns(taken, widest, 1, ()))
    for above, width in zip(taken.widths, narrower, strict=False):
        turns.append(_turns(taken, width, 1, tuple(_joined(taken, above, width))))
    shares = taken.vectors if widest == 1 else 1
    totals = [" + ".join(_sum(1, k, v) for v in range(shares)) for k in range(taken.taps)]
    return RowTile(
        tile_function(f"{name}_{taken.taps}x{taken.width}", _spelling(taken, 1), "count"),
        f"{counted(taken.taps, 'tap')}, summed over `count` outputs, {taken.width} at a time, and added to y",
        tuple(turns),
        tuple(f"y[{k * sum_row}] += {total};" for k, total in enumerate(totals)),
        widest if widest > 1 else 0,
    )


def _cells(taken: Taken) -> list[tuple[int, int]]:
    """(tap, vector) of the widest sums."""
    return [(k, v) for k in range(taken.taps) for v in range(taken.vectors)]


def _spelling(taken: Taken, lanes: int) -> Spelling:
    return Spelling(lanes, lanes == 1, taken.c)


def _sum(lanes: int, tap: int, vector: int = 0) -> str:
    """The name of a tap's sum in one of the vectors of so many numbers."""
    return f"a{lanes}_{tap}" + f"_{vector}" * (vector > 0)


def _declared(taken: Taken, lanes: int, name: str, value: str) -> str:
    spell = _spelling(taken, lanes)
    return f"{spell.type} {name} = {spell.broadcast(value) if value == '0' else value};"


def _turns(taken: Taken, lanes: int, vectors: int, before: Sequence[str]) -> Turns:
    """The loop that takes so many vectors a turn: each vector of dz is loaded once for all taps."""
    spell, step = _spelling(taken, lanes), lanes * vectors
    lines = [f"const {spell.type} w{v} = {spell.load('w', (1, 't'), v * lanes)};" for v in range(vectors)]
    for k in range(taken.taps):
        for v in range(vectors):
            at = (taken.stride, "t"), k * taken.apart + v * lanes * taken.stride
            x = spell.load("x", *at) if lanes == 1 else spell.strided(taken.stride, "x", *at)
            lines.append(spell.update(_sum(lanes, k, v), x, f"w{v}"))
    head = f"for (; t + {step} <= count; t += {step})" if step > 1 else "for (; t < count; ++t)"
    return Turns(tuple(before), head, tuple(lines))


def _joined(taken: Taken, above: int, width: int) -> Iterator[str]:
    """The sums in vectors of `above` numbers become sums in narrower ones."""
    spell, wide = _spelling(taken, width), _spelling(taken, above)
    for k in range(taken.taps):
        shares = taken.vectors if above == taken.lanes else 1
        whole = _tree([_sum(above, k, v) for v in range(shares)])
        yield wide.store("part", (0,), whole)
        yield _declared(taken, width, _sum(width, k), _tree([spell.load("part", i) for i in range(0, above, width)]))


def _tree(terms: Sequence[str]) -> str:
    """Their sum in pairs of pairs, which rounds less than one after the other."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    parts = terms[:half], terms[half:]
    return " + ".join(f"({_tree(part)})" if len(part) > 1 else part[0] for part in parts)
