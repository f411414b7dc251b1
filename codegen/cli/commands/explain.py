"""`gen-conv explain E104`: the rule behind an error, a wrong and a right example, and where the rule comes from."""

from __future__ import annotations

import argparse
from difflib import get_close_matches

from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as E104; without a code, all are listed")
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    from codegen.errors.catalogue import CODES

    if options.code is None:
        chosen = list(CODES.values())
        terminal.result("\n".join(f"{entry.code}  {entry.title}" for entry in chosen))
    else:
        code = options.code.upper()
        if code not in CODES:
            raise UsageError(f"no error has the code `{options.code}`{_meant(code, list(CODES))}")
        chosen = [CODES[code]]
        terminal.result(chosen[0].explanation())
    terminal.report["codes"] = [{"code": entry.code, "title": entry.title, "rule": entry.rule} for entry in chosen]
    return 0


def _meant(code: str, known: list[str]) -> str:
    near = get_close_matches(code if code.startswith("E") else f"E{code}", known, 3, 0.5)
    return f": did you mean {' or '.join(near)}?" if near else ": `gen-conv explain` lists all codes"
