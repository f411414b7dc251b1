"""`gen-conv SPEC`: each layer's C files, written where their bytes differ, or compared with what is on disk."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import building, drift, in_blocks, planning, reading
from codegen.cli.terminal import Terminal
from codegen.errors import UsageError
from codegen.errors.suggest import closest
from codegen.machine import emitted

if TYPE_CHECKING:
    import numpy as np

    from codegen.emission.render import GeneratedSource
    from codegen.gradients.emit import BackwardPlan
    from codegen.graph.graph import Graph
    from codegen.planning.ask import Stream
    from codegen.specs.kinds import Spec

    Arrays = Mapping[str, Mapping[str, np.ndarray]]

__all__ = ["arguments", "run"]

WRAPPED = ("cmake", "arduino", "platformio", "zephyr", "esp-idf", "cmsis-pack")
EMITTERS = ("c", "pyext", "backward", "test", "causal-conv", *WRAPPED)
WORDS = {"missing": "wrote", "differs": "rewrote", "unchanged": "unchanged"}


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="scalar")
    planning.arguments(parser)
    planning.of_stream(parser)
    parser.add_argument("-o", "--output", default="build", metavar="DIR", help="folder to write to; - prints (build)")
    parser.add_argument("--emit", type=emitters, default=("c",), metavar="WHAT", help=f"of {', '.join(EMITTERS)} (c)")
    parser.add_argument("--sliced", action="store_true", help="emit NAME_slice too: a part of the work, for threads")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    parser.add_argument("--diff", action="store_true", help="as --check, and show the difference")
    parser.add_argument("--force", action="store_true", help="overwrite files that gen-conv did not write, too")
    parser.add_argument("--prune", action="store_true", help="remove gen-conv's files of layers that no SPEC has")
    parser.add_argument("--measured", action="store_true", help="build, run in QEMU, and report it in each file's head")
    building.arguments(parser)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")


def emitters(text: str) -> tuple[str, ...]:
    """The words of `--emit`, each once, in the table's order."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in EMITTERS:
            near = closest(word, EMITTERS)
            meant = f"did you mean `{near}`? " if near else ""
            known = ", ".join(EMITTERS)
            raise argparse.ArgumentTypeError(f"cannot emit `{word}`: {meant}expected a comma list of {known}")
    return tuple(word for word in EMITTERS if word in words)


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Generate every layer before the first file is touched; 1 for drift under --check, else 0."""
    compare, printing = options.check or options.diff, options.output == "-"
    _hold_for_files(options, compare, printing)
    building.hold(options)
    blocks = planning.stream_asked(options)
    if blocks and (options.emit != ("c",) or options.wisdom or options.rigor == "measure"):
        raise UsageError("--stream goes neither with --emit nor with --wisdom or --rigor measure: leave them out")
    specs, graphs = reading.definitions(options)
    _hold_for_models(graphs, options)
    arrays = reading.weights(options, reading.layers_of(specs, graphs))
    specs, graphs = building.prefixed((specs, graphs), options.prefix or "")
    texts, sources = _texts((specs, graphs), arrays, options, blocks, terminal)
    emitted.hold_distinct(name for name, _ in texts)
    names = building.owners(options) or [*_names(specs, graphs), *(source.name for source in sources)]
    names += [Path(options.header).stem] if options.header else []
    files = [(Path(options.output) / name, text.encode()) for name, text in texts]
    terminal.report["files"] = []
    if options.list_outputs:
        terminal.result(building.listed(files))
    elif printing:
        terminal.result("\n".join(text for _, text in texts))
        for name, text in texts:
            drift.report(terminal, Path(name), text.encode(), text=text)
    elif compare:
        return drift.compare(files, names, options, terminal)
    else:
        building.hold_places(options, files)
        _write(files, sources, options, terminal)
        _tidy(names, options, terminal)
        for path in building.written(options, files):
            terminal.say(f"wrote {path}")
    return 0


def _texts(
    found: tuple[tuple[Spec, ...], tuple[Graph, ...]],
    arrays: Arrays,
    options: argparse.Namespace,
    blocks: Stream | None,
    terminal: Terminal,
) -> tuple[list[tuple[str, str]], list[GeneratedSource]]:
    """((file name, text), …) of all that is asked for, and the layers' own sources."""
    specs, graphs = found
    of_models, arrays = arrays, building.renamed(arrays, specs, options.prefix or "")
    wrappers = [word for word in options.emit if word in WRAPPED]
    forward = {"c", "pyext", "test", *wrappers} & set(options.emit)
    if "," in options.target:
        sources = list(building.for_targets(specs, graphs, arrays, options))
    else:
        sources = list(generated(specs, arrays, options, terminal)) if forward and not blocks else []
    every: list[GeneratedSource[Any]] = [*sources] if "c" in options.emit else []
    every += in_blocks.streamed(specs, arrays, options, blocks) if blocks else ()
    every += models(graphs, specs, of_models, options, blocks)
    every += backward(specs, options) if "backward" in options.emit else ()
    every += tested(specs, sources, arrays) if "test" in options.emit else ()
    every += in_blocks.causal(specs, arrays, options) if "causal-conv" in options.emit else ()
    texts = building.together(every, options) if options.amalgamate else [file for one in every for file in one.files]
    texts += [file for word in wrappers for file in wrapped(word, sources)]
    texts += [building.umbrella(options.header, texts)] if options.header else []
    return texts, sources


def _hold_for_files(options: argparse.Namespace, compare: bool, printing: bool) -> None:
    """Raises UsageError for what goes with files that are written alone."""
    if (compare or printing) and "pyext" in options.emit:
        raise UsageError("--emit pyext compiles a file: it goes neither with -o - nor with --check or --diff")
    if compare and printing:
        raise UsageError("--check and --diff compare with files: name their folder with -o DIR, not -o -")
    if options.prune and (compare or printing):
        raise UsageError("--prune removes files: it goes neither with -o - nor with --check or --diff")


def _names(specs: Sequence[Spec], graphs: Sequence[Graph]) -> list[str]:
    """What files are named after."""
    return [*(spec.name for spec in specs), *(graph.name for graph in graphs)]


def _hold_for_models(graphs: Sequence[Graph], options: argparse.Namespace) -> None:
    """Raises UsageError for what is asked of models and cannot be had."""
    if not graphs:
        return
    told = f"the model `{graphs[0].name}`"
    if options.emit != ("c",):
        raise UsageError(f"{told} is emitted as C alone: leave --emit out, or take the model out of the file")
    if options.measured:
        raise UsageError(f"--measured is for layers: leave it out, or take {told} out of the file")
    if options.storage != "float32":
        raise UsageError(f"the weights of {told} lie as they are computed with: leave --storage out")


def models(
    graphs: Sequence[Graph],
    specs: Sequence[Spec],
    arrays: Arrays,
    options: argparse.Namespace,
    blocks: Stream | None,
) -> Iterator[GeneratedSource[Any]]:
    """The C text of each model, or of its stream."""
    from codegen import pipeline

    names = _names(specs, graphs)
    for graph in graphs:
        asked = replace(planning.asked(options), sliced=False, stream=blocks)
        with reading.naming(options, graph.name):
            if blocks:
                from codegen.emission.models import stream

                yield stream.emitted(graph, asked, arrays or None, beside=names)
            else:
                yield pipeline.model_emitted(graph, asked, arrays or None, beside=names)


def generated(
    specs: tuple[Spec, ...], arrays: Arrays, options: argparse.Namespace, terminal: Terminal
) -> Iterator[GeneratedSource]:
    """The C text of each layer, in the files' order."""
    from codegen import pipeline
    from codegen.emission.board_facts import in_software

    asks = planning.asks_for(options, specs, arrays)
    known = planning.wisdom_for(options, specs, asks, terminal)
    emit = partial(pipeline.emitted, known=known, beside=[spec.name for spec in specs])
    for spec, ask in zip(specs, asks, strict=True):
        with reading.naming(options, spec.name):
            source = emit(spec, ask, arrays.get(spec.name))
            if options.measured:
                source = emit(spec, ask, arrays.get(spec.name), measured=building.measured(source))
        terminal.detail(f"{spec.name}: {source.plan.describe()}")
        if slow := in_software(source.plan.target, source.plan.problem):
            terminal.warn(f"{spec.name}: {slow}")
        yield source


def wrapped(word: str, sources: Sequence[GeneratedSource]) -> tuple[tuple[str, str], ...]:
    """The files of a build system round the layers."""
    from codegen import exports

    return exports.files(word, sources)


def backward(specs: Sequence[Spec], options: argparse.Namespace) -> Iterator[GeneratedSource[BackwardPlan]]:
    """The C text of each layer's gradients."""
    from codegen.gradients import emit

    ask, names = replace(planning.asked(options), weights="argument"), [spec.name for spec in specs]
    return (emit.emitted(spec, ask, beside=names) for spec in specs)


def tested(specs: Sequence[Spec], sources: Sequence[GeneratedSource], arrays: Arrays) -> Iterator[GeneratedSource]:
    """The golden vectors of each layer."""
    from codegen import pipeline

    return (pipeline.tested(spec, one, arrays.get(spec.name)) for spec, one in zip(specs, sources, strict=True))


def _write(
    files: list[tuple[Path, bytes]], sources: list[GeneratedSource], options: argparse.Namespace, terminal: Terminal
) -> None:
    from codegen.machine.files import prepare

    for folder in dict.fromkeys((Path(options.output), *(path.parent for path, _ in files))):
        prepare(folder)
    if files:
        why = {path: emitted.reasons(path.read_bytes(), data) for path, data in files if path.is_file()}
        for (path, data), was in zip(files, emitted.write(files, force=options.force), strict=True):
            told = f" ({why[path]})" if was == "differs" and path in why else ""
            terminal.say(f"{WORDS[was]} {path}{told}")
            drift.report(terminal, path, data, state=was)
    if "pyext" in options.emit:
        from codegen.machine import extension_module

        for source in sources:
            path = extension_module.build(source, Path(options.output))
            terminal.say(f"built {path}")
            drift.report(terminal, path, path.read_bytes())


def _tidy(names: Sequence[str], options: argparse.Namespace, terminal: Terminal) -> None:
    """Tell of the files of layers that are gone, or remove them."""
    left = emitted.left_over(Path(options.output), names)
    if options.prune:
        for path in left:
            try:
                path.unlink()
            except OSError as error:
                raise UsageError(f"cannot remove `{path}`: {error.strerror}") from None
            terminal.say(f"removed {path}")
        terminal.report["removed"] = [str(path) for path in left]
    elif left:
        terminal.say(
            f"left over {', '.join(map(str, left))}: of no layer of {drift.named(options)}; --prune removes them"
        )
    terminal.report["left_over"] = [str(path) for path in left if not options.prune]


class _Version(argparse.Action):
    """Prints the version; imported only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from codegen import __version__

        print(f"gen-conv {__version__}")
        parser.exit()
