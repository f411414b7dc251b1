"""The reference: what a ConvProblem means, in NumPy, one tap at a time, and how far a kernel may stray from it.

This is the definition that every kernel is held to. It is written to be read, not to be fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.numbers.formats import Format
    from codegen.problem.conv_problem import ConvProblem
    from codegen.problem.epilogue import Stage
    from codegen.problem.problem import Problem

    Array = NDArray[Any]
    Later = tuple[Stage, tuple[Array, ...]]


def convolve(problem: Problem, x: Array, kernel: Array, *operands: Array | None, dtype: str = "float64") -> Array:
    """y = epilogue(x correlated with kernel), computed in `dtype`.

    x (batch, steps, channels), or (batch, channels, steps) where the problem says channels first; y likewise.
    kernel (kernel_size, channels/groups, filters), `operands` the epilogue's, such as a bias (filters,), of a chain as
    its `stage_weights` reads them; a stage whose operands are left out, or None, changes nothing. The length is that of
    x: `problem.steps` is not read. `dtype` is float64, longdouble (what float64 kernels are held to) or int64 (whole
    numbers, exact while nothing passes 2**63; linear and relu only, whose results on whole numbers are whole).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        y = x if problem.channels_last else np.swapaxes(x, 1, 2)
        for part, taps, given in problem.stage_weights(kernel, *operands):
            first, later = parted(part, given, dtype)
            y = _sums(part, y, taps, first, dtype)
            for stage, read in later:
                y = stage.reference(y, read, part.format)
    return y if problem.channels_last else np.swapaxes(y, 1, 2)


def bound(problem: Problem, x: Array, kernel: Array, *operands: Array | None, before: Array | None = None) -> Array:
    """The largest |computed - exact| that a right direct kernel can show, for each output; shape as `convolve`.

    Of the sums n/(1 - n·u)·(u·(|b| + Σ|w||x|) + least/2), n = terms + 1, b what they begin with, u the unit roundoff of
    the problem's dtype and least its least number, for any order of summation, fused or not (Higham, Accuracy and
    Stability of Numerical Algorithms, §2.2 and §3.1). Then what each stage of the epilogue makes of it, as its `moved`
    says. `before`, (batch, out steps, filters), is what another algorithm may lose of the sums.

    It is NaN where a NaN or an infinity takes part: there the value itself is promised. It is inf, no promise, where
    |b| + Σ|w||x| is beyond the dtype's largest number, so that a sum on the way may be, and where a weight that is NaN
    or an infinity has its tap in the padding, which some algorithms skip and others multiply by 0, as Keras does.
    """
    samples = np.asarray(x if problem.channels_last else np.swapaxes(x, 1, 2))
    y, allowed = samples, np.zeros(())
    with np.errstate(over="ignore", invalid="ignore"):
        for part, taps, given in problem.stage_weights(kernel, *operands):
            first, later = parted(part, given, "float64")
            sums = _sums(part, y, taps, first, "float64")
            if before is not None:
                own = before
            else:
                own = lost(part, y, taps, first) if y is samples else _lost_behind(part, y, allowed, taps, first)
            y, allowed = through(later, sums, np.broadcast_to(own, sums.shape), part.format)
    return allowed if problem.channels_last else np.swapaxes(allowed, 1, 2)


def parted(
    problem: ConvProblem, operands: Sequence[Array | None], dtype: str
) -> tuple[Array | None, tuple[Later, ...]]:
    """What the sums begin with, and the later stages with their operands; of `dtype`, to be broadcast to the sums.

    Those that are not given are left out with their stages. Raises ShapeError for more operands than there are.
    """
    epilogue, count = problem.epilogue, len(problem.epilogue.operands)
    types = [operand.held_in or dtype for operand in epilogue.operands]
    given = [None if each is None else np.asarray(each, of) for each, of in zip(operands, types, strict=False)]
    if any(each is not None for each in operands[count:]):
        raise ShapeError(f"the problem's epilogue reads {count} arrays, got {len(operands)}")
    given += [None] * (count - len(given))
    for at, operand in enumerate(epilogue.operands):
        found = given[at]
        if operand.lies == "output" and found is not None and not problem.channels_last:
            given[at] = np.swapaxes(found, 1, 2)
    first: Array | None = None
    later: list[Later] = []
    for stage, arrays in epilogue.of_stages(given):
        held = tuple(each for each in arrays if each is not None)
        if len(held) < len(arrays):
            continue
        if stage.begins:
            (first,) = held
        else:
            later.append((stage, held))
    return first, tuple(later)


def through(later: Sequence[Later], sums: Array, error: Array, held: Format) -> tuple[Array, Array]:
    """(what the later stages make of `sums`, how far a right kernel can be from it), its own sums off by `error`.

    `held` is the format that the kernel computes in.
    """
    for stage, given in later:
        y = stage.reference(sums, given, held)
        sums, error = y, stage.moved(sums, y, error, given, held)
    return sums, error


def lost(problem: ConvProblem, x: Array, kernel: Array, first: Array | None) -> Array:
    """The direct algorithm's bound of sums that begin with `first`, (batch, out steps, filters), x in channels_last."""
    dtype, terms = problem.format, problem.terms + 1
    largest = magnitude(problem, x, kernel, first)
    allowed = terms / (1 - terms * dtype.unit) * (dtype.unit * largest) + terms * dtype.least / 2
    if not np.isfinite(largest).all():
        allowed = np.where(np.isfinite(largest), allowed, np.nan)
        arrays = (None if each is None else np.where(np.isfinite(each), each, 0) for each in (x, kernel, first))
        largest = magnitude(problem, *arrays)  # type: ignore[arg-type]  # x and kernel are never None
        allowed = np.where(_in_padding(problem, x.shape[1], ~np.isfinite(kernel)), np.inf, allowed)
    return np.where(largest + terms * dtype.unit * largest <= dtype.largest, allowed, np.inf)


def magnitude(problem: ConvProblem, x: Array, kernel: Array, first: Array | None = None) -> Array:
    """|b| + Σ|w||x| of each sum, b what it begins with, (batch, out steps, filters), float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _sums(problem, np.abs(x), np.abs(kernel), None if first is None else np.abs(first), "float64")


def _in_padding(problem: ConvProblem, steps: int, strange: Array) -> Array:
    """Which outputs, (out steps, filters), have a tap of a `strange` weight (the kernel's shape) in the padding."""
    position = np.arange(problem.out_steps(steps))[:, None] * problem.stride - problem.pads(steps)[0]
    position = position + np.arange(problem.kernel_size) * problem.dilation
    outside = (position < 0) | (position >= problem.spread(steps))
    return np.asarray((outside & (position % problem.up == 0)) @ strange.any(axis=1))


def _lost_behind(problem: ConvProblem, x: Array, error: Array, kernel: Array, first: Array | None) -> Array:
    """`lost` of a stage whose x is within `error` of what it should be.

    It is what the stage loses on the largest that its x may be, and what it makes of the errors.
    """
    open_ended = _sums(problem, np.isinf(error), np.ones_like(kernel), None, "float64") > 0
    known = np.where(np.isfinite(error), error, 0)
    allowed = magnitude(problem, known, kernel) + lost(problem, np.abs(x) + known, kernel, first)
    return np.where(open_ended, np.inf, allowed)


def _sums(problem: ConvProblem, x: Array, kernel: Array, first: Array | None, dtype: str) -> Array:
    """first + Σ kernel·x, (batch, out steps, filters) of x in channels_last.

    Sums of codes are far below 2**53, so that float64 has them exactly, in any order: NumPy multiplies it much faster.
    """
    if problem.format.whole and dtype == "int64":
        exact = _sums_in(problem, x, kernel, None, "float64").astype("int64")
        return exact if first is None else exact + np.asarray(first, dtype)
    return _sums_in(problem, x, kernel, first, dtype)


def _sums_in(problem: ConvProblem, x: Array, kernel: Array, first: Array | None, dtype: str) -> Array:
    samples = np.asarray(x, dtype)
    samples = samples - problem.zero if problem.zero else samples
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
    return y if first is None else y + np.asarray(first, dtype)
