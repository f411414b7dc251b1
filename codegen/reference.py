"""The reference: what a ConvProblem means, in NumPy, one tap at a time, and how far a kernel may stray from it.

This is the definition that every kernel is held to. It is written to be read, not to be fast.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import activations
from codegen.activations import LINEAR
from codegen.dtypes import DTYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem import ConvProblem

    Array = NDArray[Any]


def convolve(
    problem: ConvProblem, x: Array, kernel: Array, bias: Array | None = None, *, dtype: str = "float64"
) -> Array:
    """y = activation(x correlated with kernel + bias), computed in `dtype`.

    x (batch, steps, channels), or (batch, channels, steps) where the problem says channels first; y likewise.
    kernel (kernel_size, channels/groups, filters), bias (filters,) or None. The length is that of x: `problem.steps` is
    not read. `dtype` is float64, longdouble (what float64 kernels are held to) or int64 (whole numbers, exact while
    nothing passes 2**63; linear and relu only, whose results on whole numbers are whole).
    """
    y = _activated(problem, _sums(problem, x, kernel, bias, dtype))
    return y if problem.channels_last else np.swapaxes(y, 1, 2)


def bound(
    problem: ConvProblem, x: Array, kernel: Array, bias: Array | None = None, *, before: Array | None = None
) -> Array:
    """The largest |computed - exact| that a right direct kernel can show, for each output; shape as `convolve`.

    Before the activation n·u/(1 - n·u)·(|b| + Σ|w||x|), n = terms + 1, u the unit roundoff of the problem's dtype, for
    any order of summation, fused or not (Higham, Accuracy and Stability of Numerical Algorithms, §3.1). After it, times
    the activation's steepest slope, plus the activation's own stated error. `before`, (batch, out steps, filters), is
    what another algorithm may lose before the activation.
    """
    allowed = lost(problem, x, kernel, bias) if before is None else before
    sums = _sums(problem, x, kernel, bias, "float64")
    allowed = np.broadcast_to(allowed, sums.shape)
    if problem.activation != LINEAR:
        allowed = through_activation(problem, sums, _activated(problem, sums), allowed)
    return allowed if problem.channels_last else np.swapaxes(allowed, 1, 2)


def lost(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None) -> Array:
    """The direct algorithm's bound before the activation.

    Of two stages: what the second one loses on the largest that the first one's outputs may be, and what it makes of
    their errors.
    """
    if problem.depth_multiplier:
        (each, across), (first, second) = problem.stages(), problem.stage_kernels(kernel)
        across = replace(across, channels_last=True)
        error = lost(each, x, first, None)
        between = np.abs(_sums(each, x, first, None, "float64")) + error
        carried = _sums(across, error, np.abs(second), None, "float64")
        return carried + lost(across, between, second, bias)
    terms = (problem.terms + 1) * DTYPES[problem.dtype].unit
    magnitude = _sums(problem, np.abs(x), np.abs(kernel), None if bias is None else np.abs(bias), "float64")
    return np.asarray(terms / (1 - terms) * magnitude)


def _sums(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None, dtype: str) -> Array:
    """bias + Σ kernel·x before the activation, (batch, out steps, filters) whatever the data format."""
    if problem.depth_multiplier:
        (each, across), (first, second) = problem.stages(), problem.stage_kernels(kernel)
        return _sums(replace(across, channels_last=True), _sums(each, x, first, None, dtype), second, bias, dtype)
    samples = np.asarray(x if problem.channels_last else np.swapaxes(x, 1, 2), dtype)
    taps = np.asarray(kernel, dtype).reshape(problem.kernel_size, problem.group_channels, problem.groups, -1)
    batch, steps, _ = samples.shape
    outs, (left, _) = problem.out_steps(steps), problem.pads(steps)
    samples = samples.reshape(batch, steps, problem.groups, problem.group_channels).transpose(0, 2, 1, 3)
    spread = problem.spread(steps)
    y: Array = np.zeros((batch, problem.groups, outs, problem.group_filters), dtype)
    for tap in range(problem.kernel_size):
        position = np.arange(outs) * problem.stride + tap * problem.dilation - left
        inside = (position >= 0) & (position < spread) & (position % problem.up == 0)
        y[:, :, inside] += samples[:, :, position[inside] // problem.up] @ taps[tap].swapaxes(0, 1)
    y = y.transpose(0, 2, 1, 3).reshape(batch, outs, problem.filters)
    return y if bias is None else y + np.asarray(bias, dtype)


def _activated(problem: ConvProblem, sums: Array) -> Array:
    """The activation with its options as a kernel of the problem's dtype holds them."""
    if problem.activation == LINEAR:
        return sums
    return activations.reference(problem.activation, sums, problem.dtype)


def through_activation(problem: ConvProblem, sums: Array, y: Array, error: Array) -> Array:
    """How far the activation of something within `error` of `sums` can be from y, the activation of `sums`."""
    known = activations.row(problem.activation)
    if known.bound is not None:
        rowwise: Array = known.bound(sums, error, DTYPES[problem.dtype].unit)
        return rowwise
    slope = activations.slope(problem.activation)
    moved = slope * error if np.isfinite(slope) else _jump(problem, sums, error)
    return moved + activations.error(problem.activation, np.abs(y) + moved, problem.dtype)


def _jump(problem: ConvProblem, sums: Array, error: Array) -> Array:
    """The same for one that jumps or grows without end: what it moves at most to either end of the interval.

    `error` more, because from a jump to its end it may come back by that: threshold's does. inf where both are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        below, y, above = (_activated(problem, sums + sign * error) for sign in (-1, 0, 1))
        moved = np.maximum(np.abs(above - y), np.abs(below - y)) + 2 * error
    return np.where(np.isnan(moved), np.inf, moved)
