"""Rescaling: a whole sum times a real factor, rounded to a whole number, in the three ways that int8 models know.

`double`: TensorFlow Lite for Microcontrollers, LiteRT's reference kernels, CMSIS-NN. `single`: CMSIS-NN's option, TFLM
built with TFLITE_SINGLE_ROUNDING. `fp32`: XNNPACK, which LiteRT takes by default. They differ by 1 in few outputs.
Sources: tensorflow/lite/kernels/internal/{quantization_util.cc,common.h}; XNNPACK's qs8-requantization.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["FIXED", "MOST_SHIFT", "fixed_point", "float_factor", "rescaled", "rounded_away"]

FIXED = ("double", "single")
"""The roundings whose factor is a whole number m and a shift: m * 2**(shift - 31); the other's is a float32."""

MOST_SHIFT = 29  # of a factor below 2**29: more would shift the sums out of 64 bits
DROPPED = -31  # a smaller factor is none at all


def fixed_point(factors: Array) -> tuple[Array, Array]:
    """(m, shift) of each real factor, float64: factor = m * 2**(shift - 31), 2**30 <= m < 2**31, or both 0."""
    import numpy as np

    fraction, shift = np.frexp(np.asarray(factors, np.float64))
    m = rounded_away(fraction * 2.0**31)
    full = m == 2**31
    m, shift = np.where(full, m // 2, m), shift.astype(np.int64) + full
    dropped = shift < DROPPED
    return np.where(dropped, 0, m), np.where(dropped, 0, shift)


def float_factor(x: float, weights: Array, y: float) -> Array:
    """The float32 factors of `fp32`, from the scales of input, weights and output: two roundings to float32."""
    import numpy as np

    return np.asarray(np.float32(x) * np.asarray(weights, np.float32) / np.float32(y), np.float32)


def rescaled(sums: Array, rounding: str, *factor: Array) -> Array:
    """`sums`, int64 within int32, times the factor, rounded: int64. The factor is (m, shift), or a float32."""
    return _WAYS[rounding](sums, *factor)


def _double(sums: Array, m: Array, shift: Array) -> Array:
    """A product's upper 32 bits, rounded, ties up; then these shifted right, rounded, ties away from zero."""
    import numpy as np

    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = ((sums << left) * m + (1 << 30)) >> 31
    mask = (np.int64(1) << right) - 1
    return np.asarray((high >> right) + ((high & mask) > (mask >> 1) + (high < 0)))


def _single(sums: Array, m: Array, shift: Array) -> Array:
    """The whole product shifted right once, rounded, ties up."""
    import numpy as np

    total = 31 - shift
    return np.asarray((sums * m + (np.int64(1) << (total - 1))) >> total)


def _fp32(sums: Array, factor: Array) -> Array:
    """The sum as a float32, times the factor in float32, rounded to the nearest, ties to even."""
    import numpy as np

    product = sums.astype(np.float32) * np.asarray(factor, np.float32)
    return np.rint(np.clip(product, -1e9, 1e9)).astype(np.int64)


_WAYS: dict[str, Callable[..., Array]] = {"double": _double, "single": _single, "fp32": _fp32}


def rounded_away(numbers: Array) -> Array:
    """The nearest whole numbers, ties away from zero, as C's round: int64. Infinities become the largest there are."""
    import numpy as np

    found = np.clip(np.asarray(numbers, np.float64), -(2.0**62), 2.0**62)
    whole = np.trunc(found)
    return np.asarray((whole + np.sign(found) * (np.abs(found - whole) >= 0.5)).astype(np.int64))
