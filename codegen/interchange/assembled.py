"""Assembled: graphs and their weights, as an importer found them, to a Model that is called on arrays."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.graph.calls import AnyLayer
from codegen.interchange.sketch import Imported
from codegen.layers.how import How
from codegen.layers.layer import Layer
from codegen.layers.model import Model
from codegen.layers.net import Net
from codegen.layers.parts import adopt, part_of
from codegen.layers.weights import by_layer

__all__ = ["assembled"]


def assembled(
    found: Imported,
    name: str,
    how: How,
    layers: Mapping[str, Layer] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Model:
    """The Model; `layers` are those that were made already, with their weights. Raises WeightsError."""
    specs: dict[str, AnyLayer] = {layer.name: layer for layer in found.chain}
    specs |= {name: layer for graph in found.graphs.values() for name, layer in graph.layers.items()}
    made = dict(layers or {})
    parts = {name: made.get(name) or part_of(layer, how) for name, layer in specs.items()}
    rest = {name: arrays for name, arrays in found.weights.items() if name not in made}
    named = {f"{layer}/{word}": array for layer, arrays in rest.items() for word, array in arrays.items()}
    for layer, arrays in by_layer.for_specs(named, [spec for word, spec in specs.items() if word not in made]).items():
        adopt(parts[layer], arrays)
    nets = {n: Net(graph, {word: parts[word] for word in graph.layers}, how) for n, graph in found.graphs.items()}
    kept = made if layers is not None else {n: part for n, part in parts.items() if isinstance(part, Layer)}
    return Model(kept, name, left_out, nets, found.notes)
