"""What winograd and fft share: tiles of outputs through a bilinear transform, products as small GEMMs over channels.

For each block of tiles: the forward transform of every tile's input rows, all channels (vectors across them); for each
panel of filters, one GEMM a point (tiles x channels by channels x filters) and the inverse transform into the output.
Dilation by polyphase: a tile's rows lie `dilation` samples apart. Rows outside the input read as zeros.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, tiling
from codegen.planning.algorithms.bilinear_noise import chunks_of, handicap
from codegen.planning.algorithms.bilinear_schedule import Schedule, odd_lines, pays_in_pairs, pitch, register_tiles
from codegen.planning.algorithms.tiling import Panel
from codegen.planning.ask import MOST_NOISE
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, KernelPlan, Request, Transformed
from codegen.planning.transforms import named, noise
from codegen.planning.transforms.transform import Transform
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.cores import by_size

if TYPE_CHECKING:
    import numpy as np

MARGIN = 0.95  # of the rms error that the class allows: the model of codegen.planning.transforms.noise may err
CODE = 3e-5  # of the cost, that each statement must save to be worth its compilation
PACKED, USUAL = 0.12, 3  # of the cost, that far weights must save each time they are the kernel's numbers beyond usual
PACKED_AT_ONCE = 1 << 15  # numbers that `pack` transforms at once: what the second-level cache holds


def why_not(request: Request) -> str | None:
    """What no transform serves."""
    problem = request.problem
    if request.accuracy == "exact":
        return "its sums are rounded otherwise than direct ones, and it mixes NaN and Inf within a tile: not `exact`"
    if request.weights == "argument":
        return "its weights are transformed first, so they must be known or packed"
    if not problem.channels_last:
        return "its vectors run across the channels, which lie apart in channels_first"
    if problem.kernel_size == 1:
        return "one tap leaves nothing to save"
    if problem.group_channels < 4 or problem.group_filters < 4:
        return "too few channels to pay for the transforms"
    return None


def tiles_of(problem: ConvProblem, outputs: int, outs: int) -> int:
    """Tiles that cover `outs` outputs: phases of the dilation, each cut into tiles of `outputs`."""
    phases = min(problem.dilation, outs)
    longest = -(-outs // problem.dilation)
    return phases * -(-longest // outputs)


def plans(request: Request, algorithm: Algorithm[Schedule], transforms: list[Transform]) -> list[KernelPlan[Schedule]]:
    """A plan for each transform and each panel width, cheapest first."""
    problem, target, rooms = request.problem, request.target, request.target.core.rooms
    widths = target.lanes(problem.dtype)
    lanes = next(width for width in widths if width <= problem.group_channels)
    filters = next(width for width in widths if width <= problem.group_filters)
    most_noise = MARGIN * MOST_NOISE[request.accuracy] / handicap(request)
    found = []
    for transform in transforms:
        parts = -(-problem.kernel_size // transform.taps)
        chunks = chunks_of(transform, parts * problem.group_channels, most_noise)
        if (
            max(transform.statements) > target.core.budget.codelet
            or not chunks
            or (parts > 1 and (problem.dilation > 1 or transform.taps != transform.outputs))
        ):
            continue
        for vectors in (2, 3, 4, 1):
            count = -(-problem.group_filters // filters)
            if vectors > count or not cost.rows_that_fit(vectors, target, filters):
                continue
            panels = tiling.panels(problem.group_filters, (filters,), ((vectors, -(-count // vectors)),))
            if len(panels) == 1:
                far = (
                    len(transform.distinct) * problem.group_channels * problem.group_filters * parts > rooms.far_weights
                )
                sizes = [*rooms.blocks, *(rooms.large_blocks if far else ())]
                (panel,) = panels
                ways = [(room, False) for room in sizes]
                if chunks == 1 and pays_in_pairs(request, panel, parts):
                    ways += [(room, True) for room in rooms.blocks]
                found += [_plan(request, algorithm, transform, panel, lanes, room, chunks, way) for room, way in ways]
    return sorted(found, key=lambda plan: plan.cost.cycles)


def _plan(
    request: Request,
    algorithm: Algorithm[Schedule],
    transform: Transform,
    panel: Panel,
    lanes: int,
    room: int,
    chunks: int,
    paired: bool = False,
) -> KernelPlan[Schedule]:
    """The plan with blocks of about `room` bytes of transformed input."""
    problem, core, item = request.problem, request.target.core, request.problem.item_bytes
    parts = -(-problem.kernel_size // transform.taps)
    total = max(1, tiles_of(problem, transform.outputs, cost.outs_told(problem, request.ask.likely)))
    held = 2 if paired else len(panel.offsets)  # vectors of sums for a tile
    rows = cost.rows_that_fit(held, request.target, panel.lanes)
    tiles = max(1, room // (transform.points * problem.group_channels * item) // rows) * rows
    if problem.steps is not None:
        tiles = -(-total // -(-total // tiles))
    row = pitch(problem.group_channels, parts, core)
    stride = odd_lines((tiles + parts - 1) * row, core)
    by_points = room in core.rooms.large_blocks
    out_stride = odd_lines(tiles * panel.width * (panel.count if by_points else 1), core)
    weights = len(transform.distinct) * parts * problem.group_channels * problem.group_filters * item
    ahead = weights > core.memory.outer and request.target.vector_bytes > 0 and not paired
    through = tiles, rows, (panel,), lanes, stride, out_stride, row, chunks, by_points, ahead
    written = _written(request, transform, panel)
    schedule = Schedule(transform.name, transform.taps, parts, *through, written, paired)
    numbers = transform.points * (stride + schedule.out_stride) + problem.group_channels + problem.filters
    grown = len(transform.distinct) / transform.taps if weights > core.memory.outer else 0.0
    worth = 1 + CODE * sum(transform.statements) + PACKED * max(0.0, grown - USUAL)
    cycles = problem.groups * _sample_cycles(request, transform, schedule, total) * worth
    spared = transform.points * (stride + out_stride) * max(0, tiles - total) // tiles  # by an input that is shorter
    cycles += core.memory.touched * ((numbers - spared) * item + weights * problem.groups)
    return KernelPlan(problem, request.ask, algorithm, schedule, Cost(cycles, workspace_bytes=numbers * item))


def _written(request: Request, transform: Transform, panel: Panel) -> int:
    """The tiles before which the lines of y are fetched; 0 where they are not."""
    if not cost.fetches_outputs(request.problem, request.ask):
        return 0
    memory = request.target.core.memory
    return -(-memory.fetched // (transform.outputs * -(-panel.covered * request.problem.item_bytes // memory.line)))


def _sample_cycles(request: Request, transform: Transform, schedule: Schedule, total: int) -> float:
    """Cycles of `total` tiles of one group, in blocks; of a free length the last block is cut to what is left."""
    if request.problem.steps is not None:
        return -(-total // schedule.tiles) * _block_cycles(request, transform, schedule)
    whole, rest = divmod(total, schedule.tiles)
    cycles = whole * _block_cycles(request, transform, schedule) if whole else 0.0
    if rest:
        v, m = (rest + schedule.parts - 1) * schedule.pitch, schedule.out_stride * rest // schedule.tiles
        cycles += _block_cycles(request, transform, replace(schedule, tiles=rest, stride=v, out_stride=m))
    return cycles


def _block_cycles(request: Request, transform: Transform, schedule: Schedule) -> float:
    """Cycles of one block of tiles of one group: products, codelets, the way of the data through the caches."""
    problem, panel, points = request.problem, schedule.panels[0], transform.points
    item, core = problem.item_bytes, request.target.core
    into, back = transform.statements
    into += transform.inputs + points
    back += points + transform.outputs
    transformed = schedule.tiles + schedule.parts - 1
    codelets = transformed * into * -(-problem.group_channels // schedule.lanes)
    codelets += schedule.tiles * back * panel.count * len(panel.offsets)
    pointers = transformed * transform.inputs + schedule.tiles * panel.count * transform.outputs
    statements = core.pipeline.statements * cost.multiply_adds(core, schedule.lanes * item)
    far = cost.far(core, points * schedule.stride * item)  # points that drive what is spilled from the near cache
    spilling = cost.spilling(request.target, transform.inputs) if far else 1.0
    return (
        core.setup.transform
        + _streamed(request, transform, schedule, points * panel.count * _products(request, schedule))
        + _traffic(request, transform, schedule)
        + codelets * spilling / statements
        + pointers * core.setup.row
        + _runs(request, transform)
    )


def _products(request: Request, schedule: Schedule) -> float:
    """Cycles of the products of a point for a panel of filters."""
    problem, panel, core = request.problem, schedule.panels[0], request.target.core
    vectors, item = len(panel.offsets), problem.item_bytes
    sums, wide = schedule.parts * problem.group_channels, panel.width * item
    held = 2 if schedule.paired else vectors  # vectors of sums for a tile

    def step(size: int) -> float:
        cycles = cost.step_cycles(size, held, request.target, panel.lanes * item, schedule.ahead)
        if schedule.paired:  # for two channels, whose weights are mixed in registers
            return cycles / 2 + 1 / cost.multiply_adds(core, panel.lanes * item)
        return max(cycles, cost.fed_cycles(core, sums // schedule.chunks * wide, size, wide, item))

    return sum(
        count * (schedule.chunks * (core.setup.tile + core.setup.accumulator * size * held) + sums * step(size))
        for count, size in register_tiles(schedule, problem.steps is None)
        if count
    )


def _runs(request: Request, transform: Transform) -> float:
    """Cycles for a block's first access to each run of rows, where a tile's rows lie pages apart in far memory."""
    problem, core = request.problem, request.target.core
    row = problem.dilation * problem.channels * problem.item_bytes
    if (
        row <= core.memory.page
        or row * cost.steps_told(problem, request.ask.likely) <= problem.dilation * core.memory.outer
    ):
        return 0.0
    return core.setup.page * (transform.inputs + transform.outputs)


def _streamed(request: Request, transform: Transform, schedule: Schedule, products: float) -> float:
    """Cycles for a block's products and the way of their weights, which may be fetched meanwhile."""
    problem, core, panel = request.problem, request.target.core, schedule.panels[0]
    numbers = len(transform.distinct) * schedule.parts * problem.group_channels * panel.width * panel.count
    size = numbers * problem.item_bytes
    way = core.memory.streamed * size * by_size(core.memory.weights, size * problem.groups)
    first = core.memory.streamed * size * cost.far(core, core.memory.outer)
    return max(products + core.memory.behind * way, way) + first if schedule.ahead else products + way


def _traffic(request: Request, transform: Transform, schedule: Schedule) -> float:
    """Cycles for a block's way through the caches: transformed input and products."""
    problem, core = request.problem, request.target.core
    panel, points, item = schedule.panels[0], transform.points, problem.item_bytes
    part = schedule.parts * problem.group_channels * panel.width * item  # of a panel's weights, for a point
    v, m = points * schedule.stride * item, points * schedule.out_stride * item
    if schedule.by_points:
        return core.moves.scattered * (v + m) + panel.count * v * cost.far(core, v // points)
    return panel.count * (v * cost.far(core, v) + m * cost.far(core, m + part))


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    transform = named(schedule.transform, schedule.taps)
    rounding = noise.ratio(transform, schedule.parts * plan.problem.group_channels, schedule.chunks)
    saved = transform.outputs * plan.problem.kernel_size / transform.points / schedule.parts
    free = plan.problem.steps is None
    rows = str(schedule.rows) if free else " and ".join(str(size) for _, size in register_tiles(schedule, free))
    split = f" of each of {schedule.parts} parts of the kernel" if schedule.parts > 1 else ""
    return (
        f"{plan.algorithm.name} {schedule.transform} for {plan.target.name}: "
        f"{counted(transform.outputs, 'output')} from "
        f"{counted(transform.points, 'product')}{split} ({saved:.2f} times fewer), "
        f"GEMM tiles of {rows} x {schedule.width}, {counted(schedule.tiles, 'tile')} a block, "
        f"{rounding:.1f} times direct's rounding error"
    )


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters), transformed, flat: [group][panel][point][part][channel][lane].

    By points the panels lie within a point: weights stand in the order in which they are read.
    """
    import numpy as np

    problem, schedule = plan.problem, plan.schedule
    transform, channels = named(schedule.transform, schedule.taps), problem.group_channels
    (panel,), points = schedule.panels, len(transform.distinct)
    matrix = transform.weights[list(transform.distinct)]
    order = (points, panel.count) if schedule.by_points else (panel.count, points)
    packed = np.empty((problem.groups, *order, schedule.parts, channels, panel.width), kernel.dtype)
    by_panel = packed.swapaxes(1, 2) if schedule.by_points else packed
    lanes = np.add.outer(panel.offsets, np.arange(panel.lanes)).ravel()
    some = max(1, PACKED_AT_ONCE // (points * panel.width))
    for group, (j, start), part in product(range(problem.groups), enumerate(panel.starts), range(schedule.parts)):
        columns = group * problem.group_filters + start + lanes
        taps = slice(part * schedule.taps, min((part + 1) * schedule.taps, problem.kernel_size))
        known = matrix[:, : taps.stop - taps.start]
        for first in range(0, channels, some):
            block = kernel[taps, first : first + some, columns[0] : columns[-1] + 1]
            rows = (block if len(lanes) == block.shape[2] else block[..., columns - columns[0]]).astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):  # an infinity spoils its filter, as in C
                made = known @ rows.reshape(len(rows), -1)
                by_panel[group, j, :, part, first : first + some] = made.reshape(points, -1, panel.width)
    return packed.ravel()


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    problem, schedule = plan.problem, plan.schedule
    (panel,), points = schedule.panels, len(named(schedule.transform, schedule.taps).distinct)
    return problem.groups * panel.count * panel.width * points * schedule.parts * problem.group_channels


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a tile, of a register tile of the products, and of a block of tiles."""
    outputs = named(schedule.transform, schedule.taps).outputs
    return outputs, outputs * schedule.rows, outputs * schedule.tiles


def transformed(schedule: Schedule) -> Transformed:
    """The transform that the sums go through."""
    return Transformed(named(schedule.transform, schedule.taps), schedule.parts, schedule.chunks)
