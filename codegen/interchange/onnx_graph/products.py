"""Nodes that are one thing with those behind them: a product and its bias, GELU by erf, groups that are normalized."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call
from codegen.interchange.onnx_graph.proto import Node
from codegen.interchange.tensors import Tensor
from codegen.records import dataclass
from codegen.specs.model_kinds import GroupNormalization, LayerNormalization

__all__ = ["PRODUCTS", "Readers"]

ROOT = 2**-0.5
NEAR = 1e-3
SPREADING = ("Add", "Sub", "Mul", "Div")


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
            for name in (*node.inputs, *node.captured):
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


def _grouped(call: Call, readers: Readers, values: Values) -> Values | None:
    """Reshape to groups → InstanceNormalization → Reshape back is GroupNormalization; None for any other."""
    shape, x = call.constant(1, "shape").reshape(-1), call.tensor()
    norm = readers.only(call.node.outputs[0], "InstanceNormalization")
    back = readers.only(norm.outputs[0], "Reshape") if norm is not None else None
    if norm is None or back is None or len(shape) != 3 or shape[2] != -1 or x.axes != "nct":
        return None
    scale, shift = (values.get(name) for name in norm.inputs[1:])
    groups = int(shape[1])
    if scale is None or shift is None or (scale != 1).any() or shift.any() or groups < 1:
        return None
    readers.done.update((norm.name, back.name))
    fields = {"groups": groups, "epsilon": Call(norm, call.drawing, ()).number("epsilon", 1e-5)}
    made = call.drawing.layer(GroupNormalization, norm.name, x, {}, scale=False, center=False, **fields)
    return {back.outputs[0]: made}


def _each_step(call: Call, readers: Readers, values: Values) -> Values | None:
    """LayerNormalization as opsets before 17 write it out, from its first mean to its quotient; None for others."""
    x, axes = call.tensor(), call.listed(1, "axes") or []
    if [axis % len(x.axes) for axis in axes] != [len(x.axes) - 1] or x.axes[-1] != "c":
        return None
    nodes, output = list[Node](), call.node.outputs[0]
    for kind in ("Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div"):
        found = [node for node in readers.nodes.get(output, ()) if node.kind == kind and node.name not in readers.done]
        if len(found) != 1:
            return None
        nodes += found
        output = found[0].outputs[0]
    less, squared, mean, added, _, quotient = nodes
    epsilon, power = _number(values, added), _number(values, squared)
    right = less.inputs[0] == call.node.inputs[0] and quotient.inputs[0] == less.outputs[0] and power == 2
    if not right or not epsilon or Call(mean, call.drawing, ()).node.attributes.get("axes", axes) != axes:
        return None
    readers.done.update(node.name for node in nodes)
    fields = {"epsilon": float(f"{epsilon:.7g}"), "scale": False, "center": False}
    return {output: call.drawing.layer(LayerNormalization, call.name, x, {}, **fields)}


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


def _expanded(call: Call, readers: Readers, values: Values) -> Values:
    """Axes of one number spread over more; where arithmetic alone reads them, that does it by itself."""
    sizes, output = [int(one) for one in call.constant(1, "a shape").reshape(-1)], call.node.outputs[0]
    users = readers.nodes.get(output, ())
    spread = output not in readers.outputs and all(node.kind in SPREADING for node in users)
    return {output: call.drawing.expanded(call.tensor(), sizes, spread=spread)}


def _number(values: Values, node: Node | None) -> float | None:
    """The only constant among a node's inputs, if it is one number."""
    if node is None:
        return None
    given = [values.get(name) for name in node.inputs]
    found = [one for one in given if one is not None and getattr(one, "size", 0) == 1]
    return float(found[0].reshape(())) if len(found) == 1 else None


PRODUCTS: dict[str, Callable[[Call, Readers, Values], Values | None]] = {
    "MatMul": _matrix,
    "Erf": _erf,
    "Reshape": _grouped,
    "ReduceMean": _each_step,
    "Expand": _expanded,
}
