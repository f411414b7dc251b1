"""The pieces of transforms, of the plain loops, and of what surrounds the functions of an inner plan."""

from __future__ import annotations

from collections.abc import Iterable
from math import log2

from codegen.planning.algorithms import (
    bilinear_schedule,
    overlap_save_schedule,
    relayout,
    rolled,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
)
from codegen.planning.footprint.endings import ending, row_ending
from codegen.planning.footprint.pieces import NONE, Pieces
from codegen.planning.footprint.tiles import plain
from codegen.planning.plan import AnyPlan, KernelPlan
from codegen.planning.transforms import named
from codegen.planning.transforms.complex_fourier import codelet
from codegen.planning.transforms.expressions import Code
from codegen.problem.problem import Chain

__all__ = [
    "of_blocks",
    "of_lengths",
    "of_relayout",
    "of_rolled",
    "of_rows",
    "of_separable",
    "of_signal",
    "of_strides",
    "of_transform",
    "of_upsampled",
]

TWO_BINS = 8  # products of two complex pairs
PANEL = 3  # loops that bring samples into a panel, and zeros around them
HELD = 8  # the points of a codelet in vectors that registers hold
MOVED = 1.5  # of each of its statements, what goes to the stack and comes back
NARROW = 16  # bytes of a vector, of which, and of wider ones, so large a share of points times those not held is kept:
KEPT_NARROW, KEPT = 0.08, 0.24


def of_transform(plan: KernelPlan[bilinear_schedule.Schedule]) -> Pieces:
    """Two codelets, the products between them, the walk."""
    p, schedule, (panel,) = plan.problem, plan.schedule, plan.schedule.panels
    transform = named(schedule.transform, schedule.taps)
    codes, total = (transform.forward, transform.inverse), NONE
    for code, lanes in zip(codes, (schedule.lanes, panel.lanes), strict=True):
        moved = code.inputs + len(code.results)
        total += plain(lanes, loads=moved) + Pieces(sums=len(code.statements), pointers=moved / 2, offsets=2.0 * moved)
    vectors = len(panel.offsets)
    for rows in {size for _, size in bilinear_schedule.tiles_that_run(schedule, p)}:
        for more in range(min(2, schedule.chunks)):
            cells = rows * vectors
            total += plain(panel.lanes, updates=cells * (2 + more), loads=vectors, broadcasts=rows)
            total += Pieces(loops=1, offsets=4.0 * rows)
    outputs = len(transform.inverse.results)
    heads = 6 + (p.groups > 1) + (panel.count > 1) + 2 * (p.dilation > 1)
    return total + Pieces(heads=heads, frees=int(p.steps is None)) + ending(p, outputs, 1, panel.lanes)


def of_blocks(plan: KernelPlan[overlap_save_schedule.Schedule]) -> Pieces:
    """Two levels there and two back, the products of the spectra, the panels."""
    p, schedule = plan.problem, plan.schedule
    level = codelet(schedule.across)
    codes = (codelet(schedule.rows), level, level, codelet(schedule.rows, schedule.rows // 2))
    moved = sum(code.inputs + len(code.results) for code in codes)
    total = plain(schedule.lanes, loads=moved, updates=TWO_BINS)
    total += Pieces(sums=sum(len(code.statements) for code in codes), offsets=2.0 * moved)
    total += Pieces(loops=len(codes) + 2, heads=6, copies=PANEL + 1, frees=int(p.steps is None))
    total += Pieces(constants=2 * schedule.size * p.item_bytes)
    return total + _kept(plan, codes) + ending(p, schedule.rows // 2, 1, schedule.lanes)


def _kept(plan: KernelPlan[overlap_save_schedule.Schedule], codes: Iterable[Code]) -> Pieces:
    """What codelets keep on the stack, as registers hold few of their vectors: gcc 12.2 with 6 to 14 plans a target."""
    schedule = plan.schedule
    if schedule.lanes == 1:
        return NONE
    most = max(schedule.rows, schedule.across)
    wide = schedule.lanes * plan.problem.item_bytes
    share = KEPT_NARROW if wide <= NARROW else KEPT
    kept = share * wide * most * max(0, most - HELD)
    return Pieces(updates=MOVED * sum(len(code.statements) for code in codes), array_bytes=kept)


def of_rolled(plan: KernelPlan[rolled.Schedule]) -> Pieces:
    """One nest of loops around one product."""
    p, lanes = plan.problem, plan.schedule.lanes
    loops = (p.kernel_size > 1) + (p.group_channels > 1)
    heads = 1 + (p.groups > 1) + (p.group_filters > lanes)
    sides = ((p.pad_left > 0) + (p.pad_right > 0)) / 4 + (p.up > 1) / 2
    total = plain(lanes, starts=1, loads=1, broadcasts=1, updates=1)
    return total + Pieces(loops=loops, heads=heads, sides=sides) + ending(p, 1, 1, lanes)


def of_relayout(plan: KernelPlan[relayout.Schedule]) -> Pieces:
    """Panels in and out, squares turned in registers."""
    schedule, free = plan.schedule, plan.problem.steps is None
    total = Pieces(copies=6, heads=1 + 2 * schedule.phases, frees=int(free))
    sides = {schedule.lanes_in, schedule.lanes_out}
    if free:  # what is less than a square goes in smaller ones
        sides |= {lanes for lanes in plan.target.lanes(plan.problem.dtype) if lanes < max(sides)}
    for side in sides - {1}:
        total += Pieces(sums=side * log2(side), loads=2 * side, copies=2)
    return total


def of_upsampled(plan: KernelPlan[upsampled.Schedule]) -> Pieces:
    """The panel, the way of the sums into y, the kernel laid out, the bias of each phase."""
    p, parts = plan.problem, plan.schedule.rows.parts
    lay = plan.weights == "argument"
    copies = PANEL + 1 + len(parts) * p.bias + sum(part is None for part in plan.schedule.inners)
    copies += 2 * (not p.channels_last) + (2 + len(parts)) * lay
    return Pieces(copies=copies, heads=1, parts=len(parts), frees=int(p.steps is None))


def of_separable(plan: KernelPlan[separable.Schedule, Chain]) -> Pieces:
    """The chunks, and their panel where there is padding."""
    whole = plan.schedule.whole
    padded = separable.is_padded(plan.problem) and not whole
    return Pieces(heads=int(not whole), copies=PANEL * padded, parts=1)


def of_rows(plan: KernelPlan[row_activation.Schedule]) -> Pieces:
    """The function that takes a row, or rows side by side."""
    return row_ending(plan.problem, len(plan.schedule.widths))


def of_signal(plan: KernelPlan[signal_as_channels.Schedule]) -> Pieces:
    """Rows in, rows out."""
    return Pieces(copies=5, heads=1, frees=int(plan.problem.steps is None))


def of_lengths(plan: AnyPlan) -> Pieces:
    """A comparison and a call for each stretch of lengths."""
    return Pieces(heads=len(plan.schedule.turn), frees=1)


def of_strides(plan: KernelPlan[strides_as_channels.Schedule]) -> Pieces:
    """The panel."""
    return Pieces(copies=PANEL + 1, heads=2 * (not plan.problem.channels_last))
