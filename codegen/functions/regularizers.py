"""Regularizers: penalties on weights and outputs, as in keras/src/regularizers/regularizers.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.errors import SpecError, keras_messages
from codegen.functions.registry import Options, Registry, one_of, option, real
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "gradient",
    "serialize",
]

FACTOR = real(at_least=0.0)


class Regularizer(Options):
    """Base: a regularizer is called on an array and returns its penalty, a float. Subclass it for one of your own."""

    noun: ClassVar[str] = "regularizer"

    def __call__(self, x: Array) -> float:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(x) -> float")

    def gradient(self, x: Array) -> Array:
        """d penalty / dx, in x's shape and dtype: what training follows. At a kink it is 0, as PyTorch's."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient(x) -> array, which training needs")

    def why_not(self, rank: int) -> str | None:
        """Why it cannot serve an array of that rank, or None."""
        return None


@dataclass(frozen=True)
class L1(Regularizer):
    """l1·Σ|x|"""

    l1: float = option(0.01, FACTOR)

    def __call__(self, x: Array) -> float:
        return self.l1 * float(abs(x).sum(dtype="float64"))

    def gradient(self, x: Array) -> Array:
        """l1·sign(x)"""
        return _times(_signs(x), self.l1)


@dataclass(frozen=True)
class L2(Regularizer):
    """l2·Σx²"""

    l2: float = option(0.01, FACTOR)

    def __call__(self, x: Array) -> float:
        return self.l2 * _squares(x)

    def gradient(self, x: Array) -> Array:
        """2·l2·x"""
        return _times(x, 2 * self.l2)


@dataclass(frozen=True)
class L1L2(Regularizer):
    """l1·Σ|x| + l2·Σx²; both factors are 0 unless given."""

    l1: float = option(0.0, FACTOR)
    l2: float = option(0.0, FACTOR)

    def __call__(self, x: Array) -> float:
        return self.l1 * float(abs(x).sum(dtype="float64")) + self.l2 * _squares(x)

    def gradient(self, x: Array) -> Array:
        """l1·sign(x) + 2·l2·x"""
        return _times(_signs(x), self.l1) + _times(x, 2 * self.l2)


@dataclass(frozen=True)
class OrthogonalRegularizer(Regularizer):
    """factor · mean |cosine| over the pairs of rows (or columns) of a matrix; an array of another rank is an error."""

    factor: float = option(0.01, FACTOR)
    mode: str = option("rows", one_of("rows", "columns"))

    def why_not(self, rank: int) -> str | None:
        """Only matrices have rows."""
        return None if rank == 2 else f"OrthogonalRegularizer takes an array of rank 2, this one has rank {rank}"

    def __call__(self, x: Array) -> float:
        import numpy as np

        rows, _ = self._unit_rows(x)
        pairs = len(rows) * (len(rows) - 1) / 2
        cosines = np.abs(rows @ rows.T)
        return self.factor * 0.5 * float(cosines.sum() - np.trace(cosines)) / pairs if pairs else 0.0

    def gradient(self, x: Array) -> Array:
        """Of each row the signed sum of the other unit rows, less its part along the row, over the row's norm."""
        import numpy as np

        rows, norms = self._unit_rows(x)
        pairs = len(rows) * (len(rows) - 1) / 2
        signs = np.sign(rows @ rows.T)
        np.fill_diagonal(signs, 0)
        pulls = signs @ rows * (self.factor / max(pairs, 1))
        slopes = (pulls - rows * np.sum(pulls * rows, axis=1, keepdims=True)) / norms
        return np.asarray(slopes if self.mode == "rows" else slopes.T).astype(x.dtype)

    def _unit_rows(self, x: Array) -> tuple[Array, Array]:
        """(rows, or columns, of length 1; their norms) in float64. Raises SpecError E233 for another rank."""
        import numpy as np

        reason = self.why_not(x.ndim)
        if reason:
            hint = "use L2, or a callable of your own on the reshaped kernel"
            raise SpecError("E233", reason, hint=hint, keras=keras_messages.rank_of_rows(x.shape))
        rows = np.asarray(x if self.mode == "rows" else x.T, dtype=np.float64)
        # Keras' normalize divides by max(norm, 1e-12), the floor that keeps a row of zeros from 0/0
        norms = np.maximum(np.sqrt(np.sum(rows * rows, axis=1, keepdims=True)), 1e-12)
        return rows / norms, norms


def gradient(regularizer: object, x: Array) -> Array:
    """d regularizer(x) / dx, for one of these classes or anything with a `gradient(x)`. Raises SpecError E232 without.

    The array has x's shape; SpecError E232 if it has another one.
    """
    from codegen.numbers.arrays import cast

    own = getattr(regularizer, "gradient", None)
    if own is None:
        message = f"the regularizer {regularizer!r} has no `gradient`, so training cannot follow its penalty"
        raise SpecError("E232", message, hint="give it gradient(x), d penalty / dx as an array of x's shape")
    found = cast(own(x), x.dtype, f"the gradient of {regularizer!r}")
    if found.shape != x.shape:
        message = f"the gradient of {regularizer!r} has shape {found.shape}, expected {x.shape}"
        raise SpecError("E232", message, hint="return an array of the shape that it is called with")
    return found


def _signs(x: Array) -> Array:
    import numpy as np

    return np.asarray(np.sign(x))


def _times(x: Array, factor: float) -> Array:
    result: Array = x * x.dtype.type(factor)
    return result


def _squares(x: Array) -> float:
    import numpy as np

    wide = np.asarray(x, dtype=np.float64)
    return float(np.sum(wide * wide))


REGISTRY: Registry[Regularizer] = Registry(
    "regularizer",
    (L1, L2, L1L2, OrthogonalRegularizer),
    aliases={"l1_l2": "L1L2"},
    elsewhere={"weight_decay": "l2", "lasso": "l1", "ridge": "l2"},
)


def get(value: object) -> Regularizer | Callable[[Array], float] | None:
    """The regularizer that `value` means (name, Call, config, instance, callable); None for None. Raises SpecError."""
    return REGISTRY.get(value)


def serialize(value: object) -> dict[str, Any] | None:
    """Its Keras config: {"module": …, "class_name": …, "config": {…}, "registered_name": …}. Raises SpecError."""
    return REGISTRY.serialize(value)


def deserialize(
    config: object, custom_objects: Mapping[str, Any] | None = None
) -> Regularizer | Callable[[Array], float] | None:
    """The regularizer of a config, ours or Keras'; your own by name in `custom_objects`. Raises SpecError."""
    return REGISTRY.deserialize(config, custom_objects)
