"""`gen-conv import FILE`: a model of another tool as a .conv file that people read, and its weights as .safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a model: .nam, .json, .aidax, .onnx, .keras, .h5, .tflite")
    parser.add_argument("-o", "--output", metavar="NAME.conv", help="the file to write (default: FILE's stem)")
    parser.add_argument(
        "--skip", action="append", default=[], metavar="PART", help="a part, by name or class, that passes its input on"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="the length of inputs that have any there (.keras, .h5, .onnx)"
    )
    parser.add_argument(
        "--states", action="store_true", help="first states that are inputs of an .onnx file are inputs here, too"
    )
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Writes both files; raises UsageError where one of them is there already."""
    from codegen import interchange
    from codegen.machine import files

    model = interchange.read(options.file, skip=options.skip, steps=options.steps, states=options.states)
    path = Path(options.output or f"{Path(options.file).stem}.conv")
    if path.suffix != ".conv":
        raise UsageError(f"`{path}`: expected a name that ends in .conv")
    weights = path.with_suffix(".safetensors" if model.nets else ".npz")
    for one in (path, weights):
        if one.exists() and not options.force:
            raise UsageError(
                f"`{one}` is there already and stays as it is: choose another name with -o, or say --force"
            )
    model.save_weights(weights)
    files.write_all([(path, model.to_conv().encode("utf-8"))])
    terminal.say(f"wrote {path} and {weights}; `gen-conv {path} --weights {weights}` makes C of them")
    terminal.report["path"] = str(path)
    return 0
