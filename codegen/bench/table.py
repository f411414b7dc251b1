"""The two tables, drawn with rich: microseconds of each contestant, ratios to the best peer, shares of the peak."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table as Grid

from codegen.bench.results import OWN, Report, Row, Table

TITLES: dict[Table, str] = {"python": "from Python", "c": "from C"}
PLAIN_WIDTH = 140  # where no terminal says how wide it is


def text(report: Report, *, width: int | None, colour: bool) -> str:
    """Both tables and what was measured of the machine. `width` is the terminal's, None for a file."""
    console = Console(file=io.StringIO(), width=width or PLAIN_WIDTH, force_terminal=colour, no_color=not colour)
    for name, title in TITLES.items():
        if rows := report.table(name):
            console.print(_grid(report, rows, title))
    for line in _foot(report):
        console.print(line, highlight=False, markup=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _grid(report: Report, rows: list[Row], title: str) -> Grid:
    peers = [name for name in report.versions if any(name in row.entries or name in row.absent for row in rows)]
    free = any(row.freedom is not None for row in rows)
    own = [name for name in OWN if any(name in row.entries for row in rows)]
    grid = Grid(title=f"{title}: least µs a call, {report.target}, {report.rounds} rounds", title_justify="left")
    for heading in ("", "layer"):
        grid.add_column(heading, no_wrap=True)
    for heading in (*own, *peers, "best peer / ours", *(["ours / length given"] if free else []), "% of peak"):
        grid.add_column(heading, justify="right")
    for row in rows:
        times = [microseconds(row, name) for name in (*own, *peers)]
        freedom = [f"{row.freedom:.2f}" if row.freedom is not None else "-"] if free else []
        grid.add_row(row.label, row.layer, *times, ratio(row), *freedom, f"{100 * row.share(report.roof):.1f}")
    return grid


def microseconds(row: Row, name: str) -> str:
    """Four digits, or a dash for who has no time."""
    entry = row.entries.get(name)
    if entry is None:
        return "-"
    value = 1e6 * entry.times.least
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    colour = "green" if row.ratio >= 1 else "red"
    return f"[{colour}]{row.ratio:.2f}[/]"


def _foot(report: Report) -> Iterator[str]:
    means = {TITLES[name]: report.mean(name) for name in TITLES} | {"best of both": report.overall()}
    told = [f"{name} {mean:.2f}" for name, mean in means.items() if mean is not None]
    if told:
        yield f"geometric mean of best peer / ours: {', '.join(told)}"
    bandwidths = ", ".join(f"{one.level} {one.read:.0f}/{one.copy:.0f}" for one in report.bandwidths)
    moved = f"; GB/s read/copied: {bandwidths}" if bandwidths else ""
    yield f"peak of a thread {report.peak / 1e9:.1f} GFLOP/s in {report.target}{moved}"
    if report.versions:
        yield f"peers: {', '.join(dict.fromkeys(report.versions.values()))}"
    for name, package in report.missing.items():
        yield f"missing: {name} ({package})"
    for row in report.rows:
        for name, why in row.absent.items():
            if why != "does not serve this layer":
                yield f"{row.label}, {name}: {why}"
