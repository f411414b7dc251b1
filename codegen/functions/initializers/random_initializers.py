"""Initializers that draw (keras/src/initializers/random_initializers.py)."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import ClassVar

from codegen.errors import SpecError
from codegen.functions.initializers import draws
from codegen.functions.initializers.initializer import Array, Initializer, Shape
from codegen.functions.registry import Check, axes, one_of, option, optional, real, whole
from codegen.records import dataclass

SEED: Check[int | None] = optional(whole(0, 2**32 - 1))
AXES = optional(axes)
# Keras' constant: the standard deviation of a normal cut at two sigma
CUT_NORMAL_STDDEV = 0.87962566103423978


@dataclass(frozen=True)
class RandomInitializer(Initializer):
    """Base of those that draw: `seed` as given, and what was drawn in its place when it is None."""

    drawn: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "drawn", self._seed if self.deterministic else draws.default_seed())

    @property
    def _seed(self) -> int | None:
        found: int | None = vars(self)["seed"]  # a field of each subclass, at its own place among the arguments
        return found

    @property
    def deterministic(self) -> bool:
        """Whether it has a seed."""
        return self._seed is not None

    def with_seed(self, seed: int) -> Initializer:
        """Itself, or a copy with that seed if it has none."""
        given = {"seed": seed}
        return self if self.deterministic else replace(self, **given)


@dataclass(frozen=True)
class RandomNormal(RandomInitializer):
    """N(mean, stddev)"""

    mean: float = option(0.0, real())
    stddev: float = option(0.05, real(at_least=0.0))
    seed: int | None = option(None, SEED)

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return draws.normal(self.drawn, self.mean, self.stddev, shape).astype(dtype)


@dataclass(frozen=True)
class RandomUniform(RandomInitializer):
    """U[minval, maxval)"""

    minval: float = option(-0.05, real())
    maxval: float = option(0.05, real())
    seed: int | None = option(None, SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minval > self.maxval:
            message = f"initializer `RandomUniform`: `minval` {self.minval:g} is above `maxval` {self.maxval:g}"
            raise SpecError("E232", message, hint="swap them")

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return draws.uniform(self.drawn, self.minval, self.maxval, shape).astype(dtype)


@dataclass(frozen=True)
class TruncatedNormal(RandomInitializer):
    """N(mean, stddev), redrawn outside mean ± 2·stddev; the variance lost by that is not made up for."""

    mean: float = option(0.0, real())
    stddev: float = option(0.05, real(at_least=0.0))
    seed: int | None = option(None, SEED)

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return draws.cut_normal(self.drawn, self.mean, self.stddev, shape).astype(dtype)


@dataclass(frozen=True)
class VarianceScaling(RandomInitializer):
    """Variance scale/max(1, n), where n is the fan-in, the fan-out or their mean, whatever the distribution."""

    scale: float = option(1.0, real(above=0.0))
    mode: str = option("fan_in", one_of("fan_in", "fan_out", "fan_avg"))
    distribution: str = option(
        "truncated_normal",
        one_of("truncated_normal", "untruncated_normal", "uniform", lower=True, same={"normal": "truncated_normal"}),
    )
    seed: int | None = option(None, SEED)
    input_axes: int | tuple[int, ...] | None = option(None, AXES)
    output_axes: int | tuple[int, ...] | None = option(None, AXES)

    def demand(self, shape: Shape, dtype: str = "float32") -> None:
        super().demand(shape, dtype)
        compute_fans(shape, self.input_axes, self.output_axes)

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return draws.uniform(self.drawn, -limit, limit, shape).astype(dtype)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return draws.normal(self.drawn, 0.0, stddev, shape).astype(dtype)
        return draws.cut_normal(self.drawn, 0.0, stddev / CUT_NORMAL_STDDEV, shape).astype(dtype)


@dataclass(frozen=True)
class _Scaled(RandomInitializer):
    """Base of VarianceScaling's named cases: the class says scale, mode and distribution."""

    scaling: ClassVar[tuple[float, str, str]]
    seed: int | None = option(None, SEED)
    input_axes: int | tuple[int, ...] | None = option(None, AXES)
    output_axes: int | tuple[int, ...] | None = option(None, AXES)

    def demand(self, shape: Shape, dtype: str = "float32") -> None:
        super().demand(shape, dtype)
        compute_fans(shape, self.input_axes, self.output_axes)

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return VarianceScaling(*self.scaling, self.drawn, self.input_axes, self.output_axes)(shape, dtype)


@dataclass(frozen=True)
class GlorotUniform(_Scaled):
    """U(±sqrt(6/(fan_in + fan_out))), Keras' default kernel (Glorot and Bengio, 2010)."""

    scaling = (1.0, "fan_avg", "uniform")


@dataclass(frozen=True)
class GlorotNormal(_Scaled):
    """Variance 2/(fan_in + fan_out), cut at two sigma (Glorot and Bengio, 2010)."""

    scaling = (1.0, "fan_avg", "truncated_normal")


@dataclass(frozen=True)
class HeUniform(_Scaled):
    """U(±sqrt(6/fan_in)) (He et al., 2015)."""

    scaling = (2.0, "fan_in", "uniform")


@dataclass(frozen=True)
class HeNormal(_Scaled):
    """Variance 2/fan_in, cut at two sigma (He et al., 2015)."""

    scaling = (2.0, "fan_in", "truncated_normal")


@dataclass(frozen=True)
class LecunUniform(_Scaled):
    """U(±sqrt(3/fan_in)) (LeCun et al., 1998)."""

    scaling = (1.0, "fan_in", "uniform")


@dataclass(frozen=True)
class LecunNormal(_Scaled):
    """Variance 1/fan_in, cut at two sigma (LeCun et al., 1998)."""

    scaling = (1.0, "fan_in", "truncated_normal")


@dataclass(frozen=True)
class Orthogonal(RandomInitializer):
    """gain · a matrix of orthonormal rows or columns, the last axis being the columns (Saxe et al., 2014)."""

    gain: float = option(1.0, real())
    seed: int | None = option(None, SEED)

    def why_not(self, rank: int) -> str | None:
        """A vector has no second row to stand at a right angle to."""
        return None if rank >= 2 else f"Orthogonal makes arrays of rank 2 and more, this one has rank {rank}"

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        import numpy as np

        self.demand(shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        draw = draws.normal(self.drawn, 0.0, 1.0, (max(rows, columns), min(rows, columns))).astype(dtype)
        q, r = np.linalg.qr(draw)
        q = q * np.sign(np.diag(r))
        return np.ascontiguousarray(self.gain * (q.T if rows < columns else q).reshape(shape)).astype(dtype)


def compute_fans(
    shape: Shape, input_axes: int | Shape | None = None, output_axes: int | Shape | None = None
) -> tuple[int, int]:
    """(fan_in, fan_out): all but the last axis, all but the last but one; given axes only if both are given."""
    if input_axes is not None and output_axes is not None:
        ins, outs = ((a,) if isinstance(a, int) else a for a in (input_axes, output_axes))
        if any(not -len(shape) <= axis < len(shape) for axis in (*ins, *outs)):
            raise SpecError("E233", f"input_axes {ins} and output_axes {outs} do not fit an array of shape {shape}")
        return math.prod(shape[axis] for axis in ins), math.prod(shape[axis] for axis in outs)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    return math.prod(shape[:-1]), math.prod(shape[:-2]) * shape[-1]
