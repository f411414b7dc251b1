"""What a build system asks of `gen-conv SPEC`: what it reads and writes, a stamp, names of its own, one header."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codegen.cli.commands import planning, reading
from codegen.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from codegen.emission.board_facts import Measured
    from codegen.emission.render import GeneratedSource
    from codegen.graph.graph import Graph
    from codegen.specs.kinds import Spec

    Layers = tuple[tuple[Spec, ...], tuple[Graph, ...]]

__all__ = [
    "arguments",
    "for_targets",
    "hold",
    "hold_places",
    "listed",
    "measured",
    "owners",
    "prefixed",
    "renamed",
    "together",
    "umbrella",
    "written",
]

Held = TypeVar("Held")

MOST_PREFIX = 64
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ESCAPED = re.compile(r"([\s#\\])")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", type=prefix, metavar="P", help="begin the names of all that is emitted")
    parser.add_argument("--header", type=header, metavar="NAME.h", help="write a header that includes all others, too")
    parser.add_argument("--amalgamate", type=prefix, metavar="NAME", help="write all as one NAME.c and NAME.h")
    parser.add_argument("--depfile", type=Path, metavar="FILE", help="write what was read, as a rule of Make")
    parser.add_argument(
        "--stamp", type=Path, metavar="FILE", help="write this file last, whether others changed or not"
    )
    parser.add_argument("--list-outputs", action="store_true", help="print the files' paths alone, and write none")


def prefix(text: str) -> str:
    """What may begin a name in C. Raises ArgumentTypeError."""
    if len(text) > MOST_PREFIX or not _PREFIX.fullmatch(text):
        told = f"`{text[:MOST_PREFIX]}` begins no name in C: expected a letter, then letters, digits and _"
        raise argparse.ArgumentTypeError(told)
    return text


def header(text: str) -> str:
    """The file name of a header. Raises ArgumentTypeError."""
    if not _PREFIX.fullmatch(text.removesuffix(".h")) or not text.endswith(".h") or len(text) > MOST_PREFIX:
        raise argparse.ArgumentTypeError(f"`{text[:MOST_PREFIX]}`: expected the name of a header alone, as in layers.h")
    return text


def hold(options: argparse.Namespace) -> None:
    """Raises UsageError for what goes with files that are written alone."""
    elsewhere = options.output == "-" or options.check or options.diff
    for word in ("depfile", "stamp", "list_outputs"):
        if getattr(options, word) and elsewhere:
            shown = word.replace("_", "-")
            raise UsageError(f"--{shown} is of files that are written: leave out --check, --diff and -o -")
    if options.amalgamate and ({*options.emit} - {"c", "backward", "causal-conv"} or "," in options.target):
        told = f"--amalgamate {options.amalgamate}: one file holds the C of one target"
        raise UsageError(f"{told}: of --emit c, backward and causal-conv alone, and not of several targets")
    if options.measured and ("," in options.target or options.stream):
        raise UsageError("--measured builds each layer for one microcontroller, whole: one --target, and no --stream")
    if options.list_outputs and (options.depfile or options.stamp or options.prune):
        raise UsageError("--list-outputs writes nothing: leave out --depfile, --stamp and --prune")
    if options.list_outputs and "pyext" in options.emit:
        raise UsageError("--emit pyext names its file by the Python that compiles it: leave out --list-outputs")


def measured(source: GeneratedSource) -> Measured:
    """What is built and run of a layer's files. Raises UsageError, ToolchainError."""
    from codegen.machine import board_figures, boards

    boards.board(source.plan.target)
    if source.plan.weights != "baked":
        raise UsageError(f"--measured: `{source.name}` is built with its weights: give --weights FILE or --init")
    return board_figures.measured(source)


def prefixed(found: Layers, word: str) -> Layers:
    """The layers and models with names that begin so. Raises SpecError for a name that C cannot have."""
    if not word:
        return found
    layers, models = found
    return (
        tuple(replace(spec, name=f"{word}{spec.name}") for spec in layers),
        tuple(replace(graph, name=f"{word}{graph.name}") for graph in models),
    )


def renamed(arrays: Mapping[str, Held], layers: Sequence[Spec], word: str) -> dict[str, Held]:
    """What is known of these layers, by the names that begin so."""
    own = {spec.name: spec.name.removeprefix(word) for spec in layers}
    return {name: arrays[before] for name, before in own.items() if before in arrays}


def together(sources: Sequence[GeneratedSource], options: argparse.Namespace) -> list[tuple[str, str]]:
    """((file name, text), …) of all that is emitted, as one .c and one .h. Raises UsageError where nothing is."""
    from codegen.exports import amalgam

    return list(amalgam.amalgamated(options.amalgamate, sources))


def owners(options: argparse.Namespace) -> list[str]:
    """What the files are named after where they are one; else nothing."""
    return [options.amalgamate] if options.amalgamate else []


def umbrella(name: str, texts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """(name, text) of a header that includes those among the files. Raises UsageError where there is none."""
    from codegen import exports

    inside = [file for file, _ in texts if file.endswith(".h") and "/" not in file]
    if not inside:
        raise UsageError(f"--header {name}: no header is written that it could include")
    return name, exports.umbrella(name, inside)


def for_targets(
    layers: Sequence[Spec],
    models: Sequence[Graph],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    options: argparse.Namespace,
) -> Iterator[GeneratedSource]:
    """The C text of each layer for each of the targets, and of the function that chooses among them."""
    from codegen import pipeline
    from codegen.exports import several

    targets = [word.strip() for word in options.target.split(",")]
    asks = [planning.asked(options, word) for word in targets]
    several.hold(targets)
    if models or options.stream or options.wisdom or options.rigor == "measure" or options.emit != ("c",):
        told = "layers as C alone: leave out models, --stream, --emit, --wisdom and --rigor measure"
        raise UsageError(f"--target {options.target}: several targets are for {told}")
    names = [spec.name for spec in layers]
    for spec in layers:
        with reading.naming(options, spec.name):
            held = arrays.get(spec.name)
            given = asks if held is None else [replace(ask, weights="baked") for ask in asks]
            found = [pipeline.emitted(several.named(spec, ask), ask, held, beside=names) for ask in given]
            yield from (*found, several.chooser(spec, found, names))


def listed(files: Sequence[tuple[Path, bytes]]) -> str:
    """The paths, a line each."""
    return "".join(f"{path}\n" for path, _ in files)


def hold_places(options: argparse.Namespace, files: Sequence[tuple[Path, bytes]]) -> None:
    """Raises UsageError where the rule or the stamp cannot be written, or would take the place of another file."""
    from codegen.machine.files import prepare, state

    taken = {realpath(path): "is written with the C" for path, _ in files}
    taken |= {realpath(path): "is read" for path in _inputs(options)}
    for word in ("depfile", "stamp"):
        path = getattr(options, word)
        if not path:
            continue
        if realpath(path) in taken:
            raise UsageError(f"--{word} {path}: that file {taken[realpath(path)]}: name another one")
        taken[realpath(path)] = f"is the --{word}"
        prepare(path.parent)
        state(path, b"")


def written(options: argparse.Namespace, files: Sequence[tuple[Path, bytes]]) -> Iterator[Path]:
    """Write the rule, and then the stamp, where `hold_places` let them; the paths of what was written."""
    from codegen import __version__
    from codegen.machine.files import write_all

    if options.depfile:
        write_all([(options.depfile, _rule(options, [path for path, _ in files]).encode())])
        yield options.depfile
    if options.stamp:
        write_all([(options.stamp, f"gen-conv {__version__}\n".encode())])
        options.stamp.touch()  # a build system looks at its time alone
        yield options.stamp


def _rule(options: argparse.Namespace, outputs: Sequence[Path]) -> str:
    """Of the stamp where there is one, as its time is that of the last run; else of all files."""
    inputs = " ".join(_escaped(str(path)) for path in _inputs(options))
    targets = [options.stamp] if options.stamp else outputs
    return f"{' '.join(_escaped(str(path)) for path in targets)}: {inputs}\n"


def _inputs(options: argparse.Namespace) -> list[Path]:
    """The files that are read."""
    read = [*(path for path in options.specs if path != "-"), options.weights, options.wisdom]
    return [Path(path) for path in read if path]


def _escaped(path: str) -> str:
    return _ESCAPED.sub(r"\\\1", path).replace("$", "$$")
