"""The answer in float64 that contestants are held to: the definition, or one Fourier transform where that takes long.

The transform of the whole signal in float64 strays from the definition by some 1e-15 of the answer's rms, where a
contestant may stray by 1e-4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.problem import reference

if TYPE_CHECKING:
    from codegen.problem.conv_problem import ConvProblem

    Array = np.ndarray[Any, np.dtype[Any]]

LONG = 256  # taps, from which on a transform is tried
MANY = 1 << 28  # products, above which the definition takes seconds
TOGETHER = 1 << 22  # numbers of a transform that are held at a time


def answer(problem: ConvProblem, x: Array, kernel: Array, bias: Array | None) -> Array:
    """`reference.convolve`, in the layout of x; within rounding of it for long kernels and inputs."""
    steps = x.shape[1 if problem.channels_last else 2]
    many = problem.macs(steps) * x.shape[0] > MANY and problem.kernel_size >= LONG
    if not many or problem.up > 1 or problem.zero:
        return np.asarray(reference.convolve(problem, x, kernel, bias))
    y = _transformed(problem, x if problem.channels_last else x.swapaxes(1, 2), kernel)
    y = y if bias is None else y + bias
    return y if problem.channels_last else y.swapaxes(1, 2)


def _transformed(problem: ConvProblem, x: Array, kernel: Array) -> Array:
    """The sums, (batch, outs, filters), by transforms over the steps of some groups at a time."""
    batch, steps, _ = x.shape
    outs, left, groups = problem.out_steps(steps), problem.pads(steps)[0], problem.groups
    size = 1 << (left + steps + sum(problem.pads(steps)) + problem.reach - 1).bit_length()
    some = max(1, TOGETHER // (size * batch * max(problem.group_channels, problem.group_filters)))
    taps = np.zeros((problem.reach, problem.group_channels, groups, problem.group_filters))
    taps[:: problem.dilation] = kernel.reshape(problem.kernel_size, problem.group_channels, groups, -1)
    samples = x.reshape(batch, steps, groups, problem.group_channels)
    y = np.empty((batch, outs, groups, problem.group_filters))
    at = np.arange(outs) * problem.stride
    for first in range(0, groups, some):
        part = slice(first, first + some)
        padded = np.zeros((batch, size, *samples[:, :, part].shape[2:]))
        padded[:, left : left + steps] = samples[:, :, part]
        spectrum = np.einsum(
            "bngc,ncgf->bngf", np.fft.rfft(padded, axis=1), np.fft.rfft(taps[:, :, part], size, axis=0).conj()
        )
        y[:, :, part] = np.fft.irfft(spectrum, size, axis=1)[:, at]
    return y.reshape(batch, outs, problem.filters)
