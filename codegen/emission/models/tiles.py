"""A group of nodes as C: its program for a few rows at a time, by tiles that overlap at the end, or row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen.emission import cformat
from codegen.emission.expressions import Part, Place, Variable
from codegen.emission.models import tile_planes, tile_rows, tile_sums
from codegen.emission.models.loops import spelling
from codegen.emission.models.tile_pairs import PairedBlock
from codegen.emission.models.tile_rows import Loop, Phase
from codegen.emission.models.tile_sums import Block
from codegen.emission.models.widths import Segment, along
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import piece
from codegen.emission.vectors import spelled
from codegen.graph.plans.tile_stage import Sums, Tiled
from codegen.records import dataclass

__all__ = ["tiled"]

VECTORS = 2  # of filters side by side
LOADED = ("read", "part")  # from memory, whatever is in registers
SOME_ROWS = 4  # of the smaller tile
FEW = 2  # vectors of sums that go through an activation without memory in between


@dataclass(frozen=True)
class Shape:
    """`rows` at a time, at most `vectors` of filters."""

    rows: int
    vectors: int


@dataclass(frozen=True)
class Tile:
    """A stage for so many rows: its statements."""

    stage: Tiled
    around: Surroundings
    shape: Shape

    def lines(self) -> list[str]:
        found = tile_rows.phases(self.stage)
        inline = {phase.sums for phase in found if phase.sums is not None and self._inline(phase)}
        held = tile_rows.in_memory(self.stage, found, inline)
        local = sorted(number for number in held if self._place(number).pointer == f"m{number}")
        lines = [f"{self.around.c} m{number}[{self.shape.rows * self.stage.widths[number]}];" for number in local]
        for phase in found:
            lines += ["", *self._phase(phase, phase.sums in inline, held)]
        return lines[1:] if lines and not lines[0] else lines

    def _place(self, number: int) -> tile_rows.Memory:
        return tile_rows.memory(self.stage, number)

    def _segments(self, channels: int) -> tuple[Segment, ...]:
        return along(channels, self.around.lanes)

    def _inline(self, phase: Phase) -> bool:
        """Whether the first loop behind the sums reads them where they are."""
        if not phase.loops or phase.sums is None or phase.loops[0].channels != self.stage.widths[phase.sums]:
            return False
        words = {self.stage.program[number].word for number in phase.loops[0].numbers}
        if self._is_wide(phase.sums) and not self._is_dense(phase.loops[0]):
            return False
        few = self.shape.rows * len(self._segments(phase.loops[0].channels)) <= FEW
        return few or words.isdisjoint({"activation", "exp", "log", "sin", "cos", "sqrt", "/"})

    def _is_wide(self, number: int) -> bool:
        """Whether vectors of sums hold several rows."""
        sums = self.stage.program[number].value
        return sums.paired and any(
            piece.lanes > sums.filters for block in self._blocks(sums) for *_, piece in block.each
        )

    def _phase(self, phase: Phase, inline: bool, held: set[int]) -> Iterator[str]:
        if phase.sums is not None:
            one = self.stage.program[phase.sums].value
            assert isinstance(one, Sums)
            for block in self._blocks(one):
                yield "{"
                yield from (f"    {line}" for line in block.lines(tuple(self._place(term.of) for term in one.terms)))
                for r, v, part in block.each if phase.sums in held else ():
                    place = self._place(phase.sums)
                    at = place.of(place.stride * r + part.first)
                    yield f"    {part.spell('_store')}({at}, a{r}_{v});"
                for r, v, part in block.each if inline else ():
                    row = _Row(
                        self, phase.loops[0], held, part.lanes, Place.of(r), part.first, {phase.sums: f"a{r}_{v}"}
                    )
                    yield from ("    {", *(f"        {line}" for line in row.lines()), "    }")
                yield "}"
        for loop in phase.loops[1:] if inline else phase.loops:
            yield from self._loop(loop, held)

    def _blocks(self, sums: Sums) -> tuple[Block, ...]:
        shape = self.shape
        segments = self._segments(sums.filters)
        if sums.paired:
            return (PairedBlock(sums, (), shape.rows, self.around.plan.format, self.around.lanes[0]),)
        return tile_sums.blocks(sums, segments, shape.rows, shape.vectors, self.around.plan.format)

    def _loop(self, loop: Loop, held: set[int]) -> Iterator[str]:
        if self._is_flat(loop):
            numbers, lanes = self.shape.rows * loop.channels, self.around.lanes[0]
            yield from self._segment(loop, held, Segment(lanes, 0, numbers, variable="i"), Place.of())
            return
        r = Variable.counted("r", self.shape.rows).place
        lines = [line for segment in self._segments(loop.channels) for line in self._segment(loop, held, segment, r)]
        if self.shape.rows == 1:
            yield from lines
        else:
            yield f"for (ptrdiff_t r = 0; r < {self.shape.rows}; ++r) {{"
            yield from (f"    {line}" for line in lines)
            yield "}"

    def _is_flat(self, loop: Loop) -> bool:
        """Whether rows that are no multiple of the widest vector lie one behind the other, and all together are one."""
        lanes, numbers = self.around.lanes[0], self.shape.rows * loop.channels
        if loop.channels % lanes == 0 or numbers % lanes or self.shape.rows == 1:
            return False
        return self._is_dense(loop)

    def _is_dense(self, loop: Loop) -> bool:
        """Whether the rows of all that a loop reads and writes lie one behind the other."""
        read = {of for number in loop.numbers for of in (number, *self.stage.program[number].of)}
        places = [self._place(number) for number in read if self.stage.program[number].word != "number"]
        return all((place.stride, place.first) == (loop.channels, 0) for place in places)

    def _segment(self, loop: Loop, held: set[int], segment: Segment, r: Place) -> Iterator[str]:
        row = _Row(self, loop, held, segment.lanes, r, segment.at, {})
        yield segment.opening
        yield from (f"    {line}" for line in row.lines())
        yield "}"


@dataclass(frozen=True)
class _Row:
    """The statements of a loop on `lanes` numbers of row r from `at` on; `known` names what is in registers."""

    tile: Tile
    loop: Loop
    held: set[int]
    lanes: int
    r: Place
    at: Part
    known: dict[int, str]

    @property
    def around(self) -> Surroundings:
        return self.tile.around

    def spell(self, word: str) -> str:
        return spelled(self.lanes, f"_{word}")

    def lines(self) -> Iterator[str]:
        stage, said = self.tile.stage, set[int]()
        for number in self.loop.numbers:
            one = stage.program[number]
            for of in (*(() if one.word in LOADED else one.of), number):
                if of not in said and (of == number or of not in self.loop.numbers):
                    said.add(of)
                    yield f"const {spelled(self.lanes)} t{of} = {self._value(of)};"
            if number in self.held or any(write.number == number for write in stage.writes):
                yield f"{self.spell('store')}({self._pointer(tile_rows.stored(stage, number))}, t{number});"

    def _pointer(self, place: tile_rows.Memory) -> str:
        return place.of(*self.r.scaled(place.stride).parts, self.at)

    def _value(self, number: int) -> str:
        if number in self.known:
            return self.known[number]
        one = self.tile.stage.program[number]
        made = number in self.loop.numbers and one.word not in LOADED
        if made or one.word == "number":
            return spelling(self, one)
        return f"{self.spell('load')}({self._pointer(tile_rows.memory(self.tile.stage, number))})"


def _shapes(stage: Tiled, around: Surroundings) -> tuple[Shape, ...]:
    """The sizes of tiles, the largest first: their sums, vectors of weights, and a number of x fill the registers."""
    most = max(sum(1 for _ in _pieces(along(one.filters, around.lanes))) for one in stage.sums)
    vectors = min(most, VECTORS)
    rows = (around.plan.target.registers - vectors - 1) // vectors // 2 * 2
    rows = min(rows, *(one.rows(around.lanes[0]) for one in stage.sums))
    return tuple(Shape(most, vectors) for most in (rows, SOME_ROWS, 1))


def _pieces(segments: tuple[Segment, ...]) -> Iterator[int]:
    return (at for one in segments for at in range(one.first, one.last, one.lanes))


def tiled(stage: Tiled, around: Surroundings) -> Written:
    """The program of a group on all rows."""
    if any(buffer.apart for buffer in around.plan.buffers):
        return tile_planes.planes(stage, around, around.lanes[0])
    strides = tuple(one.place.stride for one in stage.operands)
    outs = tuple(one.place.stride for one in stage.writes)
    steps = [strides[_operand(stage, at)] * dilation for at, dilation in enumerate(stage.dilations)]
    arguments = (
        *(around.at(one.place) for one in stage.operands),
        *map(str, steps),
        *(around.table(one) for one in stage.tables),
        *(around.at(one.place) for one in stage.writes),
        around.rows(stage.y),
    )

    def text(name: str) -> str:
        return piece("model/tiled.c.j2", _view(stage, around, name))

    written = tuple((one.number, one.place.stride) for one in stage.writes)
    return Written((Tiled, stage.program, stage.widths, strides, written, len(outs)), "tile", text, arguments)


def _operand(stage: Tiled, apart: int) -> int:
    """The operand that a term with taps apart reads."""
    (of,) = (term.of for one in stage.sums for term in one.terms if term.apart == apart)
    operand = stage.program[of].value
    assert isinstance(operand, int)
    return operand


def _view(stage: Tiled, around: Surroundings, name: str) -> dict[str, Any]:
    tiles = [Tile(stage, around, shape) for shape in _shapes(stage, around)]
    xs, ds = [f"x{i}" for i in range(len(stage.operands))], [f"d{i}" for i in range(len(stage.dilations))]
    ws, ys = [f"w{i}" for i in range(len(stage.tables))], [f"y{i}" for i in range(len(stage.writes))]
    c = around.c
    head = [f"const {c} *restrict {x}" for x in xs] + [f"ptrdiff_t {d}" for d in ds]
    head += [f"const {c} *restrict {w}" for w in ws] + [f"{c} *restrict {y}" for y in ys]
    row = Variable.free("at").place
    moved = [row.scaled(one.place.stride).in_array(x) for x, one in zip(xs, stage.operands, strict=True)] + ds + ws
    moved += [row.scaled(one.place.stride).in_array(y) for y, one in zip(ys, stage.writes, strict=True)]
    return {
        "name": name,
        "told": cformat.comment(stage.told),
        "head": ", ".join(head),
        "given": ", ".join(moved),
        "sizes": [{"rows": tile.shape.rows, "lines": tile.lines()} for tile in tiles],
        "several": [tile.shape.rows for tile in tiles if tile.shape.rows > 1],
    }
