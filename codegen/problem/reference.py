"""The reference: what a ConvProblem means, in NumPy, one tap at a time, and how far a kernel may stray from it.

This is the definition that every kernel is held to. It is written to be read, not to be fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.functions import activations
from codegen.functions.activations import LINEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem.conv_problem import ConvProblem
    from codegen.problem.problem import Problem

    Array = NDArray[Any]


def convolve(problem: Problem, x: Array, kernel: Array, bias: Array | None = None, *, dtype: str = "float64") -> Array:
    """y = activation(x correlated with kernel + bias), computed in `dtype`.

    x (batch, steps, channels), or (batch, channels, steps) where the problem says channels first; y likewise.
    kernel (kernel_size, channels/groups, filters), bias (filters,) or None, a chain's flat as its `stage_weights` reads
    them. The length is that of x: `problem.steps` is not read. `dtype` is float64, longdouble (what float64 kernels are
    held to) or int64 (whole numbers, exact while nothing passes 2**63; linear and relu only, whose results on whole
    numbers are whole).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        y = x if problem.channels_last else np.swapaxes(x, 1, 2)
        for stage, taps, added in problem.stage_weights(kernel, bias):
            y = _activated(stage, _sums(stage, y, taps, added, dtype))
    return y if problem.channels_last else np.swapaxes(y, 1, 2)


def bound(
    problem: Problem, x: Array, kernel: Array, bias: Array | None = None, *, before: Array | None = None
) -> Array:
    """The largest |computed - exact| that a right direct kernel can show, for each output; shape as `convolve`.

    Before the activation n/(1 - n·u)·(u·(|b| + Σ|w||x|) + least/2), n = terms + 1, u the unit roundoff of the problem's
    dtype and least its least number, for any order of summation, fused or not (Higham, Accuracy and Stability of
    Numerical Algorithms, §2.2 and §3.1). After it, times the activation's steepest slope, plus the activation's own
    stated error. `before`, (batch, out steps, filters), is what another algorithm may lose before the activation.

    It is NaN where a NaN or an infinity takes part: there the value itself is promised. It is inf, no promise, where
    |b| + Σ|w||x| is beyond the dtype's largest number, so that a sum on the way may be, and where a weight that is NaN
    or an infinity has its tap in the padding, which some algorithms skip and others multiply by 0, as Keras does.
    """
    samples = np.asarray(x if problem.channels_last else np.swapaxes(x, 1, 2))
    y, allowed = samples, np.zeros(())
    with np.errstate(over="ignore", invalid="ignore"):
        for stage, taps, added in problem.stage_weights(kernel, bias):
            sums = _sums(stage, y, taps, added, "float64")
            own = lost(stage, y, taps, added) if y is samples else _lost_behind(stage, y, allowed, taps, added)
            allowed = np.broadcast_to(own if before is None else before, sums.shape)
            y = _activated(stage, sums)
            if stage.activation != LINEAR:
                allowed = through_activation(stage, sums, y, allowed)
    return allowed if problem.channels_last else np.swapaxes(allowed, 1, 2)


def lost(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None) -> Array:
    """The direct algorithm's bound before the activation, as x: (batch, out steps, filters) of channels_last."""
    dtype, terms = problem.format, problem.terms + 1
    largest = magnitude(problem, x, kernel, bias)
    allowed = terms / (1 - terms * dtype.unit) * (dtype.unit * largest) + terms * dtype.least / 2
    if not np.isfinite(largest).all():
        allowed = np.where(np.isfinite(largest), allowed, np.nan)
        arrays = (None if each is None else np.where(np.isfinite(each), each, 0) for each in (x, kernel, bias))
        largest = magnitude(problem, *arrays)  # type: ignore[arg-type]  # x and kernel are never None
        allowed = np.where(_in_padding(problem, x.shape[1], ~np.isfinite(kernel)), np.inf, allowed)
    return np.where(largest + terms * dtype.unit * largest <= dtype.largest, allowed, np.inf)


def magnitude(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """|b| + Σ|w||x| of each output, (batch, out steps, filters), float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _sums(problem, np.abs(x), np.abs(kernel), None if bias is None else np.abs(bias), "float64")


def _in_padding(problem: ConvProblem, steps: int, strange: Array) -> Array:
    """Which outputs, (out steps, filters), have a tap of a `strange` weight (the kernel's shape) in the padding."""
    position = np.arange(problem.out_steps(steps))[:, None] * problem.stride - problem.pads(steps)[0]
    position = position + np.arange(problem.kernel_size) * problem.dilation
    outside = (position < 0) | (position >= problem.spread(steps))
    return np.asarray((outside & (position % problem.up == 0)) @ strange.any(axis=1))


def _lost_behind(problem: ConvProblem, x: Array, error: Array, kernel: Array, bias: Array | None) -> Array:
    """`lost` of a stage whose x is within `error` of what it should be.

    It is what the stage loses on the largest that its x may be, and what it makes of the errors.
    """
    open_ended = _sums(problem, np.isinf(error), np.ones_like(kernel), None, "float64") > 0
    known = np.where(np.isfinite(error), error, 0)
    allowed = magnitude(problem, known, kernel) + lost(problem, np.abs(x) + known, kernel, bias)
    return np.where(open_ended, np.inf, allowed)


def _sums(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None, dtype: str) -> Array:
    """bias + Σ kernel·x before the activation, (batch, out steps, filters) of x in channels_last."""
    samples = np.asarray(x, dtype)
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


def _activated(problem: Problem, sums: Array) -> Array:
    """The activation with its options as a kernel of the problem's dtype holds them."""
    if problem.activation == LINEAR:
        return sums
    return activations.reference(problem.activation, sums, problem.dtype)


def through_activation(problem: Problem, sums: Array, y: Array, error: Array) -> Array:
    """How far the activation of something within `error` of `sums` can be from y, the activation of `sums`.

    inf and NaN stay what they are; one in a row that the activation takes together leaves the row without a promise.
    """
    known = activations.row(problem.activation)
    if known.bound is not None:
        row = np.isfinite(error).all(axis=-1, keepdims=True)
        moved = known.bound(np.where(row, sums, 0), np.where(row, error, 0), problem.format.unit)
        return np.where(row, moved, np.inf)
    sure = np.isfinite(error)
    sums, y, moved = (np.where(sure, array, 0) for array in (sums, y, error))
    slope = activations.slope(problem.activation)
    moved = slope * moved if np.isfinite(slope) else _jump(problem, sums, moved)
    moved = moved + activations.error(problem.activation, np.abs(y) + moved, problem.dtype)
    return np.where(sure, np.minimum(moved, np.finfo(np.float64).max), error)


def _jump(problem: Problem, sums: Array, error: Array) -> Array:
    """The same for one that jumps or grows without end: what it moves at most to either end of the interval.

    `error` more, because from a jump to its end it may come back by that: threshold's does. inf where both are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        below, y, above = (_activated(problem, sums + sign * error) for sign in (-1, 0, 1))
        moved = np.maximum(np.abs(above - y), np.abs(below - y)) + 2 * error
    return np.where(np.isnan(moved), np.inf, moved)
