"""Direct convolution with vectors along time: each weight is broadcast, a vector holds neighbouring output steps.

For channels_first, where a channel's samples lie side by side, and for one channel with one filter in any layout.
Sums run in one accumulator an output: every tile shape gives the same bits. They go over channels, then taps, so that
a channel's samples are read once; in the class `exact` tap by tap, as those of all other algorithms of sums do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, tiling
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.cores import Core
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """Tiles of `rows` filters x `vectors` vectors of `lanes` steps; `blocks` of filters start at each of `starts`.

    `form`: straight (all unrolled), taps (these unrolled in a loop over channels), channels (the reverse) or nested.
    `interior` are the outputs with all taps, None for a free length; outside it, and where it is shorter than a tile,
    taps are counted. `by_taps`: all channels of a tap are summed, then those of the next one.
    """

    rows: int
    vectors: int
    lanes: int
    starts: tiling.Starts
    form: str
    interior: tuple[int, int] | None
    chunk: int
    by_taps: bool = False

    @property
    def width(self) -> int:
        """Output steps of a tile."""
        return self.vectors * self.lanes


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.channels_last and (problem.channels, problem.filters) != (1, 1):
        return "its vectors run along time, where the samples of a channel lie apart in channels_last"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Plans for tiles of up to eight filters by up to eight vectors, cheapest first."""
    problem, target = request.problem, request.target
    inside = tiling.interior(problem, problem.steps) if problem.steps is not None else None
    room = inside[1] - inside[0] if inside else cost.FREE_STEPS
    lanes = next((width for width in target.lanes(problem.dtype) if width <= room), 1)
    by_taps = request.ask.accuracy == "exact" and 1 not in (problem.group_channels, problem.kernel_size)
    plans = []
    for rows in range(1, min(8, problem.group_filters) + 1):
        for vectors in range(1, 9):
            if rows > cost.rows_that_fit(vectors, target, lanes) or (vectors > 1 and vectors * lanes > room):
                continue
            if lanes == 1 and problem.dilation > 1 and not rows % 4:
                continue  # gcc 12 at -O3 makes vectors of such rows, and loads what lies after the last tap
            starts = tiling.Starts.of(problem.group_filters, rows)
            schedule = Schedule(
                rows,
                vectors,
                lanes,
                starts,
                _form(problem, target.core, rows * vectors, by_taps),
                inside,
                target.core.rooms.steps_along,
                by_taps,
            )
            total = Cost(_cycles(request, schedule))
            plans.append(KernelPlan(problem, request.ask, ALGORITHM, schedule, total))
    return sorted(plans, key=lambda plan: plan.cost.cycles)


def _form(problem: ConvProblem, core: Core, products: int, by_taps: bool) -> str:
    if problem.terms * products <= core.budget.straight:
        return "straight"
    if by_taps and problem.group_channels <= core.budget.taps:
        return "channels"
    return "taps" if problem.kernel_size <= core.budget.taps and problem.group_channels > 1 else "nested"


def _cycles(request: Request, schedule: Schedule) -> float:
    problem, target, core = request.problem, request.target, request.target.core
    outs = cost.outs_told(problem, request.ask.likely)
    first, last = schedule.interior or (0, outs)
    count, share = outs - (last - first), 0.5  # of the taps of a border output, say
    if problem.steps is None and request.ask.likely is not None:
        count, share = tiling.at_borders(problem, request.ask.likely, schedule.width)
    tiles = -(-(outs - count) // schedule.width)
    step = cost.step_cycles(schedule.rows, schedule.vectors, target, schedule.lanes * problem.item_bytes)
    if problem.stride > 1 and schedule.lanes > 1:
        step += core.moves.gathered * schedule.width
    elif problem.kernel_size > 1 and problem.dilation % schedule.lanes:
        step += core.moves.split * schedule.vectors
    if cost.crowding(core, problem.group_channels, problem.item_bytes * (problem.steps or 0)) > 1:
        size = cost.in_lines(schedule.width * problem.item_bytes, core)  # from the second cache, where they press on
        step = max(
            step, size / core.memory.crowded_feed * cost.multiply_adds(core, schedule.lanes * problem.item_bytes)
        )
    inside = tiles * (core.setup.tile + problem.terms * step + _lookups(request))
    together = schedule.lanes if problem.dilation >= schedule.lanes * problem.stride else 1
    alone = cost.step_cycles(schedule.rows, 1, target, problem.item_bytes)
    alone += core.moves.alone if problem.steps is None else 0  # each output looks for its samples
    edge = core.setup.border + problem.terms * share * alone
    border = -(-count // together) * edge
    return problem.groups * len(schedule.starts) * (inside + border)


def _lookups(request: Request) -> float:
    """Cycles for a tile's rows of the channels, where each lies on a page of its own and they are many."""
    problem, memory = request.problem, request.target.core.memory
    row = cost.steps_told(problem, request.ask.likely) * problem.item_bytes
    return problem.group_channels * memory.lookup * (problem.group_channels > memory.pages and 2 * row > memory.page)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    tile = f"{counted(schedule.rows, 'filter')} x {counted(schedule.width, 'step')}"
    held = tiling.held(schedule.rows * schedule.vectors, schedule.lanes)
    return f"{plan.algorithm.name} for {plan.target.name}: tiles of {tile}, {held}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as the tiles read it: flat, [group][block][channel][tap][row].

    By taps it is [group][block][tap][channel][row].
    """
    import numpy as np

    problem, schedule = plan.problem, plan.schedule
    rows = kernel if schedule.by_taps else kernel.transpose(1, 0, 2)
    firsts = [g * problem.group_filters + start for g in range(problem.groups) for start in schedule.starts]
    return np.concatenate([rows[:, :, first : first + schedule.rows].ravel() for first in firsts])


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.problem.groups * len(plan.schedule.starts) * plan.schedule.rows * plan.problem.terms


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    tile = schedule.rows, schedule.vectors, schedule.lanes, schedule.form
    return *tile, schedule.starts.key, schedule.interior, schedule.chunk, *_taps_first(schedule)


def layout(schedule: Schedule) -> Key:
    """The blocks of filters, and which loop is the outer one."""
    return schedule.rows, schedule.starts.key, *_taps_first(schedule)


def _taps_first(schedule: Schedule) -> Key:
    return ("taps",) if schedule.by_taps else ()


def order(plan: KernelPlan[Schedule]) -> Key:
    """All taps of a channel, then those of the next one, or tap by tap: of one channel or tap it is the same."""
    one = 1 in (plan.problem.group_channels, plan.problem.kernel_size)
    return tiling.tap_by_tap(plan) if one or plan.schedule.by_taps else ("channels",)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a tile, and of a chunk between two changes of the filters."""
    return schedule.width, schedule.chunk


def segments(schedule: Schedule) -> tuple[int, ...]:
    """Where the borders meet the interior."""
    return schedule.interior or ()


ALGORITHM = Algorithm(
    name="direct_steps",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    layout=layout,
    order=order,
    segments=segments,
    reads_stored=True,
    serves_outputs=True,
)
