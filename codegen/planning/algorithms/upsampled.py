"""Zeros between the input's steps as filters: the phases of the output are the filters of a convolution without them.

    row q = the outputs [q*up - shift, (q + 1)*up - shift), all filters: the same memory, written as wider rows
    kernel'[j, c, (i, f)] = kernel[tap of phase i, j-th of its own, c, f]

No product is with one of the zeros. Phases that have a tap more than others are another convolution, which reads the
same samples (`exact`), or all are one and the missing taps are zero. A chunk of rows at a time: what lies inside the
input is read where it is, the rest in a panel; what makes whole rows of y is written there, the rest copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, output_phases
from codegen.planning.algorithms.output_phases import Part, Rows
from codegen.planning.algorithms.relayout import panel_bytes
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import MOST_PHASES, ConvProblem
from codegen.problem.cores import Core
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


LEAST = 16  # rows that tiles are made for, where an input may be longer than the one that is looked at


@dataclass(frozen=True)
class Schedule:
    """Chunks of `chunk` rows; `inners` is the place of each part's plan among `plan.parts`, None without a product."""

    rows: Rows
    chunk: int
    inners: tuple[int | None, ...]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.up == 1:
        return "there are no zeros between the input's steps"
    if problem.steps is None and problem.centred:
        return "the padding of a free length is known only when it runs"
    if problem.steps is not None and not problem.out_steps(problem.steps):
        return "there is no output"
    if problem.phases > MOST_PHASES:
        return f"its outputs fall into {problem.phases:,} phases with code of their own, more than {MOST_PHASES:,}"
    if not any(part.taps for part in output_phases.rows_of(problem).parts):
        return "no output reads a step of the input"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """For chunks of several sizes the best plan of each inner algorithm, cheapest first."""
    ways = [output_phases.rows_of(request.problem)]
    few = output_phases.padded_phases(request.problem) <= MOST_PHASES
    if request.accuracy != "exact" and few:
        ways += [
            way for way in [output_phases.rows_of(request.problem, padded=True)] if len(way.parts) < len(ways[0].parts)
        ]
    plans: list[KernelPlan[Schedule]] = []
    for rows in ways:
        for chunk in _chunks(request, rows):
            plans += _plans(request, rows, chunk, best_of_each)
    return sorted(plans, key=lambda plan: plan.cost.cycles)


def _chunks(request: Request, rows: Rows) -> list[int]:
    """The sizes of chunks that are looked at: none above the first that is long enough, to be frugal with memory."""
    rooms = request.target.core.rooms
    sizes = list(dict.fromkeys(_chunk(request, rows, room) for room in rooms.panels))
    return [size for i, size in enumerate(sizes) if not i or sizes[i - 1] < rooms.rows]


def _chunk(request: Request, rows: Rows, room: int) -> int:
    """Rows that have room with what they read, enough for what chunks share; all chunks of a known length alike.

    No more than a likely length has.
    """
    p, likely = request.problem, request.ask.likely
    shared = max(0, rows.reach - rows.stride)
    fit = (room // p.item_bytes - shared * p.channels) // (rows.stride * p.channels + rows.count * p.filters)
    chunk = max(request.target.core.rooms.halo * shared // rows.stride, 1, fit)
    if p.steps is None:
        return chunk if likely is None or request.ask.longer else min(chunk, max(1, rows.over(p.out_steps(likely))))
    whole = rows.over(p.out_steps(p.steps))
    return -(-whole // -(-whole // chunk))


def _plans(request: Request, rows: Rows, chunk: int, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """For each way to serve the first part: its best plan there; for the others the best of all, or of the same way.

    So a plan of one algorithm alone is offered, as whoever packs weights in C needs.
    """
    problems = [inner_problem(request.problem, rows, part, chunk) for part in rows.parts]
    distinct = list(dict.fromkeys(problem for problem in problems if problem))
    inners = tuple(distinct.index(problem) if problem else None for problem in problems)
    schedule = Schedule(rows, chunk, inners)
    first, *others = (best_of_each(_asked(request, rows, problem, chunk, len(distinct))) for problem in distinct)
    if not all(others):
        return []
    best = tuple(found[0] for found in others)
    ways = [(plan, *best) for plan in first]
    ways += [(plan, *(_like(plan, found) for found in others)) for plan in first]
    return [_plan(request, schedule, way) for way in dict.fromkeys(ways)]


def _like(plan: KernelPlan, found: list[KernelPlan]) -> KernelPlan:
    """The first of `found` whose sums are done as those of `plan` are; the first of all where none's are."""
    return next((other for other in found if other.way == plan.way), found[0])


def _asked(request: Request, rows: Rows, problem: ConvProblem, chunk: int, parts: int) -> Request:
    """What is asked for one of so many parts of a chunk."""
    p = request.problem
    before = max(0, -rows.first)
    past = 0 if p.steps is None else rows.first + rows.samples(rows.over(p.out_steps(p.steps))) - p.steps
    against = replace(problem, steps=p.steps, pad_left=before, pad_right=max(0, past))
    least = LEAST if cost.may_be_longer(p, request.ask) else 1
    whole = max(least, rows.over(cost.outs_told(p, request.ask.likely)))
    asked = request.of_part(problem, against).likely(rows.samples(min(chunk, whole)))
    return replace(asked, ask=replace(asked.ask, sharers=cost.sharers(parts, asked.ask)))


def inner_problem(p: ConvProblem, rows: Rows, part: Part, chunk: int) -> ConvProblem | None:
    """A part of `chunk` rows: its phases as filters. None where there is no product."""
    if not part.taps:
        return None
    return replace(
        p,
        steps=None if p.steps is None else (chunk - 1) * rows.stride + (part.taps - 1) * rows.dilation + 1,
        filters=part.phases * p.filters,
        kernel_size=part.taps,
        stride=rows.stride,
        dilation=rows.dilation,
        pad_left=0,
        pad_right=0,
        centred=False,
        up=1,
    )


def _plan(request: Request, schedule: Schedule, inners: tuple[KernelPlan, ...]) -> KernelPlan[Schedule]:
    p, rows, chunk, core = request.problem, schedule.rows, schedule.chunk, request.target.core
    whole = rows.over(cost.outs_told(p, request.ask.likely))
    turns = max(1.0, whole / chunk) if p.steps is None else -(-whole // chunk)
    inside = turns * sum(_turn_cost(inners[i], min(chunk, whole)) for i in schedule.inners if i is not None)
    copied = turns if not writes_rows(p, rows) else min(turns, 2)
    moves = copied * _moves(p, rows, min(chunk, whole), core)
    weights = p.terms * rows.count * p.filters * p.item_bytes
    cycles = inside + moves + turns * weights * cost.far(core, weights)
    if request.weights == "argument":
        runs = p.kernel_size * p.group_channels
        cycles += core.moves.copied * p.kernel_size * p.group_channels * p.filters + core.setup.run * runs
    memory = sum(room(p, schedule, request.weights, core)) + max(
        inner.workspace(rows.samples(chunk)) for inner in inners
    )
    total = Cost(cycles, workspace_bytes=memory)
    return KernelPlan(p, request.ask, ALGORITHM, schedule, total, parts=inners)


def _turn_cost(inner: KernelPlan, rows: int) -> float:
    """Cycles of a part of a chunk."""
    if inner.problem.steps is not None:
        return inner.cost.cycles
    return inner.cost.cycles * rows / cost.outs_told(inner.problem, inner.ask.likely)


def _moves(p: ConvProblem, rows: Rows, chunk: int, core: Core) -> float:
    """Cycles to copy a chunk of rows from the workspace, and what they read into it."""
    samples, numbers = rows.samples(chunk) * p.channels, chunk * rows.count * p.filters
    far = (samples + numbers) * p.item_bytes * cost.far(core, (samples + numbers) * p.item_bytes)
    copied, run = core.moves.copied, core.setup.run
    if not p.channels_last:
        return samples * copied + p.channels * run + numbers * core.moves.alone + far
    pieces = chunk * (len(rows.parts) if p.groups == 1 else rows.count * p.groups)
    return (samples + numbers) * copied + pieces * run + far


def writes_rows(p: ConvProblem, rows: Rows) -> bool:
    """Whether a row of the only part lies in y as it is computed."""
    return p.channels_last and p.groups == 1 and len(rows.parts) == 1


def room(p: ConvProblem, schedule: Schedule, weights: str, core: Core) -> tuple[int, int, int, int]:
    """Bytes in the workspace of kernel, epilogue's weights, panel and sums: whole cache lines each."""
    rows, chunk = schedule.rows, schedule.chunk
    row = rows.count * p.filters
    laid = sum(part.taps * part.phases for part in rows.parts) * p.group_channels * p.filters
    widest = max(part.phases for part in rows.parts) * p.filters
    numbers = (
        laid if weights == "argument" else 0,
        row,
        rows.samples(chunk) * p.channels,
        chunk * widest,
    )
    kernel, one, panel, sums = (panel_bytes(count, p, core) for count in numbers)
    return kernel, len(p.epilogue.of_filters) * one, panel, sums


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    words = [inner.describe() for inner in plan.parts]
    phases = f"{counted(schedule.rows.count, 'output')} of a filter as filters"
    filters = f"{phases}, {counted(schedule.chunk, 'row')} at a time"
    return f"{plan.algorithm.name}, {filters}: {'; '.join(words)}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as the inner plans pack their parts, one after the other."""
    import numpy as np

    schedule = plan.schedule
    packed = []
    for part, i in zip(schedule.rows.parts, schedule.inners, strict=True):
        if i is not None:
            inner = plan.parts[i]
            packed.append(inner.pack(_taps(plan.problem, schedule.rows, part, kernel)))
    return np.concatenate(packed)


def _taps(p: ConvProblem, rows: Rows, part: Part, kernel: np.ndarray) -> np.ndarray:
    """The part's kernel: its taps, channels of a group, and the groups' filters, phase by phase."""
    import numpy as np

    taps = part.tap + part.step * np.arange(part.phases) + rows.tap_step * np.arange(part.taps)[:, None]
    zeros = np.zeros((max(0, int(taps.max()) + 1 - p.kernel_size), *kernel.shape[1:]), kernel.dtype)
    found = np.concatenate([kernel, zeros])[taps]  # taps, phases, channels, filters
    found = found.reshape(part.taps, part.phases, p.group_channels, p.groups, p.group_filters)
    turned = found.transpose(0, 2, 3, 1, 4)  # taps, channels, groups, phases, filters
    return np.asarray(turned.reshape(part.taps, p.group_channels, part.phases * p.filters))


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return sum(plan.parts[i].packed_numbers for i in plan.schedule.inners if i is not None)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.rows.key, schedule.chunk, schedule.inners


def layout(schedule: Schedule) -> Key:
    """The rows, and which inner plan each of their parts has: chunks of another size are packed alike."""
    return schedule.rows.key, schedule.inners


def order(plan: KernelPlan[Schedule]) -> Key:
    """The rows, the order of each part, and where chunks cut the tiles of a transform."""
    schedule = plan.schedule
    whole = None if plan.outs is None else schedule.rows.over(plan.outs)
    parts = tuple(None if i is None else plan.parts[i] for i in schedule.inners)
    sums: tuple[Key | None, ...] = tuple(
        None if part is None else (*part.cut_by(schedule.chunk, whole), part.order) for part in parts
    )
    return plan.algorithm.name, schedule.rows.key, *sums


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a row, and of a chunk of rows."""
    return schedule.rows.count, schedule.rows.count * schedule.chunk


def inner_outputs(schedule: Schedule) -> int:
    """The outputs of a row."""
    return schedule.rows.count


ALGORITHM = Algorithm(
    name="upsampled",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    layout=layout,
    order=order,
    turns=turns,
    inner_outputs=inner_outputs,
    serves_upsampling=True,
)
