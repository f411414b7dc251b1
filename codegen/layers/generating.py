"""`codegen.generate`: the C text of a .conv file or its text, layers and models, or of one layer's spec."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codegen.errors import SpecErrors
from codegen.language import reader
from codegen.layers.parts import agreeing
from codegen.layers.weights import by_layer
from codegen.layers.written import content, wanted_of
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.graph.graph import Graph

    Arrays = Mapping[str, NDArray[Any]]

__all__ = ["generate"]


def generate(
    source: Spec | str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, str]:
    """The files of the layers and models of `source`, name → text: what `gen-conv` writes, byte for byte.

    `source` is the path of a .conv file, its text, or a layer's `spec`. `weights` is a .npz or .safetensors file, or a
    mapping with an array for each LAYER/parameter. These become const tables; without them the C functions take the
    weights as arguments. `options` are `target`, `accuracy`, `storage`, `optimize`, `packed`, `sliced`, `emit` ("c",
    "backward", "test", or several), `max_flash` and `max_ram` (bytes), with the command's defaults, and `amalgamate`,
    the name of one .c and .h for all. Raises SpecErrors, WeightsError, PlanError, or UsageError for an unknown option
    or a wrong value.
    """
    wanted = wanted_of(options)
    specs: tuple[Spec, ...] = ()
    graphs: dict[str, Graph] = {}
    if isinstance(source, Spec):
        specs = (source,)
    else:
        found = reader.document(*content(source), baked=weights is not None)
        if found.diagnostics:
            raise SpecErrors(found.diagnostics)
        specs = tuple(layer.spec for layer in found.layers)
        graphs = {model.graph.name: model.graph for model in found.models}
    every = tuple((agreeing(graphs) | {spec.name: spec for spec in specs}).values())
    held: Mapping[str, Arrays] = by_layer.for_specs(weights, every) if weights is not None else {}
    layers = [(spec, held.get(spec.name)) for spec in specs]
    return wanted.texts(layers, [(graph, held or None) for graph in graphs.values()])
