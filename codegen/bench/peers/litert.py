"""LiteRT (TensorFlow Lite) with XNNPACK: a flatbuffer of one convolution, by the schema that LiteRT ships."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.contestant import Contestant, from_python

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

NAME = "LiteRT"
PACKAGE = "pip install ai-edge-litert"


def version() -> str:
    from importlib.metadata import version

    from ai_edge_litert import interpreter, schema_py_generated

    del interpreter, schema_py_generated
    return f"ai-edge-litert {version('ai-edge-litert')}"


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    """Its layout is channels last alone."""
    if not case.problem.channels_last:
        return
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=Flatbuffer(case).flatbuffer(), num_threads=threads)
    interpreter.allocate_tensors()
    ends = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(ends[0], case.rows()[:, None])
    yield Contestant(
        "XNNPACK",
        from_python(interpreter._interpreter.Invoke),  # what `invoke` calls, after a look at itself
        lambda: interpreter.get_tensor(ends[1])[:, 0],
        channels_last=True,
        keeps=interpreter,
    )


class Flatbuffer:
    """PAD where the padding is neither valid nor same, then the convolution, on (batch, 1, steps, channels)."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.depthwise = case.problem.groups == case.problem.channels > 1
        self._begin()

    def _begin(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.buffers = [schema.BufferT()]  # the empty one, of tensors without data
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[Any] = []

    def flatbuffer(self) -> bytes:
        s, case, p = self.schema, self.case, self.case.problem
        first = last = self._tensor("x", (case.batch, 1, case.steps, p.channels))
        left, right = p.pads(case.steps)
        same = (left, right) == self._same()
        if not same and (left or right):
            pads = self._constant("pads", np.array([[0, 0], [0, 0], [left, right], [0, 0]], np.int32))
            last = self._tensor("padded", (case.batch, 1, case.steps + left + right, p.channels))
            self._operator("PAD", [first, pads], last, "PadOptions", s.PadOptionsT())
        return self._finished(first, self._convolution(last, s.Padding.SAME if same else s.Padding.VALID))

    def _finished(self, first: int, last: int) -> bytes:
        """The model of all operators, from one tensor to another."""
        import flatbuffers

        s = self.schema
        graph, model = s.SubGraphT(), s.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [first], [last]
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, self.codes
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _same(self) -> tuple[int, int]:
        """What TensorFlow's SAME pads."""
        p = self.case.problem
        total = max(0, (-(-self.case.steps // p.stride) - 1) * p.stride + p.reach - self.case.steps)
        return total // 2, total - total // 2

    def _convolution(self, x: int, padding: int) -> int:
        s, case, p = self.schema, self.case, self.case.problem
        y = self._tensor("y", (case.batch, 1, case.outs, p.filters))
        if self.depthwise:
            kernel, options = case.kernel.reshape(1, 1, p.kernel_size, p.filters), s.DepthwiseConv2DOptionsT()
            options.depthMultiplier = p.group_filters
        else:
            kernel, options = case.kernel.transpose(2, 0, 1)[:, None], s.Conv2DOptionsT()
        options.padding, options.strideW, options.strideH = padding, p.stride, 1
        options.dilationWFactor, options.dilationHFactor = p.dilation, 1
        bias = np.zeros(p.filters, np.float32) if case.bias is None else case.bias  # LiteRT knows no layer without one
        inputs = [x, self._constant("kernel", kernel), self._constant("bias", bias)]
        kind = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if self.depthwise else ("CONV_2D", "Conv2DOptions")
        self._operator(kind[0], inputs, y, kind[1], options)
        return y

    def _tensor(self, name: str, shape: tuple[int, ...], data: int = 0, kind: str = "FLOAT32") -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), data
        tensor.type = getattr(self.schema.TensorType, kind)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _constant(self, name: str, array: Array) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self.buffers.append(buffer)
        kind = "INT32" if array.dtype == np.int32 else "FLOAT32"
        return self._tensor(name, array.shape, len(self.buffers) - 1, kind)

    def _operator(self, code: str, inputs: list[int], output: int, kind: str, options: Any) -> None:
        s = self.schema
        number, operator = s.OperatorCodeT(), s.OperatorT()
        number.builtinCode = number.deprecatedBuiltinCode = getattr(s.BuiltinOperator, code)
        number.version = 1
        self.codes.append(number)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes) - 1, inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = getattr(s.BuiltinOptions, kind), options
        self.operators.append(operator)
