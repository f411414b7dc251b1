"""Where the values of a model lie in a stream: rows by their own numbers, from the counts before and after a block."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.emission.cformat import grouped
from codegen.emission.microkernel import index, offset
from codegen.emission.models.written import Surroundings
from codegen.graph.plans.place import Place
from codegen.graph.plans.reads import Reads, reads
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

    @property
    def frame_tick(self) -> int:
        """The clock of the frames that the stage goes over."""
        own = self.model.buffers[self._stage.y.buffer].framed
        return self.tick if own else self._given

    def at(self, place: Place) -> str:
        """A pointer to the first row that the stage reads or writes there."""
        if place.frames is not None:
            return self.row(place, [(self._each(place), "f")])
        added = self._stage.added if isinstance(self._stage, Convolved) else ()
        own = any(place is one for one in (*self._stage.ys, *added))
        row: list[Term] = [(1, self.m(self.tick))] if own else self._first()
        return self.row(place, row)

    def _each(self, place: Place) -> int:
        """The rows of a buffer from one frame of a place to the next."""
        return place.frame_stride // self.model.buffers[place.buffer].channels

    def row(self, place: Place, row: list[Term]) -> str:
        """A pointer to a row, a sum of terms."""
        buffer = self.model.buffers[place.buffer]
        stride = 1 if buffer.apart else buffer.channels if buffer.framed else place.stride
        kept = self.model.kept[place.buffer]
        if kept is not None:
            row = [*row, (-1, f"s{place.buffer}")]
            return offset(f"kept{place.buffer}", (stride, grouped(index(*row))), place.first)
        clock = self.model.ticks[place.buffer]
        stays = index(*row) == f"m{clock}"
        moved: Term = 0 if stays else (stride, grouped(index(*row, (-1, self.m(clock)))))
        if place.buffer in self.arguments:
            return offset(self.arguments[place.buffer], moved, place.first)
        start = self.model.at[place.buffer]
        assert start is not None
        self.uses_scratch = True
        return offset("scratch", moved, start.numbers + place.first)

    @property
    def way(self) -> Reads:
        """What the stage reads."""
        return reads(self._stage)

    def _first(self) -> list[Term]:
        """The first row that the stage reads."""
        m, way = self.m(self.tick), self.way
        if way.clock.rule == "padded":  # what comes before it is no row
            return [(1, self.m(self._given))]
        if way.over > 1:
            return [(1, f"{grouped(index((1, m), way.plus))} / {way.over}"), -way.back]
        return [(way.times, m), -way.back]

    @property
    def _given(self) -> int:
        """The clock of what the stage reads."""
        return self.model.ticks[self._stage.reads[0].buffer]

    def spare(self, buffer: int) -> str:
        kept = self.model.kept[buffer]
        if kept is not None:
            return f"kept{buffer}"
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
        stage, way = self._stage, self.way
        if place.frames is not None:
            return str(place.rows.known)
        if any(place is one for one in stage.ys) or way.clock.rule == "least":
            return self.outs
        if way.clock.rule == "times":
            return f"({self.outs}) / {way.over}"
        given = self._given
        if way.clock.rule == "padded" or self.early is not None:
            self.after.add(given)
            first = (-one if isinstance(one, int) else (-one[0], one[1]) for one in self._first())
            return index((1, f"n{given}"), *first)
        return index((way.times, f"({self.outs})"), way.clock.reach - way.times)

    def numbers(self, place: Place) -> str:
        buffer = self.model.buffers[place.buffer]
        return index((buffer.channels if buffer.framed else place.channels, f"({self.outs})"))

    @property
    def apart(self) -> bool:
        return True

    @property
    def early(self) -> str | None:
        stage, way = self._stage, self.way
        if isinstance(stage, Gathered) and way.clock.rule == "padded":
            return index((1, self.m(self._given)), (-1, self.m(self.tick)), way.back)
        padded = isinstance(stage, Pooled) and stage.x.frames is None and (way.clock.left or way.clock.right)
        return index((-way.times, self.m(self.tick)), way.back) if padded else None

    @property
    def fresh(self) -> str | None:
        return f"{self.m(self.tick)} == 0" if isinstance(self._stage, Recurrent) else None
