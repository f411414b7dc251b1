"""How C lays a kernel out as each algorithm's plans read it: the loops in order, and where each number comes from."""

from __future__ import annotations

from codegen.emission.cformat import times
from codegen.emission.microkernel import count_loop, index, offset
from codegen.emission.writer import Move, Packing, PackingOf
from codegen.planning.algorithms import bilinear_schedule, direct_filters, direct_steps, tiling, upsampled
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import named

MOST_TABLE = 4096  # numbers of a transform's matrix that are worth a table in a C file


def as_inner(plan: KernelPlan, inner: PackingOf) -> Packing | None:
    """The packing of a plan whose kernel is its inner one's."""
    return inner(plan.inner) if plan.inner else None


def as_it_is(plan: KernelPlan, inner: PackingOf) -> Packing:
    """The order of Keras' shape."""
    return Packing((((count_loop("i", 0, plan.packed_numbers),), "kernel[i]"),))


def by_parts(plan: KernelPlan[upsampled.Schedule], inner: PackingOf) -> Packing | None:
    """The inner plans' packings, one after the other, each number looked up in the whole kernel."""
    schedule, moves = plan.schedule, list[Move]()
    for part, i in zip(schedule.rows.parts, schedule.inners, strict=True):
        found = inner(plan.parts[i]) if i is not None else Packing(())
        if found is None or found.calls or found.groups:
            return None
        place = f"weight(kernel, {part.tap}, {part.step}, {part.phases}, "
        moves += [(heads, value.replace("kernel[", place)[:-1] + ")") for heads, value in found.moves]
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
    moves: list[Move] = []
    for block in schedule.blocks:
        panel = block.panel
        heads = [count_loop("g", 0, groups)] if groups > 1 and alone else []
        heads += [count_loop("j", 0, panel.count)] if panel.count > 1 else []
        heads += _loops(i=terms, l=panel.width)
        lane = [(1, _lane(panel.offsets, panel.lanes))] if panel.width > 1 else []
        group = (p.group_filters if groups > 1 else 0, "g")
        where = index(*_turns("i", terms, p.filters), group, *_block(panel), *lane, panel.first)
        moves.append((tuple(heads), f"kernel[{where}]"))
    return Packing(tuple(moves), groups=0 if alone or groups == 1 else groups)


def _lane(offsets: tuple[int, ...], lanes: int) -> str:
    """The C of the filter that packed column l is, counted from the block's first."""
    if offsets == tuple(i * lanes for i in range(len(offsets))):
        return "l"
    last = (len(offsets) - 1) * lanes  # only the last vector may overlap its neighbour
    return f"(l < {last} ? l : l - {last - offsets[-1]})"


def by_steps(plan: KernelPlan[direct_steps.Schedule], inner: PackingOf) -> Packing:
    """Block by block, row by row of a tile."""
    p, schedule, starts = plan.problem, plan.schedule, plan.schedule.starts
    counts = {"g": p.groups, "j": len(starts), "c": p.group_channels, "k": p.kernel_size, "r": schedule.rows}
    apart = {"g": p.group_filters, "c": p.filters, "k": p.group_channels * p.filters, "r": 1}
    heads = [count_loop(name, 0, count) for name, count in counts.items() if count > 1]
    places = [(apart[name], name) for name in "kcg" if counts[name] > 1]
    where = index(*places, *block_of(starts), *_turns("r", schedule.rows))
    return Packing(((tuple(heads), f"kernel[{where}]"),))


def block_of(starts: tiling.Starts) -> list[int | tuple[int, str]]:
    """The first filter of block j of a group."""
    if len(starts) == 1:
        return [starts[0]]
    step = starts[1] - starts[0]
    if starts[-1] == step * (len(starts) - 1):
        return [(step, "j")]
    return [(1, f"(j < {len(starts) - 1} ? {times(step, 'j')} : {starts[-1]})")]


def _block(panel: tiling.Panel) -> list[int | tuple[int, str]]:
    """The first filter of block j, counted from the panel's."""
    if panel.count == 1:
        return []
    if panel.even:
        return [(panel.step, "j")]
    return [(1, f"(j < {panel.count - 1} ? {times(panel.step, 'j')} : {panel.last - panel.first})")]


def _turns(name: str, count: int, step: int = 1) -> list[tuple[int, str]]:
    """What a loop's variable adds to a place; nothing where it turns once."""
    return [(step, name)] if count > 1 else []


def _loops(**counts: int) -> list[str]:
    """The heads of loops that turn more than once."""
    return [count_loop(name, 0, count) for name, count in counts.items() if count > 1]


def transformed(plan: KernelPlan[bilinear_schedule.Schedule], inner: PackingOf) -> Packing | None:
    """Transformed in C, as far as the matrix is no large table."""
    p, schedule, (panel,) = plan.problem, plan.schedule, plan.schedule.panels
    transform = named(schedule.transform, schedule.taps)
    if transform.points * transform.taps > MOST_TABLE:
        return None
    order = [*_loops(j=panel.count), count_loop("r", 0, len(transform.distinct))]
    heads = [*_loops(g=p.groups), *(reversed(order) if schedule.by_points else order)]
    heads += _loops(part=schedule.parts, c=p.group_channels, l=panel.width)
    lane = [(1, _lane(panel.offsets, panel.lanes))] if panel.width > 1 else []
    channel, group = _turns("c", p.group_channels, p.filters), _turns("g", p.groups, p.group_filters)
    where = offset("kernel", *channel, *group, *_block(panel), *lane)
    value = f"point({where}, r, {times(schedule.taps, 'part') if schedule.parts > 1 else '0'})"
    matrix = tuple(tuple(float(v) for v in row) for row in transform.weights[list(transform.distinct)])
    return Packing(((tuple(heads), value),), matrix)
