"""Draws: random arrays as Keras' NumPy backend makes them (keras/src/backend/numpy/random.py), bit for bit.

Every function starts a stream of its own from an int seed, so equal arguments give equal arrays; float64.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 1 << 15  # numbers that are drawn at once: what the second-level cache holds


def default_seed() -> int:
    """A new seed from Python's own generator, which is what keras.utils.set_random_seed seeds."""
    return random.randint(1, 10**9)


def default_seeds(seed: int) -> Iterator[int]:
    """What `default_seed` gives, one after the other, once Python's generator was seeded with `seed`."""
    generator = random.Random(seed)
    while True:
        yield generator.randint(1, 10**9)


def normal(seed: int, mean: float, stddev: float, shape: tuple[int, ...]) -> NDArray[Any]:
    """N(mean, stddev)"""
    return _generator(seed).normal(mean, stddev, shape)


def uniform(seed: int, low: float, high: float, shape: tuple[int, ...]) -> NDArray[Any]:
    """U[low, high)"""
    return _generator(seed).uniform(low, high, shape)


def cut_normal(seed: int, mean: float, stddev: float, shape: tuple[int, ...]) -> NDArray[Any]:
    """N(mean, stddev) without what lies outside two sigma: the stream's numbers in order, until there is enough.

    Keras draws batches of the full size; the numbers are those of one stream, however it is cut into batches.
    """
    import numpy as np

    generator, made = _generator(seed), np.empty(math.prod(shape))
    low, high, filled = mean - 2 * stddev, mean + 2 * stddev, 0
    while filled < made.size:
        batch = generator.normal(mean, stddev, min(BATCH, made.size))
        kept = batch[(batch >= low) & (batch <= high)][: made.size - filled]
        made[filled : filled + kept.size] = kept
        filled += kept.size
    return made.reshape(shape)


def _generator(seed: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(np.array([seed, 0], dtype="uint32"))
