"""Transposed layers as convolutions: all outputs between two input steps are filters of one.

    output r*up + i reads tap k0 + j*up of sample r + o + j, where up*o = i + k0 - left and k0 is the first such tap

So row r of `up` outputs is the output r of a convolution with `up` times as many filters, those of a later o behind
zeros; in channels_last its outputs lie in y as they should.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.problem.conv_problem import ConvProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Arrays = Sequence[NDArray[Any] | None]

__all__ = ["of", "turned", "weights", "why_not"]


def why_not(p: ConvProblem, *, uneven: bool = False) -> str | None:
    """The reason why the outputs of a problem with zeros between its steps are no such rows, None if they are.

    Where they may be `uneven` the last row may be cut.
    """
    if p.steps is None and p.centred:
        return "the zeros before its input depend on the length"
    if p.stride > 1 or p.dilation > 1 or p.groups > 1:
        return "its outputs have taps of several distances, or read a part of the channels"
    if not (p.channels_last or p.channels == p.filters == 1):
        return "its channels or its outputs lie apart"
    outs = _told(p).known_outs
    if outs < 1 if uneven else outs % p.up or outs < p.up:
        return "its outputs are no whole rows of those between two steps"
    return "its last outputs read nothing" if of(p) is None else None


def _told(p: ConvProblem) -> ConvProblem:
    """The problem at its length or, where that is free, at one from which on each step makes `up` outputs more."""
    return p if p.steps is not None else p.at_length(p.reach + p.up)


def _offsets(p: ConvProblem) -> list[tuple[int, int, int]]:
    """(first tap, its sample in row 0, taps) of each output of a row."""
    left, found = p.pads(_told(p).known_steps)[0], []
    for i in range(p.up):
        first = (left - i) % p.up
        found.append((first, (i + first - left) // p.up, max(0, -(-(p.kernel_size - first) // p.up))))
    return found


def of(p: ConvProblem) -> ConvProblem | None:
    """The convolution whose outputs are rows of `up`; None where that would leave out samples at an end."""
    offsets, told = _offsets(p), _told(p)
    least = min(0, *(sample for _, sample, _ in offsets))
    size = max(1, *(sample + taps for _, sample, taps in offsets)) - least
    right = -(-told.known_outs // p.up) - told.known_steps + size - 1 + least
    if right < 0:
        return None
    rows = replace(p, up=1, filters=p.filters * p.up, kernel_size=size, pad_left=-least, pad_right=right)
    return replace(rows, centred=False, channels_last=True)


def turned(p: ConvProblem, kernel: NDArray[Any]) -> NDArray[Any]:
    """A kernel (kernel_size, channels, filters) as the rows' filters read it."""
    import numpy as np

    rows = of(p)
    assert rows is not None
    made = np.zeros((rows.kernel_size, p.channels, p.up, p.filters), kernel.dtype)
    for i, (first, sample, taps) in enumerate(_offsets(p)):
        at = sample + rows.pad_left
        made[at : at + taps, :, i] = kernel[first :: p.up]
    return made.reshape(rows.kernel_shape)


def weights(p: ConvProblem, kernel: NDArray[Any], operands: Arrays) -> list[NDArray[Any] | None]:
    """The kernel of the rows, and what each filter has once for each output of a row."""
    import numpy as np

    repeated = [one if one is None or np.size(one) == 1 else np.tile(np.ravel(one), p.up) for one in operands]
    return [turned(p, kernel), *repeated]
