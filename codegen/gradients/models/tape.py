"""Tape: a model on one batch, forward, with all that the way back needs; and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.errors import ShapeError
from codegen.gradients.models import elementwise, layers
from codegen.gradients.models.moves import MOVES
from codegen.gradients.models.recurrent import with_states
from codegen.graph.calls import Call
from codegen.graph.elementwise import Activate, Arithmetic, Unary
from codegen.graph.graph import Graph, Input
from codegen.numbers import arrays
from codegen.planning.ask import Ask
from codegen.records import dataclass
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.models.pull import Pull

    Array: TypeAlias = NDArray[Any]

__all__ = ["ModelGradients", "Tape", "forward"]

RULES: dict[type, Any] = {
    **MOVES,
    Arithmetic: elementwise.arithmetic,
    Activate: elementwise.activated,
    Unary: elementwise.unary,
}


@dataclass(frozen=True, eq=False)
class ModelGradients:
    """The loss' gradients: `inputs` by name, of their shapes; `layers` by layer and parameter, in Keras' shapes.

    A layer that no output needs has none, nor has what does not train, as the means of a batch normalization.
    """

    inputs: Mapping[str, Array]
    layers: Mapping[str, Mapping[str, Array]]

    @property
    def x(self) -> Array:
        """That by the only input, or the first."""
        return next(iter(self.inputs.values()))


@dataclass(frozen=True, eq=False)
class Tape:
    """`outputs` of a batch by name; `back` takes their gradients to the inputs and the weights."""

    graph: Graph
    outputs: Mapping[str, Array]
    shapes: tuple[tuple[int, ...], ...] = field(repr=False)
    pulls: tuple[Pull | None, ...] = field(repr=False)

    def back(self, dy: Mapping[str, Any]) -> ModelGradients:
        """The gradients of a loss, of its gradients by the outputs; one that is left out is 0. Raises ShapeError."""
        graph, dtype = self.graph, np.dtype(self.graph.dtype)
        found: dict[int, Array] = {}
        if not dy or not dy.keys() <= self.outputs.keys():
            raise ShapeError(f"`{graph.name}`: dy: got {', '.join(dy) or 'none'}, expected {', '.join(self.outputs)}")
        for name, at in graph.outputs:
            if name in dy:
                given = arrays.cast(dy[name], dtype, f"dy of `{name}`")
                if given.shape != self.shapes[at]:
                    raise ShapeError(f"dy: `{name}` has shape {given.shape}, expected {self.shapes[at]}")
                found[at] = found[at] + given if at in found else given
        weights: dict[str, dict[str, Array]] = {}
        for at in reversed(range(len(graph.nodes))):
            node, pull = graph.nodes[at], self.pulls[at]
            if pull is None or at not in found:
                continue
            before, grown = pull(found.pop(at))
            for source, gradient in zip(node.inputs, before, strict=True):
                found[source] = found[source] + gradient if source in found else gradient
            if isinstance(node.op, Call):
                known = weights.setdefault(node.op.layer.name, {})
                for name, gradient in grown.items():
                    known[name] = known[name] + gradient if name in known else np.asarray(gradient, dtype)
        zeros = {name: np.zeros(self.shapes[at], dtype) for name, at in graph.inputs if at not in found}
        inputs = {name: zeros[name] if name in zeros else np.asarray(found[at], dtype) for name, at in graph.inputs}
        return ModelGradients(inputs, {name: weights[name] for name in graph.layers if name in weights})


def forward(graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Mapping[str, Array]], ask: Ask) -> Tape:
    """A graph on a batch of inputs that fit it, of its dtype. Raises SpecError for what has no way back."""
    graph = graph.alive()
    values: list[Array] = []
    pulls: list[Pull | None] = []
    for node in graph.nodes:
        if isinstance(node.op, Input):
            values.append(inputs[node.name])
            pulls.append(None)
            continue
        given = [values[at] for at in node.inputs]
        y, pull = _step(node.op, given, weights, ask)
        values.append(y)
        pulls.append(pull)
    outputs = {name: values[at] for name, at in graph.outputs}
    return Tape(graph, outputs, tuple(value.shape for value in values), tuple(pulls))


def _step(op: Any, given: list[Array], weights: Mapping[str, Mapping[str, Array]], ask: Ask) -> tuple[Array, Pull]:
    if not isinstance(op, Call):
        made: tuple[Array, Pull] = RULES[type(op)](op, given, {})
        return made
    held = weights[op.layer.name]
    if isinstance(op.layer, Spec):
        return layers.convolved(op.layer, given[0], held, ask)
    run: Any = layers.LAYERS[type(op.layer)]
    found: tuple[Array, Pull]
    known: Any = op.layer
    found = run(known, given, held) if len(given) == 1 else with_states(run, known, given, held)
    return found
