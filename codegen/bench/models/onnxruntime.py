"""ONNX Runtime: a model's graph as nodes of ONNX, on (batch, channels, steps)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.models.layers import Unserved, convolution, pads
from codegen.bench.models.pytorch import normalization
from codegen.bench.peers.onnxruntime import NAME, PACKAGE, version
from codegen.graph import channels, elementwise, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Input
from codegen.records import dataclass
from codegen.specs.model_kinds import BatchNormalization

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.graph.graph import Graph

__all__ = ["NAME", "PACKAGE", "contestant", "version"]

OPERATORS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "max": "Max", "min": "Min"}
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def contestant(graph: Graph, weights: Mapping[str, Mapping[str, Array]], x: Array, threads: int) -> Contestant:
    """Raises Unserved for an op that it has not."""
    import numpy as np
    import onnxruntime

    graph = graph.alive()
    end = graph.outputs[0][1]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    text = _Drawing(graph, weights).text(x.shape[1])
    session = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    given = np.ascontiguousarray(x.transpose(0, 2, 1))
    y = np.zeros((1, graph.shapes[end].channels, graph.shapes[end].known_steps), np.float32)
    binding = session.io_binding()
    for bind, name, array in ((binding.bind_input, "v0", given), (binding.bind_output, f"v{end}", y)):
        bind(name, "cpu", 0, np.float32, list(array.shape), array.ctypes.data)
    run, bound = session._sess.run_with_iobinding, binding._iobinding  # the public call looks at its arguments again
    call = from_python(lambda: run(bound, None))
    return Contestant("bound", call, lambda: y.transpose(0, 2, 1), channels_last=True, keeps=(given, binding, session))


@dataclass
class _Drawing:
    """A graph of ONNX that grows."""

    graph: Graph
    weights: Mapping[str, Mapping[str, Array]]
    nodes: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)

    def text(self, length: int) -> bytes:
        from onnx import TensorProto, helper

        shapes, end = self.graph.shapes, self.graph.outputs[0][1]
        for at in range(len(self.graph.nodes)):
            self._node(at)
        ends = []
        for at, long in ((0, length), (end, shapes[end].known_steps)):
            ends.append(helper.make_tensor_value_info(f"v{at}", TensorProto.FLOAT, [1, shapes[at].channels, long]))
        made = helper.make_graph(self.nodes, "bench", ends[:1], ends[1:], self.held)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        found: bytes = model.SerializeToString()
        return found

    def _say(self, word: str, inputs: list[str], out: str, **how: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(word, inputs, [out], **how))

    def _array(self, array: Array, name: str) -> str:
        from onnx import numpy_helper

        self.held.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, at: int) -> None:
        node, y = self.graph.nodes[at], f"v{at}"
        op, inputs = node.op, [f"v{one}" for one in node.inputs]
        if isinstance(op, Call) and isinstance(op.layer, BatchNormalization):
            mean, variance, gamma, beta = normalization(op.layer, self.weights)
            held = [self._array(one, f"{y}_{i}") for i, one in enumerate((gamma, beta, mean, variance))]
            self._say("BatchNormalization", [*inputs, *held], y, epsilon=op.layer.epsilon)
        elif isinstance(op, Call):
            self._convolved(at, inputs, y)
        elif isinstance(op, elementwise.Activate):
            self._activated(op.activation.name, inputs[0], y)
        elif isinstance(op, elementwise.Arithmetic) and op.number is None:
            self._say(OPERATORS[op.operator], inputs, y)
        elif isinstance(op, steps.MaxPool):
            both = list(pads(op, self.graph.shapes[node.inputs[0]]))
            self._say("MaxPool", inputs, y, kernel_shape=[op.size], strides=[op.strides or op.size], pads=both)
        elif isinstance(op, steps.GlobalAveragePool):
            self._say("GlobalAveragePool", inputs, y)
        elif isinstance(op, channels.Widen):
            self._widened(at, inputs, y)
        elif not isinstance(op, Input):
            raise Unserved(op.word)

    def _convolved(self, at: int, inputs: list[str], y: str) -> None:
        one = convolution(self.graph, at, self.weights)
        arrays = [self._array(one.kernel, f"{y}_kernel")]
        arrays += [] if one.bias is None else [self._array(one.bias, f"{y}_bias")]
        made = y if one.activation == "linear" else f"{y}_sums"
        how = {"strides": [one.stride], "dilations": [one.dilation], "group": one.groups, "pads": list(one.pads)}
        self._say("Conv", [*inputs, *arrays], made, **how)
        if made != y:
            self._activated(one.activation, made, y)

    def _activated(self, name: str, x: str, y: str) -> None:
        if name not in ACTIVATIONS:
            raise Unserved(name)
        self._say(ACTIVATIONS[name], [x], y, **({"axis": 1} if name == "softmax" else {}))

    def _widened(self, at: int, inputs: list[str], y: str) -> None:
        import numpy as np

        more = self.graph.shapes[at].channels - self.graph.shapes[self.graph.nodes[at].inputs[0]].channels
        amounts = self._array(np.array([0, 0, 0, 0, more, 0], np.int64), f"{y}_more")
        self._say("Pad", [*inputs, amounts], y)
