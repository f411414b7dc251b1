"""What of a graph is computed together: number-by-number ops in one loop, activations and scales behind their sums."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from codegen.functions import activations
from codegen.graph.calls import Call
from codegen.graph.channels import Concat, Spread
from codegen.graph.elementwise import Activate, Arithmetic, Unary
from codegen.graph.graph import Graph
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import BatchNormalization, Dense, PReLU

__all__ = ["Joined", "is_each", "joined"]

MOST_INSTRUCTIONS = 24  # of one loop
LEAST_ADDED = 8  # channels from which on a kernel adds: rows of fewer are done faster in a loop over all of them


@dataclass
class Joined:
    """`inside` are the nodes whose value stays in the loop of the one that reads it.

    `behind` are for each call whose sums go through more the nodes of these in their order; `within` the concat that a
    value is a part of, from the start on.
    """

    inside: set[int] = field(default_factory=set)
    behind: dict[int, tuple[int, ...]] = field(default_factory=dict)
    within: dict[int, int] = field(default_factory=dict)

    @property
    def ends(self) -> dict[int, int]:
        """The call that each last node behind it ends."""
        return {nodes[-1]: call for call, nodes in self.behind.items()}

    @property
    def swallowed(self) -> set[int]:
        """What is computed with a later node."""
        found = set(self.inside)
        for call, nodes in self.behind.items():
            found |= {call, *nodes[:-1]}
        return found


def joined(graph: Graph, *, adds: bool, apart: Collection[int] = ()) -> Joined:
    """What goes together in a graph; `adds`: what is added to a kernel's sums becomes part of it, too.

    `apart` are nodes of which nothing does.
    """
    found, outputs = Joined(), {at for _, at in graph.outputs}
    sole = {
        at: readers[0]
        for at, readers in enumerate(graph.readers)
        if len(readers) == 1 and at not in outputs and at not in apart and readers[0] not in apart
    }
    taken = set[int](apart)
    for at in range(len(graph.nodes)):
        if at in taken:
            continue
        nodes = tuple(_behind(graph, at, sole, adds=adds))
        if nodes and taken.isdisjoint(nodes):
            found.behind[at] = nodes
            taken.update(nodes)
    sizes: dict[int, int] = {}
    for at, node in enumerate(graph.nodes):
        if at in taken or not is_each(graph, at):
            continue
        sizes[at] = 1
        for source in node.inputs:
            alike = graph.shapes[source].alike(graph.shapes[at]) and _as_it_is(graph, at)
            size = sizes.get(source, MOST_INSTRUCTIONS)
            if sole.get(source) == at and alike and sizes[at] + size < MOST_INSTRUCTIONS:
                found.inside.add(source)
                sizes[at] += size
    for at, node in enumerate(graph.nodes):
        if isinstance(node.op, Concat) and len(node.inputs) > 1:
            parts = [source for source in node.inputs if sole.get(source) == at and source in sizes]
            found.within |= dict.fromkeys(parts, at)
    return found


def is_each(graph: Graph, at: int) -> bool:
    """Whether a node takes each number by itself, or with those of its channel alone."""
    op = graph.nodes[at].op
    if isinstance(op, Activate):
        row = activations.row(op.activation)
        return row.gate is not None or not row.rowwise
    if isinstance(op, Call):
        return isinstance(op.layer, (BatchNormalization, PReLU))
    return isinstance(op, (Arithmetic, Unary, Spread))


def _as_it_is(graph: Graph, at: int) -> bool:
    """Whether a node reads of its inputs each number in its own place."""
    op = graph.nodes[at].op
    return not isinstance(op, Spread) and not (isinstance(op, Activate) and activations.row(op.activation).gate)


def _behind(graph: Graph, at: int, sole: dict[int, int], *, adds: bool) -> list[int]:
    """What a call's sums go through, where nothing else reads them: a normalization, a sum, an activation."""
    op, found = graph.nodes[at].op, list[int]()
    if not isinstance(op, Call) or not isinstance(op.layer, (Spec, Dense)):
        return []
    if isinstance(op.layer, Spec) and op.layer.own_activation is not None:
        return []
    if op.layer.activation != activations.LINEAR:
        return []
    then = sole.get(at)
    if then is not None and _normalizes(graph, then):
        found.append(then)
        then = sole.get(then)
    last = sole.get(then) if then is not None and adds and _adds(graph, found[-1] if found else at, then) else then
    activated = last is not None and isinstance(graph.nodes[last].op, Activate)
    if last is not then and then is not None:
        found.append(then)
        activated = activated and last is not None and is_each(graph, last) and _as_it_is(graph, last)
    return [*found, last] if activated and last is not None else found


def _adds(graph: Graph, sums: int, at: int) -> bool:
    """Whether a node adds another value of the same shape to the sums of a call whose kernel can read that."""
    op, call = graph.nodes[at].op, graph.nodes[sums].op
    if not isinstance(op, Arithmetic) or op.operator != "+" or op.number is not None:
        return False
    if isinstance(call, Call) and isinstance(call.layer, Spec) and len(call.layer.problem.stages) > 1:
        return False
    if isinstance(call, Call) and isinstance(call.layer, Spec) and call.layer.problem.up > 1:
        return False
    one, other = (graph.shapes[source] for source in graph.nodes[at].inputs)
    if one.channels < LEAST_ADDED:
        return False
    return one.alike(other) and one.channels == other.channels and len(set(graph.nodes[at].inputs)) == 2


def _normalizes(graph: Graph, at: int) -> bool:
    op = graph.nodes[at].op
    return isinstance(op, Call) and isinstance(op.layer, BatchNormalization)
