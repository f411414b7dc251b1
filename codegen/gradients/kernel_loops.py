"""The loops around the tiles of a kernel's gradient: over taps, channels, panels of filters and rows of sums."""

from __future__ import annotations

from codegen.emission.cformat import CText, grouped
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import FAR, Place, Variable
from codegen.emission.microkernel import step_by
from codegen.records import dataclass

__all__ = ["TAP", "Around", "Flush", "Rows", "TapPlaces", "Taps", "rows_of_sums"]

TAP = Place.of((1, Variable("k", FAR)))  # tap k of a function that is told it


@dataclass(frozen=True)
class TapPlaces:
    """Where what a tap multiplies begins: in x for output `first`, `x_step` numbers an output, and in the sums."""

    x_step: int
    x_tap: int
    x_start: int
    sums_tap: int

    def x(self, k: Place) -> CText:
        first = (self.x_step, Variable("first", FAR))
        return CText(grouped(Place.of(first, *k.scaled(self.x_tap).parts, self.x_start).text))

    def sums(self, k: Place) -> Place:
        return k.scaled(self.sums_tap)


@dataclass(frozen=True)
class Rows:
    """The loop over channels, and the tile that it calls so far on in x and in the sums."""

    tile: CFunction
    heads: tuple[str, ...]
    x: Place
    sums: Place

    def behind(self, sums: Place) -> Rows:
        """These, whose sums are so far on."""
        return Rows(self.tile, self.heads, self.x, Place.of(*sums.parts, *self.sums.parts))

    def call(self, dz: str) -> CText:
        """The call for outputs first to end, whose dz is there."""
        return CText(f"{self.tile.of(self.x.in_array('at'), dz, self.sums.in_array('sums'), 'end - first')};")


@dataclass(frozen=True)
class Taps:
    """Taps [first, end), `step` at a time, by `rows` where an output has all of these; `alone`: there are no others."""

    first: int
    end: int
    step: int
    rows: tuple[Rows, ...]
    alone: bool
    places: TapPlaces

    @property
    def x(self) -> CText:
        """What they multiply, from x on."""
        return self.places.x(self.k)

    @property
    def tiles(self) -> tuple[Rows, ...]:
        """`rows` that add to the sums of these taps."""
        return tuple(rows.behind(self.places.sums(self.k)) for rows in self.rows)

    @property
    def once(self) -> bool:
        """Whether these are all taken at a time."""
        return self.first + self.step == self.end

    @property
    def heads(self) -> tuple[str, ...]:
        """The loop over them; a block where there is none, beside others."""
        if self.once:
            return () if self.alone else ("",)
        return (f"for (ptrdiff_t k = {self.first}; k < {self.end}; {step_by('k', self.step)})",)

    @property
    def k(self) -> Place:
        """The first of those that are taken at a time."""
        return Place.of(self.first if self.once else (1, Variable("k", self.end - self.step)))

    @property
    def last(self) -> Place:
        """The last of them."""
        return Place.of(*self.k.parts, self.step - 1)

    @property
    def behind(self) -> Place:
        """The tap behind them."""
        return Place.of(*self.k.parts, self.step)


@dataclass(frozen=True)
class Around:
    """The loops over groups and panels, and in them the panel's first filter in its group, None where it is filter 0.

    `pack` is the call that copies its dz, if one does.
    """

    heads: tuple[str, ...]
    lane: str | None
    pack: str
    call: str


@dataclass(frozen=True)
class Flush:
    """A statement and the loops around it, and what they do in words."""

    heads: tuple[str, ...]
    line: str
    told: str


def rows_of_sums(rows: tuple[Variable, ...], padded: int, column: Variable) -> tuple[str, ...]:
    """The loops over the rows of the sums, `padded` numbers each, and over a row's; the last one of those goes on."""
    several = [one for one in rows if one.most]
    heads = [one.loop for one in several[:-1]]
    heads += [one.loop_with(f"sums += {padded}") for one in several[-1:]]
    return (*heads, *[column.loop] * (column.most > 0))
