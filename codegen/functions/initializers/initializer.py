"""Initializer: what every initializer is (keras/src/initializers/initializer.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import SpecError
from codegen.functions.registry import Options

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]
Array: TypeAlias = "NDArray[Any]"


class Initializer(Options):
    """Base: an initializer is called with (shape, dtype) and returns an array. Subclass it for one of your own."""

    noun: ClassVar[str] = "initializer"

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(shape, dtype) -> array")

    def why_not(self, rank: int) -> str | None:
        """Why it cannot make an array of that rank, or None."""
        return None

    def with_seed(self, seed: int) -> Initializer:
        """Itself, or a copy with that seed if it is random and has none."""
        return self

    @property
    def deterministic(self) -> bool:
        """Whether its values are the same in every process: it is not random, or has a seed."""
        return True

    def demand(self, shape: Shape, dtype: str = "float32") -> None:
        """Raises SpecError E233 if it cannot make an array of that shape, E232 for a number that `dtype` cannot hold.

        Nothing of the array's size is made. A layer asks as soon as it knows its shapes.
        """
        reason = self.why_not(len(shape))
        if reason:
            raise SpecError("E233", f"{reason}: shape {shape}", hint="for a convolution's kernel use glorot_uniform")
