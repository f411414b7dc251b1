"""The run as an SVG: bars of the best peer's time over ours, and beside them the roofline."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from codegen.bench import svg
from codegen.bench.results import Report, Row, Table
from codegen.bench.roofline import Roofline

WIDTH, HEIGHT, LEFT, TOP, PLOT = 1080, 410, 50, 60, 310
BARS, ROOF, GAP = 480, 430, 80  # widths of the two plots and of what is between them
MOST = 8  # a ratio above is cut, and its number written over the bar
COLOURS: dict[Table, str] = {"python": svg.BLUE, "c": svg.GREEN}
SAID: dict[Table, str] = {"python": "from Python", "c": "from C"}


def draw(report: Report) -> str:
    """One self-contained SVG; each bar and dot has its figures as a title."""
    roofline = Roofline(report, LEFT + BARS + GAP, TOP, ROOF, PLOT)
    return svg.document(WIDTH, HEIGHT, (*_bars(report), *roofline.draw()))


def _bars(report: Report) -> Iterator[str]:
    """A group of bars a case, a bar a table."""
    labels = list(dict.fromkeys(row.label for row in report.rows))
    ratios = [row.ratio for row in report.rows if row.ratio is not None]
    highest = max(2, ceil(min(max(ratios, default=1), MOST)))
    base, unit, slot = TOP + PLOT, PLOT / highest, BARS / max(1, len(labels))
    yield svg.text(LEFT, 24, f"The best peer's time over ours ({report.target})", anchor="start", size=14)
    for number, (table, colour) in enumerate(COLOURS.items()):
        yield svg.rect(LEFT + 100 * number, 34, 10, 10, colour)
        yield svg.text(LEFT + 14 + 100 * number, 43, SAID[table], anchor="start")
    for step in range(highest + 1):
        yield svg.line(LEFT, base - step * unit, LEFT + BARS, base - step * unit)
        yield svg.text(LEFT - 8, base - step * unit + 4, str(step), anchor="end")
    for place, label in enumerate(labels):
        yield svg.text(LEFT + (place + 0.5) * slot, base + 16, label)
        for number, table in enumerate(COLOURS):
            x = LEFT + (place + 0.12 + 0.38 * number) * slot
            for row in report.table(table):
                if row.label == label and row.ratio is not None:
                    yield from _bar(row, row.ratio, x, 0.36 * slot, base, unit, highest)
    yield svg.line(LEFT, base - unit, LEFT + BARS, base - unit, svg.RED)  # over the bars: even with the best peer


def _bar(row: Row, ratio: float, x: float, width: float, base: float, unit: float, highest: int) -> Iterator[str]:
    height = min(ratio, highest) * unit
    title = f"{row.label} {row.layer} {SAID[row.table]}: {ratio:.2f} times as fast as {row.best}"
    yield svg.rect(x, base - height, width, height, COLOURS[row.table], title)
    if ratio > highest:
        yield svg.text(x + width / 2, base - height - 3, f"{ratio:.0f}", size=9)
