"""A stride as channels: every `stride`-th sample of a channel becomes a channel of its own.

    channel (s, c) of the panel = samples s, stride + s, 2*stride + s, … of channel c, after the zeros of the padding
    kernel'[k, (s, c), f] = kernel[stride*k + s, c, f], zero past the last tap

so that sums have the order of the taps, as those of other plans. Of several groups the channels (s, c) of each lie
together.

In channels_first neighbouring outputs then read neighbouring numbers, once they are copied: worth it for few channels
and many filters. Of a free length all of the input is copied, so that the workspace grows with it. In channels_last a
row of the panel is `stride` rows of the input as they lie: worth it where a transform then saves products of a long
kernel.
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
    """A channel becomes `phases` rows of `length` numbers, as many as there are outputs and a few where it is None."""

    phases: int
    length: int | None


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.stride == 1:
        return "there is no stride to turn into channels"
    if problem.channels_last and (problem.groups > 1 or request.accuracy == "exact"):
        return "in channels_last the samples of a row lie together as they are"
    if problem.dilation > 1:
        return "the taps are not neighbours"
    large = problem.products * problem.item_bytes > request.target.core.rooms.input
    if problem.steps is None and problem.channels_last and large:
        return "rows of a free length lie as they are read, and a large kernel would take several times its memory"
    if problem.steps is None and request.accuracy == "exact":
        return "short inputs of a free length are summed in another order: not `exact`"
    if problem.steps is not None and not problem.out_steps(problem.steps):
        return "there is no output"
    if problem.kernel_size % problem.stride and request.accuracy == "exact":
        return "it multiplies samples past the last tap by zero, which keeps no NaN or Inf in its place: not `exact`"
    if request.weights == "argument" and problem.kernel_size % problem.stride:
        return "its weights are laid out first, so they must be known or packed"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """The best plan of each algorithm for the rewritten problem, cheapest first."""
    problem = _rewritten(request.problem)
    against = request.against or (request.problem if problem.channels_last else None)
    asked = request.of_part(problem, against)
    if problem.steps is None:
        asked = asked.likely(_length_told(request), longer=cost.may_be_longer(request.problem, request.ask))
    copied = problem.steps is None and problem.channels_last  # all of it, for what direct sums read where it lies
    found = (
        inner for inner in best_of_each(asked) if not inner.workspace_step_bytes and (inner.transforms or not copied)
    )
    return sorted((_plan(request, inner) for inner in found), key=lambda plan: plan.cost.cycles)


def _length_told(request: Request) -> int:
    """The samples of a row where the costs are told."""
    p = request.problem
    return cost.outs_told(p, request.ask.likely) + -(-p.kernel_size // p.stride) - 1


def _rewritten(problem: ConvProblem) -> ConvProblem:
    taps = -(-problem.kernel_size // problem.stride)
    return replace(
        problem,
        steps=None if problem.steps is None else problem.out_steps(problem.steps) + taps - 1,
        channels=problem.channels * problem.stride,
        kernel_size=taps,
        stride=1,
        pad_left=0,
        pad_right=0,
        centred=False,
    )


def _plan(request: Request, inner: KernelPlan) -> KernelPlan[Schedule]:
    problem, length, core = request.problem, _length_told(request), request.target.core
    size = cost.in_lines(inner.problem.channels * length * problem.item_bytes, core)
    moved = core.moves.in_order if problem.channels_last else core.moves.alone
    cycles = inner.cost.cycles + moved * inner.problem.channels * length + size * cost.far(core, size)
    total = Cost(cycles, workspace_bytes=size + inner.workspace_bytes)
    if problem.steps is None:
        base, step = rows_bytes(problem)
        total = Cost(cycles, workspace_bytes=rows_at(inner, core) + base, step_bytes=step)
    return KernelPlan(
        problem, request.ask, ALGORITHM, Schedule(problem.stride, inner.problem.steps), total, parts=(inner,)
    )


def panel_bytes(problem: ConvProblem, core: Core) -> int:
    """Bytes of the rewritten problem's input, of a known length, in the workspace: whole cache lines."""
    numbers = problem.channels * (problem.steps or 0)
    return cost.in_lines(numbers * problem.item_bytes, core)


def rows_at(inner: KernelPlan, core: Core) -> int:
    """Where the rows of a free length begin in the workspace: behind what the inner plan needs."""
    return cost.in_lines(inner.workspace_bytes, core)


def rows_bytes(problem: ConvProblem) -> tuple[int, int]:
    """Bytes that hold the rows of any number of steps: always, and a step."""
    each = problem.channels * problem.item_bytes
    taps = -(-problem.kernel_size // problem.stride)
    return each * (max(0, problem.past) + problem.stride * (taps - 1)), each


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
    return inner.pack(whole.reshape(inner.problem.kernel_shape))


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
