"""The reference: what a graph means, in NumPy, one node after another. It is written to be read, not to be fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ShapeError
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["run", "values"]


def run(
    graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Mapping[str, Array]], dtype: str = "float64"
) -> dict[str, Array]:
    """The outputs by name, of a batch of inputs by name, each (batch, steps, channels).

    `weights` are arrays by layer and parameter, in Keras' shapes. `dtype` is float64, longdouble, or int64 where all is
    whole. Raises ShapeError for inputs that do not fit.
    """
    import numpy as np

    names = [name for name, _ in graph.inputs]
    if sorted(inputs) != sorted(names):
        raise ShapeError(f"`{graph.name}`: got inputs {', '.join(inputs)}, expected {', '.join(names)}")
    held = {layer: {name: np.asarray(a, dtype) for name, a in found.items()} for layer, found in weights.items()}
    batch = len(next(iter(inputs.values())))
    found: dict[str, list[Array]] = {name: [] for name, _ in graph.outputs}
    for sample in range(batch):
        made = values(graph, {name: np.asarray(x[sample], dtype) for name, x in inputs.items()}, held)
        for name, at in graph.outputs:
            found[name].append(made[at])
    return {name: np.stack(rows) for name, rows in found.items()}


def values(graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Mapping[str, Array]]) -> list[Array]:
    """What each node makes of one sample, in the type of its inputs."""
    found: list[Array] = []
    for node, shape in zip(graph.nodes, graph.shapes, strict=True):
        if isinstance(node.op, Input):
            x = inputs[node.name]
            if x.ndim != 2 or x.shape[1] != shape.channels or node.op.steps not in (None, x.shape[0]):
                raise ShapeError(f"`{graph.name}`: `{node.name}` is {x.shape}, expected {shape}")
            found.append(x)
            continue
        held = weights.get(node.op.layer.name, {}) if isinstance(node.op, Call) else {}
        found.append(node.op.reference([found[at] for at in node.inputs], held))
    return found
