"""When the rows of each buffer of a stream come, which of them are read again, and so how many are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.graph.plans.clocks import Clocks
from codegen.graph.plans.place import LINE, Buffer, Size
from codegen.graph.plans.reads import Reads, reads, started
from codegen.graph.plans.stages import ByFrame, Convolved, Each, Raised, Recurrent, Stage
from codegen.graph.plans.tile_stage import Tiled
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Kept", "Timing", "zeros_behind"]


@dataclass(frozen=True)
class Kept:
    """A buffer of the state from number `at` on: `rows` of `width` numbers, of which `history` are kept at least.

    `clock` is the number of its rows' clock; `state`: it holds no rows.
    """

    at: int
    rows: int
    width: int
    history: int
    clock: int
    state: bool = False
    apart: int = 0

    @property
    def numbers(self) -> int:
        return (self.apart or self.rows) * self.width


def zeros_behind(stages: Sequence[Stage]) -> dict[int, int]:
    """For each buffer the rows of zeros that are read behind its last, where there are such."""
    found: dict[int, int] = {}
    for stage in stages:
        if isinstance(stage, Convolved) and stage.x.frames is None:
            clock = reads(stage).clock
            rows = -(-max(0, clock.right - clock.up + 1) // clock.up)
            found[stage.x.buffer] = max(found.get(stage.x.buffer, 0), rows)
    return {buffer: rows for buffer, rows in found.items() if rows}


class Timing:
    """The clock of each buffer, and what of it must be kept."""

    def __init__(self, known: Clocks, stages: Sequence[Stage], buffers: Sequence[Buffer], planes: int = 0) -> None:
        self.planes = (
            planes  # the steps that are written at once, beyond the last, too, where channels lie by themselves
        )
        self.clocks, self.stages, self.buffers = known, stages, buffers
        self.ticks = {number: 0 for number, buffer in enumerate(buffers) if buffer.kind == "input"}
        self.starts: dict[int, Array] = {}
        for stage in stages:
            self._time(stage)

    def _time(self, stage: Stage) -> None:
        way = reads(stage)
        if isinstance(stage, Tiled) or (isinstance(stage, Each) and not isinstance(stage, ByFrame)):
            clock = self._least(stage)
        else:
            clock = self.clocks.number(replace(way.clock, of=(self.ticks[stage.reads[0].buffer],)))
        if isinstance(stage, Convolved) and stage.added:
            clock = self.clocks.least([clock, *(self.ticks[place.buffer] for place in stage.added)])
        self.ticks |= {place.buffer: clock for place in stage.ys}
        outs = self.clocks.counts[clock]
        for number, place in enumerate(stage.reads):
            beside = isinstance(stage, Convolved) and place is not stage.x
            found = outs if beside else self._start(way, place.buffer, outs)
            if isinstance(stage, Tiled):
                found = outs - stage.lefts[number]
            known = self.starts.get(place.buffer)
            self.starts[place.buffer] = found if known is None else known - (known - found).clip(0)

    def _least(self, stage: Each | Tiled) -> int:
        places = (*stage.reads, *(stage.beside if isinstance(stage, Each) else ()))
        return self.clocks.least([self.ticks[place.buffer] for place in places])

    def _start(self, way: Reads, buffer: int, outs: Array) -> Array:
        """The first row of a buffer that is still read after so many outputs."""
        first: Array = (outs * way.times + way.plus) // way.over - way.back
        if not way.last:
            return first
        end = self.clocks.counts[self.ticks[buffer]] - 1
        held: Array = first - (first - end).clip(0)
        return held

    def settled(self) -> tuple[list[Buffer], dict[int, Kept]]:
        """The buffers with their sizes, those that are kept marked; and these."""
        found, kept, at = list(self.buffers), dict[int, Kept](), 0
        zeros = zeros_behind(self.stages)
        for number, buffer in enumerate(self.buffers):
            if buffer.kind != "own" or number not in self.ticks:
                continue
            clock = self.ticks[number]
            width = buffer.channels
            more = max(self.clocks.most(clock), self.clocks.rest(clock)) + zeros.get(number, 0)
            history = self.clocks.behind(clock, self.starts[number]) if number in self.starts else 0
            if history or zeros.get(number):
                far = history > self.clocks.most(clock)
                # what is short goes to the front with each block, and stays in the cache
                rows = history + more + (history if far else 0)
                apart = self._apart(rows)
                kept[number] = Kept(at, rows, width, history, clock, apart=apart)
                at += -(-kept[number].numbers // LINE) * LINE
                found[number] = replace(buffer, kind="kept", apart=apart)
            else:
                apart = self._apart(more)
                found[number] = replace(buffer, size=Size((apart or more) * width), apart=apart)
        self._spares(found, kept, at)
        return found, kept

    def _apart(self, rows: int) -> int:
        """From the rows of a channel to those of the next, where each lies by itself; else 0."""
        return -(-(rows + self.planes) // LINE) * LINE if self.planes else 0

    def _spares(self, found: list[Buffer], kept: dict[int, Kept], at: int) -> None:
        """The same of what stages have for themselves: a recurrent layer's is kept, a kernel's is scratch."""
        for stage in self.stages:
            if stage.spare is None:
                continue
            if isinstance(stage, Recurrent):
                kept[stage.spare] = Kept(at, 1, self.buffers[stage.spare].size.numbers, 0, 0, state=True)
                at += -(-kept[stage.spare].numbers // LINE) * LINE
                found[stage.spare] = replace(found[stage.spare], kind="kept")
            elif isinstance(stage, Convolved) and stage.x.frames is None:
                found[stage.spare] = replace(found[stage.spare], size=self._workspace(stage))

    def _workspace(self, stage: Convolved) -> Size:
        clock, p = self.ticks[stage.y.buffer], stage.of
        outs = max(self.clocks.most(clock), self.clocks.rest(clock))
        if isinstance(stage, Raised):
            rows, aside = started(p).history + outs // p.up + 1, stage.aside
        else:
            rows, aside = (outs - 1) * p.stride + p.reach, 0
        return Size(aside - (-stage.plan.workspace(rows) // stage.plan.problem.item_bytes))
