"""Codes: real numbers to the int8 codes that a quantised layer takes, and its codes back to real numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import SpecError
from codegen.numbers import arrays
from codegen.numbers.rescaling import rounded_away
from codegen.problem.requantise import HIGHEST, LOWEST, Grid
from codegen.specs import quantised
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["dequantized", "quantized"]


def quantized(spec: Spec, x: Any) -> Array:
    """clamp(round(x / input_scale) + input_zero_point), int8, halves away from 0; x of any shape.

    Raises SpecError for a layer of floats, ShapeError for what holds no numbers or a NaN.
    """
    grid = _grid(spec, "input")
    found = arrays.cast(x, "float64", "x")
    if np.isnan(found).any():
        raise SpecError("E310", f"`{spec.name}`: a NaN has no int8 code; replace those of x first")
    codes = rounded_away(found.clip(-1e30, 1e30) / grid.scale) + grid.zero_point
    return np.asarray(np.clip(codes, LOWEST, HIGHEST).astype(np.int8))


def dequantized(spec: Spec, y: Any) -> Array:
    """(y - output_zero_point) * output_scale, float32, of int8 codes of any shape. Raises SpecError, ShapeError."""
    grid = _grid(spec, "output")
    codes = arrays.cast(y, "int64", "y")
    return np.asarray(((codes - grid.zero_point) * grid.scale).astype(np.float32))


def _grid(spec: Spec, of: str) -> Grid:
    if not quantised.is_quantised(spec):
        raise SpecError("E310", f"`{spec.name}` computes in {spec.dtype}: codes are for layers of int8")
    return quantised.grid(spec, of)
