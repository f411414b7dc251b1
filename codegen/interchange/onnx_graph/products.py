"""Nodes that are one thing with those behind them: a product with a matrix and its bias, GELU written out by erf."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call
from codegen.interchange.onnx_graph.proto import Node
from codegen.interchange.tensors import Tensor

__all__ = ["PRODUCTS", "Readers"]

ROOT = 2**-0.5
NEAR = 1e-3


@dataclass(frozen=True)
class Readers:
    """The nodes that read each value, those that are drawn already with others, the values that are outputs."""

    nodes: Mapping[str, Sequence[Node]]
    outputs: Collection[str]
    makers: Mapping[str, Node]
    done: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, nodes: Sequence[Node], outputs: Collection[str]) -> Readers:
        found: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return cls(found, set(outputs), {name: node for node in nodes for name in node.outputs})

    def only(self, name: str, *kinds: str) -> Node | None:
        """The only node that reads a value, if it is of these kinds and nothing else needs the value."""
        found = self.nodes.get(name, ())
        fits = len(found) == 1 and found[0].kind in kinds and name not in self.outputs
        return found[0] if fits else None


Values: TypeAlias = Mapping[str, Any]


def _matrix(call: Call, readers: Readers, values: Values) -> Values:
    """x times a constant matrix; a constant that the only reader adds is the bias."""
    kernel, output = call.weights(1, "a matrix", 2), call.node.outputs[0]
    behind, bias = readers.only(output, "Add"), None
    if behind is not None:
        other = next((name for name in behind.inputs if name != output), "")
        found = values.get(other)
        if found is not None and getattr(found, "shape", None) == (kernel.shape[1],):
            bias, output = found.astype(kernel.dtype), behind.outputs[0]
            readers.done.add(behind.name)
    return {output: call.drawing.dense(call.name, call.tensor(), kernel, bias)}


def _erf(call: Call, readers: Readers, values: Values) -> Values:
    """x / sqrt(2) → erf → + 1 → * x → * 0.5 is GELU; so is any order of the two products."""
    before = readers.makers.get(call.node.inputs[0])
    told = "by itself is not known here; it is where it makes GELU"
    if before is None or before.kind not in ("Div", "Mul"):
        raise ConversionError(told)
    x = next((name for name in before.inputs if isinstance(values.get(name), Tensor)), "")
    factor = [values[name] for name in before.inputs if name != x and getattr(values.get(name), "size", 0) == 1]
    if len(factor) != 1:
        raise ConversionError(told)
    scale = float(factor[0].reshape(()))
    scale = 1 / scale if before.kind == "Div" and scale else scale
    found, output = [_number(values, readers.only(call.node.outputs[0], "Add"))], call.node.outputs[0]
    chain, halves, others = readers.only(output, "Add"), 0, list[str]()
    nodes = list[Node]()
    while chain is not None and len(nodes) < 3:
        nodes.append(chain)
        output = chain.outputs[0]
        chain = readers.only(output, "Mul")
    for node, made in zip(nodes[1:], [one.outputs[0] for one in nodes], strict=False):
        number = _number(values, node)
        halves += number == 0.5
        others += [name for name in node.inputs if name != made and number is None]
    if len(nodes) != 3 or found != [1.0] or halves != 1 or others != [x] or abs(scale - ROOT) > NEAR:
        raise ConversionError(told)
    readers.done.update(node.name for node in nodes)
    return {output: call.drawing.activation("gelu", values[x])}


def _number(values: Values, node: Node | None) -> float | None:
    """The only constant among a node's inputs, if it is one number."""
    if node is None:
        return None
    given = [values.get(name) for name in node.inputs]
    found = [one for one in given if one is not None and getattr(one, "size", 0) == 1]
    return float(found[0].reshape(())) if len(found) == 1 else None


PRODUCTS: dict[str, Callable[[Call, Readers, Values], Values]] = {"MatMul": _matrix, "Erf": _erf}
