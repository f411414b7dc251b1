"""LiteRT: a model's graph as its operators, normalizations and relus in the layers before them, as it converts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.models.layers import Convolution, Unserved, convolution, pads
from codegen.bench.models.pytorch import normalization
from codegen.bench.peers.litert import NAME, PACKAGE, Flatbuffer, version
from codegen.graph import channels, elementwise, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Input
from codegen.specs.model_kinds import BatchNormalization

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.graph.graph import Graph

    Weights = Mapping[str, Mapping[str, Array]]

__all__ = ["NAME", "PACKAGE", "contestant", "version"]

ACTIVATIONS = {
    "relu": ("RELU", ""),
    "tanh": ("TANH", ""),
    "sigmoid": ("LOGISTIC", ""),
    "softmax": ("SOFTMAX", "Softmax"),
}
OPERATORS = {"+": ("ADD", "Add"), "*": ("MUL", "Mul")}


def contestant(graph: Graph, weights: Weights, x: Array, threads: int) -> Contestant:
    """Raises Unserved for an op that it has not."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=_Model(graph.alive(), weights).flatbuffer(), num_threads=threads)
    interpreter.allocate_tensors()
    ends = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(ends[0], x[:, None])
    interpreter.invoke()
    call = from_python(interpreter._interpreter.Invoke)  # what `invoke` calls, after a look at itself
    return Contestant("XNNPACK", call, lambda: interpreter.get_tensor(ends[1])[:, 0], True, keeps=interpreter)


class _Model(Flatbuffer):
    """Values are tensors (1, 1, steps, channels)."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.graph, self.weights = graph, weights
        self.of: dict[int, int] = {}  # the tensor of each node
        self._begin()

    def flatbuffer(self) -> bytes:
        for at in range(len(self.graph.nodes)):
            if at not in self.of:
                self._node(at)
        return self._finished(self.of[0], self.of[self.graph.outputs[0][1]])

    def _node(self, at: int) -> None:
        node = self.graph.nodes[at]
        op, inputs = node.op, [self.of[one] for one in node.inputs]
        if isinstance(op, Input):
            self.of[at] = self._value(at)
        elif isinstance(op, Call) and isinstance(op.layer, BatchNormalization):
            scale, shift = self._folded(op.layer)
            half = self._value(at)
            self._operator("MUL", [inputs[0], self._constant("scale", scale)], half, "MulOptions", self._options("Mul"))
            self._ending(at, "ADD", "Add", [half, self._constant("shift", shift)], self._options("Add"))
        elif isinstance(op, Call):
            self._layer(at, convolution(self.graph, at, self.weights), inputs[0])
        elif isinstance(op, elementwise.Activate):
            self.of[at] = self._activated(op.activation.name, inputs[0], at)
        elif isinstance(op, elementwise.Arithmetic) and op.number is None and op.operator in OPERATORS:
            code, kind = OPERATORS[op.operator]
            self._ending(at, code, kind, inputs, self._options(kind))
        elif isinstance(op, steps.MaxPool):
            self._pool(at, op, inputs[0])
        elif isinstance(op, steps.GlobalAveragePool):
            options = self._options("Reducer")
            options.keepDims = True
            axes = self._constant("axes", np.array([1, 2], np.int32))
            self._ending(at, "MEAN", "Reducer", [inputs[0], axes], options, fuses=False)
        elif isinstance(op, channels.Widen):
            more = self.graph.shapes[at].channels - self.graph.shapes[node.inputs[0]].channels
            self.of[at] = self._padded(inputs[0], at, (0, 0), more) if more else inputs[0]
        else:
            raise Unserved(op.word)

    def _options(self, kind: str) -> Any:
        return getattr(self.schema, f"{kind}OptionsT")()

    def _value(self, at: int, more: int = 0) -> int:
        shape = self.graph.shapes[at]
        return self._tensor(f"v{at}", (1, 1, shape.known_steps + more, shape.channels))

    def _folded(self, layer: BatchNormalization) -> tuple[Array, Array]:
        """What each channel is multiplied by, and what is added."""
        mean, variance, gamma, beta = (one.astype(np.float64) for one in normalization(layer, self.weights))
        scale = gamma / np.sqrt(variance + layer.epsilon)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def _sole(self, at: int) -> int | None:
        readers = self.graph.readers[at]
        return readers[0] if len(readers) == 1 and at != self.graph.outputs[0][1] else None

    def _ending(self, at: int, code: str, kind: str, inputs: list[int], options: Any, *, fuses: bool = True) -> None:
        """An operator, and the relu in it that alone reads it."""
        then = self._sole(at) if fuses else None
        y, op = self._value(at), None if then is None else self.graph.nodes[then].op
        self.of[at] = y
        if then is not None and isinstance(op, elementwise.Activate) and op.activation.name == "relu":
            options.fusedActivationFunction = self.schema.ActivationFunctionType.RELU
            self.of[then] = y
        self._operator(code, inputs, y, f"{kind}Options", options)

    def _layer(self, at: int, one: Convolution, x: int) -> None:
        """A convolution, with the normalization that alone reads it."""
        kernel, bias = one.kernel, np.zeros(len(one.kernel), np.float32) if one.bias is None else one.bias
        then, end = self._sole(at), at
        norm = getattr(self.graph.nodes[then].op, "layer", None) if then is not None else None
        if then is not None and isinstance(norm, BatchNormalization) and one.activation == "linear":
            scale, shift = self._folded(norm)
            kernel, bias, end = kernel * scale[:, None, None], bias * scale + shift, then
        if any(one.pads):
            x = self._padded(x, self.graph.nodes[at].inputs[0], one.pads, 0)
        depthwise = one.groups > 1
        options = self._options("DepthwiseConv2D" if depthwise else "Conv2D")
        options.padding, options.strideW, options.strideH = self.schema.Padding.VALID, one.stride, 1
        options.dilationWFactor, options.dilationHFactor = one.dilation, 1
        if depthwise:
            options.depthMultiplier = len(kernel) // one.groups
            arrays = [kernel.transpose(1, 2, 0)[None], bias]
        else:
            arrays = [kernel.transpose(0, 2, 1)[:, None], bias]
        inputs = [x, *(self._constant("weights", np.ascontiguousarray(array, np.float32)) for array in arrays)]
        word = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        if one.activation == "relu":
            options.fusedActivationFunction = self.schema.ActivationFunctionType.RELU
        self._ending(end, word, "DepthwiseConv2D" if depthwise else "Conv2D", inputs, options)
        if one.activation not in ("linear", "relu"):
            self.of[end] = self._activated(one.activation, self.of[end], end)
        self.of[at] = self.of[end]

    def _padded(self, x: int, at: int, rows: tuple[int, int], more: int) -> int:
        """Zeros before and behind the rows of a node's value, or behind its channels, which `at` then has."""
        amounts = np.array([[0, 0], [0, 0], rows, [0, more]], np.int32)
        y = self._value(at, sum(rows))
        self._operator("PAD", [x, self._constant("pads", amounts)], y, "PadOptions", self._options("Pad"))
        return y

    def _pool(self, at: int, op: steps.MaxPool, x: int) -> None:
        given = self.graph.shapes[self.graph.nodes[at].inputs[0]]
        if op.padding not in ("same", "valid") and any(pads(op, given)):
            raise Unserved(f"{op.word} with padding {op.padding}")
        options = self._options("Pool2D")
        options.padding = self.schema.Padding.SAME if op.padding == "same" else self.schema.Padding.VALID
        options.filterWidth, options.strideW = op.size, op.strides or op.size
        options.filterHeight = options.strideH = 1
        self._ending(at, "MAX_POOL_2D", "Pool2D", [x], options, fuses=False)

    def _activated(self, name: str, x: int, at: int) -> int:
        if name not in ACTIVATIONS:
            raise Unserved(name)
        (code, kind), y = ACTIVATIONS[name], self._value(at)
        options = self._options(kind) if kind else None
        if options is not None:
            options.beta = 1.0
        self._operator(code, [x], y, f"{kind}Options" if kind else "NONE", options)
        return y
