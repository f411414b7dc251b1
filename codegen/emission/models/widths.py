"""Loops over the channels of a row, by ever narrower vectors."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission.vectors import spelled
from codegen.records import dataclass

__all__ = ["Segment", "along", "blocks"]


@dataclass(frozen=True)
class Segment:
    """A loop over `variable` from `first` to `last`, `vectors` of `lanes` numbers a turn."""

    lanes: int
    first: int
    last: int
    vectors: int = 1
    variable: str = "c"

    @property
    def head(self) -> str:
        at, step = self.variable, self.lanes * self.vectors
        return (
            f"for (ptrdiff_t {at} = {self.first}; {at} < {self.last}; {'++' + at if step == 1 else f'{at} += {step}'})"
        )

    @property
    def vector(self) -> str:
        """The C type."""
        return spelled(self.lanes)

    @property
    def places(self) -> tuple[tuple[int, str], ...]:
        """(number, place) of each vector of a turn."""
        return tuple(
            (i, self.variable if not i else f"{self.variable} + {i * self.lanes}") for i in range(self.vectors)
        )

    def spell(self, word: str) -> str:
        """A name of the vector spelling."""
        return spelled(self.lanes, f"_{word}")


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
