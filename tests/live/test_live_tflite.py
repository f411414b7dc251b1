"""int8 beside TensorFlow Lite itself: tflite-micro's codes, and LiteRT's, of layers that are drawn; needs `live`.

Each is written as a .tflite by ai-edge-litert's schema and read by `codegen.read`, so that the importer is tried, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen

pytestmark = [pytest.mark.compiles, pytest.mark.live]

WAY = "needs the `live` extra: pip install ai-edge-litert tflite-micro"
schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=WAY)
litert = pytest.importorskip("ai_edge_litert.interpreter", reason=WAY)
micro = pytest.importorskip("tflite_micro", reason=WAY)
flatbuffers = pytest.importorskip("flatbuffers", reason=WAY)

ACTIVATIONS = (0, 1, 3)  # none, relu, relu6
LAYERS = (  # steps, channels, filters, taps, stride, dilation, same, depthwise
    (98, 40, 64, 3, 1, 1, True, False),
    (61, 9, 33, 5, 2, 1, True, False),
    (128, 25, 25, 7, 1, 4, False, False),
    (256, 32, 32, 16, 1, 1, True, False),
    (97, 64, 64, 9, 1, 1, True, True),
    (80, 4, 8, 4, 1, 1, False, True),
    (90, 64, 48, 1, 1, 1, False, False),
    (128, 1, 3, 31, 3, 1, True, False),
)
OUTPUTS = 300_000


def tensor(shape: tuple[int, ...], kind: int, buffer: int, scales: Any, zeros: Any, axis: int = 0) -> Any:
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = b"t%d" % buffer, list(shape), kind, buffer
    made.quantization = schema.QuantizationParametersT()
    made.quantization.scale, made.quantization.zeroPoint = [float(s) for s in scales], [int(z) for z in zeros]
    made.quantization.quantizedDimension = axis
    return made


def written(rng: np.random.Generator, layer: tuple[Any, ...], activation: int) -> bytes:
    """A model of one layer with weights, scales and zero points that are drawn."""
    steps, channels, filters, taps, stride, dilation, same, depthwise = layer
    outs = -(-steps // stride) if same else (steps - (taps - 1) * dilation - 1) // stride + 1
    shape = (1, 1, taps, filters) if depthwise else (filters, 1, taps, channels)
    w = rng.integers(-127, 128, shape).astype(np.int8)
    scales = rng.uniform(1e-3, 1e-2, filters).astype(np.float32)
    x_scale, y_scale = np.float32(rng.uniform(0.01, 0.1)), np.float32(rng.uniform(0.2, 1.0))
    bias = rng.integers(-3000, 3000, filters).astype(np.int32)
    types = schema.TensorType
    graph, model, operator, code = (
        getattr(schema, f"{n}T")() for n in ("SubGraph", "Model", "Operator", "OperatorCode")
    )
    buffers = [schema.BufferT() for _ in range(5)]
    for number, array in ((2, w), (3, bias)):
        buffers[number].data = np.frombuffer(array.tobytes(), np.uint8)
    graph.tensors = [
        tensor((1, 1, steps, channels), types.INT8, 1, [x_scale], [rng.integers(-128, 128)]),
        tensor(shape, types.INT8, 2, scales, [0] * filters, 3 if depthwise else 0),
        tensor((filters,), types.INT32, 3, x_scale * scales, [0] * filters),
        tensor((1, 1, outs, filters), types.INT8, 4, [y_scale], [rng.integers(-60, 60)]),
    ]
    word = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    options = getattr(schema, f"{word}T")()
    if depthwise:
        options.depthMultiplier = filters // channels
    options.padding = 0 if same else 1
    options.strideW, options.strideH, options.dilationWFactor, options.dilationHFactor = stride, 1, dilation, 1
    options.fusedActivationFunction = activation
    number = schema.BuiltinOperator.DEPTHWISE_CONV_2D if depthwise else schema.BuiltinOperator.CONV_2D
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = 3
    operator.inputs, operator.outputs, operator.builtinOptions = [0, 1, 2], [3], options
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, word)
    graph.inputs, graph.outputs, graph.operators = [0], [3], [operator]
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], buffers, [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def theirs(data: bytes, samples: Any) -> tuple[Any, Any]:
    """(tflite-micro's, LiteRT's by XNNPACK) outputs of each sample."""
    one, other = micro.runtime.Interpreter.from_bytes(data), litert.Interpreter(model_content=data, num_threads=1)
    other.allocate_tensors()
    place, made = other.get_input_details()[0]["index"], other.get_output_details()[0]["index"]
    double, fp32 = [], []
    for x in samples:
        one.set_input(x[None, None], 0)
        one.invoke()
        double.append(one.get_output(0)[0, 0])
        other.set_tensor(place, x[None, None])
        other.invoke()
        fp32.append(other.get_tensor(made)[0, 0].copy())
    return np.array(double), np.array(fp32)


def test_no_code_differs(tmp_path: Path) -> None:
    """0 of 300,000 outputs in each of two roundings."""
    rng, seen = np.random.default_rng(13), 0
    while seen < OUTPUTS:
        for number, layer in enumerate(LAYERS):
            path = tmp_path / "m.tflite"
            path.write_bytes(written(rng, layer, ACTIVATIONS[number % 3]))
            x = rng.integers(-128, 128, (4, *layer[:2])).astype(np.int8)
            double, fp32 = theirs(path.read_bytes(), x)
            model = codegen.read(path)
            (name,) = model
            assert np.count_nonzero(model[name](x) != double) == 0, layer
            weights = zip(model[name].spec.weight_shapes(), model[name].weights, strict=True)
            held = {f"{name}/{word}": array for word, array in weights}
            said = model.to_conv().replace("dtype = int8 }", "dtype = int8, rounding = fp32 }")
            assert np.count_nonzero(codegen.load(said, weights=held)[name](x) != fp32) == 0, layer
            seen += double.size
