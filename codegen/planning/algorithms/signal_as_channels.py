"""One channel and one filter as many: a long filter over one signal, `width` neighbouring samples taken as channels.

Row i of the rewritten problem holds the samples [i*width, (i + 1)*width), its filter f is output i*width + f:

    kernel'[k, c, f] = kernel[k*width + c - f], zero outside

So a single signal gets what many channels have: tiles of broadcasts, and transforms whose products are GEMMs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, direct_filters, fft
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

WIDTHS = (8, 16, 32)


@dataclass(frozen=True)
class Schedule:
    """`width` samples a row; `rows` output rows at a time from `rows` + taps - 1 input rows."""

    width: int
    rows: int


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if (problem.channels, problem.filters) != (1, 1):
        return "there are channels enough, or filters"
    if problem.stride > 1 or problem.dilation > 1:
        return "neighbouring outputs do not read neighbouring samples"
    if request.accuracy == "exact":
        return "it multiplies samples outside the window by zero, which keeps no NaN or Inf in its place: not `exact`"
    if request.weights == "argument":
        return "its weights are laid out first, so they must be known or packed"
    if problem.kernel_size < min(WIDTHS):
        return "so few taps that most of the products would be with zeros"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """For each width the best direct and the best Fourier plan of the rewritten problem, cheapest first."""
    found = []
    for width in WIDTHS:
        rows, small = _rewritten(request, width)
        some = min(rows, max(1, -(-cost.outs_told(request.problem, request.ask.likely) // width)))
        asked = request.of_part(small, against=request.problem).likely(some + small.kernel_size - 1)
        for algorithm in (direct_filters.ALGORITHM, fft.ALGORITHM):
            if not algorithm.why_not(asked):
                found += [
                    _plan(request, Schedule(width, rows), inner)
                    for inner in algorithm.candidates(asked, best_of_each)[:1]
                ]
    return sorted(found, key=lambda plan: plan.cost.cycles)


def _rewritten(request: Request, width: int) -> tuple[int, ConvProblem]:
    """The rows of outputs at a time, and the problem of `width` samples as channels: of a free length, it has one."""
    problem, most = request.problem, request.target.core.rooms.signal
    taps = -(-(problem.kernel_size + width - 1) // width)
    total = -(-cost.outs_told(problem) // width)
    rows = max(1, -(-total // -(-total // most)) if problem.steps is not None else most // width)
    return rows, replace(
        problem,
        steps=rows + taps - 1 if problem.steps is not None else None,
        channels=width,
        filters=width,
        kernel_size=taps,
        pad_left=0,
        pad_right=0,
        centred=False,
        channels_last=True,
    )


def _plan(request: Request, schedule: Schedule, inner: KernelPlan) -> KernelPlan[Schedule]:
    problem, width, rows = request.problem, schedule.width, schedule.rows
    samples, outs = rows + inner.problem.kernel_size - 1, cost.outs_told(problem, request.ask.likely)
    turns = -(-outs // (rows * width)) if problem.steps is not None else max(1.0, outs / (rows * width))
    moved = samples + rows
    if problem.steps is None:  # a short input is a few rows
        moved -= 2 * max(0, rows - -(-outs // width))
    cycles = turns * (inner.cost.cycles + request.target.core.moves.in_order * width * moved)
    numbers = width * (samples + rows + copied(problem))
    total = Cost(cycles, workspace_bytes=numbers * problem.item_bytes + inner.workspace(samples))
    return KernelPlan(problem, request.ask, ALGORITHM, schedule, total, (inner,))


def copied(problem: ConvProblem) -> int:
    """Rows of the workspace that hold what the epilogue reads per filter, one at least."""
    return max(1, len(problem.epilogue.of_filters))


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule, inner = plan.schedule, plan.inner
    return f"{plan.algorithm.name}, {counted(schedule.width, 'neighbouring sample')} as channels: {inner.describe()}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, 1, 1) as the inner plan packs the rewritten one."""
    import numpy as np

    schedule, inner = plan.schedule, plan.inner
    width = schedule.width
    tap = np.arange(inner.problem.kernel_size)[:, None, None] * width
    at = tap + np.arange(width)[None, :, None] - np.arange(width)[None, None, :]
    inside = (at >= 0) & (at < len(kernel))
    many = np.where(inside, kernel[np.clip(at, 0, len(kernel) - 1), 0, 0], kernel.dtype.type(0))
    return inner.pack(many)


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.inner.packed_numbers


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.width, schedule.rows


def order(plan: KernelPlan[Schedule]) -> Key:
    """The samples of a row, the order of the inner plan, and where its turns cut the tiles of a transform."""
    schedule, inner = plan.schedule, plan.inner
    whole = None if plan.outs is None else -(-plan.outs // schedule.width)
    return (plan.algorithm.name, schedule.width, *inner.cut_by(schedule.rows, whole), inner.order)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a row, and of all rows that are computed together."""
    return schedule.width, schedule.width * schedule.rows


def inner_outputs(schedule: Schedule) -> int:
    """The outputs of a row."""
    return schedule.width


ALGORITHM = Algorithm(
    name="signal_as_channels",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    order=order,
    turns=turns,
    inner_outputs=inner_outputs,
)
