"""A group of nodes as one stage: its program, what it reads, and what of it later stages read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from codegen.functions import activations
from codegen.graph.calls import AnyLayer, Call
from codegen.graph.channels import Slice
from codegen.graph.elementwise import Activate, Arithmetic, Unary
from codegen.graph.plans.groups import layer_of, pays_in_pairs
from codegen.graph.plans.stages import Instruction, Operand
from codegen.graph.plans.tables import Own, Paired, Rowed, Table
from codegen.graph.plans.tile_stage import Sums, Term, Tiled, Write, across
from codegen.graph.plans.walk import Walk
from codegen.records import dataclass

__all__ = ["tiled"]


@dataclass
class _Writing:
    """A program that grows: the number of the instruction of each node, and all that it reads."""

    run: Walk
    group: frozenset[int]
    program: list[Instruction] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    operands: list[Operand] = field(default_factory=list)
    lefts: list[int] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    dilations: list[int] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    def say(self, channels: int, word: str, *of: int, value: Any = None) -> int:
        self.program.append(Instruction(word, of, value))
        self.widths.append(channels)
        return len(self.program) - 1

    def of(self, node: int, left: int = 0) -> int:
        """The instruction that gives a node's rows, and so many before them."""
        if node not in self.numbers:
            place = self.run.places[node]
            self.operands.append(Operand(place))
            self.lefts.append(0)
            self.numbers[node] = self.say(place.channels, "read", value=len(self.operands) - 1)
        if left:
            operand = self.program[self.numbers[node]].value
            self.lefts[operand] = max(self.lefts[operand], left)
        return self.numbers[node]

    def table(self, table: Table) -> int:
        if table not in self.tables:
            self.tables.append(table)
        return self.tables.index(table)

    def sums(self, calls: Sequence[int]) -> int:
        """The sums of several layers as one: short terms first, those last that wait for what the group makes."""
        graph, terms, starts = self.run.graph, list[Term](), list[int]()
        filters = graph.shapes[calls[0]].channels
        row = across(filters, self.run.ask.target.lanes(graph.dtype)) if self.run.planes else filters
        for at in sorted(calls, key=lambda one: self._late(one)):
            layer, source = layer_of(graph, at), graph.nodes[at].inputs[0]
            assert layer is not None
            call: Any = graph.nodes[at].op
            apart = None
            if layer.taps > 1:
                apart = len(self.dilations)
                self.dilations.append(layer.dilation)
            paired = not self.run.planes and pays_in_pairs(layer, self.run.ask.target, graph.dtype)
            kernel = self.table(Paired(call.layer, "kernel") if paired else _rows(call.layer, "kernel", row))
            terms.append(Term(self.of(source, layer.left), layer.taps, layer.channels, kernel, apart, paired))
            if call.layer.use_bias:
                starts.append(self.table(_rows(call.layer, "bias", row)))
        sums = Sums(filters, row, tuple(starts), tuple(terms))
        return self.say(filters, "sums", *(term.of for term in terms), value=sums)

    def _late(self, at: int) -> tuple[bool, int]:
        layer, source = layer_of(self.run.graph, at), self.run.graph.nodes[at].inputs[0]
        assert layer is not None
        return source in self.group, layer.taps * layer.channels


def _rows(layer: AnyLayer, of: str, row: int) -> Table:
    """An array of a layer, its rows of `row` numbers."""
    return Own(layer, of) if layer.weight_shapes()[of][-1] == row else Rowed(layer, of, row)


def tiled(run: Walk, group: Sequence[int]) -> None:
    """Adds the stage of a group, and the places of what others read of it."""
    writing, graph = _Writing(run, frozenset(group)), run.graph
    later = _summed_later(run, group)
    for at in _ordered(run, group):
        if at not in later:
            writing.numbers[at] = _MEANINGS[type(graph.nodes[at].op)](writing, at, later)
    outputs = {at for _, at in graph.outputs}
    writes = list[Write]()
    for at in group:
        if at in outputs or any(reader not in writing.group for reader in graph.readers[at]):
            run.settle(at)
            run.places[at] = run.target(at)
            writes.append(Write(writing.numbers[at], run.places[at]))
    run.stages.append(
        Tiled(
            y=writes[0].place,
            tables=tuple(writing.tables),
            told="; ".join(run.told(at) for at in group),
            operands=tuple(writing.operands),
            program=tuple(writing.program),
            widths=tuple(writing.widths),
            writes=tuple(writes),
            lefts=tuple(writing.lefts),
            dilations=tuple(writing.dilations),
        )
    )


def _ordered(run: Walk, group: Sequence[int]) -> list[int]:
    """The nodes of a group, what lies between the layers as soon as it can be: it finds its operands in registers."""
    graph, found, waiting = run.graph, list[int](), list(group)
    while waiting:
        ready = [at for at in waiting if not any(one in waiting for one in graph.nodes[at].inputs)]
        soon = [at for at in ready if not isinstance(graph.nodes[at].op, Call)]
        found += soon or ready[:1]
        waiting = [at for at in waiting if at not in found]
    return found


def _summed_later(run: Walk, group: Sequence[int]) -> frozenset[int]:
    """The layers, and sums of them, that a sum of the group alone reads: all become one sum of products."""
    graph, found, outputs = run.graph, set[int](), {at for _, at in run.graph.outputs}
    pure = {at for at in group if _is_linear(run, at)}
    for at in group:
        op, inputs = graph.nodes[at].op, graph.nodes[at].inputs
        adds = isinstance(op, Arithmetic) and op.operator == "+" and op.number is None and len(set(inputs)) == 2
        alone = all(graph.readers[one] == (at,) and one not in outputs for one in inputs)
        if adds and alone and all(one in pure for one in inputs):
            found.update(inputs)
            pure.add(at)
    return frozenset(found)


def _is_linear(run: Walk, at: int) -> bool:
    op = run.graph.nodes[at].op
    if not isinstance(op, Call):
        return False
    layer: Any = op.layer
    return bool(layer.activation == activations.LINEAR)


def _calls(run: Walk, at: int, later: frozenset[int]) -> list[int]:
    """The layers whose sums a node adds up."""
    if isinstance(run.graph.nodes[at].op, Call):
        return [at]
    return [call for one in run.graph.nodes[at].inputs for call in _calls(run, one, later)]


def _called(writing: _Writing, at: int, later: frozenset[int]) -> int:
    sums, layer = writing.sums([at]), writing.run.graph.nodes[at].op
    assert isinstance(layer, Call)
    own: Any = layer.layer
    if own.activation == activations.LINEAR:
        return sums
    return writing.say(writing.widths[sums], "activation", sums, value=own.activation)


def _arithmetic(writing: _Writing, at: int, later: frozenset[int]) -> int:
    node = writing.run.graph.nodes[at]
    op, channels = node.op, writing.run.graph.shapes[at].channels
    assert isinstance(op, Arithmetic)
    if any(one in later for one in node.inputs):
        return writing.sums(_calls(writing.run, at, later))
    one = writing.of(node.inputs[0])
    other = writing.of(node.inputs[1]) if op.number is None else writing.say(channels, "number", value=op.number)
    return writing.say(channels, op.operator, *((other, one) if op.first else (one, other)))


def _one(writing: _Writing, at: int, later: frozenset[int]) -> int:
    node = writing.run.graph.nodes[at]
    op, source, channels = node.op, writing.of(node.inputs[0]), writing.run.graph.shapes[at].channels
    if isinstance(op, Activate):
        return writing.say(channels, "activation", source, value=op.activation)
    if isinstance(op, Slice):
        return writing.say(channels, "part", source, value=op.start)
    assert isinstance(op, Unary)
    return writing.say(channels, op.function, source)


_MEANINGS: dict[type, Callable[[_Writing, int, frozenset[int]], int]] = {
    Call: _called,
    Arithmetic: _arithmetic,
    Activate: _one,
    Unary: _one,
    Slice: _one,
}
