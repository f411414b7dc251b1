"""A stride as channels: every `stride`-th sample of a channel becomes a channel of its own.

    channel (c, s) of the panel = samples s, stride + s, 2*stride + s, … of channel c, after the zeros of the padding
    kernel'[k, (c, s), f] = kernel[stride*k + s, c, f], zero past the last tap

In channels_first neighbouring outputs then read neighbouring numbers, once they are copied: worth it for few channels
and many filters. In channels_last a row of the panel is `stride` rows of the input as they lie, with channels (s, c):
worth it where a transform then saves products of a long kernel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.planning.algorithms import cost
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.cores import Core
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """A channel becomes `phases` rows of `length` numbers."""

    phases: int
    length: int


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.stride == 1:
        return "there is no stride to turn into channels"
    if problem.channels_last and (problem.groups > 1 or request.accuracy == "exact"):
        return "in channels_last the samples of a row stand together as they are"
    if problem.dilation > 1:
        return "the taps are not neighbours"
    if problem.steps is None:
        return "a free length would need workspace without bound"
    if not problem.out_steps(problem.steps):
        return "there is no output"
    if problem.kernel_size % problem.stride and request.accuracy == "exact":
        return "it multiplies samples past the last tap by zero, which keeps no NaN or Inf in its place: not `exact`"
    apart = problem.group_channels > 1 and not problem.channels_last
    if request.weights == "argument" and (apart or problem.kernel_size % problem.stride):
        return "its weights are laid out first, so they must be known or packed"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """The best plan of each algorithm for the rewritten problem, cheapest first."""
    problem = _rewritten(request.problem)
    against = request.against or (request.problem if problem.channels_last else None)
    found = best_of_each(request.of_part(problem, against))
    return sorted((_plan(request, inner) for inner in found), key=lambda plan: plan.cost.cycles)


def _rewritten(problem: ConvProblem) -> ConvProblem:
    taps = -(-problem.kernel_size // problem.stride)
    return replace(
        problem,
        steps=problem.out_steps(problem.steps or 1) + taps - 1,
        channels=problem.channels * problem.stride,
        kernel_size=taps,
        stride=1,
        pad_left=0,
        pad_right=0,
        centred=False,
    )


def _plan(request: Request, inner: KernelPlan) -> KernelPlan[Schedule]:
    problem, length = request.problem, inner.problem.steps
    assert length is not None
    core = request.target.core
    size = panel_bytes(inner.problem, core)
    moved = core.moves.in_order if problem.channels_last else core.moves.alone
    cycles = inner.cost.cycles + moved * inner.problem.channels * length + size * cost.far(core, size)
    total = Cost(cycles, workspace_bytes=size + inner.workspace_bytes)
    schedule = Schedule(problem.stride, length)
    return KernelPlan(problem, request.ask, ALGORITHM, schedule, total, parts=(inner,))


def panel_bytes(problem: ConvProblem, core: Core) -> int:
    """Bytes of the rewritten problem's input in the workspace: whole cache lines."""
    numbers = problem.channels * (problem.steps or 0)
    return cost.in_lines(numbers * problem.item_bytes, core)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return f"{plan.algorithm.name}, {plan.problem.stride} channels of every channel: {plan.inner.describe()}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as the inner plan packs the rewritten one."""
    import numpy as np

    problem, inner = plan.problem, plan.inner
    taps = inner.problem.kernel_size
    whole = np.zeros((taps * problem.stride, problem.group_channels, problem.filters), kernel.dtype)
    whole[: problem.kernel_size] = kernel
    phases = whole.reshape(taps, problem.stride, problem.group_channels, problem.filters)
    if not problem.channels_last:
        phases = phases.swapaxes(1, 2)
    return inner.pack(phases.reshape(inner.problem.kernel_shape))


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.inner.packed_numbers


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.phases, schedule.length


def turns(schedule: Schedule) -> tuple[int, ...]:
    """It has no loop of its own over the outputs."""
    return ()


ALGORITHM = Algorithm(
    name="strides_as_channels",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    serves_outputs=True,
)
