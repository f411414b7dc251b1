"""Initializers: the first values of weights, by Keras' names.

With an int seed the values are those of Keras' NumPy backend, drawn in float64 and rounded to the dtype. Without one an
instance draws its seed once, when it is made, as Keras does: two calls agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from codegen.functions.initializers.constant_initializers import STFT, Constant, Identity, Ones, Zeros
from codegen.functions.initializers.initializer import Initializer
from codegen.functions.initializers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    compute_fans,
)
from codegen.functions.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "STFT", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer",
    "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform",
    "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "deserialize", "drawn", "get",
    "serialize",
]  # fmt: skip

PLAIN = (Zeros, Ones, Constant, Identity, STFT)
RANDOM = (RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Orthogonal)
NAMED = (GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal)
SETTLED = {*PLAIN, *RANDOM, *NAMED} - {Orthogonal}
SHORT = {"normal": "RandomNormal", "uniform": "RandomUniform", "zero": "Zeros", "one": "Ones"}
LONG = {f"{name}Initializer": name for name in ("Identity", "Orthogonal", "STFT")}
PYTORCH = {
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
    "trunc_normal": "truncated_normal",
    "eye": "identity",
}
REGISTRY: Registry[Initializer] = Registry("initializer", PLAIN + RANDOM + NAMED, SHORT | LONG, PYTORCH, adopts=False)


def get(value: object) -> Initializer | Callable[[tuple[int, ...], str], NDArray[Any]] | None:
    """The initializer that `value` means (name, Call, config, instance, callable); None for None. Raises SpecError.

    An array is the Constant of its values.
    """
    if hasattr(value, "__array__") and not callable(value):
        return Constant(value)  # type: ignore[arg-type]  # its check takes arrays
    return REGISTRY.get(value)


def drawn(value: object, shape: tuple[int, ...], dtype: str) -> str | None:
    """What names the array that an initializer makes of this shape, in every process; None where nothing does.

    So it is for one without a seed, one of the user's own, one that holds an array, and one that asks LAPACK.
    """
    if type(value) not in SETTLED or not isinstance(value, Initializer) or not value.deterministic:
        return None
    config = value.get_config()
    if not all(each is None or isinstance(each, str | int | float) for each in config.values()):
        return None
    return f"{type(value).__name__} {sorted(config.items())} {shape} {dtype}"


def serialize(value: object) -> dict[str, Any] | None:
    """Its Keras config: {"module": …, "class_name": …, "config": {…}, "registered_name": …}. Raises SpecError."""
    return REGISTRY.serialize(value)


def deserialize(
    config: object, custom_objects: Mapping[str, Any] | None = None
) -> Initializer | Callable[[tuple[int, ...], str], NDArray[Any]] | None:
    """The initializer of a config, ours or Keras'; your own by name in `custom_objects`. Raises SpecError."""
    return REGISTRY.deserialize(config, custom_objects)
