"""Sums over channels two at a time: a load of two neighbours into all lanes serves two vectors of products.

Where a vector holds all filters, each product takes a load otherwise, and loads of whole vectors take longer. Of each
filter there are two sums in neighbouring lanes, of even and of odd channels; both become one at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission.microkernel import offset
from codegen.emission.models.tile_rows import Memory
from codegen.emission.models.tile_sums import HOLD, TOGETHER, Block
from codegen.graph.plans.tile_stage import Term
from codegen.records import dataclass

__all__ = ["ROWS", "PairedBlock"]

ROWS = 8  # at a time: of each two sums, which with two vectors of weights leave room for what is loaded


@dataclass(frozen=True)
class PairedBlock(Block):
    """The sums of `rows` rows and one vector of filters, of terms of which some are paired."""

    def lines(self, places: tuple[Memory, ...]) -> Iterator[str]:
        """The paired terms, then both sums of each filter as one, then all others, then the bias."""
        (piece,) = self.pieces
        terms = list(zip(self.sums.terms, places, strict=True))
        for r in range(self.rows):
            yield f"{piece.spell('')} b{r}_0 = {piece.spell('_set1')}({self.zero}), b{r}_1 = b{r}_0;"
        for term, place in terms:
            if term.paired:
                yield from self._over_taps(term, place)
        for r in range(self.rows):
            both = f"{piece.spell('_evens')}(b{r}_0, b{r}_1) + {piece.spell('_odds')}(b{r}_0, b{r}_1)"
            yield f"{piece.spell('')} a{r}_0 = {both};"
        for term, place in terms:
            if not term.paired:
                yield from self._term(term, place)
        yield from self._ends()

    def _over_taps(self, term: Term, place: Memory) -> Iterator[str]:
        if term.apart is None:
            yield from self._pairs(term, place.pointer, place, f"w{term.table}")
        else:
            yield from self._taps(term, place, self._pairs(term, "from", place, "row"))

    def _pairs(self, term: Term, pointer: str, place: Memory, table: str) -> Iterator[str]:
        (piece,), filters = self.pieces, self.sums.filters
        step = next(one for one in (TOGETHER, 2) if term.channels % one == 0)
        yield f"for (ptrdiff_t c = 0; c < {term.channels}; c += {step}) {{"
        for more in range(0, step, 2):
            for half in (0, 1):
                at = offset(table, (filters, "c"), filters * (more + half))
                yield f"    const {piece.spell('')} u{more + half} = {piece.spell('_load')}({at});"
            yield f"    {HOLD}"
            for r in range(self.rows):
                at = offset(pointer, (1, "c"), more, place.stride * r + place.first)
                x = f"x{more}_{r}"
                yield f"    const {piece.spell('')} {x} = {piece.spell('_pair')}({at});"
                for half in (0, 1):
                    yield f"    b{r}_{half} = {piece.spell('_fma')}({x}, u{more + half}, b{r}_{half});"
        yield "}"
