"""Where the values of a model lie in a stream: rows by their own numbers, from the counts before and after a block."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.emission.cformat import grouped
from codegen.emission.microkernel import index, offset
from codegen.emission.models.written import Surroundings
from codegen.graph.plans import clocks
from codegen.graph.plans.place import Place
from codegen.graph.plans.stages import Convolved, Gathered, Pooled, Recurrent, Stage
from codegen.graph.plans.streamed import StreamedModel

__all__ = ["StreamSurroundings"]

Term = int | tuple[int, str]


@dataclass
class StreamSurroundings(Surroundings):
    """`now` is the stage that is written: what it reads and writes begins where its last block ended."""

    streamed: StreamedModel | None = None
    now: Stage | None = None
    before: set[int] = field(default_factory=set)  # the clocks whose m or n some text reads
    after: set[int] = field(default_factory=set)
    uses_scratch: bool = False

    def m(self, clock: int) -> str:
        """The rows of a clock before the block."""
        self.before.add(clock)
        return f"m{clock}"

    @property
    def model(self) -> StreamedModel:
        assert self.streamed is not None
        return self.streamed

    @property
    def _stage(self) -> Stage:
        assert self.now is not None
        return self.now

    @property
    def tick(self) -> int:
        """The clock of the stage."""
        return self.model.ticks[self._stage.y.buffer]

    def at(self, place: Place) -> str:
        """A pointer to the first row that the stage reads or writes there."""
        added = self._stage.added if isinstance(self._stage, Convolved) else ()
        own = place is self._stage.y or any(place is one for one in added)
        row: list[Term] = [(1, self.m(self.tick))] if own else self._first()
        return self.row(place, row)

    def row(self, place: Place, row: list[Term]) -> str:
        """A pointer to a row, a sum of terms."""
        kept = self.model.kept[place.buffer]
        if kept is not None:
            row = [*row, (-1, f"s{place.buffer}")]
            return offset(f"v{place.buffer}", (place.stride, grouped(index(*row))), place.first)
        clock = self.model.ticks[place.buffer]
        stays = index(*row) == f"m{clock}"
        moved: Term = 0 if stays else (place.stride, grouped(index(*row, (-1, self.m(clock)))))
        if place.buffer in self.arguments:
            return offset(self.arguments[place.buffer], moved, place.first)
        start = self.model.at[place.buffer]
        assert start is not None
        self.uses_scratch = True
        return offset("scratch", moved, start.numbers + place.first)

    def _first(self) -> list[Term]:
        """The first row that the stage reads."""
        stage, m = self._stage, self.m(self.tick)
        if isinstance(stage, Convolved):
            known = clocks.window(stage.of, 0, "")
            return [(known.stride, m), -known.left]
        if isinstance(stage, Pooled):
            return [(stage.window.stride, m)]
        if isinstance(stage, Gathered):
            return [(1, f"{m} / {stage.size}")] if stage.size > 1 else [(1, m)]
        return [(1, m)]

    def spare(self, buffer: int) -> str:
        kept = self.model.kept[buffer]
        if kept is not None:
            return f"v{buffer}"
        start = self.model.at[buffer]
        assert start is not None
        self.uses_scratch = True
        return offset("scratch", start.numbers)

    @property
    def outs(self) -> str:
        """The rows that the stage makes."""
        self.after.add(self.tick)
        return f"n{self.tick} - {self.m(self.tick)}"

    def rows(self, place: Place) -> str:
        """The rows of a place that the stage reads or writes."""
        stage = self._stage
        if place is stage.y or not isinstance(stage, (Convolved, Pooled, Gathered)):
            return self.outs
        if isinstance(stage, Gathered):
            return f"({self.outs}) / {stage.size}"
        known = clocks.window(stage.of if isinstance(stage, Convolved) else stage.window, 0, "")
        return index((known.stride, f"({self.outs})"), known.reach - known.stride)

    def numbers(self, place: Place) -> str:
        return index((place.channels, f"({self.outs})"))

    @property
    def fresh(self) -> str | None:
        return f"{self.m(self.tick)} == 0" if isinstance(self._stage, Recurrent) else None
