"""The stages of an epilogue that there are: a bias, and an activation of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.functions import activations
from codegen.functions.activations import LINEAR, Activation
from codegen.numbers.formats import Format
from codegen.problem.epilogue import Epilogue, Operand, Plain, Stage
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["BIASED", "Activated", "Added", "Bias", "activation", "ending"]


@dataclass(frozen=True)
class Bias(Stage):
    """A number for each filter, with which its sums begin."""

    name = "bias"
    operands = (Operand("bias", "filter", "b", "biases"),)
    begins = True

    def told(self, total: str) -> str:
        return f"bias[f] + {total}"

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        return sums + operands[0]

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        import numpy as np

        one = np.ones((), sums.dtype)
        return one, one


@dataclass(frozen=True)
class Added(Stage):
    """What lies as y does is added to the sums: another branch of a model."""

    name = "added"
    operands = (Operand("added", "output", "more", "mores"),)

    def told(self, total: str) -> str:
        return f"added[t, f] + {total}"

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        return sums + operands[0]

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        moved: Array = error + held.unit * (abs(y) + error) + held.least
        return moved

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        import numpy as np

        one = np.ones((), sums.dtype)
        return one, one


@dataclass(frozen=True)
class Activated(Stage):
    """An activation of the table; `linear` is none."""

    activation: Activation

    name = "activation"
    exact = False

    @property
    def values(self) -> Plain:
        return str(self.activation)

    @property
    def rowwise(self) -> bool:
        return activations.row(self.activation).rowwise

    @property
    def shares(self) -> int:
        return activations.row(self.activation).shares

    @property
    def is_long(self) -> bool:
        return self.activation.is_long

    @property
    def function(self) -> str:
        return self.activation.name

    @property
    def text(self) -> str:
        return "activations/activation.c.j2"

    @property
    def slope_text(self) -> str:
        return "activations/slope.c.j2"

    @property
    def both_texts(self) -> tuple[str, ...]:
        return ("activations/both.c.j2",)

    def view(self) -> dict[str, object]:
        return {"activation": self.activation}

    def told(self, total: str) -> str:
        return f"{self.activation.name}{' over f of ' if self.rowwise else ''}({total})"

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        return activations.reference(self.activation, sums, held.name)

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        return (activations.derivative(self.activation, sums, held.name),)

    def slope_errors(self, slopes: Sequence[Array], held: Format) -> tuple[Array, ...]:
        return tuple(activations.derivative_error(self.activation, slope, held.name) for slope in slopes)

    def pulled(self, dy: Array, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        pull = activations.row(self.activation).pull
        return (pull(dy, sums),) if pull else super().pulled(dy, sums, operands, held)

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        """The error times the steepest slope, and the activation's own stated error.

        inf and NaN stay what they are; one in a row that is taken together leaves the row without a promise.
        """
        import numpy as np

        known = activations.row(self.activation)
        if known.bound is not None:
            row = np.isfinite(error).all(axis=-1, keepdims=True)
            moved = known.bound(np.where(row, sums, 0), np.where(row, error, 0), held.unit)
            return np.where(row, moved, np.inf)
        sure = np.isfinite(error)
        sums, y, moved = (np.where(sure, array, 0) for array in (sums, y, error))
        slope = activations.slope(self.activation)
        moved = slope * moved if np.isfinite(slope) else self._jump(sums, moved, held)
        moved = moved + activations.error(self.activation, np.abs(y) + moved, held.name)
        return np.where(sure, np.minimum(moved, np.finfo(np.float64).max), error)

    def _jump(self, sums: Array, error: Array, held: Format) -> Array:
        """The same for one that jumps or grows without end: what it moves at most to either end of the interval.

        `error` more, because from a jump to its end it may come back by that: threshold's does. inf where both are.
        """
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            below, y, above = (self.reference(sums + sign * error, (), held) for sign in (-1, 0, 1))
            moved = np.maximum(np.abs(above - y), np.abs(below - y)) + 2 * error
        return np.where(np.isnan(moved), np.inf, moved)


def ending(bias: bool = True, activation: Activation = LINEAR, *, added: bool = False) -> Epilogue:
    """The epilogue of one of Keras' layers: a bias or none, then the activation; between them what is `added`."""
    first: tuple[Stage, ...] = ((Bias(),) if bias else ()) + ((Added(),) if added else ())
    return Epilogue(first if activation == LINEAR else (*first, Activated(activation)))


BIASED = ending()  # as a layer is, where nothing else is said


def activation(epilogue: Epilogue) -> Activation:
    """The activation among the stages, LINEAR where there is none."""
    return next((stage.activation for stage in epilogue.stages if isinstance(stage, Activated)), LINEAR)
