"""What the command prints: to whom, in which colour, how loudly; and what becomes of a stream that takes nothing."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

from codegen.errors import UsageError

__all__ = ["OutputError", "ReaderGone", "Stream", "Terminal", "coloured", "hold_descriptors"]

RED, BLUE, RESET = "\x1b[1;31m", "\x1b[1;34m", "\x1b[0m"
ACCENTS = (
    (re.compile(r"^((?:gen-conv: )?error(?:\[E\d+\])?)", re.M), RED),
    (re.compile(r"(?<= )(\^+ .*|\^+)$", re.M), RED),
    (re.compile(r"^( *(?:-->|\d+ \||\|))", re.M), BLUE),
)


class OutputError(UsageError):
    """Standard output is closed, full, or on a disk that fails: what was asked for reaches nobody."""


class ReaderGone(BrokenPipeError):
    """Whoever read standard output has gone; another broken pipe, such as a compiler's, is none of this."""


class Stream:
    """A standard stream, None where the process was started without it.

    A write to standard output that fails raises OutputError, and ReaderGone where the reader went away. What
    standard error does not take is lost, as there is no place left to tell it. After a failure all goes to nowhere, so
    that the interpreter's own last flush does not complain.
    """

    def __init__(self, stream: TextIO | None, *, results: bool) -> None:
        self._stream, self._results = stream, results

    def write(self, text: str) -> int:
        with self._told():
            if self._stream is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._told():
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: Python itself closed the stream
            self.silence()
            if not self._results:
                return
            if isinstance(error, BrokenPipeError):
                raise ReaderGone(*error.args) from None
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot write to standard output: {reason}") from None

    def silence(self) -> None:
        """What is still buffered, and all that follows, goes to nowhere."""
        if self._stream is None:
            self._stream = cast(TextIO, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # until the process ends
            return
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def hold_descriptors() -> None:
    """Opens nowhere in place of each closed standard descriptor, so that no file that is opened later takes its number.

    Else a library's message to descriptor 2 would end up in a C file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest free number, this one


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

    def warn(self, text: str) -> None:
        """What a person should look at, though it is no error: on standard error, silenced by -q."""
        if not self.quiet:
            self.complain(f"gen-conv: {text}")

    def detail(self, text: str) -> None:
        """A remark that only -v asks for."""
        if self.verbose:
            self.err.write(text + "\n")

    def complain(self, text: str) -> None:
        """An error, coloured for a terminal, the input's control characters drawn escaped."""
        from codegen.errors.source import visible

        text = "\n".join(map(visible, text.split("\n")))
        if coloured(self.err):
            for pattern, colour in ACCENTS:
                text = pattern.sub(rf"{colour}\1{RESET}", text)
        self.err.write(text + "\n")


def coloured(stream: TextIO) -> bool:
    """Whether to colour: a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()
