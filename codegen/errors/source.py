"""Source: a .conv text and its name; where an offset stands, and how a place is drawn for a reader."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cached_property

from codegen.records import dataclass

MOST_BYTES = 1 << 20  # to read of a file: far beyond what the language takes, which says its own limit
_NEWLINE = re.compile(r"\r\n?|\n")
_WINDOW = 100  # characters of a long line that are drawn
_BEFORE = 40  # of them before the caret


@dataclass(frozen=True, slots=True)
class Span:
    """The characters [start, end) of a source's text."""

    start: int
    end: int


@dataclass(frozen=True)
class Source:
    """A text with the name that errors call it by; lines end in LF, CRLF or CR."""

    name: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """(line, column) of an offset, both from 1; a column is one character, a tab too."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def start(self, number: int) -> int:
        """The offset at which line `number` (from 1) begins; the text's end for one that it does not have."""
        return self._starts[number - 1] if number <= len(self._starts) else len(self.text)

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its end."""
        start, *following = self._starts[number - 1 : number + 1]
        return self.text[start : following[0] if following else len(self.text)].rstrip("\r\n")

    def draw(self, span: Span, label: str) -> str:
        """The span's first line with carets under it and `label` beside them, as rustc draws it."""
        number, column = self.place(span.start)
        text = self.line(number)
        first = column - 1
        last = max(first + 1, min(first + span.end - span.start, len(text)))
        left = max(0, first - _BEFORE) if len(text) > _WINDOW else 0
        right = min(len(text), left + _WINDOW)
        last = min(last, max(right, first + 1))
        head = ("…" if left else "") + visible(text[left:first])
        body = visible(text[first:last])
        tail = visible(text[last:right]) + ("…" if right < len(text) else "")
        gutter = " " * len(str(number))
        carets = " " * width(head) + "^" * max(1, width(body))
        return "\n".join(
            (
                f"{gutter}--> {visible(self.name)}:{number}:{column}",
                f"{gutter} |",
                f"{number} | {head}{body}{tail}".rstrip(),
                f"{gutter} | {carets} {label}".rstrip(),
            )
        )


def visible(text: str) -> str:
    """`text` with tabs as four spaces, and every control, bidi or otherwise unprintable character escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return "    " if char == "\t" else f"\\u{{{ord(char):04x}}}"


def width(text: str) -> int:
    """Columns of a terminal that `text` fills: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
