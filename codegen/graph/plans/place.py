"""Where values lie: buffers, and places in them that stages read and write. All counts are of numbers, not of bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Literal

from codegen.graph.op import Op
from codegen.graph.shape import PROBES
from codegen.records import dataclass

__all__ = ["LINE", "Buffer", "Count", "Length", "Place", "Size"]

LINE = 16  # numbers that a buffer's begin is a multiple of


@dataclass(frozen=True)
class Size:
    """`numbers`, and `each` more for each step of the model's input, where that has any number."""

    numbers: int
    each: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.numbers + other.numbers, self.each + other.each)

    def within(self, other: Size) -> bool:
        """Whether it is no larger, whatever the steps."""
        return self.numbers <= other.numbers and self.each <= other.each

    def at(self, steps: int) -> int:
        return self.numbers + self.each * steps

    @classmethod
    def bound(cls, lengths: Iterable[int], rate: Fraction, channels: int) -> Size:
        """The least that holds rows of `channels` numbers, as many as `lengths` tells for each of PROBES."""
        past = max(length - rate * steps for length, steps in zip(lengths, PROBES, strict=True))
        return cls(max(0, ceil(past * channels)), ceil(rate * channels))

    @classmethod
    def most(cls, sizes: Iterable[Size]) -> Size:
        """The least that is no smaller than any of them."""
        found = [cls(0), *sizes]
        return cls(max(one.numbers for one in found), max(one.each for one in found))


@dataclass(frozen=True)
class Length:
    """A number of steps that is not known: the input's, or what `op` makes of the length with the number `of`."""

    of: int | None = None
    op: Op | None = None


@dataclass(frozen=True)
class Count:
    """`known`, or the model's length of that `number`."""

    known: int | None
    number: int = 0


@dataclass(frozen=True)
class Buffer:
    """Memory for a value: an argument of the function, which has `rows` of `channels`, or a part of the workspace.

    Of a value that is `framed` a row is a frame, and `channels` are all of its numbers. `apart` is how far a channel's
    rows are from the next one's where each channel lies by itself, else 0.
    """

    kind: Literal["input", "output", "own", "kept"]
    size: Size
    name: str = ""
    rows: Count | None = None
    channels: int = 0
    framed: bool = False
    apart: int = 0


@dataclass(frozen=True)
class Place:
    """Rows of `channels` numbers, `stride` apart, from number `first` of a buffer on; of `frames` so many such.

    `frame_stride` is how far these are apart.
    """

    buffer: int
    first: int
    stride: int
    channels: int
    rows: Count
    frames: Count | None = None
    frame_stride: int = 0

    @property
    def dense(self) -> bool:
        """Whether the rows of a frame lie one behind the other."""
        return self.stride == self.channels or self.rows.known == 1

    @property
    def flat(self) -> bool:
        """Whether all of its numbers do."""
        if not self.dense:
            return False
        known = self.rows.known
        return self.frames is None or (known is not None and self.frame_stride == known * self.channels)

    def like(self, other: Place) -> bool:
        """Whether the numbers of both lie in the same order, each in its own buffer."""
        mine, theirs = (replace(one, buffer=0, first=0) for one in (self, other))
        return mine == theirs

    def part(self, first: int, channels: int) -> Place:
        """Some of its channels."""
        return replace(self, first=self.first + first, channels=channels)
