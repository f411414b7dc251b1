"""First states that are inputs of an ONNX graph, and last ones that are outputs, also of several layers at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from codegen.interchange.onnx_graph.proto import Node

__all__ = ["given", "joins", "left", "within"]

INPUTS = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,), "CausalConvWithState": (3,)}  # of nodes: what a stream keeps
OUTPUTS = {"LSTM": (1, 2), "GRU": (1,), "RNN": (1,), "CausalConvWithState": (1,)}
PARTS = ("Slice", "Split", "Gather", "Squeeze", "Unsqueeze", "Identity")  # what takes that of one layer out of all
JOINED = ("Concat", "Squeeze", "Unsqueeze", "Identity")  # and what puts them together


def given(nodes: Sequence[Node], inputs: Collection[str], outputs: Collection[str]) -> set[str]:
    """Inputs, and parts of them, that nothing reads but the first states of nodes that keep one."""
    readers, kept = _readers(nodes), set[str]()
    names = [*inputs, *(name for node in nodes for name in node.outputs)]
    for name in reversed(names):  # from what reads to what is read
        taken = readers.get(name, ())
        if taken and name not in outputs and all(_begins(node, at, kept) for node, at in taken):
            kept.add(name)
    found = kept.intersection(inputs)
    for node in nodes:
        if within(node, found):
            found.update(filter(None, node.outputs))
    return found


def _begins(node: Node, at: int, kept: Collection[str]) -> bool:
    """Whether a node's input is its first state, or is cut into such: `kept` are values that are."""
    parts = at == 0 and node.kind in PARTS and set(filter(None, node.outputs)).issubset(kept)
    return at in INPUTS.get(node.kind, ()) or parts


def within(node: Node, states: Collection[str]) -> bool:
    """Whether a node but takes parts of first states."""
    return node.kind in PARTS and bool(node.inputs) and node.inputs[0] in states


def left(nodes: Sequence[Node], outputs: Collection[str]) -> set[str]:
    """Outputs that are last states of nodes that keep one, or of several together, and what these are made of."""
    readers, free = _readers(nodes), set[str]()
    for name in reversed([name for node in nodes for name in node.outputs]):
        taken = [node for node, _ in readers.get(name, ())]
        joined = all(node.kind in JOINED and free.issuperset(node.outputs) for node in taken)
        if not taken if name in outputs else bool(taken) and joined:
            free.add(name)
    found = {name for node in nodes for at, name in enumerate(node.outputs) if at in OUTPUTS.get(node.kind, ())}
    for node in nodes:
        if joins(node, found) and free.issuperset(node.outputs):
            found.update(node.outputs)
    return found


def joins(node: Node, states: Collection[str]) -> bool:
    """Whether a node but puts last states together."""
    values = node.inputs if node.kind == "Concat" else node.inputs[:1]
    return node.kind in JOINED and bool(values) and set(values).issubset(states)


def _readers(nodes: Sequence[Node]) -> dict[str, list[tuple[Node, int]]]:
    """The nodes that read each value, and at which place."""
    found: dict[str, list[tuple[Node, int]]] = {}
    for node in nodes:
        for at, name in enumerate(node.inputs):
            found.setdefault(name, []).append((node, at))
    return found
