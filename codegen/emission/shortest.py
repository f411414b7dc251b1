"""The shortest decimals of many float32 numbers at once: those of `str(np.float32(x))`, in half its time."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["of_singles"]

MOST = 9  # digits that tell every float32 from its neighbours
SURE = 1e-6  # of half the gap between two float32: what is nearer to a tie is left to NumPy
SMALL, LARGE = 1e-30, 1e6  # between which powers of ten and their products are exact enough
POINTED = (
    1e-4  # the least that NumPy and Python write without an exponent, rounded before by the one and not by the other
)


def of_singles(numbers: np.ndarray) -> list[str]:
    """A text each, which reads back as the same float32: of the fewest digits, the nearest to the number.

    Digits are counted in float64, where a text of `digits` digits reads back if it is nearer to the number than half of
    the gap to its neighbour; Python then rounds to so many. NumPy writes what is near a tie, a power of two (whose gaps
    differ), whole, tiny or large.
    """
    import numpy as np

    digits, sure = _digits(numbers)
    words = ("%.*g " * len(numbers)) % tuple(chain.from_iterable(zip(digits.tolist(), numbers.tolist(), strict=True)))
    found = words.split()
    for at in np.flatnonzero(~sure).tolist():
        found[at] = str(numbers[at])
    return found


def _digits(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the fewest digits that tell each number, whether that is sure)."""
    import numpy as np

    size = np.abs(numbers.astype(np.float64))
    sure = (size > SMALL) & (size < LARGE) & (size != np.rint(size)) & (np.frexp(size)[0] != 0.5)
    sure &= np.abs(size - POINTED) > SURE * POINTED
    size[~sure] = 1.5
    power = np.floor(np.log10(size))
    half = np.spacing(size.astype(np.float32)).astype(np.float64) / 2
    digits, left = np.full(len(size), MOST), np.arange(len(size))
    for fewer in range(MOST - 1, 0, -1):
        scale = 10.0 ** (fewer - 1 - power[left])
        scaled = size[left] * scale
        whole = np.rint(scaled)
        error = np.abs(whole - scaled) / (half[left] * scale)
        sure[left[(np.abs(error - 1) < SURE) | (np.abs(np.abs(scaled - np.floor(scaled)) - 0.5) < SURE)]] = False
        left = left[error < 1]
        digits[left] = fewer
        if not len(left):
            break
    return digits, sure
