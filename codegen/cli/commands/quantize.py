"""`gen-conv quantize SPEC`: layers of floats and samples of their input to layers of int8."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import reading
from codegen.cli.terminal import Terminal
from codegen.errors import UsageError
from codegen.errors.quoting import plainly

if TYPE_CHECKING:
    from codegen.layers.quantise import Quantised

__all__ = ["arguments", "run"]

ROUNDINGS = ("double", "single", "fp32")
MOST_BYTES = 4 << 30  # of calibration: what an archive may unpack to


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="scalar")
    parser.set_defaults(storage="float32")
    parser.add_argument(
        "--calibrate", required=True, metavar="X", help=".npy: input of the first layer; .npz: LAYER/input"
    )
    parser.add_argument("-o", "--output", default="quantised.conv", metavar="Q.conv", help="Q.npz goes beside it")
    parser.add_argument("--range", default="minmax", metavar="R", help="minmax, or percentile=99.9 (minmax)")
    parser.add_argument("--rounding", choices=ROUNDINGS, help="whose bits: double (TFLM), single, fp32 (XNNPACK)")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Writes both files, and tells each layer's error."""
    from codegen.language import quantised_text
    from codegen.layers.quantise import chain, quantised, ranges
    from codegen.layers.weights import by_layer
    from codegen.machine import files
    from codegen.numbers.storage import AS_COMPUTED

    paths = _paths(options)
    specs = reading.specs(options)
    if not (options.weights or options.init):
        raise UsageError("what is to be made int8? give --weights FILE, or --init for the initializers' values")
    whole = next((spec.name for spec in specs if spec.problem.format.whole), None)
    if whole:
        raise UsageError(f"`{whole}` is a layer of int8 already")
    held = ranges.named(options.range)
    inputs = chain.inputs_of(_samples(options.calibrate), specs)
    floats = reading.weights(options, specs)
    made: list[Quantised] = []
    with reading.naming(options):
        for each in quantised([(spec, floats[spec.name]) for spec in specs], inputs, held, options.rounding):
            made.append(each)
            terminal.result(_told(each))
    note = f"int8, by gen-conv quantize: the ranges are {options.range}'s."
    text = quantised_text.text([each.spec for each in made], [note])
    arrays = {each.spec.name: each.arrays for each in made}
    by_layer.save(paths[1], arrays, dict.fromkeys(arrays, AS_COMPUTED))
    files.write_all([(paths[0], text.encode("utf-8"))])
    terminal.report["quantized"] = [
        {"layer": each.spec.name, "alone": _finite(each.alone), "chained": _finite(each.chained)} for each in made
    ]
    terminal.report["path"] = str(paths[0])
    terminal.say(f"wrote {paths[0]} and {paths[1]}")
    return 0


def _paths(options: argparse.Namespace) -> tuple[Path, Path]:
    path = Path(options.output)
    if path.suffix != ".conv":
        raise UsageError(f"`{path}`: expected a name that ends in .conv")
    for one in (path, path.with_suffix(".npz")):
        if one.exists() and not options.force:
            raise UsageError(f"`{one}` is there already and stays as it is: choose another with -o, or say --force")
    return path, path.with_suffix(".npz")


def _finite(decibels: float) -> float | None:
    return decibels if decibels < float("inf") else None


def _told(each: Quantised) -> str:
    chained = f", {each.chained:.1f} dB behind `{each.feeds}`" if each.feeds else ""
    return f"{each.spec.name}  {each.alone:.1f} dB{chained}"


def _samples(path: str) -> Any:
    """The array of a .npy, or the arrays of a .npz by name. Raises UsageError."""
    import zipfile

    import numpy as np

    shown = plainly(path)
    try:
        if Path(path).suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                    raise UsageError(f"`{shown}` unpacks to more than {MOST_BYTES:,} bytes")
            with np.load(path, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UsageError(f"no file `{shown}`") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise UsageError(f"cannot read `{shown}` as .npy or .npz: {plainly(error)}") from None
    if not isinstance(found, np.ndarray):
        raise UsageError(f"`{shown}` holds several arrays: name it .npz")
    return found
