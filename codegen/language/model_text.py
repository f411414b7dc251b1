"""A graph as the text that means it: its layers as blocks, its nodes as statements, what repeats as loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen.functions import activations
from codegen.graph.calls import Call
from codegen.graph.channels import Slice
from codegen.graph.elementwise import Activate, Arithmetic
from codegen.graph.graph import Graph, Input
from codegen.language.folding import Ref, Statement, folded
from codegen.language.layer_text import blocks, families

__all__ = ["text"]

LONGEST = 96  # characters of a statement, beyond which its parts get names
POWERS = {"+": 1, "-": 1, "*": 2, "/": 2}  # how strongly operators bind
ALONE = 4  # names, calls
INDENT = "    "
TURNS = ("i", *(f"turn{n}" for n in range(4_097)))  # names for a loop's variable, one of which no value has


def text(graphs: Sequence[Graph], notes: Sequence[str] = ()) -> str:
    """The .conv text of models, whose layers have different names; `notes` stand before them as comments."""
    layers = {name: layer for graph in graphs for name, layer in graph.layers.items()}
    known = families(layers)
    parts = ["\n".join(f"# {note}" for note in notes)] if notes else []
    parts.append(blocks(layers, known))
    member = {name: Ref(family.stem, at) for family in known for at, name in enumerate(family.names)}
    parts += [_model(graph, member) for graph in graphs]
    return "\n\n".join(part for part in parts if part) + "\n"


def _model(graph: Graph, member: Mapping[str, Ref]) -> str:
    statements = _Writer(graph, member).statements()
    said = {statement.head.split()[-2] for statement in statements}
    turn = next(word for word in TURNS if word not in said)
    lines = folded(statements, turn)
    return "\n".join([f"model {graph.name} {{", *(f"{INDENT}{line}" for line in lines), "}"])


Words = tuple["str | Ref", ...]  # of an expression; what calls a layer of a family stays apart


class _Writer:
    """One walk over a graph. A node that is read once stands where it is read; others have names.

    A name may go to another node once its own is not needed any more.
    """

    def __init__(self, graph: Graph, member: Mapping[str, Ref]) -> None:
        self.graph, self.member = graph, member
        self.names: dict[int, str] = {}
        self.inline: dict[int, tuple[Words, int]] = {}  # (words, how strongly they bind) of nodes without a name
        self.bound: dict[str, int] = {}
        self.made: list[Statement] = []
        outputs = {at for _, at in graph.outputs}
        self.stands = [self._stands(at, at in outputs) for at in range(len(graph.nodes))]
        self.needed = self._needed()

    def _stands(self, at: int, given: bool) -> bool:
        """Whether a node has a statement: inputs, what is read twice or cut, and what an importer named."""
        node, readers = self.graph.nodes[at], self.graph.readers[at]
        if isinstance(node.op, Input) or len(readers) + given > 1:
            return True
        if any(isinstance(self.graph.nodes[reader].op, Slice) for reader in readers):
            return True
        return bool(node.name) and bool(readers)

    def _needed(self) -> list[int]:
        """The last node whose statement reads each node; that of a node without one is its reader's."""
        count = len(self.graph.nodes)
        last = list(range(count))
        for _, at in self.graph.outputs:
            last[at] = count
        for at in reversed(range(count)):
            for reader in self.graph.readers[at]:
                last[at] = max(last[at], reader if self.stands[reader] else last[reader])
        return last

    def statements(self) -> list[Statement]:
        """All, in the order of the nodes."""
        for at, node in enumerate(self.graph.nodes):
            if isinstance(node.op, Input):
                self.bound[node.name] = at
                self.names[at] = node.name
                steps, channels = node.op.steps, node.op.channels
                self.made.append(Statement(f"input {node.name} =", (f"({steps}, {channels})",)))
                continue
            words, binds = self._expression(at)
            if self.stands[at] or sum(len(str(word)) for word in words) > LONGEST:
                self._assign(at, words)
            else:
                self.inline[at] = words, binds
        for name, at in self.graph.outputs:
            self.made.append(Statement(f"output {name} =", self._operand(at, 0)))
        return self.made

    def _assign(self, at: int, words: Words) -> None:
        wanted = self.graph.nodes[at].name or "v"
        held = self.bound.get(wanted)
        if held is not None and self.needed[held] > at:
            self._moved(held, at)
        name, count = wanted, 1
        while (held := self.bound.get(name)) is not None and self.needed[held] > at:
            count += 1
            name = f"{wanted}{count}"
        op, inputs = self.graph.nodes[at].op, self.graph.nodes[at].inputs
        adds = isinstance(op, Arithmetic) and op.operator == "+" and op.number is None
        if adds and self.names.get(inputs[0]) == name and self.bound.get(name) == inputs[0] and len(set(inputs)) == 2:
            self.made.append(Statement(f"{name} +=", self._operand(inputs[1], 0)))
        else:
            self.made.append(Statement(f"{name} =", words))
        self.bound[name] = at
        self.names[at] = name

    def _moved(self, held: int, at: int) -> None:
        """Gives a node the name of its only reader, where that is free: its own goes to another one."""
        readers = [reader for reader in self.graph.readers[held] if reader > at]
        name = self.graph.nodes[readers[0]].name if len(readers) == 1 else ""
        if isinstance(self.graph.nodes[held].op, Input) or not name or name == self.names[held]:
            return
        other = self.bound.get(name)
        if other is None or self.needed[other] <= at:
            self.made.append(Statement(f"{name} =", (self.names[held],)))
            del self.bound[self.names[held]]
            self.names[held], self.bound[name] = name, held

    def _operand(self, at: int, least: int) -> Words:
        """A node where it is read, in brackets where it binds less than that."""
        if at in self.names:
            return (self.names[at],)
        words, binds = self.inline[at]
        return words if binds >= least else ("(", *words, ")")

    def _expression(self, at: int) -> tuple[Words, int]:
        node = self.graph.nodes[at]
        op, inputs = node.op, node.inputs
        if isinstance(op, Arithmetic):
            return self._arithmetic(op, inputs)
        operands = [self._operand(one, 0) for one in inputs]
        if isinstance(op, Call):
            called = self.member.get(op.layer.name, op.layer.name)
            states = [word for one in operands[1:] for word in (", ", *one)]
            return (called, "(", *operands[0], *states, ")"), ALONE
        if isinstance(op, Activate) and activations.row(op.activation).options and op.activation.is_plain:
            return (f"{op.activation.name}(", *operands[0], ")"), ALONE
        marks = [f"\0{i}\0" for i in range(len(operands))]
        words: list[str | Ref] = []
        for i, piece in enumerate(op.told(marks).split("\0")):
            words += operands[int(piece)] if i % 2 else (piece,)
        return tuple(words), ALONE

    def _arithmetic(self, op: Arithmetic, inputs: Sequence[int]) -> tuple[Words, int]:
        binds = POWERS.get(op.operator, 0)
        values = [self._operand(inputs[0], binds + op.first)]
        if op.number is None:
            values.append(self._operand(inputs[1], binds + 1))
        else:
            number = f"{int(op.number) if op.number == int(op.number) and abs(op.number) < 1e6 else op.number!r}"
            values.append((f"({number})" if op.number < 0 else number,))
        one, other = values[::-1] if op.first else values
        if not binds:
            return (f"{op.operator}(", *one, ", ", *other, ")"), ALONE
        return (*one, f" {op.operator} ", *other), binds
