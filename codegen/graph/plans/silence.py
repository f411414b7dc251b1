"""How long a stream remembers its start: the steps of silence that replace endless ones, and the zeros of a rate."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from math import ceil

from codegen.errors import PlanError
from codegen.graph.plans import clocks
from codegen.graph.plans.reads import reads
from codegen.graph.plans.stages import ByFrame, Convolved, Each, Recurrent, Stage
from codegen.graph.plans.tile_stage import Tiled
from codegen.graph.plans.timing import Kept, Timing
from codegen.records import dataclass

__all__ = ["Late", "late", "settled"]

CELLS = 24_000  # steps after which a recurrent layer is said to have forgotten: half a second at 48 kHz, as NAM has it
LEAST_CELLS = 1_000  # of its own, where these come slower
MOST = 1 << 28  # steps of silence
CHECKED = 1 << 14  # steps for which the zeros of a rate are counted one by one


def settled(timing: Timing, kept: Mapping[int, Kept], period: int, *, cells: bool = True) -> int:
    """Input steps of silence after which nothing that is kept knows of the start, a multiple of `period`.

    `cells`: those of recurrent layers included, whose memory has no end but is short. Raises PlanError for
    too many.
    """
    since = _since(timing, cells=cells)

    def forgotten(steps: int) -> bool:
        counts = clocks.so_far(timing.clocks.found, steps)
        rows = (counts[one.clock] - one.history - since[number] for number, one in kept.items() if not one.state)
        ends = (counts[timing.ticks[number]] - first for number, first in since.items())
        return all(left >= 0 for left in (*rows, *ends))

    times = 1
    while not forgotten(times * period):
        times *= 2
        if times * period > MOST:
            raise PlanError(f"endless silence would be more than {MOST:,} steps: it remembers its start for too long")
    return (1 + bisect_left(range(1, times), True, key=lambda many: forgotten(many * period))) * period


def _since(timing: Timing, *, cells: bool) -> dict[int, int]:
    """For each buffer the first row that knows nothing of the start."""
    found = {number: -MOST for number, buffer in enumerate(timing.buffers) if buffer.kind == "input"}
    for stage in timing.stages:
        first = _first(stage, found)
        if cells and isinstance(stage, Recurrent):
            first += max(LEAST_CELLS, ceil(CELLS * timing.clocks.rates[timing.ticks[stage.y.buffer]]))
        for place in stage.ys:
            found[place.buffer] = max(found.get(place.buffer, -MOST), first)
    return found


def _first(stage: Stage, since: Mapping[int, int]) -> int:
    """The first output that reads none of the rows before `since`, nor any before the first but the input's."""
    if isinstance(stage, Tiled):
        ends = [(since[place.buffer], left) for place, left in zip(stage.reads, stage.lefts, strict=True)]
        return max((max(0, needed) + left for needed, left in ends if needed > -MOST), default=0)
    way, found = reads(stage), 0
    for place in stage.reads:
        needed = since[place.buffer]
        if needed == -MOST and isinstance(stage, Each) and len(stage.program) == 1:
            return -MOST  # the input's own rows: silence came before them, too
        own = (isinstance(stage, Each) and not isinstance(stage, ByFrame)) or (
            isinstance(stage, Convolved) and place is not stage.x
        )
        needed = max(0, needed) if needed > -MOST else needed
        found = max(found, needed if own else -((way.plus - (needed + way.back) * way.over) // way.times))
    return found


@dataclass(frozen=True)
class Late:
    """At the rate of the input `zeros` come in front of the outputs.

    How many of them are due after so many steps is what counts `beyond` steps farther have more.
    """

    zeros: int
    beyond: int


def late(timing: Timing, out: int, period: int, kept: Mapping[int, Kept]) -> Late:
    """What lets the rows of a clock come at the rate of the input. Raises PlanError where some come before it."""
    beyond = settled(timing, kept, period, cells=False)
    found, rate = timing.clocks.found, timing.clocks.rates[out]
    at = clocks.so_far(found, beyond)[out]
    zeros = int(beyond * rate) - at
    before = 0
    for steps in _looked_at(beyond, period):
        come = clocks.so_far(found, steps)[out]
        missing = clocks.so_far(found, steps + beyond)[out] - at - come
        if missing < before or (come and missing != zeros):
            raise PlanError("the outputs come before the rate of the input: the clock is `count` alone")
        before = missing
    return Late(zeros, beyond)


def _looked_at(beyond: int, period: int) -> Collection[int]:
    """Numbers of steps up to where all has begun: all of them, or a share."""
    last = beyond + 2 * period
    return range(0, last, max(1, last // CHECKED))
