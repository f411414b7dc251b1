"""Where the values of a model lie in a stream: rows by their own numbers, from the counts before and after a block."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.emission import expressions
from codegen.emission.cformat import floor_over, grouped, scaled
from codegen.emission.expressions import Variable
from codegen.emission.models.written import Surroundings
from codegen.graph.plans.place import Place
from codegen.graph.plans.reads import Reads, reads
from codegen.graph.plans.stages import Convolved, Gathered, Pooled, Recurrent, Stage
from codegen.graph.plans.streamed import StreamedModel

__all__ = ["StreamSurroundings"]

Row = expressions.Place  # the number of a row, a sum of counts


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
            return self.row(place, Variable.free("f").place.scaled(self._each(place)))
        added = self._stage.added if isinstance(self._stage, Convolved) else ()
        own = any(place is one for one in (*self._stage.ys, *added))
        return self.row(place, self._before(self.tick) if own else self._first())

    def _each(self, place: Place) -> int:
        """The rows of a buffer from one frame of a place to the next."""
        return place.frame_stride // self.model.buffers[place.buffer].channels

    def _before(self, clock: int) -> Row:
        """The rows of a clock before the block."""
        return Variable.free(self.m(clock)).place

    def row(self, place: Place, row: Row) -> str:
        """A pointer to a row."""
        buffer = self.model.buffers[place.buffer]
        stride = 1 if buffer.apart else buffer.channels if buffer.framed else place.stride
        kept = self.model.kept[place.buffer]
        if kept is not None:
            start = Variable.free(f"s{place.buffer}")
            return _rows(stride, Row.of(*row.parts, (-1, start)), place.first).in_array(f"kept{place.buffer}")
        clock = self.model.ticks[place.buffer]
        stays = row.text == f"m{clock}"
        moved = Row.of() if stays else Row.of(*row.parts, *self._before(clock).scaled(-1).parts)
        if place.buffer in self.arguments:
            return _rows(stride, moved, place.first).in_array(self.arguments[place.buffer])
        return self._scratch(_rows(stride, moved, place.first), place.buffer)

    def _scratch(self, place: Row, buffer: int) -> str:
        """A pointer to a place of a buffer that lives within a block."""
        start = self.model.at[buffer]
        assert start is not None
        self.uses_scratch = True
        return Row.of(*place.parts, start.numbers).in_array("scratch")

    @property
    def way(self) -> Reads:
        """What the stage reads."""
        return reads(self._stage)

    def _first(self) -> Row:
        """The first row that the stage reads."""
        m, way = self._before(self.tick), self.way
        if way.clock.rule == "padded":  # what comes before it is no row
            return self._before(self._given)
        if way.over > 1:
            return Row.of((1, Variable.free(floor_over(Row.of(*m.parts, way.plus).text, way.over))), -way.back)
        return Row.of(*m.scaled(way.times).parts, -way.back)

    @property
    def _given(self) -> int:
        """The clock of what the stage reads."""
        return self.model.ticks[self._stage.reads[0].buffer]

    def spare(self, buffer: int) -> str:
        kept = self.model.kept[buffer]
        if kept is not None:
            return f"kept{buffer}"
        return self._scratch(Row.of(), buffer)

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
            return floor_over(self.outs, way.over)
        given = self._given
        if way.clock.rule == "padded" or self.early is not None:
            self.after.add(given)
            return Row.of((1, Variable.free(f"n{given}")), *self._first().scaled(-1).parts).text
        outs = self.outs if way.times == 1 else grouped(self.outs)
        return Row.of((way.times, Variable.free(outs)), way.clock.reach - way.times).text

    def numbers(self, place: Place) -> str:
        buffer = self.model.buffers[place.buffer]
        width = buffer.channels if buffer.framed else place.channels
        return scaled(width, self.outs)

    @property
    def apart(self) -> bool:
        return True

    @property
    def early(self) -> str | None:
        stage, way = self._stage, self.way
        if isinstance(stage, Gathered) and way.clock.rule == "padded":
            return Row.of(*self._before(self._given).parts, *self._before(self.tick).scaled(-1).parts, way.back).text
        padded = isinstance(stage, Pooled) and stage.x.frames is None and (way.clock.left or way.clock.right)
        return Row.of(*self._before(self.tick).scaled(-way.times).parts, way.back).text if padded else None

    @property
    def fresh(self) -> str | None:
        return f"{self.m(self.tick)} == 0" if isinstance(self._stage, Recurrent) else None


def _rows(stride: int, row: Row, first: int) -> Row:
    """The number `first` of a row, of rows that are `stride` apart."""
    if row.known is not None:
        return Row.of(stride * row.known, first)
    return Row.of((stride, Variable.free(grouped(row.text))), first)
