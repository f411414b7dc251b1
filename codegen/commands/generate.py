"""`gen-conv SPEC`: each layer's C files, written where their bytes differ, or compared with what is on disk."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.commands import planning, reading
from codegen.errors import UsageError
from codegen.terminal import Terminal

if TYPE_CHECKING:
    from codegen.render import GeneratedSource

__all__ = ["arguments", "run"]

EMITTERS = ("c", "pyext", "backward")
WORDS = {"missing": "wrote", "differs": "rewrote", "unchanged": "unchanged"}
DRIFT = {"missing": "missing", "differs": "differs", "unchanged": "up to date"}


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="scalar")
    planning.arguments(parser)
    parser.add_argument("-o", "--output", default="build", metavar="DIR", help="folder to write to; - prints (build)")
    parser.add_argument("--emit", type=emitters, default=("c",), metavar="WHAT", help=f"of {', '.join(EMITTERS)} (c)")
    parser.add_argument("--sliced", action="store_true", help="emit NAME_slice too: a part of the work, for threads")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    parser.add_argument("--diff", action="store_true", help="as --check, and show the difference")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")


def emitters(text: str) -> tuple[str, ...]:
    """The words of `--emit`, each once, in the table's order."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in EMITTERS:
            raise argparse.ArgumentTypeError(f"cannot emit `{word}`: expected a comma list of {', '.join(EMITTERS)}")
    return tuple(word for word in EMITTERS if word in words)


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Generate every layer before the first file is touched; 1 for drift under --check, else 0."""
    compare, printing = options.check or options.diff, options.output == "-"
    if (compare or printing) and "pyext" in options.emit:
        raise UsageError("--emit pyext compiles a file: it goes neither with -o - nor with --check or --diff")
    if compare and printing:
        raise UsageError("--check and --diff compare with files: name their folder with -o DIR, not -o -")
    forward = "c" in options.emit or "pyext" in options.emit
    sources = list(generated(options, terminal)) if forward else []
    texts = [file for source in sources if "c" in options.emit for file in source.files]
    texts += backward(options) if "backward" in options.emit else []
    files = [(Path(options.output) / name, text) for name, text in texts]
    terminal.report["files"] = []
    if printing:
        terminal.result("\n".join(text for _, text in files))
        for path, text in files:
            _report(terminal, Path(path.name), text.encode(), text=text)
    elif compare:
        return _compare(files, options, terminal)
    else:
        _write(files, sources, options, terminal)
    return 0


def generated(options: argparse.Namespace, terminal: Terminal) -> Iterator[GeneratedSource]:
    """The C text of each layer, in the file's order."""
    specs = reading.specs(options)
    arrays = reading.weights(options, specs)
    from codegen import pipeline, planner

    known = planning.wisdom_for(options, planning.requests_for(options, specs, arrays), terminal)
    for spec in specs:
        source = pipeline.generate(
            spec,
            options.target,
            arrays.get(spec.name),
            accuracy=options.accuracy,
            known=known,
            packed=options.packed,
            sliced=options.sliced,
            storage=options.storage,
        )
        terminal.detail(f"{spec.name}: {planner.algorithm(source.plan.algorithm).describe(source.plan)}")
        yield source


def backward(options: argparse.Namespace) -> list[tuple[str, str]]:
    """The files of each layer's gradients."""
    from codegen.gradients import emit

    specs = reading.specs(options)
    return [file for spec in specs for file in emit.files(spec, options.target, options.accuracy)]


def _write(
    files: list[tuple[Path, str]], sources: list[GeneratedSource], options: argparse.Namespace, terminal: Terminal
) -> None:
    from codegen.files import prepare, write_all

    prepare(Path(options.output))
    if files:
        before = write_all([(path, text.encode()) for path, text in files])
        for (path, text), state in zip(files, before, strict=True):
            terminal.say(f"{WORDS[state]} {path}")
            _report(terminal, path, text.encode(), state=state)
    if "pyext" in options.emit:
        from codegen import pyext

        for source in sources:
            path = pyext.build(source, Path(options.output))
            terminal.say(f"built {path}")
            _report(terminal, path, path.read_bytes())


def _compare(files: list[tuple[Path, str]], options: argparse.Namespace, terminal: Terminal) -> int:
    from codegen.files import state

    drift = False
    for path, text in files:
        found = state(path, text.encode())
        drift |= found != "unchanged"
        _report(terminal, path, text.encode(), state=found)
        if not options.diff:
            terminal.say(f"{DRIFT[found]} {path}")
        elif found != "unchanged":
            terminal.result(_difference(path, text))
    return int(drift)


def _difference(path: Path, text: str) -> str:
    """The unified diff from the file on disk to `text`."""
    from difflib import unified_diff

    old = path.read_bytes().decode(errors="replace") if path.exists() else ""
    name = str(path) if path.exists() else "/dev/null"
    return "".join(unified_diff(old.splitlines(True), text.splitlines(True), name, str(path)))


def _report(terminal: Terminal, path: Path, data: bytes, **more: str) -> None:
    found = {"path": str(path), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    terminal.report["files"].append(found | more)


class _Version(argparse.Action):
    """Prints the version; imported only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from codegen import __version__

        print(f"gen-conv {__version__}")
        parser.exit()
