"""The roofline (Williams, Waterman and Patterson, 2009): what the peak and each memory level allow, and where we are.

A case stands at the bytes that must move at least (input, weights and output once), so that a roof above it is a true
limit only where these do not stay in a nearer cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10

from codegen.bench import svg
from codegen.bench.results import Report


class Roofline:
    """Both axes are logarithmic: FLOP a byte across, GFLOP/s up."""

    def __init__(self, report: Report, left: float, top: float, width: float, height: float) -> None:
        self.report, self.left, self.top, self.width, self.height = report, left, top, width, height
        self.rows = report.table("c") or report.table("python")
        self.peak = report.roof / 1e9
        across = [row.flops / row.bytes for row in self.rows]
        up = [row.flops / row.ours / 1e9 for row in self.rows]
        self.x = floor(log10(min(across, default=1))), ceil(log10(max(across, default=1)) + 0.1)
        self.y = log10(min([*up, self.peak / 4]) / 2), log10(max([*up, self.peak]) * 1.4)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of `x` FLOP a byte and `y` GFLOP/s."""
        across = (log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def draw(self) -> Iterator[str]:
        yield svg.text(self.left, 24, "Roofline: GFLOP/s over FLOP a byte", anchor="start", size=14)
        base = self.top + self.height
        for power in range(self.x[0], self.x[1] + 1):
            x, _ = self.at(10**power, 10 ** self.y[0])
            yield svg.line(x, self.top, x, base)
            yield svg.text(x, base + 16, f"{10.0**power:g}")
        for rate in (digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)):
            if self.y[0] <= log10(rate) <= self.y[1]:
                _, y = self.at(10 ** self.x[0], rate)
                yield svg.line(self.left, y, self.left + self.width, y)
                yield svg.text(self.left - 6, y + 4, f"{rate:g}", anchor="end")
        yield from self._roofs()
        yield from self._dots()

    def _roofs(self) -> Iterator[str]:
        """The peak, and a slope for each memory level up to it."""
        start, end = self.at(10 ** self.x[0], self.peak), self.at(10 ** self.x[1], self.peak)
        yield svg.line(*start, *end, svg.RED)
        peak = f"peak {self.peak:.0f} GFLOP/s ({self.report.target})"
        yield svg.text(end[0] - 4, end[1] + 14, peak, anchor="end", colour=svg.RED)
        for place, one in enumerate(self.report.bandwidths):
            first = max(10.0 ** self.x[0], 10 ** self.y[0] / one.read)
            last = min(10.0 ** self.x[1], self.peak / one.read)
            if first < last:
                start, end = self.at(first, first * one.read), self.at(last, last * one.read)
                yield svg.line(*start, *end, svg.INK, "4 3")
                named = first * 1.35**place  # a name above the one before
                x, y = self.at(named, named * one.read)
                yield svg.text(x + 4, y - 4, f"{one.level} {one.read:.0f} GB/s", anchor="start", size=9)

    def _dots(self) -> Iterator[str]:
        for place, row in enumerate(sorted(self.rows, key=lambda row: row.flops / row.bytes)):
            rate = row.flops / row.ours / 1e9
            x, y = self.at(row.flops / row.bytes, rate)
            share = 100 * row.share(self.report.roof)
            yield svg.dot(x, y, svg.GREEN, f"{row.label} {row.layer}: {rate:.1f} GFLOP/s, {share:.0f} % of the peak")
            yield svg.text(x, y + (16 if place % 2 else -8), row.label)  # neighbours on two sides of the line
