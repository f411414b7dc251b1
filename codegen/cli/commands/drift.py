"""The files of a run beside those on disk: `--check` and `--diff`, and how each is told in the JSON document."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from codegen.cli.terminal import Terminal
from codegen.machine import emitted

__all__ = ["compare", "named", "report"]

DRIFT = {"missing": "missing", "differs": "differs", "unchanged": "up to date"}


def compare(
    files: list[tuple[Path, bytes]], layers: Sequence[str], options: argparse.Namespace, terminal: Terminal
) -> int:
    """1 if a file is missing, differs, or is left over of a layer that is gone."""
    from codegen.machine.files import state

    apart = False
    for path, data in files:
        found = state(path, data)
        apart |= found != "unchanged"
        more = {"reason": emitted.reasons(path.read_bytes(), data)} if found == "differs" else {}
        report(terminal, path, data, state=found, **more)
        if not options.diff:
            terminal.say(f"{DRIFT[found]} {path}" + (f": {more['reason']}" if more else ""))
        elif found != "unchanged":
            terminal.result(_difference(path, data.decode()))
    folder = Path(options.output)
    left = emitted.left_over(folder, layers)
    for path in left:
        if options.diff:
            terminal.result(_difference(path, None))
        else:
            terminal.say(f"left over {path}: of no layer of {named(options)}")
    for path in emitted.unasked(folder, layers, [path for path, _ in files]):
        terminal.warn(f"not checked {path}: --emit c,backward compares it too")
    terminal.report["left_over"] = list(map(str, left))
    return int(apart or bool(left))


def _difference(path: Path, text: str | None) -> str:
    """The unified diff from the file on disk to `text`, to nothing if that is None."""
    from difflib import unified_diff

    old = path.read_bytes().decode(errors="replace") if path.exists() else ""
    before, after = str(path) if path.exists() else "/dev/null", "/dev/null" if text is None else str(path)
    return "".join(unified_diff(old.splitlines(True), (text or "").splitlines(True), before, after))


def report(terminal: Terminal, path: Path, data: bytes, **more: str) -> None:
    import hashlib

    found = {"path": str(path), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    terminal.report["files"].append(found | more)


def named(options: argparse.Namespace) -> str:
    return " or ".join("standard input" if path == "-" else path for path in options.specs)
