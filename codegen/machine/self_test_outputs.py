"""Where the loops of a plan turn: the outputs that the self-test of a kernel must not miss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from codegen.planning.algorithms import (
    bilinear_schedule,
    direct_filters,
    direct_steps,
    relayout,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
)
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import named

__all__ = ["marks", "turns"]


def turns(plan: KernelPlan) -> tuple[int, ...]:
    """Outputs that a turn of each of its loops over the steps makes, fewest first: tiles, blocks of tiles, chunks."""
    own, inner = _OWN[type(plan.schedule)](plan.schedule), {each for part in plan.parts for each in turns(part)}
    wide = _a_row(plan)
    return tuple(sorted({*own, *(each * wide for each in inner)}))


def marks(plan: KernelPlan, outs: int) -> list[int]:
    """Output steps from 0 to `outs` at which something begins or ends, most important first; some twice.

    These are the ends, the middle, segments of equal tiles, the borders, and for each loop its second turn, one in the
    middle and the last. Where a kernel is rewritten, its first and its last chunk have the inner plan's marks.
    """
    p, found = plan.problem, [0, outs, outs // 2, *_segments(plan.schedule)]
    for size in turns(plan):
        found += [size, outs // size // 2 * size, outs // size * size, (outs - 1) // size * size]
    if plan.parts:
        chunk = max(_OWN[type(plan.schedule)](plan.schedule), default=outs)
        last = (outs - 1) // chunk * chunk
        inner = [mark * _a_row(plan) for part in plan.parts for mark in _segments(part.schedule)]
        found += [start + mark for start in (0, last) for mark in inner]
    if p.dilation > 1:  # neighbours in a tile of a transform, or in a panel of phases, lie the dilation apart
        found += [p.dilation * turn for turn in (1, 2, 3, outs // p.dilation // 2, (outs - 1) // p.dilation)]
    return [mark for mark in found if 0 <= mark <= outs]


def _a_row(plan: KernelPlan) -> int:
    """Outputs that one output of the plan's inner ones is."""
    schedule = plan.schedule
    if isinstance(schedule, upsampled.Schedule):
        return schedule.rows.count
    return schedule.width if isinstance(schedule, signal_as_channels.Schedule) else 1


def _segments(schedule: object) -> Iterator[int]:
    """Where segments of equal tiles begin and end, and the outputs between the borders."""
    yield from getattr(schedule, "interior", None) or ()
    for block in getattr(schedule, "blocks", ()):
        for segment in block.segments:
            yield segment.start
            yield segment.start + segment.count * block.tiles[segment.tile].rows


def _transformed(schedule: bilinear_schedule.Schedule) -> tuple[int, ...]:
    outputs = named(schedule.transform, schedule.taps).outputs
    return outputs, outputs * schedule.tiles


_OWN: dict[type, Callable[[Any], tuple[int, ...]]] = {
    direct_filters.Schedule: lambda schedule: (*(block.rows for block in schedule.blocks), schedule.chunk),
    direct_steps.Schedule: lambda schedule: (schedule.width, schedule.chunk),
    bilinear_schedule.Schedule: _transformed,
    signal_as_channels.Schedule: lambda schedule: (schedule.width, schedule.width * schedule.rows),
    relayout.Schedule: lambda schedule: (schedule.outs,),
    strides_as_channels.Schedule: lambda schedule: (),
    upsampled.Schedule: lambda schedule: (schedule.rows.count, schedule.rows.count * schedule.chunk),
    separable.Schedule: lambda schedule: (schedule.outs,),
    row_activation.Schedule: lambda schedule: (schedule.widths[0],),
}
