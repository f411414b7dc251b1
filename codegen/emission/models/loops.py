"""Loops over numbers, each by itself: a program of the plan as statements on vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from codegen.emission import cformat, expressions
from codegen.emission.expressions import Variable
from codegen.emission.models.widths import Segment, along
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import piece
from codegen.emission.vectors import spelled
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.graph.plans.place import Place
from codegen.graph.plans.stages import Each, Instruction
from codegen.records import dataclass

__all__ = ["each", "spelling"]

EXP = activations.get("exponential")


def each(stage: Each, around: Surroundings) -> Written:
    """A loop over all numbers in one go where they lie so, else over the channels of each row."""
    flat = stage.flat
    strides = tuple(0 if one.still else one.place.stride for one in stage.operands)
    key = (Each, stage.program, flat, None if flat else (strides, stage.y.stride, stage.y.channels))
    operands = [around.at(_all(operand.place) if flat else operand.place) for operand in stage.operands]
    tables = [around.table(one) for one in stage.tables]
    y = around.at(_all(stage.y) if flat else stage.y)
    frames = None if flat else stage.y.frames
    length = around.numbers(stage.y) if flat else around.rows(stage.y)
    arguments = (*operands, *tables, y, length)

    def text(name: str) -> str:
        pointers = [f"x{i}" for i in range(len(operands))] + [f"w{i}" for i in range(len(tables))]
        view: dict[str, Any] = {"name": name, "c": around.c, "told": cformat.comment(stage.told), "pointers": pointers}
        if flat:
            turns = [_flat(stage, around, lanes) for lanes in {around.lanes[0]: 0, 1: 0}]
            return piece("model/flat.c.j2", view | {"turns": turns})
        segments = along(stage.y.channels, around.lanes)
        turns = [_across(stage, around, segment, alone=len(segments) == 1) for segment in segments]
        moved = [f"x{i} += {stride};" for i, stride in enumerate(strides) if stride]
        view |= {"turns": turns, "moved": [*moved, f"y += {stage.y.stride};"]}
        return piece("model/rows.c.j2", view)

    return Written(key, "each", text, arguments, frames)


def _all(place: Place) -> Place:
    """A flat place as one run of numbers, whatever its frames."""
    return place if place.frames is None else replace(place, frames=None, frame_stride=0)


def _flat(stage: Each, around: Surroundings, lanes: int) -> str:
    """The loop over as many vectors of `lanes` numbers as are left."""
    head = "for (; i < numbers; ++i)" if lanes == 1 else f"for (; i + {lanes} <= numbers; i += {lanes})"
    return cformat.braced((head,), "\n".join(_Program(stage, around, lanes, Variable.free("i").place).lines()), 0)


def _across(stage: Each, around: Surroundings, segment: Segment, *, alone: bool) -> str:
    """The statements of a segment, in a block of their own beside others."""
    lines = _Program(stage, around, segment.lanes, expressions.Place.of(segment.at)).lines()
    return cformat.braced(segment.heads or ("",) * (not alone), "\n".join(lines), 0)


@dataclass(frozen=True)
class _Program:
    """The statements for vectors of `lanes` numbers from the place `at` on."""

    stage: Each
    around: Surroundings
    lanes: int
    at: expressions.Place

    def lines(self) -> list[str]:
        vector, found = spelled(self.lanes), list[str]()
        for number, one in enumerate(self.stage.program):
            found.append(f"const {vector} t{number} = {spelling(self, one)};")
        last = len(self.stage.program) - 1
        found.append(f"{self.spell('store')}({index_of('y', self.at)}, t{last});")
        if self.around.apart and not last:  # it copies
            found.append("genconv_apart();")
        return found

    def spell(self, word: str) -> str:
        return spelled(self.lanes, f"_{word}")


def index_of(pointer: str, at: expressions.Place) -> str:
    return at.in_array(pointer)


def spelling(program: Any, one: Instruction) -> str:
    """The C of an instruction; `program` spells the names of vectors, and knows what is around."""
    return _SPELLINGS.get(one.word, _infix)(program, one)


def _infix(program: _Program, one: Instruction) -> str:
    left, right = one.of
    return f"t{left} {one.word} t{right}"


def _read(program: _Program, one: Instruction) -> str:
    return f"{program.spell('load')}({index_of(f'x{one.value}', program.at)})"


def _spread(program: _Program, one: Instruction) -> str:
    return f"{program.spell('set1')}(*x{one.value})"


def _weight(program: _Program, one: Instruction) -> str:
    return f"{program.spell('load')}({index_of(f'w{one.value}', program.at)})"


def _shared(program: _Program, one: Instruction) -> str:
    return f"{program.spell('set1')}(*w{one.value})"


def _number(program: _Program, one: Instruction) -> str:
    assert isinstance(one.value, (int, float))
    return f"{program.spell('set1')}({cformat.literal(float(one.value), program.around.plan.format)})"


def _called(word: str) -> Callable[[_Program, Instruction], str]:
    def spelling(program: _Program, one: Instruction) -> str:
        return f"{program.spell(word)}({', '.join(f't{at}' for at in one.of)})"

    return spelling


def _where(program: _Program, one: Instruction) -> str:
    x, above, below = one.of
    zero = f"{program.spell('set1')}({cformat.literal(0.0, program.around.plan.format)})"
    return f"{program.spell('where')}({zero}, t{x}, t{above}, t{below})"


def _activation(program: _Program, one: Instruction) -> str:
    assert isinstance(one.value, Activation)
    return f"{program.spell(program.around.words.word(one.value))}(t{one.of[0]})"


def _exponential(program: _Program, one: Instruction) -> str:
    return f"{program.spell(program.around.words.word(EXP))}(t{one.of[0]})"


_SPELLINGS: dict[str, Callable[[_Program, Instruction], str]] = {
    "read": _read,
    "spread": _spread,
    "weight": _weight,
    "shared": _shared,
    "number": _number,
    "max": _called("larger"),
    "min": _called("smaller"),
    "scaled": _called("fma"),
    "sqrt": _called("root"),
    "abs": _called("abs"),
    "log": _called("log"),
    "sin": _called("sin"),
    "cos": _called("cos"),
    "where": _where,
    "activation": _activation,
    "exp": _exponential,
}
