"""Folding: statements that repeat, each time with the next number in it, as a loop."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.records import dataclass

__all__ = ["Ref", "Statement", "folded"]

LONGEST = 24  # statements of a loop's body
INDENT = "    "


@dataclass(frozen=True)
class Ref:
    """The member `index` of a family of layers."""

    stem: str
    index: int

    def __str__(self) -> str:
        return f"{self.stem}[{self.index}]"


@dataclass(frozen=True)
class Statement:
    """`head` is all before the value, as `h +=`; the words of the value stand side by side."""

    head: str
    words: tuple[str | Ref, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """What it is but for the numbers of its layers."""
        return (self.head, *(word.stem if isinstance(word, Ref) else f" {word}" for word in self.words))

    @property
    def numbers(self) -> list[int]:
        """The numbers of its layers."""
        return [word.index for word in self.words if isinstance(word, Ref)]

    def drawn(self, index: str = "") -> str:
        """Its text; `index` stands for all numbers of layers."""
        words = (f"{word.stem}[{index or word.index}]" if isinstance(word, Ref) else word for word in self.words)
        return f"{self.head} {''.join(words)}"


def folded(statements: Sequence[Statement], turn: str = "i") -> list[str]:
    """Their lines, with loops where those are shorter; `turn` is the name of a loop's variable."""
    shapes = [statement.shape for statement in statements]
    lines, at = [], 0
    while at < len(statements):
        period, count = _best(statements, shapes, at)
        if not count:
            lines.append(statements[at].drawn())
            at += 1
            continue
        start = next(number for one in statements[at : at + period] for number in one.numbers)
        bounds = f"{start}, {start + count}" if start else f"{count}"
        lines.append(f"for {turn} in range({bounds}) {{")
        lines += [f"{INDENT}{one.drawn(turn)}" for one in statements[at : at + period]]
        lines.append("}")
        at += period * count
    return lines


def _best(statements: Sequence[Statement], shapes: Sequence[tuple[str, ...]], at: int) -> tuple[int, int]:
    """(statements, repetitions) of the loop that begins here and saves most lines; 0 repetitions without one."""
    best, saved = (0, 0), 0
    for period in range(1, min(LONGEST, (len(statements) - at) // 2) + 1):
        count = _repeats(statements, shapes, at, period)
        if count > 1 and period * (count - 1) - 2 > saved:
            best, saved = (period, count), period * (count - 1) - 2
    return best


def _repeats(statements: Sequence[Statement], shapes: Sequence[tuple[str, ...]], at: int, period: int) -> int:
    """How often the `period` statements from here on stand one after another, all their numbers n, n + 1, …"""
    numbers = {number for one in statements[at : at + period] for number in one.numbers}
    if len(numbers) != 1:
        return 0
    first, count = numbers.pop(), 1
    while True:
        start = at + period * count
        if shapes[start : start + period] != shapes[at : at + period]:
            return count
        if any(number != first + count for one in statements[start : start + period] for number in one.numbers):
            return count
        count += 1
