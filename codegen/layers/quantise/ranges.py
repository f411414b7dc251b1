"""Ranges: which real numbers the int8 codes of a tensor stand for, told by those that were seen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import UsageError
from codegen.errors.quoting import plainly
from codegen.numbers.rescaling import rounded_away
from codegen.problem.requantise import HIGHEST, LOWEST, Grid
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["FIXED", "MINMAX", "Range", "grid", "named"]

STEPS = HIGHEST - LOWEST
LEAST_SCALE = 1e-30  # of a tensor that is 0 throughout, or nearly

FIXED: dict[str, Grid] = {"tanh": Grid(1 / 128, 0), "sigmoid": Grid(1 / 256, LOWEST)}
"""The codes of activations between known ends, as TensorFlow Lite demands them."""


@dataclass(frozen=True)
class Range:
    """How much of a tensor's numbers lies within its range: `percent` of them at each end, all for 100."""

    percent: float = 100.0

    def grid(self, numbers: Array) -> Grid:
        """The codes for numbers like these. 0.0 has a code of its own."""
        if self.percent < 100:
            low, high = np.percentile(numbers, [100 - self.percent, self.percent])
        else:
            low, high = numbers.min(initial=0.0), numbers.max(initial=0.0)
        return grid(float(low), float(high))


MINMAX = Range()


def named(word: str) -> Range:
    """`minmax`, or `percentile=P` with P from 50 to 100. Raises UsageError."""
    name, _, number = word.partition("=")
    if word == "minmax":
        return MINMAX
    try:
        percent = float(number)
    except ValueError:
        percent = 0.0
    if name == "percentile" and 50 < percent <= 100:
        return Range(percent)
    raise UsageError(f"no range `{plainly(word)}`: expected minmax, or percentile=99.9 with a number from 50 to 100")


def grid(low: float, high: float) -> Grid:
    """The codes from `low` to `high`, 0.0 among them; the scale is a float32."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = as_float32(max((high - low) / STEPS, LEAST_SCALE))
    zero = int(rounded_away(np.asarray(LOWEST - low / scale)))
    return Grid(scale, min(max(zero, LOWEST), HIGHEST))


def as_float32(number: float) -> float:
    """The number of fewest digits whose float32 is the nearest to it."""
    return float(str(np.float32(number)))
