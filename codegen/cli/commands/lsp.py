"""`gen-conv lsp`: a language server for editors, over standard input and output."""

from __future__ import annotations

import argparse
import sys
from typing import BinaryIO, TextIO, cast

from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="what is done anyway, said by many editors")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    try:
        from codegen.cli.language_server import server
    except ImportError as missing:
        if missing.name and missing.name.startswith("codegen"):
            raise
        raise UsageError("the language server needs pygls: pip install 'gen-conv[lsp]'") from None
    if sys.__stdin__ is None or sys.__stdout__ is None:
        raise UsageError("the language server speaks over standard input and output, and one of them is closed")
    with _raw(sys.__stdin__, "rb") as source, _raw(sys.__stdout__, "wb") as sink:
        server().start_io(source, sink)
    return 0


def _raw(stream: TextIO, mode: str) -> BinaryIO:
    """The bytes of a stream that stays open when the server closes its own."""
    return cast(BinaryIO, open(stream.fileno(), mode, closefd=False))
