"""How far the blocks of `overlap_save` may stray: bounds in Euclidean norms, for transforms too long to follow by hand.

Higham, Accuracy and Stability of Numerical Algorithms, chapter 24: a level of butterflies loses a few units of roundoff
of its result's norm, and neither the transform nor its inverse makes any part of that larger but by its own scale. With
z a block (both halves of the signal), w a part of the kernel, H and X their spectra over N, S parts and sources:

* what the forward transform, the weights' rounding and the sums of products lose reaches an output as a scalar
  product with a spectrum: at most so many units of the sum over the parts of |w|2 |z|2;
* what the inverse loses is in proportion to the whole circular result, whose norm is at most the sum of |w|1 |z|2.
"""

from __future__ import annotations

from math import log2, sqrt
from typing import TYPE_CHECKING, Any

from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.numbers.formats import Format
    from codegen.problem.conv_problem import ConvProblem

    Array = NDArray[Any]

LEVEL = 6.0  # units of roundoff that a level of butterflies loses, fused or not, with the rounding of its factors
TURNED = 3.5  # the same for the turns between the two codelets
TYPICAL = 0.5, 0.2  # of a level, squared, in units of the rms result: at first, and more with each level: measured
TABLE = 1.01  # of a weight's rounding, for that of the float64 transform that makes it


@dataclass(frozen=True)
class Blockwise:
    """Sums by way of transforms of `size` samples, over `parts` parts of the kernel for each of `sources`."""

    size: int
    parts: int
    sources: int

    @property
    def key(self) -> tuple[int, ...]:
        return self.size, self.parts, self.sources

    @property
    def levels(self) -> float:
        """Units of roundoff that a transform loses, next to the norm of its result."""
        return LEVEL * log2(self.size) + TURNED

    @property
    def summed(self) -> int:
        """Products in a bin's sum."""
        return self.parts * self.sources


def ratio(used: Blockwise, terms: int) -> float:
    """The rms error on standard normal data over direct's (one fused sum of `terms` products)."""
    levels = log2(used.size)
    squared = 2 * levels * (TYPICAL[0] + TYPICAL[1] * levels) + 2 + used.summed
    return sqrt(squared / ((terms + 1) / 2))


def lost(used: Blockwise, problem: ConvProblem, x: Array, kernel: Array) -> tuple[Array, Array]:
    """(error, the largest number on the way) before bias and activation: (batch, 1, filters), (batch, 1, filters).

    x (batch, steps, channels) and kernel (taps, channels/groups, filters), both float64.
    """
    import numpy as np

    hop = used.size // 2
    windows = _largest_windows(x, used.size, problem.stride * problem.dilation)
    of_filter = np.arange(problem.filters) // problem.group_filters
    channels = of_filter[None, :] * problem.group_channels + np.arange(problem.group_channels)[:, None]
    blocks = windows[:, channels]  # (batch, channels/groups, filters)
    norms, sizes = (_of_parts(np.abs(kernel) ** power, hop * problem.stride) for power in (2, 1))
    direct = (blocks * np.sqrt(norms).sum(0)).sum(1)
    whole = (blocks * sizes.sum(0)).sum(1)
    samples, weights = (np.abs(each).max(axis=axis, initial=0) for each, axis in ((x, (1, 2)), (kernel, (0, 1))))
    error, reached = _all_lost(used, problem.format, direct, whole, samples[:, None], weights)
    return error[:, None], reached[:, None]


def lost_of(used: Blockwise, dtype: Format, largest: Array, samples: Array, weights: Array) -> tuple[Array, Array]:
    """The same where no more is known than the `largest` sum |w||x| of an output: a part and a block are as large.

    |w|2 |z|2 and |w|1 |z|2 are at most |w|1 |z|1, which is the sum of |w||z| over all the ways to lay w along z.
    """
    norms = used.summed * sqrt(2) * (used.size + used.size // 2) * largest
    return _all_lost(used, dtype, norms, norms, samples, weights)


def _all_lost(
    used: Blockwise, dtype: Format, direct: Array, whole: Array, samples: Array, weights: Array
) -> tuple[Array, Array]:
    """(error, the largest number on the way) for the sums over the parts of |w|2 |z|2 and of |w|1 |z|2."""
    import numpy as np

    rounded = TABLE if dtype.single else used.levels
    error = (used.levels + rounded + sqrt(2) * (2 * used.summed + 1)) * direct + used.levels * whole
    largest = sqrt(2) * used.size * np.maximum(used.size * used.summed * weights, 1) * np.maximum(samples, 1)
    return dtype.unit * error + _underflow(used, samples, weights) * dtype.least, largest


def _underflow(used: Blockwise, samples: Array, weights: Array) -> Array:
    """What underflow takes from an output, in units of what it takes from a product."""
    size, sums = used.size, used.summed
    from_samples = 6 * size * sqrt(size / 2) * weights
    from_weights = 2 * size * sqrt(2 * size) * samples
    return sums * (from_samples + from_weights + 6 * size) + 6 * size


def _largest_windows(x: Array, size: int, step: int) -> Array:
    """The largest norm of `size` complex samples `step` apart, (batch, channels): two windows of x at most."""
    import numpy as np

    batch, steps, channels = x.shape
    runs = max(1, -(-steps // step))
    squares = np.zeros((batch, runs * step, channels))
    squares[:, :steps] = x**2
    total = np.zeros((batch, runs + 1, step, channels))
    np.cumsum(squares.reshape(batch, runs, step, channels), axis=1, out=total[:, 1:])
    windows = total[:, size:] - total[:, :-size] if runs > size else total[:, -1:]
    return np.asarray(np.sqrt(2 * windows.max(axis=(1, 2))))


def _of_parts(numbers: Array, taps: int) -> Array:
    """The sums over each part of `taps` taps: (parts, channels/groups, filters)."""
    import numpy as np

    parts = -(-len(numbers) // taps)
    whole = np.zeros((parts * taps, *numbers.shape[1:]))
    whole[: len(numbers)] = numbers
    return np.asarray(whole.reshape(parts, taps, *numbers.shape[1:]).sum(1))
