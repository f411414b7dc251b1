"""Initializers that draw nothing (keras/src/initializers/constant_initializers.py)."""

from __future__ import annotations

from typing import Any

from codegen.errors import SpecError
from codegen.functions.initializers.initializer import Array, Initializer, Shape
from codegen.functions.initializers.windows import WINDOWS, window
from codegen.functions.registry import flag, one_of, option, optional, real
from codegen.records import dataclass

NUMBER = real()


def _window(value: object) -> str | tuple[float, ...]:
    """A window's name, or its values, one a tap."""
    if not isinstance(value, (list, tuple)):
        return one_of(*WINDOWS)(value)
    return tuple(NUMBER(number) for number in value)


@dataclass(frozen=True)
class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return _filled(shape, 0.0, dtype)


@dataclass(frozen=True)
class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        return _filled(shape, 1.0, dtype)


def _numbers(value: object) -> float | tuple[Any, ...]:
    """A number, or an array or nested lists of them, as nested tuples; whether they are of one length is told later."""
    try:
        return _nested(value)
    except RecursionError:
        raise ValueError("a number or nested lists of them, without end in themselves") from None


def _nested(value: object) -> float | tuple[Any, ...]:
    held = value.tolist() if hasattr(value, "tolist") and not isinstance(value, type) else value
    return tuple(map(_nested, held)) if isinstance(held, (list, tuple)) else NUMBER(held)


@dataclass(frozen=True)
class Constant(Initializer):
    """`value` everywhere; an array or nested lists are repeated along the axes that they lack, as NumPy broadcasts."""

    value: float | tuple[Any, ...] = option(0.0, _numbers)

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        import numpy as np

        self.demand(shape)
        with np.errstate(over="ignore"):
            return np.array(np.broadcast_to(np.asarray(self.value, dtype), shape))

    def demand(self, shape: Shape, dtype: str = "float64") -> None:
        import numpy as np

        from codegen.numbers.arrays import first_lost

        try:
            held = np.asarray(self.value, np.float64)
            fills = np.broadcast_shapes(held.shape, shape) == shape
        except ValueError:  # lists of several lengths, or two that cannot be broadcast
            fills = False
        if not fills:
            message = f"Constant holds an array that does not fill shape {shape}"
            hint = "give a number, or an array of that shape"
            said = f"Expected `shape` to be that of the array, got {shape}"
            raise SpecError("E233", message, hint=hint, keras=said)
        with np.errstate(over="ignore"):
            lost = first_lost(held, held.astype(dtype))
        if lost is not None:
            at = f" at {[int(i) for i in np.unravel_index(lost, held.shape)]}" if held.ndim else ""
            largest = np.finfo(dtype).max
            message = f"Constant holds {held.flat[lost]:g}{at}, beyond {dtype}'s largest, {largest:g}"
            raise SpecError("E232", message, hint="give smaller numbers, or the layer dtype = float64")


@dataclass(frozen=True)
class Identity(Initializer):
    """gain · the identity matrix; a shape of another rank than 2, such as a convolution's, is an error."""

    gain: float = option(1.0, real())

    def why_not(self, rank: int) -> str | None:
        """Only a matrix has a diagonal."""
        return None if rank == 2 else f"Identity makes matrices, this array has rank {rank}"

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        import numpy as np

        self.demand(shape)
        return np.asarray(self.gain * np.eye(shape[0], shape[1]), dtype)


@dataclass(frozen=True)
class STFT(Initializer):
    """A short-time Fourier transform (frame, 1, bins): cos or sin of -2π·t·f/(2·(bins - 1)), windowed and scaled."""

    side: str = option("real", one_of("real", "imag"))
    window: str | tuple[float, ...] | None = option("hann", optional(_window))
    scaling: str | None = option("density", optional(one_of("density", "spectrum")))
    periodic: bool = option(False, flag)

    def why_not(self, rank: int) -> str | None:
        """It makes the kernel of a Conv1D."""
        return None if rank == 3 else f"STFT makes kernels of shape (frame, 1, bins), this array has rank {rank}"

    def __call__(self, shape: Shape, dtype: str = "float32") -> Array:
        import numpy as np

        self.demand(shape)
        frame, _, bins = shape
        angle = -2.0 * np.pi * np.outer(np.arange(frame), np.arange(bins)) / (2 * (bins - 1))
        rows = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            weights = self._weights(frame)
            norms = {"density": np.sqrt(np.sum(weights**2)), "spectrum": np.sum(np.abs(weights)), None: 1.0}
            rows = rows * weights[:, None] / norms[self.scaling]
        return rows.reshape(shape).astype(dtype)

    def demand(self, shape: Shape, dtype: str = "float32") -> None:
        super().demand(shape, dtype)
        frame, channels, bins = shape
        if channels != 1 or bins < 2:
            message = f"STFT makes kernels of shape (frame, 1, bins) with 2 bins or more, not {shape}"
            raise SpecError("E233", message, hint="use it on a layer with one channel a group and filters = bins")
        if isinstance(self.window, tuple) and len(self.window) != frame:
            told = f"STFT got a window of {len(self.window)} numbers for a frame of {frame} taps"
            raise SpecError("E233", told, hint="give one number for each tap, or a window's name")

    def _weights(self, frame: int) -> Array:
        import numpy as np

        named = not isinstance(self.window, tuple)
        return window(str(self.window), frame, self.periodic) if named else np.array(self.window)


def _filled(shape: Shape, value: float, dtype: str) -> Array:
    import numpy as np

    return np.full(shape, value, dtype)
