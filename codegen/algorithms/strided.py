"""A stride as channels: `stride` neighbouring samples are one row, and the convolution over rows has stride 1.

    row i = samples [stride*i, stride*(i + 1)), all channels: the same memory, read with wider rows
    kernel'[k, (s, c), f] = kernel[stride*k + s - shift, c, f], zero outside

So the transforms, which compute neighbouring outputs together, serve strides too (stride 2: the even and the odd taps).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codegen.algorithms import transformed, winograd
from codegen.plan import KernelPlan, Request
from codegen.problem import ConvProblem

if TYPE_CHECKING:
    import numpy as np

NAME = "strided"


@dataclass(frozen=True)
class Schedule:
    """`shift` zeros stand before the first tap, so that rows start at multiples of the stride."""

    shift: int


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.stride == 1:
        return "there is no stride to turn into channels"
    if problem.groups > 1 or problem.dilation > 1:
        return "samples side by side hold other groups' channels, or other phases of the dilation"
    if problem.steps is None:
        return "a free length may end within a row of as many samples as the stride"
    if problem.kernel_size <= problem.stride:
        return "outputs share no sample"
    return winograd.why_not(replace(request, problem=_rewritten(problem)))


def candidates(request: Request) -> list[KernelPlan]:
    """The plans of winograd for the rewritten problem, cheapest first."""
    problem = request.problem
    # the weights are those of the rewritten problem, handed on
    asked = replace(request, problem=_rewritten(problem), weights="packed", against=problem)
    schedule = Schedule(_shift(problem))
    found = [_ragged(problem, plan) for plan in winograd.candidates(asked)]
    return [replace(plan, problem=problem, algorithm=NAME, schedule=schedule, inner=plan) for plan in found]


def _ragged(problem: ConvProblem, plan: KernelPlan) -> KernelPlan:
    """The inner plan, told where the input ends within its last row."""
    assert problem.steps is not None
    assert isinstance(plan.schedule, transformed.Schedule)
    rest = problem.steps % problem.stride
    if not rest or plan.problem.steps != -(-problem.steps // problem.stride):
        return plan
    schedule = replace(plan.schedule, tail=rest * problem.channels)
    memory = plan.workspace_bytes + plan.problem.channels * plan.problem.item_bytes
    return replace(plan, schedule=schedule, workspace_bytes=memory)


def _shift(problem: ConvProblem) -> int:
    return -problem.pad_left % problem.stride


def _rewritten(problem: ConvProblem) -> ConvProblem:
    assert problem.steps is not None
    shift = _shift(problem)
    rows, left = -(-problem.steps // problem.stride), (problem.pad_left + shift) // problem.stride
    taps = -(-(problem.kernel_size + shift) // problem.stride)
    right = problem.out_steps(problem.steps) - rows - left + taps - 1
    return replace(
        problem,
        steps=rows + min(0, right),  # rows that no output reads are left out
        channels=problem.channels * problem.stride,
        kernel_size=taps,
        stride=1,
        pad_left=left,
        pad_right=max(0, right),
        centred=False,
    )


def describe(plan: KernelPlan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    assert plan.inner is not None
    return f"{NAME}, rows of {plan.problem.stride} samples: {winograd.describe(plan.inner)}"


def pack(plan: KernelPlan, kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels, filters) as the inner plan packs the rewritten one."""
    import numpy as np

    problem, schedule, inner = plan.problem, plan.schedule, plan.inner
    assert isinstance(schedule, Schedule)
    assert inner is not None
    taps = inner.problem.kernel_size * problem.stride
    whole = np.zeros((taps, problem.channels, problem.filters), kernel.dtype)
    whole[schedule.shift : schedule.shift + problem.kernel_size] = kernel
    return np.asarray(winograd.pack(inner, whole.reshape(inner.problem.kernel_shape)))
