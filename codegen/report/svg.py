"""The few elements of SVG that pictures are made of, and their colours by day and by night.

Colours are classes, so that a reader's dark mode chooses others; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["CHARACTER", "DARK", "LIGHT", "box", "document", "dot", "line", "path", "style", "text", "width_of"]

LIGHT = {
    "paper": "#ffffff", "ink": "#1f2328", "faint": "#59636e", "rule": "#d1d9e0", "fill": "#f6f8fa",
    "blue": "#0969da", "green": "#1a7f37", "amber": "#9a6700", "red": "#cf222e", "violet": "#8250df",
    "blue-fill": "#ddf4ff", "green-fill": "#dafbe1", "amber-fill": "#fff8c5",
}  # fmt: skip
DARK = {
    "paper": "#0d1117", "ink": "#e6edf3", "faint": "#9198a1", "rule": "#3d444d", "fill": "#161b22",
    "blue": "#4493f8", "green": "#3fb950", "amber": "#d29922", "red": "#f85149", "violet": "#ab7df8",
    "blue-fill": "#0c2d6b", "green-fill": "#0f3d1e", "amber-fill": "#3b2a00",
}  # fmt: skip
CHARACTER = 0.61  # of a monospaced character's width in parts of its size, of the common ones the widest
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def style(of: str) -> str:
    """The rules of both modes for elements inside `of`, a selector."""
    light, dark = ("; ".join(f"--{name}: {colour}" for name, colour in one.items()) for one in (LIGHT, DARK))
    rules = [f"{of} {{ {light} }}", f"@media (prefers-color-scheme: dark) {{ {of} {{ {dark} }} }}"]
    rules += [f"{of} .{name} {{ fill: var(--{name}) }}" for name in LIGHT]
    rules += [f"{of} .line-{name} {{ stroke: var(--{name}); fill: none }}" for name in LIGHT]
    rules += [f"{of} .edge-{name} {{ stroke: var(--{name}) }}" for name in LIGHT]
    return "\n".join(rules)


def document(width: float, height: float, title: str, body: Iterable[str]) -> str:
    """A self-contained picture with its paper."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="gen-conv" role="img" {size} font-family="{FONT}">'
    paper = f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>'
    rules = f"<style>{style('svg.gen-conv')}</style>"
    return "\n".join((head, f"<title>{escape(title)}</title>", rules, paper, *body, "</svg>\n"))


def text(
    x: float,
    y: float,
    words: str,
    *,
    colour: str = "ink",
    size: float = 11,
    anchor: str = "start",
    bold: bool = False,
    turned: bool = False,
    clear: bool = False,
) -> str:
    """Words with their left end, middle or right end (`anchor`) at x, on the line y; `turned` upwards.

    `clear` words have paper around each letter, so that a line behind them does not cross them.
    """
    weight = ' font-weight="600"' if bold else ""
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"{weight}{turn}'
    around = ' paint-order="stroke" stroke-width="3" stroke-linejoin="round"' if clear else ""
    return f'<text class="{colour}{" edge-paper" if clear else ""}" {place}{around}>{escape(words)}</text>'


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "fill",
    edge: str = "",
    title: str = "",
    radius: float = 0,
) -> str:
    """A rectangle; `title` is shown at a pointer, and read aloud to who has the page read aloud."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    round_ = f' rx="{radius:g}"' if radius else ""
    drawn = f'class="{fill}{f" edge-{edge}" if edge else ""}" {place}{round_}'
    return f"<rect {drawn}><title>{escape(title)}</title></rect>" if title else f"<rect {drawn}/>"


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "rule", dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line class="line-{colour}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{dashed}/>'


def path(points: Sequence[tuple[float, float]], *, colour: str = "faint", smooth: bool = False) -> str:
    """A way through points; `smooth`: it comes and goes upright."""
    told = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        middle = (y1 + y2) / 2
        curve = f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
        told.append(curve if smooth and x1 != x2 else f"L{x2:.1f} {y2:.1f}")
    return f'<path class="line-{colour}" d="{"".join(told)}"/>'


def dot(x: float, y: float, *, colour: str, title: str = "", radius: float = 3.5) -> str:
    place = f'class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
    return f"<circle {place}><title>{escape(title)}</title></circle>" if title else f"<circle {place}/>"


def width_of(words: str, size: float = 11) -> float:
    """The room that words take."""
    return len(words) * size * CHARACTER
