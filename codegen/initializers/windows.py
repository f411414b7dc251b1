"""Windows of a frame, by the names and formulas of scipy.signal.windows, from their cosine terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Σ (-1)^j · a_j · cos(2πj·t/span)
WINDOWS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window(name: str, length: int, periodic: bool) -> NDArray[Any]:
    """The window's `length` values in float64; periodic ones span `length` steps, symmetric ones `length` - 1."""
    import numpy as np

    if length == 1:
        return np.ones(1)
    turn = 2.0 * np.pi * np.arange(length) / (length if periodic else length - 1)
    terms = [(-1) ** j * a * np.cos(j * turn) for j, a in enumerate(WINDOWS[name])]
    return np.asarray(np.sum(terms, axis=0))
