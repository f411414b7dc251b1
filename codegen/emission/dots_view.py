"""What `templates/dots.c.j2` prints: the copy of the input's steps, a function for each tile, the walk over them."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emission import integer_stage, lengths
from codegen.emission.dots_parts import Load, Sum, Tile, Walk
from codegen.emission.expressions import Array, Place, Variable
from codegen.emission.microkernel import index
from codegen.errors import PlanError
from codegen.errors.counting import counted
from codegen.planning.algorithms import dots, integer
from codegen.planning.algorithms.dots import Plan
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.requantise import Requantise

__all__ = ["View"]


class View:
    """Builds the text of one plan under one C name, of which an output is `together` of the layer's."""

    dense, turns = True, False

    def __init__(self, plan: Plan, name: str, together: int = 1) -> None:
        self.over = f" / {together}" if together > 1 else ""
        self.plan, self.name, self.p, self.schedule = plan, name, plan.problem, plan.schedule
        found = plan.target.dialect.dots
        assert found is not None
        self.spelling, self.row_count, self.lanes = found, plan.schedule.rows, plan.schedule.lanes
        self.chunk = plan.schedule.outs
        self.stage = integer_stage.stage(self.p, integer.Tile(1, 1), name, first=True, last=True)
        self.ending = _ending(self.p)

    @property
    def dialect(self) -> str:
        return self.plan.target.dialect.name

    @property
    def vectors(self) -> bool:
        """Whether codes are made in vectors, not one by one."""
        return self.ending.rounding in self.spelling.roundings

    @property
    def puts(self) -> bool:
        return self.vectors

    @property
    def stores(self) -> bool:
        return not self.vectors

    @property
    def looked_up(self) -> bool:
        return self.vectors and bool(self.ending.table)

    @property
    def plain(self) -> bool:
        """Whether a vector of codes is stored as it is."""
        return self.vectors and not self.ending.table and (self.p.channels_last or self.p.filters == 1)

    @property
    def reads_f(self) -> bool:
        return not self.plain

    @property
    def apart(self) -> str:
        return (
            "i"
            if self.p.channels_last or self.p.filters == 1
            else lengths.product(lengths.outs_of(self.p), Variable.free("i").place).text
        )

    @property
    def apart_told(self) -> str:
        return "1" if self.p.channels_last or self.p.filters == 1 else self.outs

    @property
    def free(self) -> bool:
        return self.p.steps is None

    @property
    def outs_told(self) -> bool:
        """Whether the tiles are handed the number of outputs."""
        return self.free and not self.p.channels_last and self.p.filters > 1

    @property
    def outs_stand(self) -> bool:
        return self.free

    @property
    def centred(self) -> bool:
        return self.p.centred and self.free

    @property
    def left(self) -> str:
        """The zeros before an input of a known length."""
        return lengths.padding(self.p)[0]

    @property
    def outs(self) -> str:
        return lengths.outs_of(self.p).text

    @property
    def steps(self) -> str:
        return lengths.steps_of(self.p).text

    @property
    def channels(self) -> int:
        return self.p.channels

    @property
    def samples(self) -> str:
        """What the outputs of a copy read, up to whole tiles."""
        return index((self.p.stride, "whole"), self.p.reach - self.p.stride)

    @property
    def behind(self) -> int:
        return dots.ROOM

    @property
    def moved(self) -> int:
        return self.spelling.moved

    @property
    def moves(self) -> str:
        return "^ 0x80" if self.spelling.moved else ""

    @property
    def zero(self) -> int:
        """What stands for 0 in the copy: a byte."""
        return (self.p.zero + self.spelling.moved) % 256

    @property
    def bytes(self) -> int:
        """Bytes of a vector."""
        return 4 * self.lanes

    @property
    def rows_together(self) -> bool:
        return self.p.channels_last or self.p.channels == 1

    @property
    def first(self) -> str:
        return f"{self.outs} * slice / slices" if self.plan.sliced else "0"

    @property
    def end(self) -> str:
        return f"{self.outs} * (slice + 1) / slices" if self.plan.sliced else self.outs

    @property
    def whole(self) -> str:
        """The outputs of a copy up to whole tiles."""
        return f"(now + {self.row_count - 1}) / {self.row_count} * {self.row_count}" if self.row_count > 1 else "now"

    @property
    def at(self) -> str:
        return lengths.sample_of(self.p).text

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(self._tile(*kind) for kind in self._kinds())

    def _kinds(self) -> list[tuple[int, int]]:
        """(vectors, filters) of each kind of block, in the order of a group's."""
        found, left = [], self.p.group_filters
        for vectors in dots.blocks(self.p, self.schedule):
            found.append((vectors, min(left, vectors * self.lanes)))
            left -= found[-1][1]
        return list(dict.fromkeys(found))

    def _tile(self, vectors: int, filters: int) -> Tile:
        lanes, (run, four) = self.lanes, self._window
        rows = tuple(self._row(r, vectors, filters) for r in range(self.row_count))
        weights = tuple(Load(f"w{v}", Place.of(4 * lanes * v).in_array("w")) for v in range(vectors))
        loops = ((run, dots.runs(self.p)[1]), (four, 4))
        told = f"{counted(self.row_count, 'output step')} of {counted(filters, 'filter')}"
        heads = tuple(one.loop_by(step) for one, step in loops if one.most)
        return Tile(self._function(filters), told, heads, weights, rows, 4 * lanes * vectors)

    @property
    def _window(self) -> tuple[Variable, Variable]:
        """Where a run of a window's bytes begins, and a four of it."""
        count, apart, _ = dots.runs(self.p)
        return Variable("k", (count - 1) * apart), Variable("i", 4 * (dots.fours(self.p) - 1))

    def _function(self, filters: int) -> str:
        return f"{self.name}_tile{filters}"

    def _row(self, r: int, vectors: int, filters: int) -> Load:
        p, lanes, at, f = self.p, self.lanes, Variable.free("at"), Variable.free("f")
        first = Place.of(*((1, one) for one in self._window), r * p.stride * p.channels)
        sums = []
        for v in range(vectors):
            table, ahead = Place.of((1, at), v * lanes), v * lanes
            stored = self._stored(r, f"s{r}{v}", table.text, Place.of((1, f), ahead), min(lanes, filters - ahead))
            sums.append(Sum(f"s{r}{v}", table.in_array(f"{self.name}_bias"), f"w{v}", stored))
        return Load(f"x{r}", first.in_array("x"), r, tuple(sums))

    def _stored(self, r: int, sums: str, at: str, f: Place, number: int) -> str:
        place = self._output(Place.of(r), Place.of(f.constant)).in_array("y")
        if self.plain:
            return f"{self.name}_put({self.name}_codes({sums}, {at}), {number}, {place})"
        outs_told = ", outs" if self.outs_told else ""
        return f"{self.name}_each({sums}, {at}, {f.text}, {number}{outs_told}, {place})"

    def _output(self, t: Place, f: Place) -> Place:
        """Where output step t of filter f lies in y."""
        p = self.p
        if p.channels_last or p.filters == 1:
            return Place.of(*t.scaled(p.filters).parts, *f.parts)
        return Place.of(*t.parts, *lengths.product(lengths.outs_of(p), f).parts)

    @property
    def walks(self) -> tuple[Walk, ...]:
        """Blocks of one kind after the other, within each group."""
        p, found, done = self.p, [], 0
        every = dots.blocks(p, self.schedule)
        for vectors, filters in self._kinds():
            count = sum(1 for i, one in enumerate(every) if (one, self._filters_of(i, every)) == (vectors, filters))
            found.append(self._walk(vectors, filters, done, count))
            done += vectors * count
        return tuple(found)

    def _filters_of(self, block: int, every: Sequence[int]) -> int:
        before = sum(every[:block]) * self.lanes
        return min(every[block] * self.lanes, self.p.group_filters - before)

    def _walk(self, vectors: int, filters: int, done: int, count: int) -> Walk:
        """The call of a tile for `count` blocks of each group, behind so many vectors of `done` ones."""
        p, lanes, held, packed = self.p, self.lanes, dots.held(self.p, self.schedule), dots.packed_numbers(self.plan)
        each = dots.runs(p)[0] * dots.fours(p) * 4 * lanes  # bytes of a vector's weights
        g, b = Variable.counted("g", p.groups), Variable.counted("b", count)
        r = Variable.free("r")
        rows = f"for (ptrdiff_t r = 0; r < now; r += {self.row_count})"
        kernel, of_block = Array(f"{self.name}_kernel", packed), (vectors * lanes, b)
        at = Place.of((held, g), of_block, done * lanes).inside(p.groups * held, range(vectors * lanes))
        f = Place.of((p.group_filters, g), of_block, done * lanes).inside(p.filters, range(filters))
        given = (
            Place.of((p.stride * p.channels, r), (p.group_channels, g)).in_array("panel"),
            kernel.at((packed // p.groups, g), (vectors * each, b), done * each, taken=vectors * each),
            at.text,
            f.text,
            "now - r",
            *["outs"] * self.outs_told,
            self._output(Place.of((1, Variable.free("t")), (1, r)), f).in_array("y"),
        )
        heads = tuple(one.loop for one in (g, b) if one.most)
        return Walk((*heads, rows), f"{self._function(filters)}({', '.join(given)})")


def _ending(p: ConvProblem) -> Requantise:
    ending = p.epilogue.stages[-1]
    if not isinstance(ending, Requantise):
        raise PlanError("sums of whole numbers are requantised, and this layer's are not")
    return ending
