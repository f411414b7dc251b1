"""A fresh kernel against NumPy on whole numbers, where any slip is plain, before a compiler's work is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from codegen import activations
from codegen.activations import LINEAR
from codegen.errors import ToolchainError
from codegen.plan import KernelPlan
from codegen.problem import ConvProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.toolchain import Compiler

    Array = NDArray[Any]

TRIAL_STEPS = 97  # outputs of the self-test for a free length: several tiles and a rest
TRIAL_PRODUCTS = 20_000_000  # that NumPy does in it
TRIAL_OUTPUTS = 256  # that it looks at, at most


class Fresh(Protocol):
    """What is asked of a kernel here: a CompiledKernel's plan, pack and run."""

    @property
    def plan(self) -> KernelPlan: ...
    def pack(self, kernel: Array) -> Array: ...
    def run(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> None: ...


def prove(kernel: Fresh, compiler: Compiler) -> None:
    """Compare a fresh kernel with NumPy on whole numbers, where any slip is plain. Raises ToolchainError."""
    p = kernel.plan.problem
    if kernel.plan.weights == "baked":
        return  # its weights are in the C text alone
    weights, bias = _whole(p.kernel_shape, p), _whole((p.filters,), p) if p.bias else None
    slack = min(0.25, 1e-3 + 2e-5 * p.terms)  # transforms round; a slip in whole numbers is 1 or more
    samples = (p.reach + TRIAL_STEPS * p.stride, p.reach // 2)
    lengths = [max(1, -(-some // p.up)) for some in samples] if p.steps is None else [p.steps]
    for steps in lengths:
        x = _whole(p.in_shape(2, steps), p)
        y = np.full(p.out_shape(2, steps), np.nan, p.dtype)
        kernel.run(x, y, kernel.pack(weights), bias)
        rows = x if p.channels_last else x.swapaxes(1, 2)
        outs = y if p.channels_last else y.swapaxes(1, 2)
        for t in _trials(p, outs.shape[1]):
            least, most = _ends(p, _output(p, rows, weights, bias, t), slack)
            if not ((_moved(least, -slack) <= outs[:, t]) & (outs[:, t] <= _moved(most, slack))).all():
                place = f"output {t} of {steps} steps is {outs[:, t].tolist()}, should be {most.tolist()}"
                raise ToolchainError(
                    f"{compiler.version} ({compiler.command[0]}) compiled a kernel that is wrong on whole numbers: "
                    f"{place[:400]}\nName another compiler in GENCONV_CC"
                )


def _trials(p: ConvProblem, outs: int) -> list[int]:
    """The output steps to look at: all of a few, or the ends and an even choice between."""
    count = max(8, min(TRIAL_OUTPUTS, TRIAL_PRODUCTS // max(1, p.terms * p.filters)))
    return sorted({*range(min(outs, 3)), *range(0, outs, -(-outs // count) or 1), *range(max(0, outs - 3), outs)})


def _output(p: ConvProblem, x: Array, kernel: Array, bias: Array | None, t: int) -> Array:
    """Output step `t` of each sample before the activation, (batch, filters) in float64, by problem.py's formula."""
    if p.depth_multiplier:
        (each, across), (first, second) = p.stages(), p.stage_kernels(kernel)
        between = _output(each, x, first, None, t)[:, None]
        return _output(replace(across, steps=1), between, second, bias, 0)
    steps = x.shape[1]
    found = np.arange(*p.taps(t, steps))
    samples = t * p.stride + found * p.dilation - p.pads(steps)[0]
    there = samples % p.up == 0
    window = x[:, samples[there] // p.up].reshape(len(x), -1, p.groups, p.group_channels).astype(np.float64)
    taps = kernel[found[there]].reshape(-1, p.group_channels, p.groups, p.group_filters)
    sums = np.einsum("bkgc,kcgf->bgf", window, taps).reshape(len(x), p.filters)
    return np.asarray(sums if bias is None else sums + bias)


def _ends(p: ConvProblem, sums: Array, slack: float) -> tuple[Array, Array]:
    """The least and the most that the activation may make of sums within `slack`: far apart where it jumps."""
    if p.activation == LINEAR:
        return sums, sums
    with np.errstate(over="ignore"):
        found = [activations.reference(p.activation, sums + way, p.dtype).astype(p.dtype) for way in (-slack, 0, slack)]
    return np.min(found, axis=0), np.max(found, axis=0)


def _moved(end: Array, slack: float) -> Array:
    """An end of what is allowed, with room for the dtype's rounding."""
    rounding = 2e-6 * np.abs(np.where(np.isfinite(end), end, 0))
    return np.asarray(end + slack + np.copysign(rounding, slack))


def _whole(shape: tuple[int, ...], p: ConvProblem) -> Array:
    """Whole numbers from -3 to 3 in no visible order."""
    pattern = np.arange(8191, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(16)
    return np.resize(pattern.astype(np.int64) % 7 - 3, shape).astype(p.dtype)
