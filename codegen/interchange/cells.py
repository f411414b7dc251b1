"""Cells of LSTMs: an importer asks for all of them, and here those go that nothing reads."""

from __future__ import annotations

from dataclasses import replace

from codegen.graph.calls import Call
from codegen.graph.channels import Slice
from codegen.graph.graph import Graph, Node
from codegen.specs.model_kinds import LSTM

__all__ = ["without_cells"]


def without_cells(graph: Graph) -> Graph:
    """The same where an LSTM gives its cells only if one of its calls has a reader of them."""
    calls = [(at, node.op) for at, node in enumerate(graph.nodes) if isinstance(node.op, Call)]
    gives = {op.layer.name: op.layer for _, op in calls if isinstance(op.layer, LSTM) and op.layer.return_cells}
    read = {
        op.layer.name for at, op in calls if op.layer.name in gives and _has_readers(graph, at, gives[op.layer.name])
    }
    plain = {name: layer for name, layer in gives.items() if name not in read}
    if not plain:
        return graph
    instead = {one: at for at, op in calls if op.layer.name in plain for one in graph.readers[at]}
    nodes = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Call) and op.layer.name in plain:
            op = Call(replace(plain[op.layer.name], return_cells=False))
        nodes.append(Node(op, tuple(instead.get(at, at) for at in node.inputs), node.name, node.span))
    outputs = tuple((name, instead.get(at, at)) for name, at in graph.outputs)
    return Graph(graph.name, tuple(nodes), outputs, graph.dtype).alive()


def _has_readers(graph: Graph, at: int, layer: LSTM) -> bool:
    """Whether anything but its outputs is read of a call."""
    hidden = Slice(0, layer.units)
    return any(one == at for _, one in graph.outputs) or any(graph.nodes[one].op != hidden for one in graph.readers[at])
