"""A side of the panels of `relayout`: rows that are moved in squares, or number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codegen.emission.cformat import CText
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import FAR, Place, Variable
from codegen.emission.microkernel import count_loop
from codegen.records import dataclass

__all__ = ["Side"]


@dataclass(frozen=True)
class Side:
    """A panel's `rows` of `numbers`, moved in squares of `lanes` by `lanes` or, where `square` is not, one by one.

    `name` is a number's place in C, and `apart` how far neighbours lie apart outside of the panel. `last` begins the
    last square, which overlaps its neighbour unless squares are `even`. `surely`: there are always as many rows as a
    square has. `narrower` are the squares of what is fewer rows than that, the widest first.
    """

    name: str
    apart: str
    lanes: int
    rows: int
    numbers: int
    surely: bool
    narrower: tuple[int, ...] = ()

    @property
    def squares(self) -> tuple[Side, ...]:
        """The side in each of its squares, the widest first; none where rows are moved one by one."""
        return tuple(replace(self, lanes=lanes) for lanes in (self.lanes, *self.narrower) if lanes > 1)

    @property
    def square(self) -> bool:
        return self.lanes > 1

    @property
    def last(self) -> int:
        return self.numbers - self.lanes

    @property
    def heads(self) -> tuple[str, ...]:
        """The loop over a row's squares; where one is all of it, what must hold of the rows."""
        enough, at = "" if self.surely else f"count >= {self.lanes}", self.name if self.even else "from"
        if self.numbers == self.lanes:
            return (f"if ({enough})",) if enough else ()
        beside = f" && {enough}" if enough else ""
        return (f"for (ptrdiff_t {at} = 0; {at} < {self.numbers}{beside}; {at} += {self.lanes})",)

    @property
    def even(self) -> bool:
        return self.numbers % self.lanes == 0

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops over all numbers, one by one: over few rows, of fewer than a square has, first."""
        each, rows = Variable.counted(self.name, self.numbers), count_loop("t", 0, "count")
        across = (each.loop,) * (each.most > 0)
        return (rows, *across) if self.narrower else (*across, rows)

    def moved(self, *, inwards: bool) -> CText:
        """The statement in them, from x to rows or from rows to y."""
        outside, inside = (place.text for place in self._places(1))
        return CText(f"rows[{inside}] = x[{outside}];" if inwards else f"y[{outside}] = rows[{inside}];")

    def turned(self, turn: Callable[[object], CFunction], *, inwards: bool) -> str:
        """The call that turns the square at t, likewise."""
        outside, inside = self._places(self.lanes)
        rows, function, row = inside.at_once("rows"), turn(self.lanes), str(self.numbers)
        if inwards:
            return function.of(outside.at_once("x"), self.apart, rows, row)
        return function.of(rows, row, outside.at_once("y"), self.apart)

    def _places(self, side: int) -> tuple[Place, Place]:
        """The first number of a square of so many a side: outside of the panel, and in it."""
        column = Variable(self.name, self.numbers - side)
        apart = Variable(f"{self.apart} * {self.name}", column.most and FAR)
        row = Place.of((self.numbers, Variable("t", self.rows - side)), (1, column))
        reach = range(self.numbers * (side - 1) + side)
        return Place.of((1, apart), (1, Variable.free("t"))), row.inside(self.rows * self.numbers, reach)
