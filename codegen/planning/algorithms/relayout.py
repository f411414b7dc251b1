"""channels_first by way of channels_last: a panel of the input is transposed, computed on, and transposed back.

A chunk of outputs at a time: the samples that it needs, zeros for the padding, become the rows of a panel in the
workspace; an inner plan without padding computes on it; its outputs are transposed into y. With a large dilation a
panel holds some of the dilation's phases over the whole length, so that no two chunks read the same sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.cores import Core
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


MOST_WIDENED = 2  # times the outputs that have room, that a chunk may have to be whole squares


@dataclass(frozen=True)
class Schedule:
    """A chunk: `runs` runs of `length` neighbouring samples make `outs_runs` runs of `outs` neighbouring outputs.

    `phases`: a run lies the dilation after the one before it, and a chunk is `outs` phases of the dilation over the
    whole length. Otherwise there is one run, shorter in the last chunk of a free length. `lanes_in` and `lanes_out`
    are the sides of the square blocks that are transposed, 1 for single numbers.
    """

    phases: bool
    outs: int
    outs_runs: int
    length: int
    runs: int
    lanes_in: int
    lanes_out: int

    @property
    def rows(self) -> int:
        """Samples of all channels in a panel."""
        return self.runs * self.length

    @property
    def outs_rows(self) -> int:
        """Outputs of all filters in a chunk."""
        return self.outs_runs * self.outs


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.channels_last:
        return "the input is channels_last already"
    if problem.walk is not problem.stages[0]:
        return "a stage behind the first reads more than its output's own step"
    if (problem.channels, problem.filters) == (1, 1):
        return "one channel and one filter are the same in both layouts"
    if problem.steps is not None and not problem.out_steps(problem.steps):
        return "there is no output"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """For chunks of several sizes the best plan of each inner algorithm, cheapest first."""
    problem, rooms = request.problem, request.target.core.rooms
    schedules = [_along(request, room) for room in rooms.panels]
    if counts_bytes(request.ask.objective):  # one output at a time, number by number
        schedules.append(Schedule(False, 1, 1, problem.reach, 1, 1, 1))
    if problem.steps is not None and problem.stride == 1 and problem.stages[0].dilation >= rooms.run:
        schedules += [_across(request, room) for room in rooms.panels]
    plans = [
        _plan(request, schedule, inner)
        for schedule in dict.fromkeys(schedules)
        for inner in _inner(request, schedule, best_of_each)
    ]
    return sorted(plans, key=lambda plan: plan.cost.cycles)


def _along(request: Request, room: int) -> Schedule:
    """Chunks of neighbouring outputs: as many as have room, long enough for what they share, all of one length.

    Those of a free length are whole squares, so that all but the last one are turned in them.
    """
    p = request.problem
    shared = max(0, p.reach - p.stride)
    least = max(request.target.core.rooms.halo * shared // p.stride, 1)
    fit = (room // p.item_bytes - shared * p.channels) // (p.stride * p.channels + p.filters)
    outs = max(least, fit)
    side = next(width for width in request.target.lanes(p.dtype) if width <= p.filters)
    square = side if side <= MOST_WIDENED * outs else 1
    outs = _even(p.out_steps(p.steps), max(outs, square)) if p.steps is not None else -(-outs // square) * square
    return _schedule(request, False, (outs, 1), (_samples(p, outs), 1))


def _across(request: Request, room: int) -> Schedule:
    """Chunks of neighbouring phases of the dilation, over the whole length."""
    p, first = request.problem, request.problem.stages[0]
    outs = cost.outs_told(p, request.ask.likely)
    outs_runs = -(-outs // first.dilation)
    runs = outs_runs + first.kernel_size - 1
    fit = room // p.item_bytes // (runs * p.channels + outs_runs * p.filters)
    phases = _even(min(first.dilation, outs), max(request.target.core.rooms.run, fit))
    return _schedule(request, True, (phases, outs_runs), (phases, runs))


def _even(size: int, most: int) -> int:
    """The length of the fewest chunks of at most `most` that cover `size`, as equal as can be."""
    return -(-size // -(-size // most))


def _schedule(request: Request, phases: bool, outs: tuple[int, int], samples: tuple[int, int]) -> Schedule:
    """The schedule of runs (length of each, runs) of outputs and of samples."""
    p, widths = request.problem, request.target.lanes(request.problem.dtype)
    lanes_in = next(width for width in widths if width <= min(p.channels, samples[0]))
    lanes_out = next(width for width in widths if width <= min(p.filters, outs[0]))
    return Schedule(phases, *outs, *samples, lanes_in, lanes_out)


def _inner(request: Request, schedule: Schedule, best_of_each: BestOfEach) -> list[KernelPlan]:
    """The best plan of each algorithm for a chunk."""
    p = request.problem
    problem = p.inside(None if p.steps is None else schedule.rows, schedule.length if schedule.phases else None)
    likely = _samples(p, min(schedule.outs, max(1, cost.outs_told(p, request.ask.likely))))
    return best_of_each(request.of_part(problem, request.against).likely(likely))


def _samples(problem: Problem, outs: int) -> int:
    """The samples that so many neighbouring outputs read."""
    return (outs - 1) * problem.stride + problem.reach


def _plan(request: Request, schedule: Schedule, inner: KernelPlan) -> KernelPlan[Schedule]:
    p, core = request.problem, request.target.core
    outs = cost.outs_told(p, request.ask.likely)
    inside = inner.cost.cycles
    turns: float = -(-(min(p.stages[0].dilation, outs) if schedule.phases else outs) // schedule.outs)
    if p.steps is None:  # a last chunk is cut to what is left, and takes as much as one of two squares at least
        whole, rest = divmod(outs, schedule.outs)
        least = min(2 * schedule.lanes_out, schedule.outs)
        turns = max(1.0, whole + (max(rest, least) / schedule.outs if rest else 0.0))
    here, there = schedule.rows * p.channels, schedule.outs_rows * p.filters
    known = p.item_bytes if p.steps is not None else 0
    moves = _moves(core, schedule.rows, p.channels, schedule.lanes_in, known * (p.steps or 0))
    moves += _moves(core, schedule.outs_rows, p.filters, schedule.lanes_out, known * outs)
    if p.steps is None:  # a shorter input makes a shorter panel
        moves = moves * min(1.0, outs / schedule.outs) + _first_lines(request, schedule)
    panels = (here + there) * p.item_bytes
    weights = p.terms * p.filters * p.item_bytes
    cycles = turns * (
        inside + moves + panels * cost.far(core, panels) + core.memory.refetched * weights * cost.far(core, weights)
    )
    memory = panel_bytes(here, p, core) + panel_bytes(there, p, core) + inner.workspace(schedule.rows)
    total = Cost(cycles, workspace_bytes=memory)
    return KernelPlan(p, request.ask, ALGORITHM, schedule, total, parts=(inner,))


def _first_lines(request: Request, schedule: Schedule) -> float:
    """Cycles a chunk for the first access to each run of far memory: those of a square's rows come together."""
    p, core = request.problem, request.target.core
    if not cost.outputs_are_far(p, request.ask):
        return 0.0
    return core.setup.page * (p.channels / schedule.lanes_in + p.filters / schedule.lanes_out)


def _moves(core: Core, rows: int, columns: int, lanes: int, row_bytes: int) -> float:
    """Cycles to transpose a panel of rows of `columns` numbers from or to rows that lie `row_bytes` apart."""
    if lanes == 1:
        return rows * columns * core.moves.alone
    return rows * -(-columns // lanes) * lanes * core.moves.transposed * cost.crowding(core, lanes, row_bytes)


def panel_bytes(numbers: int, problem: Problem, core: Core) -> int:
    """Bytes of a panel in the workspace: whole cache lines."""
    return cost.in_lines(numbers * problem.item_bytes, core)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule, inner = plan.schedule, plan.inner
    what = counted(schedule.outs, "phase" if schedule.phases else "output")
    return f"{plan.algorithm.name}, {what} at a time in channels_last: {inner.describe()}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as the inner plan packs it."""
    return plan.inner.pack(kernel)


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.inner.packed_numbers


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    run = schedule.outs, schedule.outs_runs, schedule.length, schedule.runs
    return schedule.phases, *run, schedule.lanes_in, schedule.lanes_out


def layout(schedule: Schedule) -> Key:
    """Its inner plan has it all."""
    return ()


def order(plan: KernelPlan[Schedule]) -> Key:
    """That of the inner plan, and where its chunks cut the tiles of a transform."""
    cut = _cut(plan)
    return (plan.algorithm.name, *cut, plan.inner.order) if cut else plan.inner.order


def _cut(plan: KernelPlan[Schedule]) -> tuple[int, ...]:
    return () if plan.schedule.phases else plan.inner.cut_by(plan.schedule.outs, plan.outs)


def grid(plan: KernelPlan[Schedule]) -> int:
    """That of the inner plan, or a chunk's outputs where these cut it."""
    return next(iter(_cut(plan)), plan.inner.grid)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a run of a chunk."""
    return (schedule.outs,)


ALGORITHM = Algorithm(
    name="relayout",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    layout=layout,
    order=order,
    grid=grid,
    pads=True,
    problems=(ConvProblem, Chain),
)
