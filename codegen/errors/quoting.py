"""Quoting: a stranger's value as a message shows it: short, printable, on one line, and whatever its own words do."""

from __future__ import annotations

from collections.abc import Callable

from codegen.errors.source import visible

MOST = 60  # characters of a value in a message
NAME = 80  # of the name of an array in a stranger's file
PATH = 300  # of a path


def plainly(value: object, most: int = MOST) -> str:
    """As str() has it, at most so long."""
    return _short(value, str, most)


def exactly(value: object, most: int = MOST) -> str:
    """As repr() has it, at most so long."""
    return _short(value, repr, most)


def cut(text: str, most: int = MOST) -> str:
    """The start of the text where it is too long."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _short(value: object, write: Callable[[object], str], most: int) -> str:
    try:
        text = write(value)
        text = text if isinstance(value, str) else " ".join(text.split())  # an array's words fill several lines
    except Exception:  # a whole number of many digits, a list of endless depth, an object that cannot tell of itself
        text = f"<{type(value).__name__}>"
    return cut(visible(cut(text, 4 * most)), most)
