"""The roofline (Williams, Waterman and Patterson, 2009): what the peak and each memory level allow, and where we are.

A case stands at the bytes that must move at least (input, weights and output once), so that a roof above it is a true
limit only where these do not stay in a nearer cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10
from typing import TypeAlias

from codegen.bench.shown import Line, Shown
from codegen.report import svg

Room: TypeAlias = "tuple[float, float, float, float]"  # left, top, right and bottom of what is drawn
AROUND = (  # places of a name beside its dot, the nearest first
    *((8, 4), (-8, 4), (0, -9), (0, 17), (8, -8), (-8, -8)),
    *((8, 16), (-8, 16), (0, -22), (0, 30), (26, -22), (-26, 30)),
)


class Roofline:
    """Both axes are logarithmic: FLOP a byte across, GFLOP/s up. No label lies on another, or on a dot."""

    def __init__(self, run: Shown, left: float, top: float, width: float, height: float) -> None:
        self.run, self.left, self.top, self.width, self.height = run, left, top, width, height
        self.peak = run.peak / 1e9
        across = [line.intensity for line in run.lines]
        up = [line.rate / 1e9 for line in run.lines]
        self.x = floor(log10(min(across, default=1))), ceil(log10(max(across, default=1)) + 0.1)
        self.y = log10(min([*up, self.peak / 4]) / 2), log10(max([*up, self.peak]) * 1.4)
        self.taken: list[Room] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of `x` FLOP a byte and `y` GFLOP/s."""
        across = (log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def draw(self) -> Iterator[str]:
        base = self.top + self.height
        for power in range(self.x[0], self.x[1] + 1):
            x, _ = self.at(10**power, 10 ** self.y[0])
            yield svg.line(x, self.top, x, base)
            yield svg.text(x, base + 16, f"{10.0**power:g}", anchor="middle", size=10, colour="faint")
        for rate in (digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)):
            if self.y[0] <= log10(rate) <= self.y[1]:
                _, y = self.at(10 ** self.x[0], rate)
                yield svg.line(self.left, y, self.left + self.width, y)
                yield svg.text(self.left - 6, y + 4, f"{rate:g}", anchor="end", size=10, colour="faint")
        words = "floating-point operations for each byte that must move"
        yield svg.text(self.left + self.width / 2, base + 36, words, anchor="middle", size=10)
        yield svg.text(self.left - 44, self.top + self.height / 2, "GFLOP/s", anchor="middle", size=10, turned=True)
        lines = sorted(self.run.lines, key=lambda line: line.intensity)
        dots = [self.at(line.intensity, line.rate / 1e9) for line in lines]
        self.taken += [(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
        yield from self._roofs()
        yield from self._dots(lines, dots)

    def _roofs(self) -> Iterator[str]:
        """The peak, and a slope for each memory level up to it."""
        start, end = self.at(10 ** self.x[0], self.peak), self.at(10 ** self.x[1], self.peak)
        yield svg.line(*start, *end, colour="red")
        peak = f"peak {self.peak:.0f} GFLOP/s"
        yield self._label(end[0] - 4, end[1] + 14, peak, "end", "red", 10)
        for level, bytes_ in self.run.bandwidths:
            read = bytes_ / 1e9
            first = max(10.0 ** self.x[0], 10 ** self.y[0] / read)
            last = min(10.0 ** self.x[1], self.peak / read)
            if first < last:
                yield svg.line(*self.at(first, first * read), *self.at(last, last * read), colour="amber", dash="4 3")
                yield from self._beside(f"{level} {read:.0f} GB/s", first, last, read)

    def _beside(self, words: str, first: float, last: float, read: float) -> Iterator[str]:
        """A slope's name at the first place along it where there is room."""
        for part in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85):
            at = first * (last / first) ** part
            x, y = self.at(at, at * read)
            if not any(_meet(_room(x + 8, y + 4, words, "start", 9), one) for one in self.taken):
                yield self._label(x + 8, y + 4, words, "start", "faint", 9)
                return

    def _dots(self, lines: Sequence[Line], dots: Sequence[tuple[float, float]]) -> Iterator[str]:
        for line, (x, y) in zip(lines, dots, strict=True):
            rate, share = line.rate / 1e9, 100 * line.rate / self.run.peak
            title = f"{line.name}: {rate:.1f} GFLOP/s, {share:.0f} % of the peak"
            yield svg.dot(x, y, colour="green", title=title)
            yield from self._named(line.name, x, y)

    def _named(self, name: str, x: float, y: float) -> Iterator[str]:
        """A dot's name at the first place around it where there is room, farther and farther away."""
        for far in (1.0, 1.8, 2.8, 4.0, 5.5):
            for across, down in AROUND:
                anchor = "start" if across > 0 else "end" if across < 0 else "middle"
                to = x + across * far, y + down * far
                room = _room(*to, name, anchor, 9)
                inside = self.left <= room[0] and room[2] <= self.left + self.width and room[1] >= self.top
                if inside and room[3] <= self.top + self.height and not any(_meet(room, one) for one in self.taken):
                    if far > 1:
                        yield svg.line(x, y, to[0], to[1] - 3, colour="rule")
                    yield self._label(*to, name, anchor, "ink", 9)
                    return

    def _label(self, x: float, y: float, words: str, anchor: str, colour: str, size: float) -> str:
        self.taken.append(_room(x, y, words, anchor, size))
        return svg.text(x, y, words, anchor=anchor, colour=colour, size=size, clear=True)


def _room(x: float, y: float, words: str, anchor: str, size: float) -> Room:
    wide = svg.width_of(words, size)
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    return left, y - size, left + wide, y + 2


def _meet(one: Room, other: Room) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
