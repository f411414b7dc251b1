"""A live model of Keras 3 or tf.keras as a graph: its config is that of its file, its weights are its attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, plainly
from codegen.interchange.keras_graph import walk
from codegen.interchange.keras_graph.sources import Live
from codegen.interchange.ledger import Ledger
from codegen.interchange.library import base
from codegen.interchange.sketch import Imported
from codegen.interchange.stranger import Item

__all__ = ["drawn"]

ROOTS = ("keras", "tf_keras", "tensorflow")


def drawn(
    model: Any, ledger: Ledger, dtype: str | None, free: bool, example: Any
) -> tuple[Imported, Mapping[str, str]]:
    """The model's graph, and the names of its layers by their paths. Raises ConversionError."""
    cls = base(model, ROOTS, walk.MODELS)
    try:
        config = model.get_config() if cls is not None else {}
        told = json.loads(json.dumps(config, default=lambda value: {"class_name": type(value).__name__}))
    except Exception as error:  # what a stranger's layer raises is a stranger's matter
        raise ConversionError(f"its config cannot be read ({type(error).__name__}: {plainly(error, NAME)})") from None
    if cls is None or not isinstance(told, dict) or "layers" not in told:
        kind = plainly(type(model).__name__, NAME)
        raise ConversionError(f"a {kind} does not say what it computes; expected a Sequential or a functional model")
    word = "Sequential" if cls.__name__ == "Sequential" else "Functional"
    item = Item({"class_name": word, "config": told}, "model")
    return walk.drawn(item, Live(model), ledger, dtype=dtype, free=free)
