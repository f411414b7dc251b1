"""What every command on specs reads: the .conv texts, a weight file or the initializers' values, the target."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import COMMANDS
from codegen.errors import Diagnostic, PlanError, SpecErrors, UsageError, WeightsError
from codegen.errors.source import MOST_BYTES
from codegen.errors.suggest import closest

if TYPE_CHECKING:
    from codegen.graph.calls import AnyLayer
    from codegen.graph.graph import Graph
    from codegen.specs.kinds import Spec

__all__ = ["arguments", "content", "definitions", "files", "layers_of", "naming", "specs", "weights"]


def arguments(parser: argparse.ArgumentParser, *, target: str) -> None:
    """The options of a command on specs and their weights; `target` is the default one."""
    files(parser, target=target)
    parser.add_argument("--weights", metavar="FILE", help="an .npz or .safetensors with LAYER/kernel and LAYER/bias")
    parser.add_argument("--init", action="store_true", help="take the weights that the initializers make")
    parser.add_argument("--seed", type=seed, metavar="N", help="with --init: the seed of initializers that have none")


def files(parser: argparse.ArgumentParser, *, target: str) -> None:
    """The options that each command on specs has; `target` is the default one."""
    parser.set_defaults(weights=None, init=False, seed=None)
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=".conv files; - reads standard input")
    parser.add_argument(
        "--target",
        default=target,
        metavar="T",
        help=f"scalar, sse2, avx2, avx512, zen4, neon, cortex-m0 to m55, native (default: {target})",
    )
    parser.add_argument("--strict-keras", action="store_true", help="refuse what Keras itself refuses")
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def seed(text: str) -> int:
    """A seed as NumPy takes it: a whole number from 0 to 2**32 - 1."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 32):
        raise argparse.ArgumentTypeError(f"`{text}` is no seed: expected a whole number from 0 to 2**32 - 1")
    return int(text)


def specs(options: argparse.Namespace, *, tables: bool = True) -> tuple[Spec, ...]:
    """The layers of all files as `definitions` reads them. Raises UsageError where there are models alone."""
    found, _ = definitions(options, tables=tables)
    if not found:
        raise UsageError("these files have models alone, and this command is for layers: `gen-conv SPEC` emits both")
    return found


def definitions(options: argparse.Namespace, *, tables: bool = True) -> tuple[tuple[Spec, ...], tuple[Graph, ...]]:
    """The layers and the models of all files, in their order; each file is read once, as a pipe gives its text once.

    `tables`: weights that are given become const tables in C, which not every kernel may be. Raises SpecErrors with all
    that is wrong in the files, UsageError for two files with a layer of one name.
    """
    if options.weights and options.init:
        raise UsageError("--weights and --init exclude each other: weights come from a file or from the initializers")
    if options.seed is not None and not options.init:
        raise UsageError("--seed N says what --init draws: give both or neither")
    if options.specs.count("-") > 1:
        raise UsageError("`-` is there twice, but standard input can be read only once")
    from codegen.language import reader

    baked = tables and bool(options.weights or options.init)
    texts = [(path, content(path)) for path in options.specs]
    layers: list[tuple[str, Spec]] = []
    models: list[tuple[str, Graph]] = []
    wrong: list[Diagnostic] = []
    for path, text in texts:
        name = "<stdin>" if path == "-" else path
        read = reader.document(text, name, strict_keras=options.strict_keras, baked=baked)
        wrong += read.diagnostics
        layers += [(name, layer.spec) for layer in read.layers]
        models += [(name, model.graph) for model in read.models]
    if wrong:
        raise SpecErrors(wrong)
    _hold_names([*layers, *models])
    return tuple(spec for _, spec in layers), tuple(graph for _, graph in models)


def _hold_names(found: Sequence[tuple[str, Spec | Graph]]) -> None:
    """Raises UsageError where layers of two files would be written to the same file; case does not tell two apart."""
    places: dict[str, str] = {}
    for path, spec in found:
        other = places.setdefault(spec.name.casefold(), path)
        if other != path:
            way = "rename one, or give each spec a folder of its own with -o"
            raise UsageError(f"`{other}` and `{path}` both have a layer `{spec.name}`: {way}")


def content(path: str) -> bytes:
    """The bytes of a file, - being standard input: as many as tell that it is too large. Raises UsageError."""
    if path == "-":
        return _standard_input()
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)
    except IsADirectoryError:
        raise UsageError(f"`{path}` is a folder: name a .conv file in it") from None
    except FileNotFoundError:
        raise UsageError(f"no file `{path}`{_meant(path)}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read `{path}`: {getattr(error, 'strerror', None) or error}") from None


def _standard_input() -> bytes:
    way = "name a .conv file, or send its text: gen-conv - < net.conv"
    if sys.stdin is None:
        raise UsageError(f"cannot read standard input, which is closed: {way}")
    try:
        text: bytes | None = sys.stdin.buffer.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read standard input: {getattr(error, 'strerror', None) or error}: {way}") from None
    if text is None:  # a pipe that does not block
        raise UsageError(f"cannot read standard input, which has nothing yet and does not wait: {way}")
    return text


def _meant(path: str) -> str:
    """Did you mean a command, or a .conv file that lies there? A bare word is taken for an attempt at a command."""
    if near := closest(path, COMMANDS):
        return f": did you mean the command `gen-conv {near}`?"
    if near := _beside(path, ".conv"):
        return f": did you mean `{near}`?"
    if path.isidentifier():
        return f", and no command of that name: there are {', '.join(COMMANDS)}; a .conv file is given with its suffix"
    return ": `gen-conv new NAME` writes a .conv file to start from"


def _beside(path: str, *suffixes: str) -> str | None:
    """The path of a file in the same folder whose name was probably meant."""
    folder, wanted = os.path.split(path)
    names: list[str] = []
    with suppress(OSError, ValueError):
        names = [name for name in sorted(os.listdir(folder or ".")) if name.endswith(suffixes)]
    known = {name: name for name in names}
    if not os.path.splitext(wanted)[1]:
        known = {os.path.splitext(name)[0]: name for name in names}
    near = closest(wanted, known)
    return os.path.join(folder, known[near]) if near else None


def layers_of(specs: Sequence[Spec], graphs: Sequence[Graph]) -> tuple[AnyLayer, ...]:
    """All layers whose weights are read, those of models alone among them, each once.

    Raises WeightsError where two models give one layer other channels.
    """
    if not graphs:
        return tuple(specs)
    from codegen.layers.parts import agreeing

    found = agreeing({graph.name: graph for graph in graphs})
    return tuple((found | {spec.name: spec for spec in specs}).values())


def weights(options: argparse.Namespace, layers: Sequence[AnyLayer]) -> Mapping[str, Mapping[str, Any]]:
    """Each layer's arrays by name, checked against the specs; empty where the weights are to be C arguments.

    Raises UsageError for a file that cannot be read, WeightsError for one that does not fit.
    """
    if not (options.weights or options.init):
        return {}
    from codegen.layers.weights import by_layer
    from codegen.numbers.storage import stored

    if options.weights:
        _hold_readable(options.weights)
    with naming(options):
        if options.weights:
            found = by_layer.for_specs(options.weights, layers)
        else:
            found = by_layer.initial(layers, seed=options.seed, repeatable=True)
        for name, arrays in found.items():
            stored(arrays, options.storage, name)  # what it cannot hold is told here, where the layer is known
    return found


@contextmanager
def naming(options: argparse.Namespace, layer: str = "") -> Iterator[None]:
    """A WeightsError of what stands inside tells the file and the layer, as it may know the array alone; a PlanError
    the layer.
    """
    try:
        yield
    except PlanError as wrong:
        told = str(wrong)
        raise PlanError(told if f"`{layer}`" in told or not layer else f"`{layer}`: {told}") from None
    except WeightsError as wrong:
        told = str(wrong)
        place = f"layer `{layer}`: " if layer and f"`{layer}" not in told else ""
        source = f"{options.weights}: " if options.weights and options.weights not in told else ""
        raise WeightsError(f"{source}{place}{told}") from None


def _hold_readable(path: str) -> None:
    """Raises UsageError for a weight file that is not there, is no file, or may not be read."""
    from codegen.layers.weights import SUFFIXES

    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        near = _beside(path, *SUFFIXES)
        way = f"did you mean `{near}`?" if near else "codegen.weights.save writes one, and so does model.save_weights"
        raise UsageError(f"no weight file `{path}`: {way}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read `{path}`: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"`{path}` is no regular file: weights are read in any order, so give a file on a disk")
    if not os.access(path, os.R_OK):
        raise UsageError(f"cannot read `{path}`: {os.strerror(13)}")
