"""Penalties: what a layer's regularizers add to a loss, and their gradients (keras/src/layers/layer.py, `losses`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen.functions import regularizers
from codegen.layers.config import weight_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from codegen.specs.kinds import Spec

    Array = NDArray[Any]


def of_output(spec: Spec, y: Array) -> tuple[float, ...]:
    """The activity regularizer's penalty of an output, divided by the batch; nothing without one."""
    if spec.activity_regularizer is None:
        return ()
    return (float(spec.activity_regularizer(y)) / len(y) if len(y) else 0.0,)


def of_weights(spec: Spec, weights: Mapping[str, Array]) -> list[float]:
    """The penalties of the weights that have a regularizer, in Keras' order."""
    found = [(weight_option(spec, name, "regularizer"), array) for name, array in weights.items()]
    return [float(regularizer(array)) for regularizer, array in found if regularizer is not None]


def output_gradient(spec: Spec, y: Array) -> Array | None:
    """d activity penalty / dy; None without an activity regularizer. Raises SpecError for one without a gradient."""
    if spec.activity_regularizer is None:
        return None
    slopes: Array = regularizers.gradient(spec.activity_regularizer, y) / y.dtype.type(max(len(y), 1))
    return slopes


def weight_gradients(spec: Spec, weights: Mapping[str, Array]) -> dict[str, Array]:
    """d penalty / dw of each weight that has a regularizer. Raises SpecError for one without a gradient."""
    found = {name: weight_option(spec, name, "regularizer") for name in weights}
    return {name: regularizers.gradient(one, weights[name]) for name, one in found.items() if one is not None}
