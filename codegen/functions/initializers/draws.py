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
    """N(mean, stddev) in batches of the full size, each without what lies outside two sigma, until there is enough."""
    import numpy as np

    generator, count, kept = _generator(seed), math.prod(shape), np.empty(0)
    while len(kept) < count:
        batch = generator.normal(mean, stddev, count)
        kept = np.append(kept, batch[(batch >= mean - 2 * stddev) & (batch <= mean + 2 * stddev)])
    return kept[:count].reshape(shape)


def _generator(seed: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(np.array([seed, 0], dtype="uint32"))
