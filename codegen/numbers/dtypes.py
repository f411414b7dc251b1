"""The element types a kernel computes in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DType:
    """`unit` is the unit roundoff u of the error bound; `suffix` that of a C literal.

    `least` is the least number beside 0, half of which a product may lose to underflow; `largest` the largest.
    """

    name: str
    c: str
    bytes: int
    unit: float
    suffix: str
    least: float
    largest: float


DTYPES = {
    "float32": DType("float32", "float", 4, 2.0**-24, "f", 2.0**-149, (2 - 2.0**-23) * 2.0**127),
    "float64": DType("float64", "double", 8, 2.0**-53, "", 2.0**-1074, (2 - 2.0**-52) * 2.0**1023),
}
