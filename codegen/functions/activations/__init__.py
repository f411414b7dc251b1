"""Activations: what a definition may name, what it means in NumPy, and how far its C text may be from that.

Names and options are those of keras/src/activations/activations.py: snake_case, and case counts. What is known of each
is one row of table.py, or of rowwise.py if it takes all filters of an output step together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.functions.activations.activation import (
    HOME,
    LINEAR,
    Activation,
    derivative,
    derivative_error,
    error,
    function,
    get,
    reference,
    registered,
    row,
    rows,
    slope,
    ulps,
)
from codegen.functions.activations.row import Derivative, Option, Row
from codegen.functions.activations.rowwise import ROWWISE
from codegen.functions.activations.serial import deserialize, serialize
from codegen.functions.activations.table import ROWS

__all__ = [
    "LINEAR",
    "ROWS",
    "ROWWISE",
    "Activation",
    "Derivative",
    "Option",
    "Row",
    "derivative",
    "derivative_error",
    "deserialize",
    "error",
    "get",
    "reference",
    "registered",
    "row",
    "rows",
    "serialize",
    "slope",
    "ulps",
]


def __getattr__(name: str) -> Callable[..., Any]:
    """Keras' functions by their names, in NumPy: `relu(x, max_value=6.0)`; `activation=activations.relu` in a layer."""
    found = function(name)
    if found is None:
        raise AttributeError(f"module {HOME!r} has no attribute {name!r}")
    return found
