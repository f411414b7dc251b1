"""A graph → its stages and the places of its values, op by op."""

from __future__ import annotations

from codegen.errors import PlanError
from codegen.graph import elementwise
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input
from codegen.graph.plans import layers, tiling
from codegen.graph.plans.joined import is_each
from codegen.graph.plans.moves import MOVES
from codegen.graph.plans.place import Place
from codegen.graph.plans.walk import Choose, Walk
from codegen.planning.ask import Ask

__all__ = ["lowered"]


def lowered(graph: Graph, ask: Ask, choose: Choose | None = None) -> Walk:
    """What comes of a walk over a graph. Raises PlanError for what has no C."""
    walk = Walk(graph, ask, choose)
    walk.begin()
    ends, swallowed = walk.joined.ends, walk.joined.swallowed
    tiles = {at: group for group in walk.groups for at in group}
    for at, node in enumerate(graph.nodes):
        if at in tiles:
            if at == tiles[at][-1]:
                tiling.tiled(walk, tiles[at])
            continue
        if at in swallowed or isinstance(node.op, Input):
            continue
        walk.settle(at)
        if at in ends:
            walk.places[at] = layers.convolved(walk, ends[at], walk.joined.behind[ends[at]])
        else:
            walk.places[at] = _lowered(walk, at)
    walk.deliver()
    return walk


def _lowered(walk: Walk, at: int) -> Place:
    """The place of a node's value, after the stages that make it."""
    op = walk.graph.nodes[at].op
    if is_each(walk.graph, at):
        return walk.each(at)
    if isinstance(op, elementwise.Activate):
        return layers.of_rows(walk, at, op.activation)
    if not isinstance(op, Call):
        return MOVES[type(op)](walk, at, op)
    if type(op.layer) not in layers.LAYERS:
        raise PlanError(f"`{op.layer.name}`: a {op.layer.kind} has no C in a model")
    return layers.LAYERS[type(op.layer)](walk, at)
