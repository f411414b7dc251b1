"""The sums of a tile: accumulators for each row and vector of filters, and the loops over taps and channels."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission import cformat
from codegen.emission.expressions import Array, Part, Place
from codegen.emission.models.tile_rows import Memory
from codegen.emission.models.widths import Segment
from codegen.emission.vectors import BEGIN, END, spelled
from codegen.graph.plans.tile_stage import Sums, Term
from codegen.numbers.formats import Format
from codegen.records import dataclass

__all__ = ["Block", "blocks"]

MOST_WRITTEN = 4  # products that are written one by one
HOLD = f"{BEGIN}hold{END}();"
TOGETHER = 4  # channels a turn


@dataclass(frozen=True)
class Piece:
    """A vector of `lanes` filters from `first` on."""

    lanes: int
    first: int

    def spell(self, word: str) -> str:
        return spelled(self.lanes, word)


@dataclass(frozen=True)
class Block:
    """The sums of `rows` rows and some vectors of filters."""

    sums: Sums
    pieces: tuple[Piece, ...]
    rows: int
    dtype: Format

    @property
    def each(self) -> Iterator[tuple[int, int, Piece]]:
        """(row, number of the vector, vector) of each accumulator."""
        return ((r, v, piece) for r in range(self.rows) for v, piece in enumerate(self.pieces))

    @property
    def zero(self) -> str:
        """In C."""
        return cformat.literal(0.0, self.dtype)

    def lines(self, places: tuple[Memory, ...]) -> Iterator[str]:
        """The statements that make all sums, of terms whose rows lie at `places`."""
        for r, v, piece in self.each:
            first = f"{piece.spell('_set1')}({self.zero})" if r == 0 else f"a0_{v}"
            yield f"{piece.spell('')} a{r}_{v} = {first};"
        for term, place in zip(self.sums.terms, places, strict=True):
            yield from self._term(term, place)
        yield from self._ends()

    def _ends(self) -> Iterator[str]:
        """Adds what `starts` hold, last: rounded together with all products, it would cost digits."""
        first = [(v, piece) for r, v, piece in self.each if r == 0]
        for v, piece in first if self.sums.starts else ():
            yield f"const {piece.spell('')} e_{v} = {' + '.join(self._starts(piece))};"
        for r, v, _ in self.each if self.sums.starts else ():
            yield f"a{r}_{v} = a{r}_{v} + e_{v};"

    def _starts(self, piece: Piece) -> Iterator[str]:
        """What belongs to the sums of some filters beside products."""
        return (self._row(piece, self._table(f"w{table}", 1, piece, piece.first)) for table in self.sums.starts)

    def _table(self, pointer: str, rows: int, piece: Piece, *parts: Part) -> str:
        """A place in so many rows of a number for each filter, from which on a vector is read."""
        return Array(pointer, rows * self.sums.filters).at(*parts, taken=min(piece.lanes, self.sums.filters))

    def _row(self, piece: Piece, at: str) -> str:
        """The numbers of a table for some filters."""
        return f"{piece.spell('_load')}({at})"

    def _spread(self, piece: Piece, r: int, pointer: str, place: Memory, at: Place) -> str:
        """A number of row r in all lanes."""
        return f"{piece.spell('_set1')}({pointer}[{Place.of(*at.parts, place.stride * r + place.first).text}])"

    def _term(self, term: Term, place: Memory) -> Iterator[str]:
        if term.apart is None and term.products <= MOST_WRITTEN:
            for c in range(term.channels):
                yield from self._product(term, place.pointer, place, Place.of(c), f"w{term.table}")
        elif term.apart is None:
            yield from self._channels(term, place.pointer, place, f"w{term.table}")
        else:
            yield from self._taps(term, place, self._channels(term, "from", place, "row"))

    def _taps(self, term: Term, place: Memory, lines: Iterator[str]) -> Iterator[str]:
        """A loop over taps, of which each reads `from` its rows, and weights of a `row`."""
        tap = Segment(1, 0, term.taps, variable="k")
        back = Place.of(tap.at, 1 - term.taps).text
        yield tap.opening
        yield f"    const {self.dtype.c} *const from = {place.pointer} + ({back}) * d{term.apart};"
        row = tap.row(f"w{term.table}", str(term.channels * self.sums.filters))
        yield f"    const {self.dtype.c} *const row = {row};"
        yield from (f"    {line}" for line in lines)
        yield "}"

    def _channels(self, term: Term, pointer: str, place: Memory, table: str) -> Iterator[str]:
        step = next(one for one in (TOGETHER, 2, 1) if term.channels % one == 0)
        turn = Segment(step, 0, term.channels)
        yield turn.opening
        for more in range(step):
            yield from (f"    {line}" for line in self._product(term, pointer, place, Place.of(turn.at, more), table))
        yield "}"

    def _product(
        self,
        term: Term,
        pointer: str,
        place: Memory,
        at: Place,
        table: str,
    ) -> Iterator[str]:
        """One channel of each row, times the filters' weights for it."""
        weights, last = at.scaled(self.sums.filters).parts, at.constant
        pieces = [piece for r, _, piece in self.each if r == 0]
        name_of = [f"u{term.table}_{last}_{v}" for v in range(len(pieces))]  # each once in its braces
        for v, piece in enumerate(pieces):
            row = self._row(piece, self._table(table, term.channels, piece, *weights, piece.first))
            yield f"const {piece.spell('')} {name_of[v]} = {row};"
        if self.rows > 1:
            yield HOLD
        for r, v, piece in self.each:
            x = self._spread(piece, r, pointer, place, at)
            yield f"a{r}_{v} = {piece.spell('_fma')}({x}, {name_of[v]}, a{r}_{v});"


def blocks(sums: Sums, segments: tuple[Segment, ...], rows: int, most: int, dtype: Format) -> tuple[Block, ...]:
    """The sums in blocks of at most `most` vectors of filters."""
    pieces = [Piece(one.lanes, at) for one in segments for at in range(one.first, one.last, one.lanes)]
    cut = [tuple(pieces[at : at + most]) for at in range(0, len(pieces), most)]
    return tuple(Block(sums, one, rows, dtype) for one in cut)
