"""`gen-conv fmt FILE…`: .conv files laid out as the examples are, their meaning and their comments as they were."""

from __future__ import annotations

import argparse
import hashlib
from difflib import unified_diff
from pathlib import Path

from codegen.cli.commands import reading
from codegen.cli.terminal import Terminal
from codegen.errors import Diagnostic, SpecErrors, UsageError

__all__ = ["arguments", "run"]

DONE = {"differs": "reformatted", "missing": "wrote", "unchanged": "unchanged"}
DRIFT = {"differs": "differs", "unchanged": "up to date"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help=".conv files; - reads standard input, and prints")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is laid out otherwise")
    parser.add_argument("--diff", action="store_true", help="as --check, and show the difference")
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Lay out every file before the first is touched; 1 for a difference under --check, else 0."""
    if "-" in options.files and len(options.files) > 1:
        raise UsageError("`-` prints what it reads and goes alone: give files in a run of their own")
    compare = options.check or options.diff
    texts = _texts(list(dict.fromkeys(options.files)))
    terminal.report["files"] = []
    for path, (before, after) in texts.items():
        name = "<stdin>" if path == "-" else path
        state = "unchanged" if before == after else "differs"
        told = {"path": name, "bytes": len(after), "sha256": hashlib.sha256(after).hexdigest(), "state": state}
        terminal.report["files"].append(told | ({"text": after.decode()} if path == "-" else {}))
        if options.diff:
            if before != after:
                terminal.result(_difference(name, before, after))
        elif compare:
            terminal.say(f"{DRIFT[state]} {name}")
        elif path == "-":
            terminal.result(after.decode())
    if compare:
        return int(any(before != after for before, after in texts.values()))
    if "-" not in texts:
        _write(texts, terminal)
    return 0


def _texts(paths: list[str]) -> dict[str, tuple[bytes, bytes]]:
    """Each file's bytes, and what they are to be. Raises SpecErrors with all that cannot be read in any of them."""
    from codegen.language import formatter, reader

    found = {}
    wrong: list[Diagnostic] = []
    for path in paths:
        before = reading.content(path)
        try:
            after = formatter.formatted(reader.document(before, "<stdin>" if path == "-" else path))
            found[path] = before, after.encode()
        except SpecErrors as errors:
            wrong += errors.diagnostics
    if wrong:
        raise SpecErrors(wrong)
    return found


def _write(texts: dict[str, tuple[bytes, bytes]], terminal: Terminal) -> None:
    from codegen.machine.files import write_all

    files = [(Path(path), after) for path, (_, after) in texts.items()]
    for (path, _), state in zip(files, write_all(files), strict=True):
        terminal.say(f"{DONE[state]} {path}")


def _difference(name: str, before: bytes, after: bytes) -> str:
    old, new = (text.decode(errors="replace").splitlines(True) for text in (before, after))
    return "".join(unified_diff(old, new, name, name))
