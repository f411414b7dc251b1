"""Which steps of the input an output reads: a row of squares each, joined by lines."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.errors.counting import counted
from codegen.problem.conv_problem import ConvProblem
from codegen.report import svg

__all__ = ["drawn"]

CELL, GAP, LEFT, TOP, HEIGHT = 16.0, 4.0, 70.0, 14.0, 128.0
MOST = 40  # squares of a row


def drawn(problem: ConvProblem) -> str:
    """An output of a convolution and its neighbour, and the steps that they read; a long reach is cut."""
    taps = [tap * problem.dilation for tap in range(problem.kernel_size)]
    shown = [place for place in taps if place < MOST - problem.stride]
    count = min(MOST, problem.reach + problem.stride + 2)
    words = _words(problem, len(taps) - len(shown))
    width = LEFT + count * (CELL + GAP) + 10
    body = [*_row("input", TOP, count, {*shown}, "blue"), *_row("output", TOP + 64, 2, {0}, "green")]
    body += _lines(shown, 0, "blue") + _lines([place + problem.stride for place in shown], 1, "rule")
    body += [svg.text(LEFT, HEIGHT - 12, words, size=10, colour="faint")]
    return svg.document(max(width, LEFT + svg.width_of(words, 10) + 10), HEIGHT, "What an output reads", body)


def _words(problem: ConvProblem, cut: int) -> str:
    told = [counted(problem.kernel_size, "tap")]
    told += [f"{problem.dilation} apart"] if problem.dilation > 1 else []
    told += [f"the next output {problem.stride} steps on"] if problem.stride > 1 else []
    told += [f"{counted(problem.up - 1, 'zero')} between two input steps"] if problem.up > 1 else []
    told += [f"{counted(cut, 'tap')} further right not drawn"] if cut else []
    return ", ".join(told)


def _row(name: str, y: float, count: int, lit: set[int], colour: str) -> Iterator[str]:
    yield svg.text(LEFT - 10, y + 12, name, anchor="end", colour="faint")
    for place in range(count):
        x = LEFT + place * (CELL + GAP)
        yield svg.box(x, y, CELL, CELL, fill=colour if place in lit else "fill", edge="rule", radius=2)


def _lines(places: list[int], output: int, colour: str) -> list[str]:
    to = LEFT + output * (CELL + GAP) + CELL / 2
    starts = [LEFT + place * (CELL + GAP) + CELL / 2 for place in places if place < MOST]
    return [svg.line(x, TOP + CELL, to, TOP + 64, colour=colour) for x in starts]
