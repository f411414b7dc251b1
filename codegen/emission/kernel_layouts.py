"""How C lays a kernel out as each algorithm's plans read it: the loops in order, and where each number comes from."""

from __future__ import annotations

from codegen.emission.microkernel import count_loop, index
from codegen.emission.writer import Move, Packing, PackingOf
from codegen.planning.algorithms import bilinear_schedule, direct_filters, direct_steps, upsampled
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import named

MOST_TABLE = 4096  # numbers of a transform's matrix that are worth a table in a C file


def as_inner(plan: KernelPlan, inner: PackingOf) -> Packing | None:
    """The packing of a plan whose kernel is its inner one's."""
    return inner(plan.inner) if plan.inner else None


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
        heads += [count_loop("i", 0, terms), count_loop("l", 0, panel.width)]
        step = (panel.step, "j") if panel.even else (1, f"(j < {panel.count - 1} ? {panel.step} * j : {panel.last})")
        where = index((p.filters, "i"), (p.group_filters if groups > 1 else 0, "g"), step, panel.first)
        moves.append((tuple(heads), f"kernel[{where} + {_lane(panel.offsets, panel.lanes)}]"))
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
    step = starts[1] - starts[0] if len(starts) > 1 else 0
    heads = [count_loop("g", 0, p.groups), count_loop("j", 0, len(starts)), count_loop("c", 0, p.group_channels)]
    heads += [count_loop("k", 0, p.kernel_size), count_loop("r", 0, schedule.rows)]
    block = f"(j < {len(starts) - 1} ? {step} * j : {starts[-1]})"
    filters = index((p.group_filters, "g"), (1, block), (1, "r"))
    where = f"{index((p.group_channels * p.filters, 'k'), (p.filters, 'c'))} + {filters}"
    return Packing(((tuple(heads), f"kernel[{where}]"),))


def transformed(plan: KernelPlan[bilinear_schedule.Schedule], inner: PackingOf) -> Packing | None:
    """Transformed in C, as far as the matrix is no large table."""
    p, schedule, (panel,) = plan.problem, plan.schedule, plan.schedule.panels
    transform = named(schedule.transform, schedule.taps)
    if transform.points * transform.taps > MOST_TABLE:
        return None
    order = [count_loop("j", 0, panel.count), count_loop("r", 0, len(transform.distinct))]
    heads = [count_loop("g", 0, p.groups), *(reversed(order) if schedule.by_points else order)]
    heads += [count_loop("part", 0, schedule.parts), count_loop("c", 0, p.group_channels)]
    heads += [count_loop("l", 0, panel.width)]
    step = (panel.step, "j") if panel.even else (1, f"(j < {panel.count - 1} ? {panel.step} * j : {panel.last})")
    where = index((p.filters, "c"), (p.group_filters, "g"), step)
    value = f"point(kernel + {where} + {_lane(panel.offsets, panel.lanes)}, r, {schedule.taps} * part)"
    matrix = tuple(tuple(float(v) for v in row) for row in transform.weights[list(transform.distinct)])
    return Packing(((tuple(heads), value),), matrix)
