"""What of a graph is computed together: number-by-number ops in one loop, activations and scales behind their sums."""

from __future__ import annotations

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


def joined(graph: Graph) -> Joined:
    """What goes together in a graph."""
    found, outputs = Joined(), {at for _, at in graph.outputs}
    sole = {at: readers[0] for at, readers in enumerate(graph.readers) if len(readers) == 1 and at not in outputs}
    for at in range(len(graph.nodes)):
        if nodes := tuple(_behind(graph, at, sole)):
            found.behind[at] = nodes
    taken = {at for nodes in found.behind.values() for at in nodes}
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
        return op.activation.name == "glu" or not activations.row(op.activation).rowwise
    if isinstance(op, Call):
        return isinstance(op.layer, (BatchNormalization, PReLU))
    return isinstance(op, (Arithmetic, Unary, Spread))


def _as_it_is(graph: Graph, at: int) -> bool:
    """Whether a node reads of its inputs each number in its own place."""
    op = graph.nodes[at].op
    return not isinstance(op, Spread) and not (isinstance(op, Activate) and op.activation.name == "glu")


def _behind(graph: Graph, at: int, sole: dict[int, int]) -> list[int]:
    """The normalization and the activation that a call's sums go through, where nothing else reads the sums."""
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
    if then is not None and isinstance(graph.nodes[then].op, Activate):
        found.append(then)
    return found


def _normalizes(graph: Graph, at: int) -> bool:
    op = graph.nodes[at].op
    return isinstance(op, Call) and isinstance(op.layer, BatchNormalization)
