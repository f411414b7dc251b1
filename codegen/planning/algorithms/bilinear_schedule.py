"""How tiles go through the workspace of a transform: the schedule that winograd and fft share, its rows apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import gcd

from codegen.planning.algorithms import tiling
from codegen.planning.algorithms.tiling import Panel
from codegen.planning.plan import KernelPlan, Key, Request
from codegen.planning.transforms import named
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.cores import Core, by_size
from codegen.records import dataclass


@dataclass(frozen=True)
class Schedule:
    """`tiles` tiles at most go through the GEMMs together, in register tiles of `rows` x the panels' vectors.

    `transform` names it (see planning.transforms.named). `stride` and `out_stride` are the numbers from point to point
    in the workspace's transformed input and products; `lanes` the vector width across the channels; `chunks` the parts
    that the sums over the channels are made of. A kernel longer than the transform's `taps` has `parts`, each as long
    as a tile has outputs: part i of a tile then reads the transform of the i-th tile after it. `pitch` are the
    numbers from one tile's transformed row to the next. `by_points`: a point's products for all filters come before the
    next point's. `ahead`: while one block of weights is multiplied, the next one is fetched. The lines of y are fetched
    `written` tiles before they are; 0: they are not. `paired`: channels are summed two at a time, those with even
    numbers and those with odd ones apart.
    """

    transform: str
    taps: int
    parts: int
    tiles: int
    rows: int
    panels: tuple[Panel, ...]
    lanes: int
    stride: int
    out_stride: int
    pitch: int
    chunks: int = 1
    by_points: bool = False
    ahead: bool = False
    written: int = 0
    paired: bool = False

    @property
    def width(self) -> int:
        """Numbers in a row of the widest panel."""
        return max(panel.width for panel in self.panels)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    tiles = schedule.tiles, schedule.rows, tuple(panel.key for panel in schedule.panels), schedule.lanes
    places = schedule.stride, schedule.out_stride, schedule.pitch
    order = schedule.chunks, schedule.by_points, schedule.ahead
    written = (schedule.written,) if schedule.written else ()
    return schedule.transform, schedule.taps, schedule.parts, *tiles, *places, *order, *written, *_paired(schedule)


def _paired(schedule: Schedule) -> Key:
    return ("paired",) if schedule.paired else ()


def layout(schedule: Schedule) -> Key:
    """The transform, the panels, and the order of these and of points."""
    panels = tuple(panel.key for panel in schedule.panels)
    return schedule.transform, schedule.taps, schedule.parts, panels, schedule.by_points


def order(plan: KernelPlan[Schedule]) -> Key:
    """The transform of a tile, and how the products are summed up; not the blocks that the tiles go through."""
    schedule = plan.schedule
    sums = schedule.parts, schedule.chunks, *_paired(schedule)
    return plan.algorithm.name, schedule.transform, schedule.taps, *sums


def grid(plan: KernelPlan[Schedule]) -> int:
    """The outputs of a tile, over all phases of the dilation."""
    return named(plan.schedule.transform, plan.schedule.taps).outputs * plan.problem.dilation


def register_tiles(schedule: Schedule, free: bool) -> tuple[tuple[int, int], ...]:
    """The register tiles of a block: ((how many, rows of each), …), the largest first.

    Of a free length any number of tiles must do: the last ones, fewer than two register tiles, go through one or
    through two halves.
    """
    tiles, rows = schedule.tiles, schedule.rows
    if not free:
        return tiling.split(tiles, rows)
    whole = max(0, tiles // rows - 1)
    left = tiles - whole * rows
    return (*[(whole, rows)] * (whole > 0), *tiling.split(left, rows))


def tiles_that_run(schedule: Schedule, problem: ConvProblem) -> tuple[tuple[int, int], ...]:
    """Those of the `register_tiles` that some input takes: with dilation few numbers of tiles occur."""
    if problem.steps is not None:
        return register_tiles(schedule, free=False)
    taken = set[int]()
    for tiles in _blocks(schedule, problem):
        taken |= {rows for _, rows in register_tiles(replace(schedule, tiles=tiles), free=True)}
    return tuple((1, rows) for rows in sorted(taken, reverse=True))


def _blocks(schedule: Schedule, problem: ConvProblem) -> Iterator[int]:
    """The numbers of tiles that blocks of a free length have, some for all that differ by whole register tiles.

    Phases have equally many tiles; as long as there are fewer outputs than phases, each output has one of its own.
    """
    tiles, apart = schedule.tiles, problem.dilation
    multiple = gcd(apart, tiles)
    yield from (multiple * i for i in range(1, min(tiles // multiple, 2 * schedule.rows) + 1))
    for outs in range(max(1, problem.out_steps(1)), apart):
        yield outs % tiles
        yield min(outs, tiles)


def leftovers(plan: KernelPlan[Schedule]) -> tuple[int, ...]:
    """Outputs of the inputs of a free length that together run each register tile, as few inputs as may be.

    First those of few tiles. Where padding makes more outputs than there are phases, few of a block are left over only
    behind whole blocks.
    """
    schedule, seen, found = plan.schedule, set[int](), list[int]()
    wanted = {rows for _, rows in tiles_that_run(schedule, plan.problem)}
    tiles = _tiles_by_outputs(plan)
    near = [outs for outs in tiles if tiles[outs] <= 2 * schedule.rows * plan.problem.dilation]
    for new, some in ((2, reversed(near)), (1, near), (1, tiles)):
        for outs in some if wanted - seen else ():
            rows = _rows_of_last(schedule, tiles[outs])
            if len(rows - seen) >= new:
                found.append(outs)
                seen |= rows
    return tuple(found)


def _tiles_by_outputs(plan: KernelPlan[Schedule]) -> dict[int, int]:
    """Numbers of outputs that inputs of a free length have, fewest first, and how many tiles: all that a block leaves.

    An output is a tile as long as there are fewer of them than phases.
    """
    schedule, apart, fewest = plan.schedule, plan.problem.dilation, max(1, plan.problem.out_steps(1))
    outputs, block = named(schedule.transform, schedule.taps).outputs, schedule.tiles
    first = -(-fewest // (apart * outputs))
    turns = range(first, first + max(block // gcd(apart, block), 2 * schedule.rows))
    return {outs: outs for outs in range(fewest, apart)} | {turn * apart * outputs: turn * apart for turn in turns}


def _rows_of_last(schedule: Schedule, tiles: int) -> set[int]:
    """The rows of the register tiles of the last block of so many tiles, none of a whole one."""
    left = tiles % schedule.tiles
    return {rows for _, rows in register_tiles(replace(schedule, tiles=left), free=True)} if left else set()


def odd_lines(numbers: int, core: Core) -> int:
    """At least `numbers`, an odd count of cache lines: points must not fall into the same sets."""
    line = core.memory.line_floats
    lines = -(-numbers // line)
    return (lines + 1 - lines % 2) * line


def pitch(channels: int, parts: int, core: Core) -> int:
    """`channels`, or more of them where the rows of a register tile would share a few sets of the first-level cache.

    The parts of a longer kernel read neighbouring rows as one: these stay side by side.
    """
    return odd_lines(channels, core) if parts == 1 and channels % core.memory.pitch == 0 else channels


def pays_in_pairs(request: Request, panel: Panel, parts: int) -> bool:
    """Whether two channels at a time are summed faster: filters that are one vector take a load for each product.

    A load of two channels, four bytes each, into all lanes serves two vectors of products then.
    """
    problem, target = request.problem, request.target
    one = panel.offsets == (0,) and panel.lanes * problem.item_bytes == target.vector_bytes and panel.lanes % 4 == 0
    feeds, multiplies = (
        by_size(each, target.vector_bytes)
        for each in (target.core.pipeline.operands, target.core.pipeline.multiply_adds)
    )
    even = problem.group_channels % 2 == 0 and parts * problem.group_channels > 2
    return one and even and problem.item_bytes == 4 and feeds <= multiplies
