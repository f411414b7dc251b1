"""Draws docs/tile.svg: what one tile of a kernel computes. `python docs/picture.py` rewrites it."""

from __future__ import annotations

from pathlib import Path

BLUE, AMBER, GREEN, INK, PALE = "#3b6ea8", "#d08a2e", "#3c8d5a", "#1f2933", "#e6ebf0"
STYLE = "font-family:ui-sans-serif,system-ui,sans-serif;font-size:13px"
CELL = 22


def cell(x: float, y: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{CELL - 3}" height="{CELL - 3}" rx="3" fill="{fill}"/>'


def words(x: float, y: float, text: str, *, size: int = 13, weight: int = 400, anchor: str = "start") -> str:
    font = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}" {font} fill="{INK}">{text}</text>'


def grid(x: float, y: float, rows: int, columns: int, lit: range, colour: str) -> list[str]:
    """`rows` x `columns` cells, the rows of `lit` in `colour`."""
    return [
        cell(x + column * CELL, y + row * CELL, colour if row in lit else PALE)
        for row in range(rows)
        for column in range(columns)
    ]


def picture() -> str:
    """Three matrices: six input steps read by a tile, three taps of weights, four output steps in registers."""
    parts = [
        words(30, 34, "One tile: 4 output steps by all lanes of the vectors, 3 taps unrolled", size=16, weight=600),
        words(30, 70, "input x (steps, channels)", weight=600),
        *grid(30, 84, 10, 3, range(2, 8), BLUE),
        words(30, 346, "6 steps are read, each number"),
        words(30, 364, "broadcast to a whole vector"),
        words(290, 70, "kernel (taps, channels, filters)", weight=600),
    ]
    for tap in range(3):
        parts += grid(290 + tap * 14, 84 + tap * 78, 3, 8, range(3), AMBER)
        parts.append(words(290 + tap * 14 + 8 * CELL + 8, 84 + tap * 78 + 37, f"tap {tap}"))
    parts += [
        words(290, 346, "a vector of filters is loaded once"),
        words(290, 364, "for the tile's 4 rows"),
        words(610, 70, "output y (steps, filters)", weight=600),
        *grid(610, 84, 10, 8, range(3, 7), GREEN),
        words(610, 346, "sums stay in registers until bias and"),
        words(610, 364, "activation are in; then one store each"),
        words(190, 198, "→", size=28, weight=600, anchor="middle"),
        words(572, 198, "→", size=28, weight=600, anchor="middle"),
    ]
    body = "\n".join(f"  {part}" for part in parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 390" role="img" style="{STYLE}">'
    title = "  <title>One register tile of a convolution kernel</title>"
    return f'{head}\n{title}\n  <rect width="880" height="390" fill="white"/>\n{body}\n</svg>\n'


if __name__ == "__main__":
    Path(__file__).with_name("tile.svg").write_text(picture(), encoding="utf-8")
