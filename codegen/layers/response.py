"""The frequency response of a layer's kernel, and its picture by matplotlib, imported where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import UsageError
from codegen.errors.quoting import exactly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem.problem import Problem

    Array = NDArray[Any]

__all__ = ["of_kernel", "plotted"]

MOST_POINTS, MOST_CURVES = 1 << 20, 32
LEAST = 1e-10  # what stands for 0 on a logarithmic scale: -200 dB


def of_kernel(
    name: str, problem: Problem, weights: Mapping[str, Array], points: int, rate: float
) -> tuple[Array, Array]:
    """(frequencies from 0 to half the rate, the response at each of every channel of a group to every filter).

    It is complex: its angle tells the delay, too, of an output against the step at which it lies. Raises UsageError.
    """
    one, *more = problem.stages
    if more or one.up > 1 or one.format.whole:
        raise UsageError(f"`{name}`: a frequency response is that of one kernel of floats on steps as they come")
    if not isinstance(points, Integral) or isinstance(points, bool) or not 2 <= points <= MOST_POINTS:
        raise UsageError(f"`points` must be a whole number from 2 to {MOST_POINTS:,}, got {exactly(points)}")
    if not isinstance(rate, Real) or not 0 < float(rate) < np.inf:
        raise UsageError(f"`rate` must be a number of steps a second above 0, got {exactly(rate)}")
    kernel = np.asarray(weights["kernel"], np.float64).reshape(one.kernel_shape)
    turns = np.linspace(0, 0.5, int(points))  # of a step
    left = one.pads(one.steps if one.steps is not None else MOST_POINTS)[0]
    places = np.arange(one.kernel_size) * one.dilation - left
    found = np.tensordot(np.exp(2j * np.pi * turns[:, None] * places), kernel, axes=1)
    return turns * float(rate), found


def plotted(name: str, frequencies: Array, response: Array, seconds: bool, axes: Any) -> Any:
    """The magnitudes in decibels over the frequencies, a curve a channel and filter, on `axes` or new ones."""
    if axes is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            way = "pip install matplotlib; layer.response() has the numbers"
            raise UsageError(f"plot_response draws with matplotlib, which is not here: {way}") from None
        axes = pyplot.subplots(layout="constrained")[1]
    channels, filters = response.shape[1:]
    pairs = [(c, f) for f in range(filters) for c in range(channels)][:MOST_CURVES]
    for channel, one in pairs:
        label = f"filter {one}" if channels == 1 else f"channel {channel}, filter {one}"
        axes.plot(frequencies, 20 * np.log10(np.maximum(np.abs(response[:, channel, one]), LEAST)), label=label)
    cut = f" (the first {MOST_CURVES} of {channels * filters})" if channels * filters > MOST_CURVES else ""
    axes.set_title(f"{name}{cut}")
    axes.set_xlabel("frequency in Hz" if seconds else "frequency in turns a step")
    axes.set_ylabel("magnitude in dB")
    axes.grid(True, alpha=0.3)
    if len(pairs) > 1:
        axes.legend()
    return axes
