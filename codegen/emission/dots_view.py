"""What `templates/dots.c.j2` prints: the copy of the input's steps, a function for each tile, the walk over them."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emission import integer_stage, lengths
from codegen.emission.dots_parts import Load, Sum, Tile, Walk
from codegen.emission.microkernel import index
from codegen.errors import PlanError
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
        return "i" if self.p.channels_last or self.p.filters == 1 else f"i * {self.outs}"

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
        return lengths.outs_of(self.p)

    @property
    def steps(self) -> str:
        return lengths.steps_of(self.p)

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
        return lengths.sample_of(self.p, "t")

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
        p, lanes = self.p, self.lanes
        count, apart, _ = dots.runs(p)
        fours = dots.fours(p)
        rows = tuple(self._row(r, vectors, filters) for r in range(self.row_count))
        weights = tuple(Load(f"w{v}", str(4 * lanes * v)) for v in range(vectors))
        runs = (f"for (ptrdiff_t k = 0; k < {count * apart}; k += {apart})",) if count > 1 else ()
        inner = (f"for (ptrdiff_t i = 0; i < {4 * fours}; i += 4)",) if fours > 1 or not runs else ()
        told = f"{self.row_count} output steps of {filters} filters"
        return Tile(self._function(vectors, filters), told, (*runs, *inner), weights, rows, 4 * lanes * vectors)

    def _function(self, vectors: int, filters: int) -> str:
        return f"{self.name}_tile{filters}"

    def _row(self, r: int, vectors: int, filters: int) -> Load:
        p, lanes = self.p, self.lanes
        count, _, _ = dots.runs(p)
        inside: tuple[tuple[int, str], ...] = ((1, "k"),) if count > 1 else ()
        inside += ((1, "i"),) if dots.fours(p) > 1 or count == 1 else ()
        sums = []
        for v in range(vectors):
            at = index((1, "at"), v * lanes)
            number = min(lanes, filters - v * lanes)
            sums.append(Sum(f"s{r}{v}", at, f"w{v}", self._stored(r, v, at, number)))
        return Load(f"x{r}", index(*inside, r * p.stride * p.channels), r, tuple(sums))

    def _stored(self, r: int, v: int, at: str, number: int) -> str:
        p, first, sums = self.p, v * self.lanes, f"s{r}{v}"
        ahead = p.filters if p.channels_last else 1
        if p.channels_last or p.filters == 1:
            place = index((1, "y"), r * ahead + first)
        else:
            outs = str(p.out_steps(p.steps)) if p.steps is not None else "outs"
            apart = str(first * int(outs)) if outs.isdigit() else f"{first} * outs"
            place = f"y + {r}" + (f" + {apart}" if first else "")
        if self.plain:
            return f"{self.name}_put({self.name}_codes({sums}, {at}), {number}, {place})"
        outs_told = ", outs" if self.outs_told else ""
        return f"{self.name}_each({sums}, {at}, {index((1, 'f'), first)}, {number}{outs_told}, {place})"

    @property
    def walks(self) -> tuple[Walk, ...]:
        """Blocks of one kind after the other, within each group."""
        p, found, done = self.p, [], 0
        kinds = self._kinds()
        every = dots.blocks(p, self.schedule)
        bytes_ = dots.packed_numbers(self.plan) // p.groups
        each = dots.runs(p)[0] * dots.fours(p) * 4 * self.lanes  # bytes of a vector's weights
        for vectors, filters in kinds:
            left = p.group_filters - done * self.lanes
            count = sum(1 for i, one in enumerate(every) if (one, self._filters_of(i, every)) == (vectors, filters))
            assert left > 0
            found.append(self._walk(vectors, filters, done, count, bytes_, each))
            done += vectors * count
        return tuple(found)

    def _filters_of(self, block: int, every: Sequence[int]) -> int:
        before = sum(every[:block]) * self.lanes
        return min(every[block] * self.lanes, self.p.group_filters - before)

    def _walk(self, vectors: int, filters: int, done: int, count: int, bytes_: int, each: int) -> Walk:
        p, lanes, held = self.p, self.lanes, dots.held(self.p, self.schedule)
        groups = (f"for (ptrdiff_t g = 0; g < {p.groups}; ++g)",) if p.groups > 1 else ()
        blocks = (f"for (ptrdiff_t b = 0; b < {count}; ++b)",) if count > 1 else ()
        rows = (f"for (ptrdiff_t r = 0; r < now; r += {self.row_count})",)
        g = ((1, "g"),) if groups else ()
        b = ((1, "b"),) if blocks else ()

        def of(word: str, by_group: int, by_block: int, constant: int) -> str:
            terms = [(by_group, "g")] * bool(g) + [(by_block, "b")] * bool(b)
            return index(*terms, constant) if terms or constant else ""

        x = index((p.stride * p.channels, "r"), *([(p.group_channels, "g")] if g else []))
        w = of("w", bytes_, vectors * each, done * each)
        at = of("at", held, vectors * lanes, done * lanes) or "0"
        f = of("f", p.group_filters, vectors * lanes, done * lanes) or "0"
        outs = self.outs
        if p.channels_last or p.filters == 1:
            place = f"y + (t + r) * {p.filters}" + (f" + {f}" if f != "0" else "")
        else:
            place = "y + t + r" + (f" + ({f}) * {outs}" if f != "0" else "")
        more = ", outs" if self.outs_told else ""
        kernel = f"{self.name}_kernel" + (f" + {w}" if w else "")
        call = f"{self._function(vectors, filters)}(panel + {x}, {kernel}, {at}, {f}, now - r{more}, {place})"
        return Walk((*groups, *blocks, *rows), call)


def _ending(p: ConvProblem) -> Requantise:
    ending = p.epilogue.stages[-1]
    if not isinstance(ending, Requantise):
        raise PlanError("sums of whole numbers are requantised, and this layer's are not")
    return ending
