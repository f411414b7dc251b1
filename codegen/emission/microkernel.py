"""The register tile as C: accumulators, loops, loads and multiply-adds, as lines for `templates/tile.c.j2`.

An algorithm says what a row multiplies (a broadcast number, or vectors of its own) and where the numbers lie; the form
of the loops, the names and the layout of the lines are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def index(*parts: int | tuple[int, str]) -> str:
    """A sum of integers and (factor, variable) terms in C, zeros left out: index((80, "k"), "c"…) -> `80 * k + 3`."""
    constant = sum(part for part in parts if isinstance(part, int))
    words = [
        variable if factor == 1 else f"{factor} * {variable}"
        for factor, variable in (part for part in parts if not isinstance(part, int))
        if factor
    ]
    if not words:
        return str(constant)
    sign = " - " if constant < 0 else " + "
    return " + ".join(words) + (f"{sign}{abs(constant)}" if constant else "")


def offset(pointer: str, *parts: int | tuple[int, str]) -> str:
    """`pointer + index`, or the pointer alone."""
    where = index(*parts)
    return pointer if where == "0" else f"{pointer} + {where}"


@dataclass(frozen=True)
class Row:
    """One line of a reduction step: an optional broadcast into `s`, then the multiply-adds of one row."""

    broadcast: str | None
    updates: tuple[tuple[str, str, str], ...]  # (accumulator, factor, factor)


@dataclass(frozen=True)
class Step:
    """One term of the sums: the vectors that all rows share, then row after row."""

    loads: tuple[tuple[str, str], ...]  # (variable, C expression)
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Loop:
    """Steps under zero, one or two `for` heads."""

    comment: str
    heads: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def pad(self) -> str:
        """The indent of a step."""
        return "    " * (len(self.heads) + 1)


@dataclass(frozen=True)
class Microkernel:
    """One static C function that computes a register tile.

    `start` are the accumulators' first values row by row, `stores` (address expression, accumulator) pairs.
    `extra` are further ptrdiff_t arguments, such as the number of taps of a tile at a border.
    """

    name: str
    comment: str
    lanes: int
    start: tuple[tuple[tuple[str, str], ...], ...]
    shared: tuple[str, ...]
    broadcasts: bool
    loops: tuple[Loop, ...]
    stores: tuple[tuple[str, str], ...]
    extra: tuple[str, ...] = ()

    @property
    def vector(self) -> str:
        """The C type of an accumulator."""
        return f"v{self.lanes}"


def accumulator(row: int, vector: int) -> str:
    return f"a{row}_{vector}"


def starts(rows: int, vectors: int, first: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Accumulators of the first row from `first`, the others copies of it."""
    lines = [tuple((accumulator(0, v), first[v]) for v in range(vectors))]
    lines += [tuple((accumulator(r, v), accumulator(0, v)) for v in range(vectors)) for r in range(1, rows)]
    return tuple(lines)


def count_loop(variable: str, first: int | str, last: int | str) -> str:
    """The head of a C loop over [first, last)."""
    return f"for (ptrdiff_t {variable} = {first}; {variable} < {last}; ++{variable})"
