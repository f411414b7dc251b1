"""The C function that lays a kernel in Keras' shape out as a plan reads it, for `templates/pack.c.j2`.

What `pack` of the plan's algorithm does in NumPy for known weights, for a program that learns them at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from codegen.planning.plan import KernelPlan
from codegen.planning.planner import packed_numbers
from codegen.planning.transforms import named

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
        heads += [count_loop("i", 0, terms), count_loop("l", 0, panel.width)]
        step = (panel.step, "j") if panel.even else (1, f"(j < {panel.count - 1} ? {panel.step} * j : {panel.last})")
        where = index((p.filters, "i"), (p.group_filters if groups > 1 else 0, "g"), step, panel.first)
        moves.append((tuple(heads), f"kernel[{where} + {_lane(panel.offsets, panel.lanes)}]"))
    return Packing(tuple(moves), groups=0 if alone or groups == 1 else groups)


def _lane(offsets: tuple[int, ...], lanes: int) -> str:
    """The filter of packed column l, counted from the block's first."""
    if offsets == tuple(i * lanes for i in range(len(offsets))):
        return "l"
    last = (len(offsets) - 1) * lanes  # only the last vector may overlap its neighbour
    return f"(l < {last} ? l : l - {last - offsets[-1]})"


def _by_steps(plan: KernelPlan, schedule: direct_steps.Schedule) -> Packing:
    p, starts = plan.problem, schedule.starts
    step = starts[1] - starts[0] if len(starts) > 1 else 0
    heads = [count_loop("g", 0, p.groups), count_loop("j", 0, len(starts)), count_loop("c", 0, p.group_channels)]
    heads += [count_loop("k", 0, p.kernel_size), count_loop("r", 0, schedule.rows)]
    block = f"(j < {len(starts) - 1} ? {step} * j : {starts[-1]})"
    filters = index((p.group_filters, "g"), (1, block), (1, "r"))
    where = f"{index((p.group_channels * p.filters, 'k'), (p.filters, 'c'))} + {filters}"
    return Packing(((tuple(heads), f"kernel[{where}]"),))


def _transformed(plan: KernelPlan, schedule: bilinear_schedule.Schedule) -> Packing | None:
    p, (panel,) = plan.problem, schedule.panels
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
