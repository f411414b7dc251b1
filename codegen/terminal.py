"""What the command prints: to whom, in which colour, and how loudly."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, TextIO

__all__ = ["Terminal"]

RED, BLUE, RESET = "\x1b[1;31m", "\x1b[1;34m", "\x1b[0m"
ACCENTS = (
    (re.compile(r"^((?:gen-conv: )?error(?:\[E\d+\])?)", re.M), RED),
    (re.compile(r"(?<= )(\^+ .*|\^+)$", re.M), RED),
    (re.compile(r"^( *(?:-->|\d+ \||\|))", re.M), BLUE),
)


@dataclass
class Terminal:
    """Results go to `out`, all else to `err`; with `json` nothing but one JSON document goes to `out`."""

    out: TextIO
    err: TextIO
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    report: dict[str, Any] = field(default_factory=dict)  # the JSON document under way

    def result(self, text: str) -> None:
        """What was asked for: never silenced, kept back only for JSON."""
        if not self.json:
            self.out.write(text if text.endswith("\n") else text + "\n")

    def say(self, text: str) -> None:
        """A remark on what was done: silenced by -q, and by JSON."""
        if not (self.quiet or self.json):
            self.out.write(text + "\n")

    def detail(self, text: str) -> None:
        """A remark that only -v asks for."""
        if self.verbose:
            self.err.write(text + "\n")

    def complain(self, text: str) -> None:
        """An error, coloured for a terminal, the input's control characters drawn escaped."""
        from codegen.source import visible

        text = "\n".join(map(visible, text.split("\n")))
        if coloured(self.err):
            for pattern, colour in ACCENTS:
                text = pattern.sub(rf"{colour}\1{RESET}", text)
        self.err.write(text + "\n")


def coloured(stream: TextIO) -> bool:
    """Whether to colour: a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()
