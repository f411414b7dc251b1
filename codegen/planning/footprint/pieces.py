"""Pieces: what a plan's C is made of, counted before any of it is written."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from codegen.records import dataclass

__all__ = ["NONE", "Pieces"]

MOST = 3  # fields, the last ones, of which the most counts


@dataclass(frozen=True)
class Pieces:
    """Statements by kinds that compile to about the same bytes each; added up and scaled like vectors.

    Of vectors, and `single_` of plain numbers: `updates` are products added to a sum, `loads` and `broadcasts` what
    they multiply, `starts` first values of sums. `paired` single updates can be done in vectors, as neighbours of a
    row; `folded` ones stand in a loop that gcc unrolls by a vector of its input. `gathers`: numbers of vectors that lie
    apart. `sums`: additions of a transform. `offsets`: bytes of the distances from a pointer to what is read or stored.

    `loops` stand in a tile, `heads` around its calls, `frees` are walks of a length that is known when it runs, `sides`
    ends of the input where taps are left out, `joined` borders that take several outputs together. `pointers` are kept
    beside x, w and y; `copies` loops that move numbers.

    `endings` and `more_endings` are the bytes of code of the activations: where one is first applied, and where it is
    applied again. `arrays` hold sums for them.

    Of all functions of a file the most count, not the sum: bytes of an array (`array_bytes`), of `constants`, and the
    single products that stand `in_line`, without a loop around them, whose numbers gcc loads early.
    """

    updates: float = 0
    loads: float = 0
    broadcasts: float = 0
    starts: float = 0
    single_updates: float = 0
    single_loads: float = 0
    single_broadcasts: float = 0
    single_starts: float = 0
    paired: float = 0
    folded: float = 0
    gathers: float = 0
    sums: float = 0
    offsets: float = 0
    loops: float = 0
    heads: float = 0
    frees: float = 0
    sides: float = 0
    joined: float = 0
    pointers: float = 0
    copies: float = 0
    endings: float = 0
    more_endings: float = 0
    arrays: float = 0
    parts: float = 0
    constants: float = 0
    array_bytes: float = 0
    in_line: float = 0

    def __add__(self, other: Pieces) -> Pieces:
        pairs = list(zip(self.values, other.values, strict=True))
        return Pieces(*(mine + its for mine, its in pairs[:-MOST]), *map(max, pairs[-MOST:]))

    def scaled(self, share: float) -> Pieces:
        """A share of all of them."""
        return Pieces(*(share * mine for mine in self.values))

    def dot(self, counted: Pieces) -> float:
        """These, each for one of its kind, times those that were counted."""
        return sum(each * count for each, count in zip(self.values, counted.values, strict=True))

    @property
    def values(self) -> tuple[float, ...]:
        """The counts in the order of the fields."""
        found: tuple[float, ...] = _ALL(self)
        return found


_ALL = attrgetter(*(field.name for field in fields(Pieces)))
NONE = Pieces()
