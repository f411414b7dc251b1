"""The gradient with respect to the input is itself a convolution: of the output's gradient with the turned kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["input_problem", "turned", "turned_back", "zero_taps"]


def input_problem(problem: ConvProblem, steps: int) -> ConvProblem:
    """The problem whose input is dz (outs, filters) and whose output is dx (steps, channels), for a fixed length.

    A stride becomes zeros between the steps of dz (`up`), and zeros between the input's steps become a stride. Padding
    is never negative: where the layer pads beyond its own reach, zero taps lengthen the kernel.
    """
    front, back = zero_taps(problem, steps)
    taps = problem.kernel_size + front + back
    outs = problem.out_steps(steps)
    left = problem.reach - 1 - problem.pads(steps)[0] + front * problem.dilation
    between = problem.spread(steps) - _spread(problem, outs)
    return replace(
        problem,
        steps=outs,
        channels=problem.filters,
        filters=problem.channels,
        kernel_size=taps,
        stride=problem.up,
        up=problem.stride,
        pad_left=left,
        pad_right=between - left + (taps - 1) * problem.dilation,
        centred=False,
        epilogue=Epilogue(),
    )


def zero_taps(problem: ConvProblem, steps: int) -> tuple[int, int]:
    """The zero taps (before, after) that the turned kernel needs, so that no padding is negative."""
    d, left = problem.dilation, problem.reach - 1 - problem.pads(steps)[0]
    front = max(0, -(left // d))
    between = problem.spread(steps) - _spread(problem, problem.out_steps(steps))
    right = between - left + (problem.kernel_size - 1) * d
    return front, max(0, -(right // d))


def turned_back(problem: ConvProblem, steps: int, kernel: Array) -> Array:
    """The kernel of `problem` that `turned` makes `kernel` of, its zero taps left out."""
    front, _ = zero_taps(problem, steps)
    taps = kernel[front : front + problem.kernel_size]
    taps = taps.reshape(problem.kernel_size, problem.group_filters, problem.groups, problem.group_channels)
    return np.ascontiguousarray(taps[::-1].transpose(0, 3, 2, 1)).reshape(problem.kernel_shape)


def _spread(problem: ConvProblem, outs: int) -> int:
    """Samples from the first tap of output 0 to that of the last, both counted."""
    return (outs - 1) * problem.stride + 1


def turned(problem: ConvProblem, steps: int, kernel: Array) -> Array:
    """`kernel` (kernel_size, channels/groups, filters) as input_problem's: taps in reverse, each group transposed."""
    taps = kernel.reshape(problem.kernel_size, problem.group_channels, problem.groups, problem.group_filters)
    swapped = taps[::-1].transpose(0, 3, 2, 1).reshape(problem.kernel_size, problem.group_filters, problem.channels)
    beyond = zero_taps(problem, steps)
    return np.pad(swapped, (beyond, (0, 0), (0, 0))) if any(beyond) else swapped
