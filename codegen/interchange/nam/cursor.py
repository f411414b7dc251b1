"""Cursor: the flat weights of a .nam, taken in the order in which NAM Core takes them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.interchange.stranger import Item

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Cursor"]


class Cursor:
    """What is left of the numbers at a place of the file."""

    def __init__(self, item: Item) -> None:
        found = item.numbers()
        if found.ndim != 1:
            raise item.wrong("expected one list of numbers")
        self._numbers, self._place, self._at = found, item.place, 0

    def take(self, what: str, *shape: int) -> Array:
        """The next ones as float32 of that shape, C order. Raises ConversionError where too few are left."""
        import numpy as np

        count = prod(shape)
        left = len(self._numbers) - self._at
        if count > left:
            told = f"{len(self._numbers):,} numbers; {what} needs {count:,} more where {left:,} are left"
            raise ConversionError(f"{self._place}: got {told}: truncated, or its config is of another model")
        taken = self._numbers[self._at : self._at + count].reshape(shape)
        self._at += count
        with np.errstate(over="ignore"):
            made: Array = taken.astype("float32")
        if not np.isfinite(made).all():
            raise ConversionError(f"{self._place}: {what} holds a number beyond float32's")
        return made

    def number(self, what: str) -> float:
        """The next one: of those that are the same float32 the shortest to write. Raises ConversionError."""
        return float(str(self.take(what, 1)[0]))

    def kernel(self, what: str, taps: int, channels: int, filters: int, groups: int = 1) -> Array:
        """A convolution's, in Keras' shape: they lie as (filters, channels/groups, taps). Raises ConversionError."""
        if channels % groups or filters % groups:
            told = f"groups = {groups}, which does not divide {channels} channels and {filters} filters"
            raise ConversionError(f"{what}: got {told}")
        return self.take(what, filters, channels // groups, taps).transpose(2, 1, 0)

    def demand_end(self) -> None:
        """Raises ConversionError where numbers are left."""
        if self._at != len(self._numbers):
            told = f"got {len(self._numbers):,} numbers, the model takes {self._at:,}"
            raise ConversionError(f"{self._place}: {told}: its config is of another model")
