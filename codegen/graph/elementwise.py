"""The ops that take each step by itself: arithmetic, activations, roots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import SpecError
from codegen.errors.counting import counted
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.graph.op import Op, demand_alike, misfit
from codegen.graph.shape import Shape
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["OPERATORS", "UNARY", "Activate", "Arithmetic", "Unary"]

OPERATORS = ("+", "-", "*", "/", "max", "min")
UNARY = ("sqrt", "abs", "log", "exp", "sin", "cos")


@dataclass(frozen=True)
class Arithmetic(Op):
    """`operator` between two values, or between one and a `number`; `first`: the number stands on the left.

    Both have the same channels, and as many steps; a value of one step for the whole input goes with any number.
    """

    operator: str
    number: float | None = None
    first: bool = False

    word: ClassVar[str] = "arithmetic"

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise SpecError("E502", f"no operator `{self.operator}`: there are {', '.join(OPERATORS)}")
        if self.number is not None and not isfinite(self.number):
            raise SpecError("E502", f"`{self.operator}` with {self.number}: expected a finite number")

    def shape(self, *shapes: Shape) -> Shape:
        if self.number is not None:
            return shapes[0]
        one, other = shapes
        if one.channels != other.channels:
            hint = "both sides have as many; widen(x, n) adds channels of zeros, repeat(x, n) repeats one"
            raise misfit(f"`{self.operator}` of {one.channels} and of {counted(other.channels, 'channel')}", hint)
        if not (one.is_one or other.is_one):
            demand_alike(self.operator, one, other)
        return other if one.is_one else one

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        one = inputs[0]
        other = inputs[1] if self.number is None else one.dtype.type(self.number)
        made: Array = _FUNCTIONS[self.operator](*((other, one) if self.first else (one, other)))
        return made

    def told(self, names: Sequence[str]) -> str:
        pair = (*names,) if self.number is None else (names[0], f"{self.number:g}")
        if self.first:
            pair = pair[::-1]
        if len(self.operator) > 1:
            return f"{self.operator}({', '.join(pair)})"
        return f" {self.operator} ".join(pair)


def _functions() -> dict[str, Callable[[Any, Any], Any]]:
    from operator import add, mul, sub, truediv

    def most(x: Any, y: Any) -> Any:
        import numpy as np

        return np.maximum(x, y)

    def least(x: Any, y: Any) -> Any:
        import numpy as np

        return np.minimum(x, y)

    return {"+": add, "-": sub, "*": mul, "/": truediv, "max": most, "min": least}


_FUNCTIONS = _functions()


@dataclass(frozen=True)
class Activate(Op):
    """An activation of the table; some take the channels of a step together."""

    activation: Activation

    word: ClassVar[str] = "activation"

    def shape(self, *shapes: Shape) -> Shape:
        row, (given,) = activations.row(self.activation), shapes
        if given.channels % row.shares:
            message = f"`{row.name}` takes {row.shares} channels to one, and is given {given.channels}"
            raise misfit(message, "give it an even number")
        return given.with_channels(given.channels // row.shares)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        return activations.reference(self.activation, inputs[0])

    def told(self, names: Sequence[str]) -> str:
        shown = activations.row(self.activation).options
        given = [
            f"{name}={value}"
            for (name, value), spot in zip(self.activation.options, shown, strict=True)
            if spot.required or value != spot.default
        ]
        return f"{self.activation.name}({', '.join((*names, *given))})"


@dataclass(frozen=True)
class Unary(Op):
    """A function of mathematics that is no activation: one of UNARY."""

    function: str

    word: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        if self.function not in UNARY:
            raise SpecError("E502", f"no function `{self.function}`: there are {', '.join(UNARY)}")

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        made: Array = getattr(np, self.function)(inputs[0])
        return made

    def told(self, names: Sequence[str]) -> str:
        return f"{self.function}({names[0]})"
