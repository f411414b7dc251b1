"""Runs as an SVG: of each layer by its name the best peer's time over ours as bars, and below them the roofline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from typing import Any

from codegen.bench import shown
from codegen.bench.results import Table
from codegen.bench.roofline import Roofline
from codegen.bench.shown import Line, Shown
from codegen.report import svg

__all__ = ["draw", "drawn"]

WIDTH, MARGIN, NAMES, PEERS = 680.0, 16.0, 155.0, 120.0  # of the page, of the names at the left, of peers at the right
GAP, BAR, ROOF = 9.0, 14.0, 420.0  # heights between two layers, of a bar, of the roofline
MOST, LEAST = 8.0, 0.5  # ratios beyond are cut, and their number is written beside the bar
FREEDOM = "The second figure is our time over that of our kernel that knows the length."
COLOURS: dict[Table, str] = {"python": "blue", "c": "green"}
SAID: dict[Table, str] = {"python": "from Python", "c": "from C"}


def draw(*documents: Mapping[str, Any]) -> str:
    """One self-contained picture of runs as their JSON tells them, one below the other."""
    return drawn([shown.of(document) for document in documents])


def drawn(runs: Sequence[Shown]) -> str:
    """The same of what is to be shown; each bar and dot has its figures as a title."""
    body, y = list[str](), MARGIN
    for run in runs:
        length = "of any length" if run.free else "of a known length"
        title = f"The best peer's time over ours: {len(run.lines)} layers {length}, {run.target}"
        body.append(svg.text(MARGIN, y + 12, title, size=15, bold=True))
        for line in (*run.told, FREEDOM) if run.free else run.told:
            y += 16
            body.append(svg.text(MARGIN, y + 14, line, size=11, colour="faint"))
        y += 40
        body += _legend(run, y)
        y += 22
        body += _bars(run, y)
        y += _height(run) + 60
        if not run.free:
            body.append(svg.text(MARGIN, y + 12, f"Roofline, {run.target}", size=15, bold=True))
            body += Roofline(run, MARGIN + 50, y + 30, WIDTH - 2 * MARGIN - 60, ROOF).draw()
            y += ROOF + 110
    return svg.document(WIDTH, y, "gen-conv beside other libraries", body)


def _slot(run: Shown) -> float:
    """The height of a layer with its bars."""
    return GAP + BAR * len(run.tables)


def _height(run: Shown) -> float:
    return _slot(run) * len(run.lines)


def _legend(run: Shown, y: float) -> Iterator[str]:
    for number, table in enumerate(run.tables):
        x = MARGIN + NAMES + 120 * number
        yield svg.box(x, y - 9, 10, 10, fill=COLOURS[table])
        yield svg.text(x + 16, y, SAID[table])


def _at(ratio: float) -> float:
    """Where a ratio lies across: each doubling is as wide."""
    room = WIDTH - 2 * MARGIN - NAMES - PEERS
    share = log2(min(max(ratio, LEAST), MOST) / LEAST) / log2(MOST / LEAST)
    return MARGIN + NAMES + share * room


def _bars(run: Shown, top: float) -> Iterator[str]:
    base = top + _height(run)
    for ratio in (0.5, 1, 2, 4, 8):
        yield svg.line(_at(ratio), top, _at(ratio), base, colour="red" if ratio == 1 else "rule")
        yield svg.text(_at(ratio), base + 16, f"{ratio:g}", anchor="middle", colour="faint")
    words = "times as fast as the fastest peer (1: even; logarithmic)"
    yield svg.text((_at(LEAST) + _at(MOST)) / 2, base + 34, words, anchor="middle")
    for place, line in enumerate(run.lines):
        y = top + place * _slot(run)
        yield svg.text(MARGIN + NAMES - 10, y + _slot(run) / 2 + 4, line.name, anchor="end", size=12)
        for number, table in enumerate(run.tables):
            if table in line.ratios:
                yield from _bar(line, table, y + GAP / 2 + BAR * number)


def _bar(line: Line, table: Table, y: float) -> Iterator[str]:
    ratio, peer = line.ratios[table]
    left, right = sorted((_at(1), _at(ratio)))
    title = f"{line.name} {SAID[table]}: {ratio:.2f} times as fast as {peer}"
    yield svg.box(left, y, max(1.0, right - left), BAR - 1.5, fill=COLOURS[table], title=title)
    told = f"{ratio:.2f} {peer}" if ratio < 10 else f"{ratio:.0f} {peer}"
    more = f"; {line.freedom:.2f}" if line.freedom is not None else ""
    yield svg.text(max(right, _at(1)) + 5, y + BAR - 4, told + more, colour="faint", clear=True)
