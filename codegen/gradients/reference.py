"""The gradients' definition in NumPy, one tap at a time: what every backward kernel is held to.

It is written to be read, not to be fast. Sums are float64 (int64 for whole numbers, where nothing may round).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Operand
from codegen.problem.reference import parted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["bias_gradient", "gathered", "input_gradient", "kernel_gradient", "output_gradient", "rows"]


def kernel_gradient(problem: ConvProblem, x: Array, dz: Array, dtype: str = "float64") -> Array:
    """dkernel[k, c, f] = sum over samples and outputs t of x[t*stride + k*dilation - left, c] * dz[t, f].

    With `up` that place in x is one among the zeros between its steps, or else a step: x[place / up].
    x and dz in the problem's layout, batch first; the result (kernel_size, channels/groups, filters).
    """
    samples, errors = _grouped(problem, x, problem.channels, dtype), _grouped(problem, dz, problem.filters, dtype)
    taps: Array = np.zeros((problem.kernel_size, problem.group_channels, problem.groups, problem.group_filters), dtype)
    for tap, outs, position in _positions(problem, samples.shape[1], errors.shape[1]):
        found = samples[:, position].transpose(2, 3, 0, 1), errors[:, outs].transpose(2, 0, 1, 3)
        per_group = found[0].reshape(*found[0].shape[:2], -1) @ found[1].reshape(len(found[1]), -1, found[1].shape[3])
        taps[tap] = per_group.swapaxes(0, 1)
    return taps.reshape(problem.kernel_shape)


def input_gradient(problem: ConvProblem, steps: int, kernel: Array, dz: Array, dtype: str = "float64") -> Array:
    """dx[t*stride + k*dilation - left, c] += kernel[k, c, f] * dz[t, f], over all k, t, f; in the layout of x."""
    errors = _grouped(problem, dz, problem.filters, dtype)
    taps = np.asarray(kernel, dtype).reshape(problem.kernel_size, problem.group_channels, problem.groups, -1)
    dx: Array = np.zeros((len(errors), steps, problem.groups, problem.group_channels), dtype)
    for tap, outs, position in _positions(problem, steps, errors.shape[1]):
        dx[:, position] += np.einsum("btgf,cgf->btgc", errors[:, outs], taps[tap])
    flat = dx.reshape(len(errors), steps, problem.channels)
    return flat if problem.channels_last else flat.swapaxes(1, 2)


def bias_gradient(problem: ConvProblem, dz: Array, dtype: str = "float64") -> Array:
    """dbias[f] = sum of dz over samples and outputs; (filters,)."""
    total: Array = np.asarray(dz, dtype).sum(axis=(0, 1) if problem.channels_last else (0, 2))
    return total


def output_gradient(
    problem: ConvProblem, dy: Array, z: Array, *operands: Array | None, dtype: str = "float64"
) -> tuple[Array, tuple[Array | None, ...]]:
    """(dz, the gradients of what the epilogue's stages read, in their order) of the sums z, begun as the problem's are.

    dy of the output's shape, z and dz of the sums', all in the problem's layout, batch first; the others of their
    operands' shapes. A stage whose operands are None changes nothing, and these have no gradients.
    """
    epilogue, (_, later) = problem.epilogue, parted(problem, operands, dtype)
    values = [np.asarray(rows(problem, z), dtype)]
    for stage, given in later:
        values.append(stage.reference(values[-1], given, problem.format))
    found: dict[str, Array] = {}
    gradient = np.asarray(rows(problem, dy), dtype)
    for (stage, given), value in zip(reversed(later), reversed(values[:-1]), strict=True):
        gradient, *shares = stage.pulled(gradient, value, given, problem.format)
        found |= {one.name: each for one, each in zip(stage.operands, shares, strict=True)}
    if epilogue.first:
        found[epilogue.first.operands[0].name] = gradient
    summed = {one.name: gathered(problem, one, found[one.name]) for one in epilogue.operands if one.name in found}
    return rows(problem, gradient), tuple(summed.get(one.name) for one in epilogue.operands)


def gathered(problem: ConvProblem, operand: Operand, shares: Array) -> Array:
    """An operand's gradient, of the shares (batch, out steps, filters) that the sums have in it."""
    if operand.lies == "output":
        return rows(problem, shares)
    total: Array = shares.sum(axis=(0, 1)) if operand.lies == "filter" else shares.sum().reshape(1)
    return total


def rows(problem: ConvProblem, array: Array) -> Array:
    """An array in the problem's layout as (batch, steps, lanes), or one of this shape as in the problem's."""
    return array if problem.channels_last else np.swapaxes(array, 1, 2)


def _grouped(problem: ConvProblem, array: Array, lanes: int, dtype: str) -> Array:
    """(batch, steps, groups, lanes of a group) of an array in the problem's layout."""
    found = np.asarray(rows(problem, array), dtype)
    return found.reshape(len(found), found.shape[1], problem.groups, lanes // problem.groups)


def _positions(problem: ConvProblem, steps: int, outs: int) -> Iterator[tuple[int, Array, Array]]:
    """(tap, the outputs for which it finds a step of the input, these steps) for each tap."""
    left = problem.pads(steps)[0]
    for tap in range(problem.kernel_size):
        position = np.arange(outs) * problem.stride + tap * problem.dilation - left
        inside = np.flatnonzero((position >= 0) & (position < problem.spread(steps)) & (position % problem.up == 0))
        yield tap, inside, position[inside] // problem.up
