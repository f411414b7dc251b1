"""The way back through the activations that take whole rows, in NumPy: dz from dy, each row by its Jacobian.

Along the last axis, the filters. Sources: dy and z as in functions.activations.rowwise, whose functions these are of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.functions.activations import Activation, curves
from codegen.functions.activations.rowwise import softmax, sparsemax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["dz"]


def dz(activation: Activation, dy: Array, z: Array) -> Array:
    """The gradient before the activation, in float64; `z` is what the activation is taken of."""
    return PULLS[activation.name](dy.astype("float64"), z.astype("float64"))


def _softmax(dy: Array, z: Array) -> Array:
    y = softmax(z)
    found: Array = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return found


def _log_softmax(dy: Array, z: Array) -> Array:
    found: Array = dy - softmax(z) * dy.sum(axis=-1, keepdims=True)
    return found


def _sparsemax(dy: Array, z: Array) -> Array:
    """Those that are above the threshold share what they have together (Martins and Astudillo, equation 14)."""
    above = sparsemax(z) > 0
    mean = (dy * above).sum(axis=-1, keepdims=True) / above.sum(axis=-1, keepdims=True)
    found: Array = above * (dy - mean)
    return found


def _glu(dy: Array, z: Array) -> Array:
    half = z.shape[-1] // 2
    gate = curves.sigmoid(z[..., half:])
    return np.concatenate([dy * gate, dy * z[..., :half] * gate * (1 - gate)], axis=-1)


PULLS: Mapping[str, Callable[[Array, Array], Array]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sparsemax": _sparsemax,
    "glu": _glu,
}
