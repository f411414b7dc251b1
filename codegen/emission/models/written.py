"""What is written of a stage: a static function, which alike stages share, and its call."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import field

from codegen.emission import expressions
from codegen.emission.expressions import Array, Part, Variable
from codegen.emission.microkernel import index
from codegen.emission.models.words import Words
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.place import Count, Place
from codegen.graph.plans.tabled import Tabled
from codegen.graph.plans.tables import Table
from codegen.records import dataclass

__all__ = ["Surroundings", "Written"]


@dataclass(frozen=True)
class Written:
    """`text(name)` is the static function, the same for all of that `key`; `word` ends its name.

    The call has `arguments`, for each of `frames` if there are such.
    """

    key: Hashable
    word: str
    text: Callable[[str], str]
    arguments: tuple[str, ...]
    frames: Count | None = None


@dataclass
class Surroundings:
    """What the stages of a model's file know of it: the names of its arguments, tables and lengths."""

    plan: Tabled
    name: str
    words: Words
    arguments: dict[int, str]
    tables: dict[Table, Array] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)  # whose variables some text reads

    @property
    def c(self) -> str:
        """The C type of a number."""
        return self.plan.format.c

    @property
    def lanes(self) -> tuple[int, ...]:
        """The vector widths of loops, widest first; the last is 1."""
        return self.plan.target.dialect.lanes(self.plan.dtype)

    def count(self, count: Count) -> str:
        """A number of steps in C."""
        if count.known is not None:
            return str(count.known)
        if count.number == 0:
            return "steps"
        self.lengths.add(count.number)
        return f"n{count.number}"

    def table(self, table: Table) -> str:
        """A pointer to the first number of a table."""
        return self.tables[table].at(taken=table.numbers)

    def at(self, place: Place) -> str:
        """A pointer to the first number of a place, of the frame f."""
        frames = place.frames
        frame = Variable.free("f") if frames is None or frames.known is None else Variable.counted("f", frames.known)
        parts: tuple[Part, ...] = ((place.frame_stride, frame) if frames is not None else 0, place.first)
        if place.buffer in self.arguments:
            return expressions.Place.of(*parts).in_array(self.arguments[place.buffer])
        return expressions.Place.of(*self._room(place.buffer), *parts).in_array("room")

    def _room(self, buffer: int) -> tuple[Part, ...]:
        assert isinstance(self.plan, ModelPlan)
        start = self.plan.at[buffer]
        assert start is not None
        return (start.numbers, (start.each, Variable.free("steps")))

    def spare(self, buffer: int) -> str:
        """A pointer to a buffer of a stage's own."""
        return expressions.Place.of(*self._room(buffer)).in_array("room")

    @property
    def fresh(self) -> str | None:
        """Whether a recurrent layer begins anew, in C; None where it always does."""
        return None

    @property
    def apart(self) -> bool:
        """Whether loops that copy are kept from becoming calls of the C library."""
        return False

    @property
    def early(self) -> str | None:
        """Of a stage in a stream the rows that its first window or row lies before the first there is, in C.

        It may be negative. None where the stage itself knows.
        """
        return None

    def rows(self, place: Place) -> str:
        """The rows of a place."""
        return self.count(place.rows)

    def numbers(self, place: Place) -> str:
        """All numbers of a flat place."""
        known, channels = place.rows.known, place.channels
        if place.frames is None:
            return index((channels, self.count(place.rows))) if known is None else str(known * channels)
        assert known is not None
        count = place.frames.known
        return index((known * channels, self.count(place.frames))) if count is None else str(count * known * channels)
