"""Sums over channels two at a time: a load of two neighbours into all lanes serves whole vectors of products.

Where a vector holds all filters, each product takes a load otherwise, and loads of whole vectors take longer. Of each
filter there are two sums in neighbouring lanes, of even and of odd channels; both become one at the end. Of filters
that are half a vector the sums of two rows become one vector, as these rows lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission.expressions import Array, Place
from codegen.emission.models.tile_rows import Memory
from codegen.emission.models.tile_sums import HOLD, TOGETHER, Block, Piece
from codegen.emission.models.widths import Segment
from codegen.emission.vectors import spelled
from codegen.graph.plans.tile_stage import Term
from codegen.records import dataclass

__all__ = ["PairedBlock"]


@dataclass(frozen=True)
class PairedBlock(Block):
    """The sums of `rows` rows and all filters, of terms of which some are paired, by vectors of `lanes`."""

    lanes: int

    @property
    def halves(self) -> int:
        """Vectors of the two sums of each filter."""
        return 2 * self.sums.filters // self.lanes

    @property
    def together(self) -> int:
        """Rows whose sums are one vector."""
        return min(self.rows, self.lanes // self.sums.filters)

    @property
    def each(self) -> Iterator[tuple[int, int, Piece]]:
        """(row, 0, vector) of each accumulator: of the row, or of it and the next one."""
        piece = Piece(self.together * self.sums.filters, 0)
        return ((r, 0, piece) for r in range(0, self.rows, self.together))

    def spell(self, word: str = "") -> str:
        """A name of the spelling of whole vectors."""
        return spelled(self.lanes, word)

    def lines(self, places: tuple[Memory, ...]) -> Iterator[str]:
        """The paired terms, then both sums of each filter as one, then all others, then the bias."""
        terms = list(zip(self.sums.terms, places, strict=True))
        for r in range(self.rows):
            names = ", ".join(f"b{r}_{half} = {self.spell('_set1')}({self.zero})" for half in range(self.halves))
            yield f"{self.spell()} {names};"
        for term, place in terms:
            if term.paired and term.apart is None:
                yield from self._pairs(term, place.pointer, place, f"w{term.table}")
            elif term.paired:
                yield from self._taps(term, place, self._pairs(term, "from", place, "row"))
        for r, _, piece in self.each:
            yield f"{piece.spell('')} a{r}_0 = {self._both(r)};"
        for term, place in terms:
            if not term.paired:
                yield from self._term(term, place)
        yield from self._ends()

    def _pairs(self, term: Term, pointer: str, place: Memory, table: str) -> Iterator[str]:
        filters = self.sums.filters
        step = next(one for one in (TOGETHER, 2) if term.channels % one == 0)
        turn = Segment(step, 0, term.channels)
        row = Place.of(turn.at).scaled(filters)
        yield turn.opening
        for more in range(0, step, 2):
            names = [f"u{more + half}" for half in range(self.halves)]
            for half, name in enumerate(names):
                places = (*row.parts, filters * more + self.lanes * half)
                at = Array(table, term.channels * filters).at(*places, taken=self.lanes)
                yield f"    const {self.spell()} {name} = {self.spell('_load')}({at});"
            yield f"    {HOLD}"
            for r in range(self.rows):
                at = Place.of(turn.at, more, place.stride * r + place.first).in_array(pointer)
                x = f"x{more}_{r}"
                yield f"    const {self.spell()} {x} = {self.spell('_pair')}({at});"
                for half, name in enumerate(names):
                    yield f"    b{r}_{half} = {self.spell('_fma')}({x}, {name}, b{r}_{half});"
        yield "}"

    def _both(self, r: int) -> str:
        """The sums of row r, and of the next one where they are one vector."""
        one, other = (f"b{r}_0", f"b{r}_1") if self.halves > 1 else (f"b{r}_0", f"b{r + self.together - 1}_0")
        both = f"{self.spell('_evens')}({one}, {other}) + {self.spell('_odds')}({one}, {other})"
        return both if self.halves > 1 or self.together > 1 else f"{self.spell('_low')}({both})"

    def _spread(self, piece: Piece, r: int, pointer: str, place: Memory, at: Place) -> str:
        """What the weights of each of an accumulator's rows are multiplied by."""
        each = [Place.of(*at.parts, place.stride * (r + more) + place.first) for more in range(self.together)]
        return self._joined([f"{spelled(self.sums.filters, '_set1')}({pointer}[{one.text}])" for one in each])

    def _row(self, piece: Piece, at: str) -> str:
        """A vector of all filters for each of an accumulator's rows."""
        return self._joined([f"{spelled(self.sums.filters, '_load')}({at})"] * self.together)

    def _joined(self, rows: list[str]) -> str:
        return rows[0] if len(rows) == 1 else f"{self.spell('_join')}({', '.join(rows)})"
