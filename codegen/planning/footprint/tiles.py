"""The pieces of register tiles and of their borders, in the direct algorithms."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.planning.algorithms import direct_filters, direct_steps, tiling
from codegen.planning.algorithms.filter_blocks import Block, rows_of_few, sharing
from codegen.planning.algorithms.tiling import Panel, Tile
from codegen.planning.algorithms.written_out import steps_of_turn, written_out
from codegen.planning.footprint.endings import ending
from codegen.planning.footprint.pieces import NONE, Pieces
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem

__all__ = ["of_channels", "of_filters", "of_steps", "plain"]

VECTOR = 16  # bytes of those that gcc makes of single numbers
UNROLLED = ("straight", "taps")  # forms whose taps are
NEAR = 128  # bytes from a pointer that one byte of an instruction tells; more take four


def of_filters(plan: KernelPlan[direct_filters.Schedule], own: bool = False) -> Pieces:
    """Tiles across the filters; `own`: across the channels, each filter has one of its own."""
    total = NONE
    for block in plan.schedule.blocks:
        most = max(each.rows for each in plan.schedule.blocks)
        few = rows_of_few(plan.problem, block, most, plan.ask) if most > max(1, plan.least_outs) else ()
        wholes = (tiling.whole(plan.problem, rows) for rows in few if rows < block.rows)
        for tile in (*block.tiles, *wholes, *block.opening, *block.closing):
            total += _tile(plan, tile, block.panel, own)
        total += _walk(plan, block, own)
    return total


def of_channels(plan: KernelPlan[direct_filters.Schedule]) -> Pieces:
    """Tiles across the channels."""
    return of_filters(plan, own=True)


def plain(lanes: int, **counts: float) -> Pieces:
    """The counts of vectors under their names, or under those of single numbers."""
    if lanes > 1:
        return Pieces(**counts)
    return Pieces(**{f"single_{name}": count for name, count in counts.items()})


def _tile(plan: KernelPlan[direct_filters.Schedule], tile: Tile, panel: Panel, own: bool) -> Pieces:
    """One function: its sums, the products of each span of taps, the stores."""
    p, form, vectors = plan.problem, plan.schedule.form, len(panel.offsets)
    channels = 1 if own else p.group_channels
    total = ending(p, tile.rows, vectors, panel.lanes, written_out(plan)) + plain(panel.lanes, starts=vectors)
    total += Pieces(offsets=_offsets((r * p.filters + o for r in range(tile.rows) for o in panel.offsets), p))
    if plan.schedule.ahead and (p.steps is not None or tile == tiling.whole(p, tile.rows)):
        lines = [r * p.filters + o for r in range(tile.rows) for o in (*panel.offsets, panel.covered - 1)]
        total += Pieces(offsets=_offsets(lines, p) + 2 * len(lines))  # two for the instruction itself
    for span in tile.spans:
        taps, rows = span.last - span.first, span.bottom - span.top
        run = 1 if own else steps_of_turn(plan, tile, span, vectors)
        steps = {"straight": taps * channels, "taps": taps, "sliding": taps}.get(form, run)
        products = steps * rows * vectors
        reads = (rows + taps - 1 if form == "sliding" else steps * rows) * (vectors if own else 1)
        total += plain(panel.lanes, updates=products, loads=steps * vectors, broadcasts=reads)
        total += Pieces(loops=_loops(form, taps, channels), offsets=_read(plan, tile, panel, steps, own))
        if panel.lanes == 1:
            near = _width(plan, panel) == vectors and (form != "nested" or channels > 1)
            total += _by_gcc(p, products, vectors, _turns(form, taps, channels), near)
    return total


def _loops(form: str, taps: int, channels: int) -> int:
    """Loops over a span."""
    return {
        "taps": taps * (channels > 1),
        "fused": int(taps * channels > 1),
        "nested": (taps > 1) + (channels > 1),
    }.get(form, 0)


def _turns(form: str, taps: int, channels: int) -> int:
    """Turns of the innermost loop, 0 for none."""
    return {"taps": channels, "fused": taps * channels, "nested": channels if channels > 1 else taps}.get(form, 0)


def _by_gcc(p: ConvProblem, products: int, vectors: int, turns: int, side_by_side: bool) -> Pieces:
    """Single products that gcc puts into vectors by itself: of neighbouring filters, or of neighbouring turns.

    `side_by_side`: what one turn reads stands behind what the turn before it reads.
    """
    lanes = VECTOR // p.item_bytes
    paired = products if vectors % lanes == 0 else 0
    folded = products if side_by_side and turns > 1 and turns % lanes == 0 else 0
    return Pieces(paired=paired, folded=folded, in_line=0 if turns or paired else products)


def _read(plan: KernelPlan[direct_filters.Schedule], tile: Tile, panel: Panel, steps: int, own: bool) -> float:
    """Bytes of the offsets of a tile's reads, estimated from those of its first step's rows and of its last."""
    p, vectors = plan.problem, len(panel.offsets)
    wide = _width(plan, panel)
    rows = _offsets((r * p.stride * p.channels for r in range(tile.rows)), p)
    far_rows = _offsets((r * p.stride * p.channels + (steps - 1) for r in range(tile.rows)), p)
    weights = _offsets(
        (step * wide + o for step in range(min(steps, NEAR)) for o in range(0, panel.width, panel.lanes)), p
    )
    return weights * max(1.0, steps / NEAR) + steps * (rows + far_rows) / 2 * (vectors if own else 1)


def _width(plan: KernelPlan[direct_filters.Schedule], panel: Panel) -> int:
    """Numbers from a weight to that of the next channel."""
    return panel.width if plan.weights != "argument" else plan.problem.filters


def _offsets(numbers: Iterable[int], p: ConvProblem) -> float:
    """Bytes that tell so many distances, each in numbers."""
    return sum(0 if at == 0 else 1 if -NEAR <= at * p.item_bytes < NEAR else 4 for at in numbers)


def _walk(plan: KernelPlan[direct_filters.Schedule], block: Block, own: bool) -> Pieces:
    """The calls of a block's tiles, and its borders."""
    p, schedule = plan.problem, plan.schedule
    heads = (p.groups > 1 and not own) + (block.panel.count > 1)
    most = max(each.rows for each in schedule.blocks)
    if p.steps is None:
        ends = _ends(p, most > max(1, plan.least_outs))
        total = Pieces(frees=1, heads=heads + 2 + (schedule.strip > 0))
    else:
        first, last = schedule.interior or (0, 0)
        ends = (0, 0) if schedule.peeled else (int(first > 0), int(last < p.out_steps(p.steps)))
        total = Pieces(heads=sum(heads + (run.count > 1) for run in block.segments))
    if not any(ends):
        return total
    several = block.rows > 1 and _joins(p, block.rows)
    vectors = len(block.panel.offsets)
    for rows in (1, block.rows) if several else (1,):
        total += _edge(p, rows, vectors, block.panel.lanes, own)
    return total + _border(p, heads * sum(ends), several) + _sharing(plan, block, own)


def _sharing(plan: KernelPlan[direct_filters.Schedule], block: Block, own: bool) -> Pieces:
    """The border's tiles of neighbours that share their samples: two triangles of products, three loops."""
    p, panel = plan.problem, block.panel
    rows, kinds = sharing(p, block, 1 if own else p.group_channels, plan.ask)
    if not kinds:
        return NONE
    tiles, vectors, ended = len(kinds), len(panel.offsets), len(kinds) - ("all" in kinds)
    products = rows * tiles + ((rows - 1) * rows * p.stride // 2) * ended
    samples = tiles + (rows - 1) * p.stride * ended
    total = plain(panel.lanes, starts=vectors * tiles, updates=products * vectors, loads=(products + samples) * vectors)
    ends = [ending(p, rows, vectors, panel.lanes)] * tiles
    return sum(ends, total + Pieces(loops=tiles, offsets=4.0 * products * vectors))


def _ends(p: ConvProblem, few: bool) -> tuple[int, int]:
    """Whether a border begins and ends a free length; `few`: too few outputs for a tile go through it."""
    return int(few or p.centred or p.pad_left > 0), int(p.centred or p.pad_right > 0)


def _joins(p: ConvProblem, size: int) -> bool:
    """Whether so many neighbours at a border have the same taps."""
    return p.dilation >= size * p.stride and max(p.pad_left, p.pad_right) >= size * p.stride


def _edge(p: ConvProblem, rows: int, vectors: int, lanes: int, own: bool) -> Pieces:
    """A tile whose taps are counted when it runs."""
    cells = rows * vectors
    total = plain(lanes, starts=vectors, loads=vectors, broadcasts=cells if own else rows, updates=cells)
    loops = 1 if own or p.group_channels == 1 or p.dilation == 1 else 2
    return (
        total
        + Pieces(loops=loops, offsets=_offsets((r * p.channels for r in range(rows)), p))
        + ending(p, rows, vectors, lanes)
    )


def _border(p: ConvProblem, heads: int, several: bool) -> Pieces:
    """The function that counts the taps of each output."""
    sides = (p.centred or p.pad_left > 0) + (p.centred or p.pad_right > 0)
    return Pieces(heads=heads, sides=sides * (2 if p.dilation > 1 else 1), joined=int(several))


def of_steps(plan: KernelPlan[direct_steps.Schedule]) -> Pieces:
    """Tiles along time."""
    p, schedule = plan.problem, plan.schedule
    free, count = p.steps is None, len(schedule.starts)
    outs = p.out_steps(p.steps) if p.steps is not None else 0
    first, last = tiling.interior(p, p.steps) if p.steps is not None else (0, 0)
    fits = free or last - first >= schedule.width
    chunks = free or outs >= 2 * schedule.chunk
    total = Pieces(frees=int(free), heads=(p.groups > 1) + (count > 1) + chunks + fits)
    if fits:
        total += _steps_tile(plan)
    if not (free or first > 0 or last < outs or not fits):
        return total
    total += _steps_edge(plan, 1)
    several = schedule.lanes > 1 and _joins(p, schedule.lanes)
    if several:
        total += _steps_edge(plan, schedule.lanes)
    return total + _border(p, 0, several)


def _steps_tile(plan: KernelPlan[direct_steps.Schedule]) -> Pieces:
    """The tile with all taps."""
    p, schedule = plan.problem, plan.schedule
    rows, vectors, lanes, form = schedule.rows, schedule.vectors, schedule.lanes, schedule.form
    taps, channels, free = p.kernel_size, p.group_channels, p.steps is None
    steps = {"straight": taps * channels, "taps": taps, "channels": channels}.get(form, 1)
    products = steps * rows * vectors
    total = plain(lanes, starts=rows, broadcasts=steps * rows, updates=products)
    wide = lanes if lanes > 1 else int(vectors % (VECTOR // p.item_bytes) == 0)
    if p.stride > 1:
        total += Pieces(gathers=steps * vectors * wide)
    if p.stride == 1 or lanes == 1:
        total += plain(lanes, loads=steps * vectors)
    loops = {"straight": 0, "taps": taps if schedule.by_taps else 1, "channels": 1}.get(
        form, (channels > 1) + (taps > 1)
    )
    if lanes == 1:
        total += _by_gcc(p, products, vectors, 0, False)
    at = range(min(taps, NEAR) if form in UNROLLED else 1)
    reads = _offsets((k * p.dilation + i * lanes * p.stride for k in at for i in range(vectors)), p)
    pointers = (channels if form == "straight" else 1) + rows if free else 0
    return (
        total
        + Pieces(loops=loops, offsets=reads, pointers=pointers)
        + ending(p, rows, vectors, lanes, written_out(plan))
    )


def _steps_edge(plan: KernelPlan[direct_steps.Schedule], lanes: int) -> Pieces:
    """Outputs at a border, as many as `lanes`."""
    p, rows = plan.problem, plan.schedule.rows
    total = plain(lanes, starts=rows, loads=1, broadcasts=rows, updates=rows)
    pointers = rows if p.steps is None else 0
    return total + Pieces(loops=1 + (p.group_channels > 1), pointers=pointers) + ending(p, rows, 1, lanes)
