"""Requantise: what becomes of whole sums before they are int8 outputs; a stage of an epilogue, and its tables.

y = table[clamp(rescaled(sum) + zero_point)]        the table only where the activation is no clamp
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.errors import PlanError
from codegen.functions import activations
from codegen.functions.activations import LINEAR, Activation
from codegen.numbers import rescaling
from codegen.numbers.formats import Format
from codegen.numbers.rescaling import FIXED, rounded_away
from codegen.problem.epilogue import Operand, Plain, Stage
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CLAMPS", "HIGHEST", "LOWEST", "Grid", "Requantise", "clamp", "needs_table", "requantise", "table"]

LOWEST = -128
HIGHEST = 127

MULTIPLIER = Operand("multiplier", "filter", "m", "multipliers", factor=True, held_in="int32")
SHIFT = Operand("shift", "filter", "by", "shifts", factor=True, held_in="int8")
FACTOR = Operand("factor", "filter", "by", "factors", factor=True, held_in="float32")


@dataclass(frozen=True)
class Grid:
    """The real numbers that int8 codes stand for: (code - zero_point) * scale."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Requantise(Stage):
    """Sums rescaled by a factor a filter, moved to `zero_point`, held to [low, high]; then looked up, if so said.

    `table` holds an output for each code from -128 on. `rounding` is a word of numbers.rescaling.
    """

    zero_point: int
    low: int
    high: int
    rounding: str
    table: tuple[int, ...] = ()

    name = "requantise"
    exact = False

    def __post_init__(self) -> None:
        if not LOWEST <= self.low <= self.high <= HIGHEST or len(self.table) not in (0, HIGHEST - LOWEST + 1):
            raise PlanError(f"an int8 output cannot be held to [{self.low}, {self.high}], table of {len(self.table)}")

    @property
    def operands(self) -> tuple[Operand, ...]:  # type: ignore[override]  # those that its rounding has
        return (MULTIPLIER, SHIFT) if self.rounding in FIXED else (FACTOR,)

    @property
    def values(self) -> Plain:
        return self.zero_point, self.low, self.high, self.rounding, self.table

    def told(self, total: str) -> str:
        zero = f" {'-' if self.zero_point < 0 else '+'} {abs(self.zero_point)}" if self.zero_point else ""
        moved = f"clamp({self.rounding}(({total}) * scale[f]){zero}, {self.low}, {self.high})"
        return f"table[{moved}]" if self.table else moved

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        import numpy as np

        codes = np.clip(rescaling.rescaled(sums, self.rounding, *operands) + self.zero_point, self.low, self.high)
        return np.asarray(np.asarray(self.table, np.int64)[codes - LOWEST] if self.table else codes)

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        """Nothing: whole numbers are right to the bit."""
        import numpy as np

        return np.zeros_like(error)


def clamp(activation: Activation, to: Grid) -> tuple[int, int] | None:
    """(low, high) of the codes that the activation leaves; None for one that is no clamp."""
    found = CLAMPS.get(activation.name) if activation.is_plain else None
    if found is None:
        return None
    least, most = (None if end is None else to.zero_point + _steps(end, to.scale) for end in found)
    low = LOWEST if least is None else min(HIGHEST, max(LOWEST, least))
    return low, HIGHEST if most is None else max(low, min(HIGHEST, most))


def _steps(end: float, scale: float) -> int:
    """A real number in steps of the scale, divided in float32 as TensorFlow Lite does."""
    import numpy as np

    return int(rounded_away(np.asarray(np.float32(end) / np.float32(scale))))


CLAMPS: dict[str, tuple[float | None, float | None]] = {
    "linear": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
}
"""The activations that leave real numbers between two ends, None for no end, as they are."""


def needs_table(activation: Activation) -> bool:
    """Whether it is looked up by the code of the sum, which so needs a grid of its own."""
    return activation.name not in CLAMPS or not activation.is_plain


def table(activation: Activation, of: Grid, to: Grid) -> tuple[int, ...]:
    """The output's code for each code of the sum. Raises PlanError where the activation is no number there."""
    import numpy as np

    codes = np.arange(LOWEST, HIGHEST + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        y = activations.reference(activation, (codes - of.zero_point) * of.scale, "float64")
    if np.isnan(y).any():
        raise PlanError(
            f"{activation} is not a number at {float(((codes - of.zero_point) * of.scale)[np.isnan(y)][0]):g}"
        )
    return tuple(np.clip(rounded_away(y / to.scale) + to.zero_point, LOWEST, HIGHEST).tolist())


def requantise(to: Grid, rounding: str, activation: Activation = LINEAR, sums: Grid | None = None) -> Requantise:
    """The stage of a layer whose output lies on the grid `to`; `sums` is that of what a table is looked up by."""
    if needs_table(activation):
        if sums is None:
            raise PlanError(f"{activation} is looked up in a table, which needs the grid of the sums")
        return Requantise(sums.zero_point, LOWEST, HIGHEST, rounding, table(activation, sums, to))
    found = clamp(activation, to)
    assert found is not None
    return Requantise(to.zero_point, *found, rounding)
