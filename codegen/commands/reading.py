"""What every command on a spec reads: the .conv text, a weight file or the initializers' values, the target."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from codegen.commands import COMMANDS
from codegen.errors import UsageError

if TYPE_CHECKING:
    from codegen.specs import Spec

__all__ = ["arguments", "specs", "weights"]

MOST_BYTES = 1 << 20  # far beyond what the language takes, which says its own limit; an endless file ends here


def arguments(parser: argparse.ArgumentParser, *, target: str) -> None:
    """The options that each command on a spec has; `target` is the default one."""
    parser.add_argument("spec", metavar="SPEC", help="a .conv file; - reads standard input")
    parser.add_argument(
        "--target", default=target, metavar="T", help=f"scalar, sse2, avx2, avx512, neon or native (default: {target})"
    )
    parser.add_argument("--weights", metavar="FILE", help="an .npz or .safetensors with LAYER/kernel and LAYER/bias")
    parser.add_argument("--init", action="store_true", help="take the weights that the initializers make")
    parser.add_argument("--seed", type=seed, metavar="N", help="with --init: the seed of initializers that have none")
    parser.add_argument("--strict-keras", action="store_true", help="refuse what Keras itself refuses")
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def seed(text: str) -> int:
    """A seed as NumPy takes it: a whole number from 0 to 2**32 - 1."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 32):
        raise argparse.ArgumentTypeError(f"`{text}` is no seed: expected a whole number from 0 to 2**32 - 1")
    return int(text)


def specs(options: argparse.Namespace) -> tuple[Spec, ...]:
    """The layers of the file, in its order; raises SpecErrors with all that is wrong in it."""
    if options.weights and options.init:
        raise UsageError("--weights and --init exclude each other: weights come from a file or from the initializers")
    if options.seed is not None and not options.init:
        raise UsageError("--seed N says what --init draws: give both or neither")
    from codegen import check

    name = "<stdin>" if options.spec == "-" else options.spec
    return check.read(_bytes(options.spec), name, strict_keras=options.strict_keras)


def _bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MOST_BYTES)
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)
    except IsADirectoryError:
        raise UsageError(f"`{path}` is a folder: name a .conv file in it") from None
    except FileNotFoundError:
        raise UsageError(f"no file `{path}`{_meant(path)}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read `{path}`: {getattr(error, 'strerror', None) or error}") from None


def _meant(path: str) -> str:
    """Did you mean a command, or a .conv file that lies there?"""
    beside: list[str] = []
    with suppress(OSError):
        beside = [name for name in os.listdir(os.path.dirname(path) or ".") if name.endswith(".conv")]
    if word := get_close_matches(path, COMMANDS, 1, 0.7):
        return f": did you mean the command `gen-conv {word[0]}`?"
    if name := get_close_matches(os.path.basename(path), beside, 1, 0.5):
        return f": did you mean `{os.path.join(os.path.dirname(path), name[0])}`?"
    return ": `gen-conv new NAME` writes a .conv file to start from"


def weights(options: argparse.Namespace, layers: tuple[Spec, ...]) -> Mapping[str, Mapping[str, Any]]:
    """Each layer's arrays by name, checked against the specs; empty where the weights are to be C arguments."""
    if not (options.weights or options.init):
        return {}
    from codegen.storage import stored
    from codegen.weights import of_specs

    if options.weights:
        found = of_specs.for_specs(options.weights, layers)
    else:
        found = of_specs.initial(layers, seed=options.seed, repeatable=True)
    for name, arrays in found.items():
        stored(arrays, options.storage, name)  # a weight that it cannot hold is told here, where its layer is known
    return found
