"""Files: a model of another tool to a Model that is called on arrays, by the file's suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.errors import ConversionError, GenConvError, SpecError, UsageError
from codegen.errors.quoting import PATH, plainly
from codegen.interchange.nam import reader as nam
from codegen.interchange.sketch import Imported
from codegen.interchange.stranger import LARGEST_JSON, bytes_of, json_of
from codegen.layers.how import How
from codegen.layers.layer import Layer
from codegen.layers.model import Model
from codegen.layers.net import Net, adopt, part_of
from codegen.layers.weights import by_layer

__all__ = ["read"]

ELSEWHERE = {  # what is not read from its file -> the way from there
    (".keras", ".h5", ".hdf5"): "load it with Keras, then codegen.from_keras(model)",
    (".pt", ".pth", ".ckpt", ".bin"): "load it with PyTorch, then codegen.from_torch(module)",
    (".conv",): "codegen.load reads it",
}


def read(path: str | os.PathLike[str], **options: Any) -> Model:
    """The Model in a .nam file: its `nets` are called on (batch, steps, channels), and so is a Model with one of them.

    `options` are those of `codegen.load`: target, accuracy, rigor, threads, storage, optimize. Raises UsageError for a
    file that is not there, ConversionError for one that is none, is damaged, or asks for what is not known here.
    """
    how = How(**options)
    shown, suffix = plainly(path, PATH), Path(path).suffix.lower()
    if suffix not in READERS:
        way = next((way for words, way in ELSEWHERE.items() if suffix in words), f"it reads {', '.join(READERS)}")
        raise UsageError(f"codegen.read: `{shown}` ends in `{plainly(suffix)}`; {way}")
    try:
        return _model(READERS[suffix](Path(path), shown), Path(path).stem, how)
    except ConversionError:
        raise
    except SpecError as wrong:
        raise ConversionError(f"{shown}: {wrong}") from None
    except GenConvError as wrong:
        wrong.add_note(f"in {shown}")
        raise


def _model(found: Imported, name: str, how: How) -> Model:
    layers = {name: layer for graph in found.graphs.values() for name, layer in graph.layers.items()}
    parts = {name: part_of(layer, how) for name, layer in layers.items()}
    named = {f"{layer}/{word}": array for layer, arrays in found.weights.items() for word, array in arrays.items()}
    for layer, arrays in by_layer.for_specs(named, layers.values()).items():
        adopt(parts[layer], arrays)
    nets = {n: Net(graph, {word: parts[word] for word in graph.layers}, how) for n, graph in found.graphs.items()}
    kept = {n: part for n, part in parts.items() if isinstance(part, Layer)}
    return Model(kept, name, nets=nets, notes=found.notes)


def _nam(path: Path, shown: str) -> Imported:
    return nam.imported(json_of(bytes_of(path, LARGEST_JSON), shown), path.stem)


READERS: dict[str, Callable[[Path, str], Imported]] = {".nam": _nam}
