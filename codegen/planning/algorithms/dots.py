"""Whole numbers in vectors: four int8 products at a time added to each of a vector's int32 sums.

The input's steps of a few outputs are copied side by side, what is missing filled with the input's zero, so that one
body serves all outputs. A vector holds the sums of neighbouring filters; a tile has some steps and some vectors. Where
the channels of neighbouring taps follow each other all taps are one run of bytes; each run is filled up to fours by
weights of 0.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, integer
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

PANEL = 16_384  # bytes of steps that are copied at a time, as far as the first output's are a quarter of them
ROOM = 4  # beside what the last output reads: a run is read by fours
MOST_PANEL = 1 << 20  # bytes
MOST_ROWS = 12  # of a tile: so many sums are never waited for

Plan = KernelPlan["Schedule", ConvProblem]


@dataclass(frozen=True)
class Schedule:
    """Tiles of `rows` output steps and `vectors` vectors of `lanes` filters; `outs` outputs of each copy."""

    lanes: int
    rows: int
    vectors: int
    outs: int


def why_not(request: Request[ConvProblem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p, dots = request.problem, request.target.dialect.dots
    if dots is None:
        return f"{request.target.name} has no sums of four products"
    if request.weights != "baked":
        return "int8 kernels have their weights as const tables: hand them over with the layer"
    if p.up > 1:
        return "zeros between the input's steps are multiplied one by one"
    if counts_bytes(request.ask.objective):
        return "its tiles take more bytes than plain loops"
    if p.reach * p.channels > MOST_PANEL:
        return f"the steps of one output are more than {MOST_PANEL:,} bytes"
    return None


def candidates(request: Request[ConvProblem], best_of_each: BestOfEach) -> list[Plan]:
    """One plan."""
    p, dots = request.problem, request.target.dialect.dots
    assert dots is not None
    lanes = request.target.vector_bytes // 4
    blocks = -(-p.group_filters // lanes)
    vectors = -(-blocks // -(-blocks // dots.vectors))
    rows = _rows(p, dots.sums // vectors)
    outs = _outs(p, rows)
    schedule = Schedule(lanes, rows, vectors, outs)
    cost_ = Cost(_cycles(request, schedule), workspace_bytes=room(p, schedule))
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, cost_)]


def _rows(p: ConvProblem, most: int) -> int:
    """The output steps of a tile: as many as there may be, of which few are in vain at the end."""
    most = min(most, MOST_ROWS)
    if p.steps is None:
        return most
    outs = max(1, p.out_steps(p.steps))
    return min(range(max(1, most - 3), most + 1), key=lambda rows: (-(-outs // rows) * (rows + 1), -rows))


def _outs(p: ConvProblem, rows: int) -> int:
    """Outputs of a copy, a multiple of the rows, that read a few times the steps of the first one."""
    bytes_ = max(PANEL, 4 * p.reach * p.channels)
    found = max(1, (bytes_ // p.channels - p.reach) // p.stride + 1)
    if p.steps is not None:
        found = min(found, max(1, p.out_steps(p.steps)))
    return -(-found // rows) * rows


def room(p: ConvProblem, schedule: Schedule) -> int:
    """Bytes of the copied steps."""
    return ((schedule.outs - 1) * p.stride + p.reach) * p.channels + ROOM


def runs(p: ConvProblem) -> tuple[int, int, int]:
    """(how many runs of bytes an output reads, bytes from one to the next, bytes of each)."""
    if p.groups == 1 and (p.dilation == 1 or p.kernel_size == 1):
        return 1, 0, p.kernel_size * p.channels
    return p.kernel_size, p.dilation * p.channels, p.group_channels


def fours(p: ConvProblem) -> int:
    """Fours of each run."""
    return -(-runs(p)[2] // 4)


def blocks(p: ConvProblem, schedule: Schedule) -> list[int]:
    """The vectors of each block of a group's filters."""
    left, found = -(-p.group_filters // schedule.lanes), []
    while left:
        found.append(min(schedule.vectors, left))
        left -= found[-1]
    return found


def held(p: ConvProblem, schedule: Schedule) -> int:
    """Filters of a group, filled up to vectors."""
    return -(-p.group_filters // schedule.lanes) * schedule.lanes


def _cycles(request: Request[ConvProblem], schedule: Schedule) -> float:
    """Of each tile its dots and loads, and 8 instructions for each vector of codes; a byte copied for each channel."""
    p, core = request.problem, request.target.core.pipeline
    outs = p.out_steps(cost.steps_told(p, request.ask.likely))
    dots = request.target.dialect.dots
    assert dots is not None
    fours_ = runs(p)[0] * fours(p)
    vectors = p.groups * held(p, schedule) // schedule.lanes
    loads = fours_ * (1 / schedule.rows + 1 / schedule.vectors) / core.loads
    each = max(fours_ * dots.instructions / 2, loads) + 8 / core.issue
    return float(outs * vectors * each + outs * p.stride * p.channels / 8 + 100)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    found = plan.schedule
    tile = f"{counted(found.rows, 'step')} x {counted(found.vectors * found.lanes, 'filter')}"
    return f"{plan.algorithm.name} for {plan.target.name}: {tile} at once, {counted(found.outs, 'output')} of each copy"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """[group][block][run][four][vector][filter][4], flat, 0 where there is no weight."""
    import numpy as np

    p, schedule = plan.problem, plan.schedule
    count, _, size = runs(p)
    taps = kernel.reshape(count, size, p.groups, p.group_filters).transpose(2, 0, 1, 3)
    full = np.zeros((p.groups, count, 4 * fours(p), held(p, schedule)), kernel.dtype)
    full[:, :, :size, : p.group_filters] = taps
    made = full.reshape(p.groups, count, fours(p), 4, -1, schedule.lanes).transpose(0, 1, 2, 4, 5, 3)
    ends = np.cumsum([0, *blocks(p, schedule)])
    return np.concatenate([made[g, :, :, a:b].ravel() for g in range(p.groups) for a, b in pairwise(ends)])


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    p = plan.problem
    return p.groups * runs(p)[0] * fours(p) * 4 * held(p, plan.schedule)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.lanes, schedule.rows, schedule.vectors, schedule.outs


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a tile, and of a copy."""
    return schedule.rows, schedule.outs


ALGORITHM = Algorithm(
    name="dots",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    order=integer.no_order,
    whole=True,
)
