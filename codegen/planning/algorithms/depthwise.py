"""Depthwise convolution, a filter a channel: vectors across the channels, no number broadcast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.planning.algorithms import cost, direct_filters, filter_blocks, tiling, written_out
from codegen.planning.algorithms.direct_filters import Schedule, key, segments, turns
from codegen.planning.algorithms.tiling import Panel
from codegen.planning.ask import Ask
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

MOST_ROWS, LEAST_ROWS = 12, 4  # output steps of a tile whose weights stay in registers
ALONE_ROWS = 8  # the most of one vector's channels and a free length, whose last tile overlaps its neighbour
FEW_ROWS = 7  # from which on a second vector of the same line gains nothing there
PEELED_ROWS = 5  # the fewest of a tile, for which borders have tiles of their own where code is dear
LOOP = 20  # products written out that take as many bytes as a loop over those at the borders
NESTED = 4, 2  # rows and vectors of a tile that loops over the taps


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.groups != problem.channels or problem.groups == 1:
        return "an output sums over more than one channel"
    if problem.filters != problem.channels:
        return f"each channel has {problem.group_filters} filters, not one"
    if not problem.channels_last:
        return "its vectors run across the channels, which lie apart in channels_first"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """The plans of direct_filters for one group with one channel to sum over, walking the full rows of the input.

    Where the weights of a vector of channels fit into registers beside some accumulators, they stay there (`sliding`).
    """
    problem = request.problem
    tile = _tile(problem, request)
    plans = []
    as_one = replace(request, problem=_as_one_group(problem))
    for plan in direct_filters.plans(as_one, tile.rows, "sliding" if tile.sliding else "nested"):
        schedule, total = plan.schedule, plan.cost.cycles
        if any(len(block.panel.offsets) > tile.vectors for block in schedule.blocks):
            continue
        if tile.sliding:
            total = sum(_cycles(request, tile.rows, block.panel) for block in schedule.blocks)
        schedule = replace(schedule, strip=_strip(request, tile))
        plans.append(replace(plan, problem=problem, algorithm=ALGORITHM, schedule=schedule, cost=Cost(total)))
    return plans


@dataclass(frozen=True)
class Tile:
    """The most rows and vectors of a tile; whether its weights stay in registers, and its rows share cache sets."""

    rows: int
    vectors: int
    sliding: bool
    crowded: bool


def _tile(problem: ConvProblem, request: Request) -> Tile:
    """The tile for a problem: few rows where they share the cache's sets, so that a line lives until it is read whole.

    Where that leaves room among the registers, the two halves of a line go into one tile.
    """
    target = request.target
    alone = problem.steps is None and problem.channels <= target.lanes(problem.dtype)[0]  # weights are loaded once
    fit = target.registers - problem.kernel_size - 2
    rows = most = min(ALONE_ROWS if alone else MOST_ROWS, fit, _affordable(problem, request.ask))
    if most < LEAST_ROWS:
        return Tile(*NESTED, sliding=False, crowded=True)
    while rows > LEAST_ROWS and cost.crowding(target.core, 2 * rows + problem.kernel_size - 1, _row_bytes(problem)) > 1:
        rows -= 1
    pairs = target.registers // 2 - problem.kernel_size
    if rows < FEW_ROWS and pairs >= LEAST_ROWS and target.vector_bytes:
        return Tile(min(rows, pairs), 2, True, rows < most)
    return Tile(rows, 1, True, rows < most)


def _affordable(p: ConvProblem, ask: Ask) -> int:
    """The rows whose products a core's budget of code has room for, beside those at the borders or a loop over them."""
    budget = ask.target.core.budget
    if not budget.laps:
        return MOST_ROWS
    steps = cost.steps_told(p, ask.likely)
    first, last = tiling.interior(p, steps)
    borders = ((0, first), (last, p.out_steps(steps)))
    ending = written_out.ENDING * written_out.activated(p)
    taps = sum(ending + end - start for start, end in (p.taps(t, steps) for side in borders for t in range(*side)))
    sliding, each = cost.shared(budget.sliding, ask), p.kernel_size + ending
    peeled = taps <= sliding - PEELED_ROWS * each
    rows = int((sliding - (taps if peeled else LOOP)) // each)
    return max(rows, LEAST_ROWS) if ask.sharers > 1 else rows


def _row_bytes(problem: ConvProblem) -> int:
    return problem.channels * problem.item_bytes


def _strip(request: Request, tile: Tile) -> int:
    """Channels whose rows and weights stay in the first-level cache from one tile to the next, a power of two; 0: all.

    Arrays that lie far away come best in long runs, unless their rows share the cache's sets.
    """
    problem, core = request.problem, request.target.core
    steps = cost.steps_told(problem, request.ask.likely)
    far = (steps + problem.out_steps(steps)) * _row_bytes(problem) > core.memory.outer
    if far and not tile.crowded:
        return 0
    samples = (tile.rows - 1) * problem.stride + (problem.kernel_size - 1) * problem.dilation + 1
    lines = min(samples, tile.rows * problem.kernel_size) + tile.rows + problem.kernel_size
    room = max(core.rooms.strip_row, core.rooms.strip[far] // lines)
    return int((1 << room.bit_length() - 1) // problem.item_bytes)


def _cycles(request: Request, rows: int, panel: Panel) -> float:
    """Cycles of the blocks of a panel over all output steps: multiply-adds, or loads, or stores."""
    p, vectors, core = request.problem, len(panel.offsets), request.target.core
    products = rows * p.kernel_size * (1 if request.target.fma else 2)
    loads = p.kernel_size + (rows - 1) * min(p.stride, p.kernel_size) + p.kernel_size
    narrow = cost.multiply_adds(core, 0)  # what wider vectors take more, their loads and stores hide
    tile = core.setup.tile + vectors * max(products / narrow, loads / core.pipeline.loads, rows / core.pipeline.stores)
    outs, least = cost.outs_told(p, request.ask.likely), filter_blocks.least_rows(rows, request.ask)
    border, share = tiling.at_borders(p, request.ask.likely, least)
    step = cost.step_cycles(1, vectors, request.target, panel.lanes * p.item_bytes)
    alone = core.setup.tile + p.kernel_size * share * step
    return panel.count * (-(-(outs - border) // rows) * tile + border * alone)


def _as_one_group(problem: ConvProblem) -> ConvProblem:
    return replace(problem, channels=1, groups=1)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return direct_filters.told(plan, "channel")


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (kernel_size, 1, filters) as the blocks read it: flat, [block][tap][lane]."""
    return direct_filters.pack(replace(plan, problem=_as_one_group(plan.problem)), kernel)


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return direct_filters.packed_numbers(replace(plan, problem=_as_one_group(plan.problem)))


ALGORITHM = Algorithm(
    name="depthwise",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    layout=direct_filters.layout,
    order=tiling.tap_by_tap,
    segments=segments,
    reads_stored=True,
    serves_outputs=True,
)
