"""A group of nodes on one step where each channel lies by itself: all channels of a value are one vector."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission import cformat
from codegen.emission.cformat import times
from codegen.emission.expressions import Part, Place, Variable
from codegen.emission.models.loops import spelling
from codegen.emission.models.written import Surroundings
from codegen.emission.vectors import spelled
from codegen.graph.plans.tile_stage import Sums, Term, Tiled, across
from codegen.records import dataclass

__all__ = ["Step"]

T = Variable.free("t")  # the step


@dataclass(frozen=True)
class _Spelled:
    """Names of vectors of so many lanes."""

    around: Surroundings
    lanes: int

    def spell(self, word: str) -> str:
        return spelled(self.lanes, f"_{word}")


@dataclass(frozen=True)
class Step:
    """The statements of a stage for the step t. Each sum adds up in the order of those of several steps."""

    stage: Tiled
    around: Surroundings

    def lines(self) -> Iterator[str]:
        program = self.stage.program
        needed = {of for one in program if one.word not in ("sums", "part") for of in one.of}
        for number, one in enumerate(program):
            if isinstance(one.value, Sums):
                yield from self._sums(number, one.value)
            elif one.word != "read" or number in needed:
                yield f"const {spelled(self._lanes(number))} t{number} = {self._value(number)};"
            for place, write in enumerate(self.stage.writes):
                if write.number == number:
                    yield from (self._written(place, number, c) for c in range(self.stage.widths[number]))

    def _lanes(self, number: int) -> int:
        return across(self.stage.widths[number], self.around.lanes)

    def _value(self, number: int) -> str:
        one = self.stage.program[number]
        if one.word not in ("read", "part"):
            return spelling(_Spelled(self.around, self._lanes(number)), one)
        first, of = (one.value, one.of[0]) if one.word == "part" else (0, number)
        found = [self._channel(of, first + c) for c in range(self.stage.widths[number])]
        return found[0] if self._lanes(number) == 1 else f"{{{', '.join(found)}}}"

    def _channel(self, number: int, c: int) -> str:
        """One number of a value: in memory, or in a register."""
        one = self.stage.program[number]
        if one.word == "read":
            wide = self.stage.operands[one.value].place.channels > 1
            return _at(f"x{one.value}", (c if wide else 0, Variable.free(f"p{one.value}")), (1, T))
        return f"t{number}" if self._lanes(number) == 1 else f"t{number}[{c}]"

    def _sums(self, number: int, sums: Sums) -> Iterator[str]:
        spell = _Spelled(self.around, sums.row).spell
        zero = f"{spell('set1')}({cformat.literal(0.0, self.around.plan.format)})"
        yield f"{spelled(sums.row)} t{number} = {zero};"
        for term in sums.terms:
            if term.apart is None:
                given = [self._channel(term.of, c) for c in range(term.channels)]
                yield from self._products(number, sums, f"w{term.table}", given)
            else:
                yield from self._taps(number, sums, term)
        if sums.starts:
            starts = " + ".join(f"{spell('load')}(w{table})" for table in sums.starts)
            yield f"t{number} = t{number} + ({starts});"

    def _taps(self, number: int, sums: Sums, term: Term) -> Iterator[str]:
        operand, c_type = self.stage.program[term.of].value, self.around.c
        k, plane = Variable.counted("k", term.taps), Variable.free(f"p{operand}")
        back = Place.of((1, k), 1 - term.taps).text
        yield f"{k.loop} {{"
        yield f"    const {c_type} *const from = x{operand} + t + ({back}) * d{term.apart};"
        yield f"    const {c_type} *const row = w{term.table} + {times(term.channels * sums.row, 'k')};"
        given = [_at("from", (c, plane)) for c in range(term.channels)]
        yield from (f"    {line}" for line in self._products(number, sums, "row", given))
        yield "}"

    def _products(self, number: int, sums: Sums, table: str, given: list[str]) -> Iterator[str]:
        """Each channel times the weights of all filters for it."""
        spell = _Spelled(self.around, sums.row).spell
        for c, x in enumerate(given):
            weights = f"{spell('load')}({Place.of(c * sums.row).in_array(table)})"
            yield f"t{number} = {spell('fma')}({spell('set1')}({x}), {weights}, t{number});"

    def _written(self, place: int, number: int, c: int) -> str:
        """A channel of an instruction where later stages read it."""
        at = _at(f"y{place}", (c, Variable.free(f"q{place}")), (1, T))
        return f"{at} = {self._channel(number, c)};"


def _at(pointer: str, *parts: Part) -> str:
    """A number of an array."""
    return f"{pointer}[{Place.of(*parts).text}]"
