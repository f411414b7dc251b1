"""The program of a loop: number-by-number ops of a graph, each an instruction of earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codegen.functions import activations
from codegen.graph.calls import Call
from codegen.graph.channels import Spread
from codegen.graph.elementwise import Activate, Arithmetic, Unary
from codegen.graph.graph import Graph
from codegen.graph.plans.place import Place
from codegen.graph.plans.stages import ByFrame, Each, Instruction, Operand
from codegen.graph.plans.tables import Own, Scale, Shift, Table
from codegen.specs.model_kinds import BatchNormalization, PReLU

__all__ = ["by_frame", "copied", "each"]


@dataclass
class Writing:
    """A program that grows; `place(node)` is where an operand lies, nodes `inside` are computed in it."""

    graph: Graph
    place: Callable[[int], Place]
    inside: set[int]
    rows: Any
    operands: list[Operand] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    program: list[Instruction] = field(default_factory=list)

    def say(self, word: str, *of: int, value: Any = None) -> int:
        """The number of an instruction; one that was said before is not said again."""
        wanted = Instruction(word, of, value)
        if wanted not in self.program:
            self.program.append(wanted)
        return self.program.index(wanted)

    def read(self, place: Place, word: str = "read", *, one: bool = False) -> int:
        """The instruction that reads a place; `one`: it has one row, or none where the input is too short."""
        alone = (one or place.rows.known == 1) and place.frames is None
        operand = Operand(place, still=alone and place.rows != self.rows)
        if operand not in self.operands:
            self.operands.append(operand)
        return self.say(word, value=self.operands.index(operand))

    def weight(self, table: Table, word: str = "weight") -> int:
        if table not in self.tables:
            self.tables.append(table)
        return self.say(word, value=self.tables.index(table))

    def value(self, at: int) -> int:
        """The instruction that makes a node's value."""
        return self.of(at) if at in self.inside else self.read(self.place(at), one=self.graph.shapes[at].is_one)

    def of(self, at: int) -> int:
        """The same of a node that is computed here."""
        node = self.graph.nodes[at]
        return _MEANINGS[type(node.op)](self, node.op, node.inputs)


def each(graph: Graph, at: int, place: Callable[[int], Place], inside: set[int], y: Place, told: str) -> Each:
    """The loop that makes a node's value, and all that stays inside of it."""
    writing = Writing(graph, place, inside, y.rows)
    writing.of(at)
    operands, tables = tuple(writing.operands), tuple(writing.tables)
    return Each(y=y, tables=tables, told=told, operands=operands, program=tuple(writing.program))


def copied(x: Place | None, y: Place, told: str) -> Each:
    """The loop that copies x, or writes zeros."""
    if x is None:
        return Each(y=y, told=told, operands=(), program=(Instruction("number", (), 0.0),))
    return Each(y=y, told=told, operands=(Operand(x),), program=(Instruction("read", (), 0),))


def by_frame(kind: type[ByFrame], x: Place, y: Place, told: str, *, size: int, hop: int) -> ByFrame:
    """The loop that copies frames, each by itself."""
    loop = copied(x, y, told)
    return kind(y=y, told=told, operands=loop.operands, program=loop.program, size=size, hop=hop)


def _arithmetic(writing: Writing, op: Arithmetic, inputs: tuple[int, ...]) -> int:
    one = writing.value(inputs[0])
    other = writing.value(inputs[1]) if op.number is None else writing.say("number", value=op.number)
    return writing.say(op.operator, *((other, one) if op.first else (one, other)))


def _activation(writing: Writing, op: Activate, inputs: tuple[int, ...]) -> int:
    word = activations.row(op.activation).gate
    if word is None:
        return writing.say("activation", writing.value(inputs[0]), value=op.activation)
    place = writing.place(inputs[0])
    half = place.channels // 2
    gate = writing.say("activation", writing.read(place.part(half, half)), value=activations.get(word))
    return writing.say("*", writing.read(place.part(0, half)), gate)


def _unary(writing: Writing, op: Unary, inputs: tuple[int, ...]) -> int:
    return writing.say(op.function, writing.value(inputs[0]))


def _spread(writing: Writing, op: Spread, inputs: tuple[int, ...]) -> int:
    return writing.read(writing.place(inputs[0]), "spread")


def _normalized(writing: Writing, layer: BatchNormalization, inputs: tuple[int, ...]) -> int:
    scale, shift = writing.weight(Scale(layer)), writing.weight(Shift(layer))
    return writing.say("scaled", writing.value(inputs[0]), scale, shift)


def _prelu(writing: Writing, layer: PReLU, inputs: tuple[int, ...]) -> int:
    x, slopes = writing.value(inputs[0]), Own(layer, "alpha")
    slope = writing.weight(slopes, "weight" if slopes.numbers > 1 or layer.known_channels == 1 else "shared")
    return writing.say("where", x, x, writing.say("*", x, slope))


def _called(writing: Writing, op: Call, inputs: tuple[int, ...]) -> int:
    return _CALLS[type(op.layer)](writing, op.layer, inputs)


_CALLS: dict[type, Callable[[Writing, Any, tuple[int, ...]], int]] = {
    BatchNormalization: _normalized,
    PReLU: _prelu,
}
_MEANINGS: dict[type, Callable[[Writing, Any, tuple[int, ...]], int]] = {
    Arithmetic: _arithmetic,
    Activate: _activation,
    Unary: _unary,
    Spread: _spread,
    Call: _called,
}
