"""The C function that lays a kernel in Keras' shape out as a plan reads it, for `templates/pack.c.j2`.

What `pack` of the plan's algorithm does in NumPy for known weights, for a program that learns them at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emission.cformat import grouped, times
from codegen.emission.direct_steps import block_of
from codegen.emission.interface import kernels
from codegen.emission.microkernel import count_loop, index
from codegen.planning.algorithms import (
    bilinear_schedule,
    direct_filters,
    direct_steps,
    relayout,
    row_activation,
    upsampled,
)
from codegen.planning.algorithms.tiling import Panel
from codegen.planning.plan import KernelPlan
from codegen.planning.planner import packed_numbers
from codegen.planning.transforms import named
from codegen.problem.conv_problem import ConvProblem

MOST_TABLE = 4096  # numbers of a transform's matrix that are worth a table in a C file


Move = tuple[tuple[str, ...], str]


@dataclass(frozen=True)
class Packing:
    """`moves` are ((loops, the C of one number), …) in the order in which they are stored, for each of `groups` if any.

    `matrix` is the transform's, (points, taps), None where numbers are only moved. With a `tap_step` the parts of a
    kernel are packed, whose taps lie so far apart.
    """

    moves: tuple[Move, ...]
    matrix: tuple[tuple[float, ...], ...] | None = None
    tap_step: int | None = None
    groups: int = 0

    @property
    def calls(self) -> bool:
        """Whether numbers come from a function of the file."""
        return self.matrix is not None or self.tap_step is not None


@dataclass(frozen=True)
class Pack:
    """A pack function: the end of its name, the macro of its count, the shape that it reads, what it does."""

    function: str
    macro: str
    plan: KernelPlan
    packing: Packing

    @property
    def shape(self) -> tuple[int, ...]:
        return self.plan.problem.kernel_shape

    @property
    def count(self) -> int:
        """Packed numbers."""
        return packed_numbers(self.plan)


def packs(plan: KernelPlan) -> tuple[Pack, ...]:
    """The pack function of each kernel of the plan; none where C cannot pack them all."""
    found = []
    for label, part in kernels(plan):
        how = packing(part)
        if how is None:
            return ()
        function = "pack" if label == "kernel" else f"pack_{label}"
        found.append(Pack(function, f"{label.upper()}_NUMBERS", part, how))
    return tuple(found)


def packing(plan: KernelPlan) -> Packing | None:
    """How C packs the plan's one kernel; None where it cannot."""
    schedule = plan.schedule
    if isinstance(schedule, direct_filters.Schedule):
        return _by_filters(plan, schedule)
    if isinstance(schedule, direct_steps.Schedule):
        return _by_steps(plan, schedule)
    if isinstance(schedule, bilinear_schedule.Schedule):
        return _transformed(plan, schedule)
    if isinstance(schedule, (relayout.Schedule, row_activation.Schedule)) and plan.inner:
        return packing(plan.inner)
    if isinstance(schedule, upsampled.Schedule):
        return _of_parts(plan, schedule)
    return None


def numbered(p: ConvProblem, packing: Packing) -> tuple[str, ...]:
    """The C that looks up number n of a part's kernel: of which row and lane, so of which tap, channel and filter."""
    if packing.tap_step is None:
        return ()
    row_width = times(p.groups, "width")
    divided = grouped(row_width)
    lane, group = ("lane % width", "lane / width") if p.groups > 1 else ("lane", "0")
    phase = f"({lane} / {p.group_filters})" if p.group_filters > 1 else grouped(lane)
    channel, tap = (
        ("", "row") if p.group_channels == 1 else (f"row % {p.group_channels}", f"(row / {p.group_channels})")
    )
    filters = [(p.group_filters, f"({group})")] * (p.groups > 1)
    within = [(1, f"lane % {p.group_filters}")] * (p.group_filters > 1)
    row = index((p.group_channels, "k"), *[(1, channel)] * bool(channel))
    place = index((p.filters, grouped(row)), *[(1, "f")] * bool(filters or within))
    return (
        f"const ptrdiff_t width = {times(p.group_filters, 'phases')}, lane = n % {divided}, row = n / {divided};",
        f"const ptrdiff_t k = tap + step * {phase} + {times(packing.tap_step, tap)};",
        *[f"const ptrdiff_t f = {index(*filters, *within)};"] * bool(filters or within),
        "",
        f"return k < {p.kernel_size} ? kernel[{place}] : 0;",
    )


def _of_parts(plan: KernelPlan, schedule: upsampled.Schedule) -> Packing | None:
    """The inner plans' packings, one after the other, each number looked up in the whole kernel."""
    moves: list[Move] = []
    for part, i in zip(schedule.rows.parts, schedule.inners, strict=True):
        found = packing(plan.parts[i]) if i is not None else Packing(())
        if found is None or found.calls or found.groups:
            return None
        place = f"weight(kernel, {part.tap}, {part.step}, {part.phases}, "
        moves += [(heads, value.replace("kernel[", place)[:-1] + ")") for heads, value in found.moves]
    return Packing(tuple(moves), tap_step=schedule.rows.tap_step)


def _by_filters(plan: KernelPlan, schedule: direct_filters.Schedule) -> Packing:
    p = plan.problem
    groups, terms = (1, p.kernel_size) if plan.algorithm == "depthwise" else (p.groups, p.terms)
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


def _block(panel: Panel) -> list[int | tuple[int, str]]:
    """The first filter of block j, counted from the panel's."""
    if panel.count == 1:
        return []
    if panel.even:
        return [(panel.step, "j")]
    return [(1, f"(j < {panel.count - 1} ? {times(panel.step, 'j')} : {panel.last - panel.first})")]


def _lane(offsets: tuple[int, ...], lanes: int) -> str:
    """The filter of packed column l, counted from the block's first."""
    if offsets == tuple(i * lanes for i in range(len(offsets))):
        return "l"
    last = (len(offsets) - 1) * lanes  # only the last vector may overlap its neighbour
    return f"(l < {last} ? l : l - {last - offsets[-1]})"


def _by_steps(plan: KernelPlan, schedule: direct_steps.Schedule) -> Packing:
    p, starts = plan.problem, schedule.starts
    counts = {"g": p.groups, "j": len(starts), "c": p.group_channels, "k": p.kernel_size, "r": schedule.rows}
    apart = {"g": p.group_filters, "c": p.filters, "k": p.group_channels * p.filters, "r": 1}
    heads = [count_loop(name, 0, count) for name, count in counts.items() if count > 1]
    where = index(
        *((apart[name], name) for name in "kcg" if counts[name] > 1), *block_of(starts), *_turns("r", schedule.rows)
    )
    return Packing(((tuple(heads), f"kernel[{where}]"),))


def _turns(name: str, count: int, step: int = 1) -> list[tuple[int, str]]:
    """What a loop's variable adds to a place; nothing where it turns once."""
    return [(step, name)] if count > 1 else []


def _loops(**counts: int) -> list[str]:
    """The heads of loops that turn more than once."""
    return [count_loop(name, 0, count) for name, count in counts.items() if count > 1]


def _transformed(plan: KernelPlan, schedule: bilinear_schedule.Schedule) -> Packing | None:
    p, (panel,) = plan.problem, schedule.panels
    transform = named(schedule.transform, schedule.taps)
    if transform.points * transform.taps > MOST_TABLE:
        return None
    order = [*_loops(j=panel.count), count_loop("r", 0, len(transform.distinct))]
    heads = [*_loops(g=p.groups), *(reversed(order) if schedule.by_points else order)]
    heads += _loops(part=schedule.parts, c=p.group_channels, l=panel.width)
    lane = [(1, _lane(panel.offsets, panel.lanes))] if panel.width > 1 else []
    where = index(
        *_turns("c", p.group_channels, p.filters), *_turns("g", p.groups, p.group_filters), *_block(panel), *lane
    )
    part = times(schedule.taps, "part") if schedule.parts > 1 else "0"
    value = f"point({f'kernel + {where}' if where != '0' else 'kernel'}, r, {part})"
    matrix = tuple(tuple(float(v) for v in row) for row in transform.weights[list(transform.distinct)])
    return Packing(((tuple(heads), value),), matrix)
