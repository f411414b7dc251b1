"""Straight-line linear code: expressions over vectors, simplified as they are built, each kept once.

A `Graph` hands out nodes; `Graph.code` turns the nodes that are wanted into statements, everything else is dropped.
After genfft (Frigo, "A Fast Fourier Transform Compiler", 1999), for linear maps only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codegen.records import dataclass


@dataclass(frozen=True)
class Node:
    """`kind`: zero, input (index), add, sub, scale (factor · a), fma (factor · a + b), fms (factor · a - b), neg."""

    kind: str
    parts: tuple[Node, ...] = ()
    factor: float = 1.0
    index: int = -1

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True)
class Statement:
    """`target` = `kind` of the operands; operands are names: `x3` an input, `t7` an earlier statement."""

    target: str
    kind: str
    operands: tuple[str, ...]
    factor: float


@dataclass(frozen=True)
class Code:
    """Statements in order; `results` name the wanted values, None for one that is zero."""

    inputs: int
    statements: tuple[Statement, ...]
    results: tuple[str | None, ...]


class Graph:
    """Makes nodes; the same node for the same expression."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Node] = {}
        self.zero = Node("zero")

    def input(self, index: int) -> Node:
        return self._node("input", (), 1.0, index)

    def add(self, a: Node, b: Node) -> Node:
        if a is self.zero:
            return b
        if b is self.zero:
            return a
        if a.kind == "neg":
            return self.sub(b, a.parts[0])
        if b.kind == "neg":
            return self.sub(a, b.parts[0])
        return self._node("add", (a, b) if _order(a, b) else (b, a))

    def sub(self, a: Node, b: Node) -> Node:
        if b is self.zero:
            return a
        if a is self.zero:
            return self.neg(b)
        if a is b:
            return self.zero
        if b.kind == "neg":
            return self.add(a, b.parts[0])
        if a.kind == "neg":
            return self.neg(self.add(a.parts[0], b))
        return self._node("sub", (a, b))

    def neg(self, a: Node) -> Node:
        if a is self.zero:
            return a
        if a.kind == "neg":
            return a.parts[0]
        if a.kind == "sub":
            return self._node("sub", (a.parts[1], a.parts[0]))
        return self._node("neg", (a,))

    def scale(self, factor: float, a: Node) -> Node:
        if factor == 0 or a is self.zero:
            return self.zero
        if factor < 0:
            return self.neg(self.scale(-factor, a))
        if factor == 1:
            return a
        if a.kind == "neg":
            return self.neg(self.scale(factor, a.parts[0]))
        return self._node("scale", (a,), factor)

    def fma(self, factor: float, a: Node, b: Node) -> Node:
        """factor · a + b in one operation."""
        if factor == 0 or a is self.zero:
            return b
        if b is self.zero:
            return self.scale(factor, a)
        if abs(factor) == 1:
            return self.add(a, b) if factor == 1 else self.sub(b, a)
        if a.kind == "neg":
            return self.fma(-factor, a.parts[0], b)
        if b.kind == "neg":
            return self._node("fms", (a, b.parts[0]), factor)
        return self._node("fma", (a, b), factor)

    def combine(self, factors: Sequence[float], nodes: Sequence[Node]) -> Node:
        """The sum of factor · node; factors of size 1 first, so that the others fuse."""
        terms = [(f, n) for f, n in zip(factors, nodes, strict=True) if f]
        terms.sort(key=lambda term: abs(term[0]) != 1)
        total = self.zero
        for factor, node in terms:
            total = self.fma(factor, node, total)
        return total

    def linear(self, code: Code, inputs: Sequence[Node]) -> list[Node]:
        """What `code` makes of `inputs`, built in this graph."""
        values = {f"x{i}": node for i, node in enumerate(inputs)}
        for s in code.statements:
            a, b = values[s.operands[0]], values[s.operands[-1]]
            match s.kind:
                case "add" | "sub":
                    values[s.target] = self.add(a, b) if s.kind == "add" else self.sub(a, b)
                case "neg":
                    values[s.target] = self.neg(a)
                case "scale":
                    values[s.target] = self.scale(s.factor, a)
                case _:
                    values[s.target] = self.fma(s.factor, a, b if s.kind == "fma" else self.neg(b))
        return [self.zero if name is None else values[name] for name in code.results]

    def _node(self, kind: str, parts: tuple[Node, ...], factor: float = 1.0, index: int = -1) -> Node:
        key = (kind, tuple(id(part) for part in parts), factor, index)
        return self._known.setdefault(key, Node(kind, parts, factor, index))

    def code(self, inputs: int, wanted: Iterable[Node]) -> Code:
        """Statements for `wanted`, operands before their use, depth first."""
        names: dict[int, str] = {}
        statements: list[Statement] = []

        def visit(root: Node) -> str:
            stack = [root]
            while stack:
                node = stack[-1]
                if id(node) in names:
                    stack.pop()
                elif node.kind == "input":
                    names[id(node)] = f"x{node.index}"
                elif missing := [part for part in node.parts if id(part) not in names]:
                    stack.extend(reversed(missing))
                else:
                    names[id(node)] = name = f"t{len(statements)}"
                    operands = tuple(names[id(part)] for part in node.parts)
                    statements.append(Statement(name, node.kind, operands, node.factor))
            return names[id(root)]

        results = tuple(None if node is self.zero else visit(node) for node in wanted)
        return Code(inputs, tuple(statements), results)


def _order(a: Node, b: Node) -> bool:
    return (a.kind, a.index, a.factor) <= (b.kind, b.index, b.factor)


def pairs(graph: Graph, matrix: Sequence[Sequence[float]], inputs: Sequence[Node]) -> list[Node]:
    """matrix · inputs, where rows e + o and e - o with e and o on different columns share both parts."""
    found: list[Node | None] = [None] * len(matrix)
    for i, row in enumerate(matrix):
        for j in range(i + 1, len(matrix)):
            if found[i] is None and found[j] is None:
                even = [(a + b) / 2 for a, b in zip(row, matrix[j], strict=True)]
                odd = [(a - b) / 2 for a, b in zip(row, matrix[j], strict=True)]
                split = all(not (e and o) for e, o in zip(even, odd, strict=True))
                if split and sum(map(bool, even)) > 1 and sum(map(bool, odd)) > 1:
                    e, o = graph.combine(even, inputs), graph.combine(odd, inputs)
                    found[i], found[j] = graph.add(e, o), graph.sub(e, o)
    return [graph.combine(row, inputs) if node is None else node for row, node in zip(matrix, found, strict=True)]
