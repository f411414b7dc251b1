"""Windows of a frame, by the names and formulas of scipy.signal.windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Σ (-1)^j · a_j · cos(2πj·t/span)
COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
TAPER = 0.5  # what a Tukey window tapers of its length


def window(name: str, length: int, periodic: bool) -> Array:
    """The window's `length` values in float64; a periodic one is a symmetric one without its last value."""
    import numpy as np

    if length == 1:
        return np.ones(1)
    count = length + periodic
    if name in COSINES:
        turn = 2.0 * np.pi * np.arange(length) / (count - 1)
        terms = [(-1) ** j * a * np.cos(j * turn) for j, a in enumerate(COSINES[name])]
        return np.asarray(np.sum(terms, axis=0))
    return SHAPES[name](np.abs(np.arange(length) * 2.0 / (count - 1) - 1.0), count)


def _triang(t: Array, count: int) -> Array:
    return 1.0 - t * (count - 1) / (count + count % 2)


def _parzen(t: Array, count: int) -> Array:
    import numpy as np

    u = t * (count - 1) / count
    return np.where(t <= 0.5, 1.0 - 6.0 * u**2 * (1.0 - u), 2.0 * (1.0 - u) ** 3)


def _barthann(t: Array, count: int) -> Array:
    import numpy as np

    return np.asarray(0.62 - 0.24 * t + 0.38 * np.cos(np.pi * t))


def _bohman(t: Array, count: int) -> Array:
    import numpy as np

    return np.asarray((1.0 - t) * np.cos(np.pi * t) + np.sin(np.pi * t) / np.pi)


def _cosine(t: Array, count: int) -> Array:
    import numpy as np

    return np.asarray(np.cos(np.pi / 2 * t * (count - 1) / count))


def _tukey(t: Array, count: int) -> Array:
    import numpy as np

    return 0.5 * (1.0 + np.cos(np.pi * np.maximum(t - 1.0 + TAPER, 0.0) / TAPER))


def _exponential(t: Array, count: int) -> Array:
    import numpy as np

    return np.asarray(np.exp(-t * (count - 1) / 2))


def _lanczos(t: Array, count: int) -> Array:
    import numpy as np

    return np.asarray(np.sinc(t))


SHAPES: dict[str, Callable[[Array, int], Array]] = {  # of |t|, 0 in the middle of the frame and 1 at its ends
    "triang": _triang,
    "bartlett": lambda t, count: 1.0 - t,
    "barthann": _barthann,
    "parzen": _parzen,
    "bohman": _bohman,
    "cosine": _cosine,
    "tukey": _tukey,
    "exponential": _exponential,
    "lanczos": _lanczos,
}
WINDOWS = (*COSINES, *SHAPES)
