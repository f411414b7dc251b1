"""What an optimizer changes: a layer, or the layers of a model; its gradients, held to its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.errors import ShapeError
from codegen.layers import penalties
from codegen.layers.config import weight_option
from codegen.layers.layer import Layer
from codegen.layers.net import Net
from codegen.layers.parts import Part
from codegen.numbers import arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Trained", "constrained", "forward", "gradients_of", "parts_of"]

Trained: TypeAlias = "Layer | Part"


def forward(trained: Layer | Net, x: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The output, and what takes its gradient back to the gradients of all weights."""
    if isinstance(trained, Net):
        return trained.forward(x)
    layer, y = trained, _output(trained, x)

    def back(dy: Any) -> Any:
        pull = penalties.output_gradient(layer.spec, y)
        return layer.gradients(x, dy if pull is None else arrays.cast(dy, y.dtype, "dy") + pull)

    return y, back


def _output(layer: Layer, x: Any) -> Any:
    """What the layer makes of x in a step that changes its weights; of a known length by a plan that counts packing."""
    alone = type(x) is np.ndarray and layer._plain and layer._how.threads == 1
    if not alone or layer.spec.steps is None or layer.spec.problem.format.whole:
        return layer(x)
    problem = layer.spec.problem
    if not problem.stages[-1].epilogue.linear or x.ndim != 3 or not x.size:
        return layer(x)  # which raises, or ends with more than sums
    from codegen.gradients import backward

    x = arrays.taken(x, layer._dtype, "auto", layer._axes, layer.name)
    layer._out_shape(layer._problem_for(x), x.shape)
    return backward.forward(layer.spec, layer._made().arrays, x, layer._how.training)


def parts_of(trained: Layer | Net, gradients: Any) -> list[tuple[Trained, Any]]:
    """The layers to be changed by these gradients, each with its own."""
    found: list[tuple[Trained, Any]] = [(trained, gradients)] if isinstance(trained, Layer) else []
    if isinstance(trained, Net):
        parts, given = trained.parts, getattr(gradients, "layers", gradients)
        if not isinstance(given, Mapping) or not given.keys() <= parts.keys():
            got = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            told = f"gradients: got {got}, expected what net.gradients(x, dy) returns, or a mapping of layers"
            raise ShapeError(told)
        found = [(parts[name], one) for name, one in given.items()]
    return [(part, given) for part, given in found if part.trainable]


def gradients_of(part: Trained, gradients: Any, held: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients of the weights that train, their penalties' among them, each in its weight's dtype.

    Raises ShapeError for one of another shape, SpecError for a regularizer without a gradient.
    """
    given = {name: _gradient(gradients, name, array) for name, array in held.items() if name not in part._fixed}
    if isinstance(part, Layer):
        for name, penalty in penalties.weight_gradients(part.spec, held).items():
            given[name] = given[name] + penalty
    return given


def _gradient(gradients: Any, name: str, weight: Array) -> Array:
    """One gradient in its weight's dtype. Raises ShapeError where it is missing or has another shape."""
    given = gradients.get(name) if isinstance(gradients, Mapping) else getattr(gradients, name, None)
    if given is None:
        raise ShapeError(f"gradients: none for `{name}`; pass what layer.gradients(x, dy) returns, or a mapping")
    array = arrays.cast(given, weight.dtype, f"gradients: `{name}`")
    if array.shape != weight.shape:
        raise ShapeError(f"gradients: `{name}` has shape {array.shape}, expected {weight.shape}, its weight's")
    return array


def constrained(part: Trained, name: str, weight: Array) -> Array:
    """The weight as its constraint leaves it. Raises ShapeError for a constraint that changes the shape."""
    constraint = weight_option(part.spec, name, "constraint") if isinstance(part, Layer) else None
    if constraint is None:
        return weight
    found = np.array(arrays.cast(constraint(weight), weight.dtype, f"`{part.name}/{name}`: what its constraint made"))
    if found.shape != weight.shape:
        raise ShapeError(f"`{part.name}/{name}`: its constraint made shape {found.shape}, expected {weight.shape}")
    return found
