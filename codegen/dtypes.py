"""The element types a kernel computes in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DType:
    """`unit` is the unit roundoff u of the error bound; `suffix` that of a C literal."""

    name: str
    c: str
    bytes: int
    unit: float
    suffix: str


DTYPES = {
    "float32": DType("float32", "float", 4, 2.0**-24, "f"),
    "float64": DType("float64", "double", 8, 2.0**-53, ""),
}
