"""How C lays a kernel out as each algorithm's plans read it: the loops in order, and where each number comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from codegen.emission.cformat import times
from codegen.emission.expressions import Part, Place, Variable, block
from codegen.emission.point_sums import Call, Points, first_lane, held_channels
from codegen.emission.writer import Move, Packing, PackingOf
from codegen.planning.algorithms import bilinear_schedule, direct_filters, direct_steps, tiling, upsampled
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import named

MOST_TABLE = 1 << 14  # numbers of a transform's matrix that are worth a table in a C file


def as_inner(plan: KernelPlan, inner: PackingOf) -> Packing | None:
    """The packing of a plan whose kernel is its inner one's."""
    return inner(plan.inner) if plan.parts else None


def as_it_is(plan: KernelPlan, inner: PackingOf) -> Packing:
    """The order of Keras' shape."""
    number = Variable.counted("i", plan.packed_numbers)
    return Packing((Move((number.loop,), Place.of((1, number))),))


def by_parts(plan: KernelPlan[upsampled.Schedule], inner: PackingOf) -> Packing | None:
    """The inner plans' packings, one after the other, each number looked up in the whole kernel."""
    schedule, moves = plan.schedule, list[Move]()
    for part, i in zip(schedule.rows.parts, schedule.inners, strict=True):
        found = inner(plan.parts[i]) if i is not None else Packing(())
        if found is None or found.points or found.parts or found.tap_step or found.groups:
            return None
        moves += [replace(move, looked_up=(part.tap, part.step, part.phases)) for move in found.moves]
    return Packing(tuple(moves), tap_step=schedule.rows.tap_step)


def by_groups(plan: KernelPlan[direct_filters.Schedule], inner: PackingOf) -> Packing:
    """Block by block, all channels of a group."""
    return _by_blocks(plan, plan.problem.groups, plan.problem.terms)


def channel_by_channel(plan: KernelPlan[direct_filters.Schedule], inner: PackingOf) -> Packing:
    """Block by block, as one group: a row of the kernel is a tap of all filters."""
    return _by_blocks(plan, 1, plan.problem.kernel_size)


def _by_blocks(plan: KernelPlan[direct_filters.Schedule], groups: int, terms: int) -> Packing:
    """Block by block, for each of `groups`: the rows of the kernel, `terms` of them, as wide as the block is."""
    p, schedule = plan.problem, plan.schedule
    alone = len(schedule.blocks) == 1
    group, row = Variable.counted("g", groups), Variable.counted("i", terms)
    moves: list[Move] = []
    for panel in (one.panel for one in schedule.blocks):
        lanes, parts = _lanes(panel)
        loops = [*([group] if alone else []), Variable.counted("j", panel.count), row, *lanes]
        where = Place.of((p.filters, row), (p.group_filters, group), *panel_block(panel), *parts, panel.first)
        moves.append(Move(_heads(loops), where))
    return Packing(tuple(moves), groups=0 if alone or groups == 1 else groups)


def _lanes(panel: tiling.Panel) -> tuple[list[Variable], list[Part]]:
    """The loops over the packed columns of a block, and the filter that each is, counted from the block's first."""
    lanes, count = panel.lanes, len(panel.offsets)
    if panel.offsets == tuple(i * lanes for i in range(count)):
        lane = Variable.counted("l", panel.width)
        return [lane], [(1, lane)]
    v, lane = Variable.counted("v", count), Variable.counted("l", lanes)
    return [v, lane], [first_lane(panel, v), (1, lane)]


def by_steps(plan: KernelPlan[direct_steps.Schedule], inner: PackingOf) -> Packing:
    """Block by block, row by row of a tile."""
    p, schedule, starts = plan.problem, plan.schedule, plan.schedule.starts
    inside = {"c": p.group_channels, "k": p.kernel_size}
    if schedule.by_taps:
        inside = dict(reversed(inside.items()))
    counts = {"g": p.groups, "j": len(starts), **inside, "r": schedule.rows}
    loops = {name: Variable.counted(name, count) for name, count in counts.items()}
    apart = {"k": p.group_channels * p.filters, "c": p.filters, "g": p.group_filters}
    places = [(factor, loops[name]) for name, factor in apart.items()]
    where = Place.of(*places, *block(starts.count, starts.step, starts.last), (1, loops["r"]))
    return Packing((Move(_heads(loops.values()), where),))


def panel_block(panel: tiling.Panel) -> list[Part]:
    """The first filter of block j, counted from the panel's."""
    return block(panel.count, panel.step, panel.last - panel.first)


def _heads(loops: Iterable[Variable]) -> tuple[str, ...]:
    """The heads of the loops that turn more than once."""
    return tuple(loop.loop for loop in loops if loop.most)


def transformed(plan: KernelPlan[bilinear_schedule.Schedule], inner: PackingOf) -> Packing | None:
    """Transformed in C, as far as the matrix is no large table."""
    p, schedule, (panel,) = plan.problem, plan.schedule, plan.schedule.panels
    transform = named(schedule.transform, schedule.taps)
    points, taps, parts = len(transform.distinct), min(schedule.taps, p.kernel_size), schedule.parts
    if points * taps > MOST_TABLE:
        return None
    held = held_channels(p.group_channels, taps, panel)
    counts = {"g": p.groups, "j": panel.count, "part": parts, "c": p.group_channels // held}
    g, j, part, c = (Variable.counted(name, count) for name, count in counts.items())
    row = p.group_channels * panel.width  # numbers of a point, for one part and one block of filters
    stride = row * parts * (panel.count if schedule.by_points else 1)
    of_block = row * parts * (1 if schedule.by_points else points)
    tap = p.group_channels * p.filters
    source = Place.of((taps * tap, part), (held * p.filters, c), (p.group_filters, g), *panel_block(panel), panel.first)
    target = Place.of((row * parts * panel.count * points, g), (of_block, j), (row, part), (held * panel.width, c))
    call = Call(_heads((g, j, part, c)), source, target, times(taps, "part") if parts > 1 else "")
    matrix = tuple(tuple(map(float, one[:taps])) for one in transform.weights[list(transform.distinct)])
    made = Points(matrix, panel, held, (tap, p.filters), p.kernel_size, stride, parts > 1, p.format.c, call)
    return Packing((), made)
