"""Numbers and their nouns in English: 1 step, 2 steps, the 3rd."""

from __future__ import annotations

__all__ = ["about", "counted", "ordinal", "plural", "separated"]

ENDS = {1: "st", 2: "nd", 3: "rd"}


def plural(number: int, noun: str) -> str:
    """The noun as it stands behind the number: `step` behind 1, `steps` behind 0 or 2."""
    return noun if number == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {plural(number, noun)}"


def separated(number: int, noun: str) -> str:
    """`1 byte`, `12,544 bytes`."""
    return f"{number:,} {plural(number, noun)}"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ENDS.get(number % 10, 'th')}"


def about(number: int) -> str:
    """The number with two digits that count: 1234 is `1,200`."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{round(number / unit) * unit:,}"
