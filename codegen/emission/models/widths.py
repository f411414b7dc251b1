"""Loops over the channels of a row, by ever narrower vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codegen.emission.expressions import Part, Place, Variable
from codegen.emission.microkernel import step_by
from codegen.emission.vectors import spelled
from codegen.records import dataclass

__all__ = ["Segment", "along", "blocks"]


@dataclass(frozen=True)
class Segment:
    """The numbers from `first` to `last` of a row, `vectors` of `lanes` a turn: a loop over `variable`, or one turn."""

    lanes: int
    first: int
    last: int
    vectors: int = 1
    variable: str = "c"
    ahead: int = 0  # of a turn's vectors, the numbers of those before it

    @property
    def step(self) -> int:
        """Numbers of a turn."""
        return self.lanes * self.vectors

    @property
    def loops(self) -> bool:
        """Whether there are several turns."""
        return self.last - self.first > self.step

    @property
    def heads(self) -> tuple[str, ...]:
        """The head of the loop; none where it turns once."""
        turn = step_by(self.variable, self.step)
        head = f"for (ptrdiff_t {self.variable} = {self.first}; {self.variable} < {self.last}; {turn})"
        return (head,) * self.loops

    @property
    def opening(self) -> str:
        """The first line of a block of statements."""
        return f"{self.heads[0]} {{" if self.heads else "{"

    @property
    def vector(self) -> str:
        """The C type."""
        return spelled(self.lanes)

    @property
    def at(self) -> Part:
        """Where a turn begins: a number, or the variable."""
        return (1, Variable(self.variable, self.last - self.step)) if self.loops else self.first

    @property
    def parts(self) -> tuple[tuple[int, Segment], ...]:
        """(number, itself) of each vector of a turn."""
        return tuple((i, replace(self, ahead=i * self.lanes)) for i in range(self.vectors))

    @property
    def number(self) -> str:
        """Where a turn begins, in C."""
        return Place.of(self.at).text

    def row(self, pointer: str, numbers: str) -> str:
        """The row of a matrix that a turn takes, each of so many numbers."""
        return Place.of(self.at).scaled(int(numbers)).in_array(pointer)

    def spell(self, word: str) -> str:
        """A name of the vector spelling."""
        return spelled(self.lanes, f"_{word}")

    def load(self, pointer: str, *more: str) -> str:
        """The numbers of a turn in a row that begins `more` behind a pointer: terms and numbers in C."""
        return f"{self.spell('load')}({self._place(pointer, *more)})"

    def store(self, pointer: str, value: str, *more: str) -> str:
        """The statement that writes them."""
        return f"{self.spell('store')}({self._place(pointer, *more)}, {value});"

    def _place(self, pointer: str, *more: str) -> str:
        before = (int(one) if one.isdigit() else (1, Variable.free(one)) for one in more)
        return Place.of(*before, self.at, self.ahead).in_array(pointer)


def along(numbers: int, widths: tuple[int, ...]) -> tuple[Segment, ...]:
    """All of so many channels."""
    return tuple(_along(numbers, widths))


def _along(numbers: int, widths: tuple[int, ...], first: int = 0, variable: str = "c") -> Iterator[Segment]:
    at = first
    for width in widths:
        end = at + (numbers - at) // width * width
        if end > at:
            yield Segment(width, at, end, variable=variable)
        at = end


def blocks(first: int, last: int, widths: tuple[int, ...], most: int = 4) -> tuple[Segment, ...]:
    """Columns from `first` to `last`, `most` of the widest vectors a turn, for sums that are made side by side."""
    step = widths[0] * most
    end = first + (last - first) // step * step
    found = [Segment(widths[0], first, end, most, "j")] if end > first else []
    return (*found, *_along(last, widths, end, "j"))
