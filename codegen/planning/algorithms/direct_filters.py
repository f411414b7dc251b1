"""Direct convolution with vectors across the filters: each input number is broadcast to a row of the register tile.

Sums run over taps, then channels, in one accumulator an output: every tile shape gives the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, filter_blocks, tiling
from codegen.planning.algorithms.filter_blocks import Block
from codegen.planning.algorithms.tiling import Panel, Partition
from codegen.planning.algorithms.written_out import activated
from codegen.planning.ask import Ask
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


BESIDE = 12  # accumulators of a tile with an activation, where code is dear and its kernel not the layer's only one
WIDEST = 5  # filters of a block where those are all alike, and code is dear
SECOND_SHAPE = 0.02  # of the cost, that a second block shape must save to be worth its code
SHAPE_LAPPING = 0.1  # the same where code is dear


@dataclass(frozen=True)
class Schedule:
    """`form` says how the reduction is written: straight, fused (one loop), taps (a loop a tap), nested, or
    `sliding` (depthwise: all weights in registers).

    `peeled`: every border tile has its own code; otherwise the outputs outside `interior` go through one function with
    a run-time tap range (`interior` is None for a free length, whose border is known only then). Depthwise alone has
    `strip`, the filters that it walks all steps with before the next ones (0: all of them). `ahead`: a tile has the
    lines of y fetched that it will write, before it computes; for a y that does not stay in the caches.
    """

    blocks: tuple[Block, ...]
    form: str
    peeled: bool
    interior: tuple[int, int] | None
    chunk: int
    strip: int = 0
    ahead: bool = False


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if not problem.channels_last and (problem.channels, problem.filters) != (1, 1):
        return "its vectors run across the filters, which lie apart in channels_first"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Plans for tiles of up to 16 output steps: of a free length as many as the likely one has inside, if several."""
    first, last = tiling.interior(request.problem, request.problem.steps or request.ask.likely or 0)
    return plans(request, last - first if request.problem.steps is None and 1 < last - first < 16 else 16)


def plans(request: Request, most_rows: int, form: str | None = None) -> list[KernelPlan[Schedule]]:
    """Plans for one to four vectors of filters a block, cheapest first; tiles of at most `most_rows` output steps.

    `form` is that of the schedule where the caller knows it.
    """
    problem, target, found = request.problem, request.target, []
    lanes = next(width for width in target.lanes(problem.dtype) if width <= problem.group_filters)
    count = -(-problem.group_filters // lanes)
    for partition in partitions(count, target):
        if any(cost.rows_that_fit(vectors, target, lanes) < 1 for vectors, _ in partition):
            continue
        panels = tiling.panels(problem.group_filters, (lanes,), partition)
        found.append(_plan(problem, request.ask, panels, most_rows, form))
    return sorted(found, key=lambda plan: plan.cost.cycles)


def partitions(count: int, target: Target) -> list[Partition]:
    """Ways to cut `count` vectors into blocks: of one width (the last one overlapping), or with one odd block last."""
    laps = target.core.budget.laps and count % WIDEST == 0
    ways: list[Partition] = [((WIDEST, count // WIDEST),)] if laps else []
    for width in (2, 3, 4, 1):
        whole, rest = divmod(count, width)
        if whole and rest:
            ways.append(((width, whole + 1),))
            ways.append(((width, whole), (rest, 1)))
            ways.append(((width, whole - 1), (width + rest, 1)) if whole > 1 else ((width + rest, 1),))
        elif whole:
            ways.append(((width, whole),))
    return [way for way in dict.fromkeys(ways) if max(vectors for vectors, _ in way) <= 6]


def _plan(
    problem: ConvProblem, ask: Ask, panels: tuple[Panel, ...], most_rows: int, form: str | None
) -> KernelPlan[Schedule]:
    steps, target = problem.steps, ask.target
    form = form or _form(problem, panels, ask)
    blocks, total, peeled = [], 0.0, steps is not None
    most = cost.most_peeled(form, ask)
    for panel in panels:
        rows = min(most_rows, _rows(problem, panel, ask))
        block = filter_blocks.peeled(problem, panel, rows, form, most, _laps(ask))
        peeled = peeled and block is not None
        blocks.append(block or _rolled(problem, ask, panel, rows, form))
        total += panel.count * _cycles(problem, rows, panel, ask)
    if not peeled:
        blocks = [_rolled(problem, ask, block.panel, block.rows, form) for block in blocks]
    inside = tiling.interior(problem, steps) if steps is not None else None
    chunk, ahead = _chunk(problem, ask, sum(panel.count for panel in panels)), cost.fetches_outputs(problem, ask)
    schedule = Schedule(tuple(blocks), form, peeled, inside, chunk, ahead=ahead)
    second = SHAPE_LAPPING if target.core.budget.laps else SECOND_SHAPE
    total *= problem.groups * (1 + second * (len(blocks) - 1))
    return KernelPlan(problem, ask, ALGORITHM, schedule, Cost(total))


def _rolled(problem: ConvProblem, ask: Ask, panel: Panel, rows: int, form: str) -> Block:
    """The block with a loop at its borders; the ends of a free length have code of their own, if bytes do not count."""
    most = 0 if counts_bytes(ask.objective) else cost.most_peeled(form, ask)
    return filter_blocks.rolled(problem, panel, rows, form, most, _laps(ask))


def _laps(ask: Ask) -> bool:
    """Whether a block's last tile overlaps its neighbour, where code is worth more than what it computes twice."""
    return ask.target.core.budget.laps and not ask.sliced


def _chunk(problem: ConvProblem, ask: Ask, blocks: int) -> int:
    """Outputs between two changes of the filter block, of which there are `blocks`; so few that rows of y stay near.

    Where y is far, or may be, and weights are few: one tile, so that whole rows of y are written one after the other.
    """
    core = ask.target.core
    (least, most), near = core.rooms.steps, core.memory.near
    weights, row_bytes = (n * problem.item_bytes for n in (problem.products, problem.stride * problem.channels))
    open_ended = blocks > 1 and weights <= core.rooms.strip[0] and cost.fetches_outputs(problem, ask)
    if open_ended or (weights <= core.rooms.input and cost.outputs_are_far(problem, ask)):
        return 1
    if weights <= near:
        return max(1, min(most, near // (row_bytes + problem.filters * problem.item_bytes)))
    return max(least, min(most, core.rooms.input // row_bytes))


def _rows(problem: ConvProblem, panel: Panel, ask: Ask) -> int:
    """The most output steps of a tile of that panel: as many as registers hold, and as code has room for."""
    vectors = len(panel.offsets)
    fit = cost.rows_that_fit(vectors, ask.target, panel.lanes)
    beside = ask.sharers > 1 and activated(problem)
    return min(fit, max(1, BESIDE // vectors)) if beside else fit


def _form(problem: ConvProblem, panels: tuple[Panel, ...], ask: Ask) -> str:
    budget = ask.target.core.budget
    if problem.terms * max(len(panel.offsets) * _rows(problem, panel, ask) for panel in panels) <= budget.straight:
        return "straight"
    if problem.groups == 1 and problem.dilation == 1:
        return "fused"
    return "taps" if problem.kernel_size <= budget.taps and problem.group_channels > 1 else "nested"


def _cycles(problem: ConvProblem, rows: int, panel: Panel, ask: Ask) -> float:
    """Cycles of one block over all output steps of one sample."""
    vectors, wide = len(panel.offsets), panel.width * problem.item_bytes
    target, outs, core = ask.target, cost.outs_told(problem, ask.likely), ask.target.core
    row_bytes = problem.stride * problem.channels * problem.item_bytes

    def step(size: int) -> float:
        products = cost.step_cycles(size, vectors, target, panel.lanes * problem.item_bytes)
        products *= cost.crowding(core, size, row_bytes)
        return max(products, cost.fed_cycles(core, problem.terms * wide, size, wide, problem.item_bytes))

    border, share = tiling.at_borders(problem, ask.likely, filter_blocks.least_rows(rows, ask))
    run = core.memory.store_run if cost.outputs_are_far(problem, ask) else 0.0
    inside = sum(
        count * (core.setup.tile + problem.terms * step(size) + run * size)
        for count, size in _tiles(problem, ask, outs - border, rows)
    )
    return inside + border * (core.setup.tile + problem.terms * share * step(1) + run)


def _tiles(problem: ConvProblem, ask: Ask, outs: int, rows: int) -> tuple[tuple[int, int], ...]:
    """How many tiles of how many rows compute `outs` outputs; all have `rows` in a chunk of a free length."""
    chunk = problem.steps is None and ask.likely is not None and not ask.longer and outs >= rows
    return ((-(-outs // rows), rows),) if chunk else tiling.split(outs, rows)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return told(plan, "filter")


def told(plan: KernelPlan[Schedule], what: str) -> str:
    """The plan in words and figures, where the vectors of a tile run across filters or channels: the `what` of them."""
    schedule = plan.schedule
    shapes = [f"{_heights(block)} x {counted(block.panel.covered, what)}" for block in schedule.blocks]
    held = max(max(block.heights) * len(block.panel.offsets) for block in schedule.blocks)
    words = f"tiles of {' and '.join(dict.fromkeys(shapes))}, {tiling.held(held, schedule.blocks[0].panel.lanes)}"
    return f"{plan.algorithm.name} for {plan.target.name}: {words}"


def _heights(block: Block) -> str:
    """The heights of a block's tiles in words, the tallest first."""
    *others, last = block.heights
    return "".join(f"{height} and " for height in others) + counted(last, "step")


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as the blocks read it: flat, [group][block][tap][channel][lane]."""
    import numpy as np

    problem, schedule = plan.problem, plan.schedule
    rows = kernel.reshape(problem.terms, problem.filters)
    parts = []
    for group in range(problem.groups):
        for block in schedule.blocks:
            panel = block.panel
            lane = np.add.outer(panel.offsets, np.arange(panel.lanes)).ravel()
            columns = np.add.outer(np.array(panel.starts) + group * problem.group_filters, lane)
            parts.append(rows[:, columns].swapaxes(0, 1).ravel())
    return np.concatenate(parts)


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    columns = sum(block.panel.count * block.panel.width for block in plan.schedule.blocks)
    return plan.problem.groups * columns * plan.problem.terms


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    ahead = ("ahead",) if schedule.ahead else ()
    blocks = tuple(block.key for block in schedule.blocks)
    return blocks, schedule.form, schedule.peeled, schedule.interior, schedule.chunk, schedule.strip, *ahead


def layout(schedule: Schedule) -> Key:
    """The panels, in order."""
    return tuple(block.panel.key for block in schedule.blocks)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of each tile, and of a chunk between two changes of the filter block."""
    return (*(block.rows for block in schedule.blocks), schedule.chunk)


def segments(schedule: Schedule) -> tuple[int, ...]:
    """Where the borders meet the interior, and where runs of equal tiles begin and end."""
    ends = [
        (segment.start, segment.end(block.tiles[segment.tile].rows))
        for block in schedule.blocks
        for segment in block.segments
    ]
    return (*(schedule.interior or ()), *(end for both in ends for end in both))


ALGORITHM = Algorithm(
    name="direct_filters",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    layout=layout,
    order=tiling.tap_by_tap,
    segments=segments,
    reads_stored=True,
    serves_outputs=True,
)
