"""The way back through what takes each number, or the channels of a step, by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.graph.elementwise import Activate, Arithmetic, Unary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.models.pull import Pull

    Array: TypeAlias = NDArray[Any]

__all__ = ["activated", "arithmetic", "pulled", "unary"]

NONE: Mapping[str, Any] = {}
HALF = 0.5  # of the gradient goes to each of two equal numbers


def pulled(activation: Activation, dy: Array, z: Array) -> Array:
    """dz of an activation's output gradient, at its argument z."""
    pull = activations.row(activation).pull
    found: Array = pull(dy, z) if pull else dy * activations.derivative(activation, z)
    return found


def activated(op: Activate, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (z,) = xs
    return activations.reference(op.activation, z), lambda dy: ([pulled(op.activation, dy, z)], NONE)


def unary(op: Unary, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    with np.errstate(all="ignore"):
        y = op.reference(xs, weights)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        with np.errstate(all="ignore"):
            return [_UNARY[op.function](dy, x, y)], NONE

    return y, pull


def arithmetic(op: Arithmetic, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """A value of one step for all goes with each step of the other, and of its frames."""
    axes = max(x.ndim for x in xs)
    wide = [x if x.ndim == axes else x[:, None] for x in xs]
    with np.errstate(all="ignore"):
        y = op.reference(wide, weights)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        one = wide[0]
        other = wide[1] if op.number is None else np.asarray(op.number, one.dtype)
        left, right = (other, one) if op.first else (one, other)
        with np.errstate(all="ignore"):
            found = list(_SLOPES[op.operator](dy, left, right, y))
        found = found[::-1] if op.first else found
        return [_gathered(each, x) for each, x in zip(found, xs, strict=False)], NONE

    return y, pull


def _gathered(gradient: Array, x: Array) -> Array:
    """The sum over what x was repeated for."""
    shape = x.shape if x.ndim == gradient.ndim else (x.shape[0], 1, *x.shape[1:])
    summed = tuple(at for at, (a, b) in enumerate(zip(shape, gradient.shape, strict=True)) if a != b)
    made: Array = gradient.sum(axis=summed, keepdims=True).reshape(x.shape) if summed else gradient
    return made


def _chosen(dy: Array, mine: Array, other: Array, y: Array) -> Array:
    """The gradient of the number that a maximum or a minimum took."""
    return np.asarray(dy * np.where(mine == other, dy.dtype.type(HALF), (mine == y).astype(dy.dtype)))


def _most(dy: Array, a: Array, b: Array, y: Array) -> tuple[Array, Array]:
    return _chosen(dy, a, b, y), _chosen(dy, b, a, y)


_UNARY: dict[str, Callable[[Array, Array, Array], Array]] = {
    "sqrt": lambda dy, x, y: dy / (2 * y),
    "log": lambda dy, x, y: dy / x,
    "exp": lambda dy, x, y: dy * y,
    "abs": lambda dy, x, y: dy * np.sign(x),
    "sin": lambda dy, x, y: dy * np.cos(x),
    "cos": lambda dy, x, y: -dy * np.sin(x),
}
_SLOPES = {
    "+": lambda dy, a, b, y: (dy, dy),
    "-": lambda dy, a, b, y: (dy, -dy),
    "*": lambda dy, a, b, y: (dy * b, dy * a),
    "/": lambda dy, a, b, y: (dy / b, -dy * y / b),
    "max": _most,
    "min": _most,
}
