"""Constraints: projections of weights after an optimizer's update, as in keras/src/constraints/constraints.py.

n = sqrt(Σw²) over `axis`, ε = 1e-7. Axis 0 of a Conv1D kernel is the taps; the norm of a filter needs axis=[0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.errors import SpecError
from codegen.functions.registry import Options, Registry, axes, option, real
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "serialize",
]

EPSILON = 1e-7
NORM = real(at_least=0.0)


class Constraint(Options):
    """Base: a constraint is called on a weight array and returns the projected one, same shape and dtype.

    Its own projection is none: every array is as it should be.
    """

    noun: ClassVar[str] = "constraint"

    def __call__(self, w: Array) -> Array:
        return w

    def why_not(self, rank: int) -> str | None:
        """Why it cannot serve an array of that rank, or None."""
        axis = getattr(self, "axis", 0)
        outside = [a for a in (axis if isinstance(axis, tuple) else (axis,)) if not -rank <= a < rank]
        if outside:
            return f"{type(self).__name__} has axis {outside[0]}, the array has {rank} axes: 0 to {rank - 1}"
        return None


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """w·min(n, max_value)/(ε + n)"""

    max_value: float = option(2.0, NORM)
    axis: int | tuple[int, ...] = option(0, axes)

    def __call__(self, w: Array) -> Array:
        norm = _norm(self, w, self.axis)
        return _scaled(w, norm.clip(0.0, self.max_value), norm)


@dataclass(frozen=True)
class NonNeg(Constraint):
    """max(w, 0)"""

    def __call__(self, w: Array) -> Array:
        import numpy as np

        return np.asarray(np.maximum(w, w.dtype.type(0)))


@dataclass(frozen=True)
class UnitNorm(Constraint):
    """w/(ε + n)"""

    axis: int | tuple[int, ...] = option(0, axes)

    def __call__(self, w: Array) -> Array:
        return _scaled(w, 1.0, _norm(self, w, self.axis))


@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """w·(rate·clip(n, min_value, max_value) + (1 - rate)·n)/(ε + n)"""

    min_value: float = option(0.0, NORM)
    max_value: float = option(1.0, NORM)
    rate: float = option(1.0, real(at_least=0.0, at_most=1.0))
    axis: int | tuple[int, ...] = option(0, axes)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_value > self.max_value:
            message = f"constraint `MinMaxNorm`: `min_value` {self.min_value:g} is above `max_value` {self.max_value:g}"
            raise SpecError("E232", message, hint="swap them")

    def __call__(self, w: Array) -> Array:
        norm = _norm(self, w, self.axis)
        wanted = self.rate * norm.clip(self.min_value, self.max_value) + (1 - self.rate) * norm
        return _scaled(w, wanted, norm)


def _norm(constraint: Constraint, w: Array, axis: int | tuple[int, ...]) -> Array:
    """sqrt(Σw²) over `axis`, kept as an axis of length 1, in float64. Raises SpecError E233 for an axis w lacks."""
    import numpy as np

    reason = constraint.why_not(w.ndim)
    if reason:
        raise SpecError("E233", reason)
    wide = np.asarray(w, dtype=np.float64)
    return np.asarray(np.sqrt(np.sum(wide * wide, axis=axis, keepdims=True)))


def _scaled(w: Array, wanted: Array | float, norm: Array) -> Array:
    return (w * (wanted / (EPSILON + norm))).astype(w.dtype)


REGISTRY: Registry[Constraint] = Registry("constraint", (MaxNorm, NonNeg, UnitNorm, MinMaxNorm))


def get(value: object) -> Constraint | Callable[[Array], Array] | None:
    """The constraint that `value` means (name, Call, config, instance, callable); None for None. Raises SpecError."""
    return REGISTRY.get(value)


def serialize(value: object) -> dict[str, Any] | None:
    """Its Keras config: {"module": …, "class_name": …, "config": {…}, "registered_name": …}. Raises SpecError."""
    return REGISTRY.serialize(value)


def deserialize(
    config: object, custom_objects: Mapping[str, Any] | None = None
) -> Constraint | Callable[[Array], Array] | None:
    """The constraint of a config, ours or Keras'; your own by name in `custom_objects`. Raises SpecError."""
    return REGISTRY.deserialize(config, custom_objects)
