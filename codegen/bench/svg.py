"""The few SVG elements that the picture is made of."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

INK, FAINT, RED, BLUE, GREEN = "#24292f", "#d0d7de", "#cf222e", "#0969da", "#1a7f37"


def document(width: int, height: int, body: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    return "\n".join((head, rect(0, 0, width, height, "#ffffff"), *body, "</svg>\n"))


def text(x: float, y: float, words: str, *, anchor: str = "middle", size: int = 11, colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, colour: str = FAINT, dash: str = "none") -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-dasharray="{dash}"/>'


def rect(x: float, y: float, width: float, height: float, colour: str, title: str = "") -> str:
    """`title` is what a pointer, or a reader of the page, is told."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"'
    return f"<rect {place}><title>{escape(title)}</title></rect>" if title else f"<rect {place}/>"


def dot(x: float, y: float, colour: str, title: str) -> str:
    place = f'cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"'
    return f"<circle {place}><title>{escape(title)}</title></circle>"
