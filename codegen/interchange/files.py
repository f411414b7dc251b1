"""Files: a model of another tool to a Model that is called on arrays, by the file's suffix."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from codegen.errors import ConversionError, GenConvError, SpecError, UsageError
from codegen.errors.quoting import PATH, plainly
from codegen.interchange import rtneural
from codegen.interchange.assembled import assembled
from codegen.interchange.keras_graph import files as keras
from codegen.interchange.ledger import Ledger
from codegen.interchange.nam import reader as nam
from codegen.interchange.onnx_graph import walk as onnx
from codegen.interchange.sketch import Imported
from codegen.interchange.stranger import LARGEST_JSON, bytes_of, json_of
from codegen.interchange.tflite import chain as tflite
from codegen.layers.how import How
from codegen.layers.model import Model

__all__ = ["read"]

ELSEWHERE = {  # what is not read from its file -> the way from there
    (".pt", ".pth", ".ckpt", ".bin"): "load it with PyTorch, then codegen.from_torch(module)",
    (".pt2",): "codegen.from_torch(torch.export.load(file)) reads such programs",
    (".conv",): "codegen.load reads it",
}


def read(
    path: str | os.PathLike[str],
    *,
    skip: Collection[str] = (),
    steps: int | None = None,
    states: bool = False,
    **options: Any,
) -> Model:
    """The Model in a file of another tool: .nam, RTNeural's .json, .onnx, .keras and .h5 of whole models, int8 .tflite.

    Its `nets` take (batch, steps, channels), and so does a Model with exactly one of them. A .tflite has layers alone.
    `skip` names parts, by path, name or class, that then return their input. `steps` is the length of inputs without a
    fixed length in a .keras, .h5 or .onnx: some models fit together for one length alone. With `states`, initial states
    of recurrent layers that are inputs of an .onnx file become inputs here, too, and their final states outputs.
    `options` are those of `codegen.load`: target, accuracy, rigor, threads, storage, optimize. Raises UsageError if
    there is no such file, ConversionError if it is no model, is damaged, or needs something that gen-conv does not
    know. The error lists all such parts, each with its place and what to do.
    """
    how = How(**options)
    shown, suffix = plainly(path, PATH), Path(path).suffix.lower()
    if suffix not in READERS:
        way = next((way for words, way in ELSEWHERE.items() if suffix in words), f"it reads {', '.join(READERS)}")
        raise UsageError(f"codegen.read: `{shown}` ends in `{plainly(suffix)}`; {way}")
    more = _asked(suffix, shown, steps, states)
    try:
        ledger = Ledger(skip)
        found = READERS[suffix](Path(path), shown, ledger, **more)
        ledger.settle()
        return assembled(found, Path(path).stem, how)
    except ConversionError as wrong:
        raise wrong if shown in str(wrong) else ConversionError(f"{shown}: {wrong}") from None
    except SpecError as wrong:
        raise ConversionError(f"{shown}: {wrong}") from None
    except GenConvError as wrong:
        wrong.add_note(f"in {shown}")
        raise


def _asked(suffix: str, shown: str, steps: int | None, states: bool) -> dict[str, Any]:
    """What a reader is told beside the file. Raises UsageError for what it cannot be told."""
    whole = isinstance(steps, int) and not isinstance(steps, bool) and 0 < steps <= MOST_STEPS
    if steps is not None and (suffix not in LENGTHS or not whole):
        way = f"a whole number from 1 to {MOST_STEPS:,}, and a file of {', '.join(LENGTHS)}"
        raise UsageError(f"codegen.read: steps={plainly(steps)} of `{shown}`: expected {way}")
    if states and suffix != ".onnx":
        raise UsageError(f"codegen.read: states={plainly(states)} of `{shown}`: only an .onnx file has some as inputs")
    return ({} if steps is None else {"steps": steps}) | ({"states": True} if states else {})


def _nam(path: Path, shown: str, ledger: Ledger) -> Imported:
    return nam.imported(json_of(bytes_of(path, LARGEST_JSON), shown), path.stem)


LENGTHS = (".keras", ".h5", ".hdf5", ".onnx")  # of files whose inputs may be given a length
MOST_STEPS = 1 << 30
READERS: dict[str, Callable[..., Imported]] = {
    ".nam": _nam,
    ".keras": keras.zipped,
    ".h5": keras.hdf5,
    ".hdf5": keras.hdf5,
    ".tflite": tflite.read,
    ".onnx": onnx.read,
    ".json": rtneural.read,
    ".aidax": rtneural.read,
}
