"""A group of nodes as C where each channel lies by itself: vectors of neighbouring steps, all values in registers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from codegen.emission import cformat
from codegen.emission.cformat import times
from codegen.emission.expressions import Place, Variable
from codegen.emission.models.loops import spelling
from codegen.emission.models.tile_step import Step
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import piece
from codegen.emission.vectors import marked, spelled
from codegen.graph.plans.tile_stage import Sums, Term, Tiled
from codegen.records import dataclass

__all__ = ["planes"]

T = Variable.free("t")  # a turn's first step
FEW = 2  # steps that go one by one: what later ones read, a vector of stores would hold up
SEVERAL = 8  # sums that are made side by side: fewer of a vector are made for two vectors at once


@dataclass(frozen=True)
class _Turn:
    """The statements of a stage for `vectors` of `lanes` steps from t on."""

    stage: Tiled
    around: Surroundings
    lanes: int
    vectors: int

    def spell(self, word: str) -> str:
        return spelled(self.lanes, f"_{word}")

    def lines(self) -> Iterator[str]:
        for number, one in enumerate(self.stage.program):
            if isinstance(one.value, Sums):
                yield from self._sums(number, one.value)
            elif one.word != "read" or self._is_read_here(number):
                yield from self._each(number)
            for place, write in enumerate(self.stage.writes):
                if write.number == number:
                    yield from self._written(place, number)

    def _each(self, number: int) -> Iterator[str]:
        """An instruction on each channel by itself."""
        one = self.stage.program[number]
        for c in range(self.stage.widths[number]):
            for u in range(self.vectors):
                if one.word == "read":
                    value = f"{self.spell('load')}({self._row(one.value, c, u)})"
                elif one.word == "part":
                    value = f"t{one.of[0]}_{one.value + c}_{u}"
                else:
                    of: tuple[Any, ...] = tuple(f"{source}_{c}_{u}" for source in one.of)
                    value = spelling(self, replace(one, of=of))
                yield f"const {spelled(self.lanes)} t{number}_{c}_{u} = {value};"

    def _is_read_here(self, number: int) -> bool:
        """Whether anything reads a step's own row of an operand, beside what reads earlier ones, too."""
        far = {term.of for one in self.stage.sums for term in one.terms if term.apart is not None}
        near = {
            of
            for one in self.stage.program
            for of in (
                (term.of for term in one.value.terms if term.apart is None) if isinstance(one.value, Sums) else one.of
            )
        }
        return number in near or number not in far

    def _row(self, operand: int, c: int, u: int) -> str:
        """A pointer to steps of a channel of an operand."""
        wide = self.stage.operands[operand].place.channels > 1
        plane = Variable.free(f"p{operand}")
        return Place.of((c if wide else 0, plane), (1, T), u * self.lanes).in_array(f"x{operand}")

    def _sums(self, number: int, sums: Sums) -> Iterator[str]:
        zero = f"{self.spell('set1')}({cformat.literal(0.0, self.around.plan.format)})"
        each = [(f, f"t{number}_{f}_{u}") for f in range(sums.filters) for u in range(self.vectors)]
        yield from (f"{spelled(self.lanes)} {name} = {zero};" for _, name in each)
        for term in sums.terms:
            if term.apart is None:
                for c in range(term.channels):
                    given = [f"t{term.of}_{c}_{u}" for u in range(self.vectors)]
                    yield from self._products(number, sums, f"w{term.table}", c, given)
            else:
                yield from self._taps(number, sums, term)
        for f, name in each if sums.starts else ():  # last: rounded together with all products, it would cost digits
            starts = " + ".join(f"{self.spell('set1')}(w{table}[{f}])" for table in sums.starts)
            yield f"{name} = {name} + ({starts});"

    def _taps(self, number: int, sums: Sums, term: Term) -> Iterator[str]:
        operand, c_type = self.stage.program[term.of].value, self.around.c
        k, plane = Variable.counted("k", term.taps), Variable.free(f"p{operand}")
        back = Place.of((1, k), 1 - term.taps).text
        yield f"{k.loop} {{"
        yield f"    const {c_type} *const from = x{operand} + t + ({back}) * d{term.apart};"
        yield f"    const {c_type} *const row = w{term.table} + {times(term.channels * sums.row, 'k')};"
        for c in range(term.channels):
            for u in range(self.vectors):
                at = Place.of((c, plane), u * self.lanes).in_array("from")
                yield f"    const {spelled(self.lanes)} s{c}_{u} = {self.spell('load')}({at});"
        yield f"    {marked('hold()')};"  # else gcc loads a vector once more for each filter
        for c in range(term.channels):
            given = [f"s{c}_{u}" for u in range(self.vectors)]
            yield from (f"    {line}" for line in self._products(number, sums, "row", c, given))
        yield "}"

    def _products(self, number: int, sums: Sums, table: str, c: int, given: list[str]) -> Iterator[str]:
        """A channel times the weights of all filters for it."""
        for f in range(sums.filters):
            weight = f"{self.spell('set1')}({table}[{c * sums.row + f}])"
            for u, x in enumerate(given):
                yield f"t{number}_{f}_{u} = {self.spell('fma')}({x}, {weight}, t{number}_{f}_{u});"

    def _written(self, place: int, number: int) -> Iterator[str]:
        """The rows of an instruction where later stages read them; of an output those alone that there are."""
        buffer = self.stage.writes[place].place.buffer
        for c in range(self.stage.widths[number]):
            for u in range(self.vectors):
                value = f"t{number}_{c}_{u}"
                at = Place.of((c, Variable.free(f"q{place}")), (1, T), u * self.lanes).in_array(f"y{place}")
                if buffer in self.around.arguments:
                    left = Place.of((1, Variable.free("rows")), (-1, T), -u * self.lanes).text
                    yield f"{self.around.name}_last({at}, {value}, {left});"
                else:
                    yield f"{self.spell('store')}({at}, {value});"


def planes(stage: Tiled, around: Surroundings, lanes: int) -> Written:
    """The program of a group on all rows, `lanes` steps at once; what it writes may go so far beyond the last."""
    buffers = around.plan.buffers
    wide = [i for i, one in enumerate(stage.operands) if one.place.channels > 1]
    wide_out = [i for i, one in enumerate(stage.writes) if one.place.channels > 1]
    arguments = (
        *(around.at(one.place) for one in stage.operands),
        *(str(buffers[stage.operands[i].place.buffer].apart) for i in wide),
        *map(str, stage.dilations),
        *(around.table(one) for one in stage.tables),
        *(around.at(one.place) for one in stage.writes),
        *(str(buffers[stage.writes[i].place.buffer].apart) for i in wide_out),
        around.rows(stage.y),
    )
    most = max(one.filters for one in stage.sums)
    turns = [_Turn(stage, around, lanes, vectors) for vectors in ((2, 1) if 2 * most <= SEVERAL else (1,))]
    c = around.c
    head = [f"const {c} *restrict x{i}" for i in range(len(stage.operands))] + [f"ptrdiff_t p{i}" for i in wide]
    head += [f"ptrdiff_t d{i}" for i in range(len(stage.dilations))]
    head += [f"const {c} *restrict w{i}" for i in range(len(stage.tables))]
    head += [f"{c} *restrict y{i}" for i in range(len(stage.writes))] + [f"ptrdiff_t q{i}" for i in wide_out]

    def text(name: str) -> str:
        view = {
            "name": name,
            "told": cformat.comment(stage.told),
            "head": ", ".join(head),
            "turns": [{"head": _head(turn), "lines": list(turn.lines())} for turn in turns],
            "step": list(Step(stage, around).lines()),
        }
        return piece("model/planes.c.j2", view)

    ends = tuple((one.number, one.place.buffer in around.arguments) for one in stage.writes)
    return Written((Tiled, stage.program, stage.widths, ends), "planes", text, arguments)


def _head(turn: _Turn) -> str:
    """The loop over as many steps as fill more than a vector, or as there are more than a few."""
    least = turn.lanes if turn.vectors > 1 else FEW
    return f"for (; t + {least} < rows; t += {turn.lanes * turn.vectors})"
