"""The way back through layers with weights: convolutions by their compiled kernels, the others in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.errors import SpecError
from codegen.functions import activations
from codegen.gradients.backward import backward, way
from codegen.gradients.models import recurrent
from codegen.gradients.models.elementwise import pulled
from codegen.numbers import arrays
from codegen.planning.ask import Ask
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    SimpleRNN,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.models.pull import Pull

    Array: TypeAlias = NDArray[Any]

__all__ = ["LAYERS", "convolved"]


def convolved(layer: Spec, x: Array, weights: Mapping[str, Array], ask: Ask) -> tuple[Array, Pull]:
    """A convolution; frames are so many more samples."""
    _hold_followed(layer)
    samples, steps = prod(x.shape[:-2]), x.shape[-2]
    rows = np.ascontiguousarray(x.reshape(samples, *x.shape[-2:]), layer.dtype)
    p = layer.problem.at_length(None)
    if not samples or p.out_steps(steps) < 1:
        zeros = {name: np.zeros_like(each) for name, each in weights.items()}
        return np.zeros((*x.shape[:-2], p.out_steps(steps), p.out_filters), x.dtype), lambda dy: ([0 * x], zeros)
    kernel, _ = layer.problem_weights(weights)
    found = way(layer.problem, steps, ask)
    z = found.sums(rows, kernel.reshape(found.problem.kernel_shape), [weights.get(name) for name in found.operands])
    own: Any = layer.own_activation
    y = own(z) if own is not None else activations.reference(found.problem.activation, z)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        errors = np.ascontiguousarray(dy.reshape(samples, *dy.shape[-2:]), layer.dtype)
        if own is not None:
            errors = errors * arrays.cast(own.gradient(z), layer.dtype, f"`{layer.name}`: its activation's gradient")
        made = backward(layer, weights, rows, errors, None if own is not None else z, ask=ask)
        return [made.x.reshape(x.shape)], made.weights

    made = np.asarray(y, x.dtype)
    return made.reshape(*x.shape[:-2], *made.shape[-2:]), pull


def _hold_followed(layer: Spec) -> None:
    """Raises SpecError for what has no way back in a model."""
    own = layer.own_activation
    if own is not None and not hasattr(own, "gradient"):
        message = f"`{layer.name}`: its activation {own!r} has no `gradient`, so training cannot follow it"
        raise SpecError("E232", message, hint="give it gradient(z), dy/dz as an array of z's shape")
    if layer.activity_regularizer is not None:
        message = f"`{layer.name}` has an activity_regularizer, which a model's gradients do not follow"
        raise SpecError("E232", message, hint="leave it out, or add its penalty to the loss of an output")


def _dense(layer: Dense, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    z = x @ weights["kernel"]
    z = z + weights["bias"] if layer.use_bias else z

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dz = pulled(layer.activation, dy, z)
        flat = dz.reshape(-1, dz.shape[-1])
        grown = {"kernel": x.reshape(-1, x.shape[-1]).T @ flat}
        return [dz @ weights["kernel"].T], grown | ({"bias": flat.sum(axis=0)} if layer.use_bias else {})

    return activations.reference(layer.activation, z), pull


def _scaled(layer: Any, unit: Array, weights: Mapping[str, Array]) -> Array:
    y = unit * weights["gamma"] if layer.scale else unit
    return y + weights["beta"] if layer.center else y


def _shifts(layer: Any, dy: Array, unit: Array) -> dict[str, Array]:
    """The gradients of gamma and beta, for what is scaled."""
    axes = tuple(range(dy.ndim - 1))
    found = {"gamma": (dy * unit).sum(axis=axes), "beta": dy.sum(axis=axes)}
    return {name: each for name, each in found.items() if (layer.scale if name == "gamma" else layer.center)}


def _batch(layer: BatchNormalization, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """By the means that it has seen, which stay as they are."""
    (x,) = xs
    deviation = np.sqrt(weights["moving_variance"] + x.dtype.type(layer.epsilon))
    unit = (x - weights["moving_mean"]) / deviation

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        slope = weights["gamma"] / deviation if layer.scale else 1 / deviation
        return [dy * slope], _shifts(layer, dy, unit)

    return _scaled(layer, unit, weights), pull


def _normalized(
    layer: Any, x: Array, weights: Mapping[str, Array], axes: tuple[int, ...], groups: tuple[int, ...]
) -> tuple[Array, Pull]:
    """By its own mean and variance over `axes` of x in the shape `groups`."""
    parts = x.reshape(groups)
    mean, variance = parts.mean(axis=axes, keepdims=True), parts.var(axis=axes, keepdims=True)
    deviation = np.sqrt(variance + x.dtype.type(layer.epsilon))
    unit = (parts - mean) / deviation

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        grown = _shifts(layer, dy, unit.reshape(x.shape))
        g = (dy * weights["gamma"] if layer.scale else dy).reshape(groups)
        both = g.mean(axis=axes, keepdims=True) + unit * (g * unit).mean(axis=axes, keepdims=True)
        return [((g - both) / deviation).reshape(x.shape)], grown

    return _scaled(layer, unit.reshape(x.shape), weights), pull


def _each_step(layer: LayerNormalization, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    return _normalized(layer, xs[0], weights, (-1,), xs[0].shape)


def _grouped(layer: GroupNormalization, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    shape = (*x.shape[:-1], layer.groups, x.shape[-1] // layer.groups)
    return _normalized(layer, x, weights, (-3, -1), shape)


def _prelu(layer: PReLU, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    alpha = weights["alpha"]

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        below = np.where(x < 0, dy * x, 0)
        axes = tuple(range(x.ndim - (0 if layer.shared else 1)))
        return [dy * np.where(x < 0, alpha, 1).astype(x.dtype)], {"alpha": below.sum(axis=axes).reshape(alpha.shape)}

    return np.where(x < 0, alpha * x, x), pull


LAYERS: dict[type, Any] = {
    Dense: _dense,
    BatchNormalization: _batch,
    LayerNormalization: _each_step,
    GroupNormalization: _grouped,
    PReLU: _prelu,
    LSTM: recurrent.lstm,
    GRU: recurrent.gru,
    SimpleRNN: recurrent.simple,
}
