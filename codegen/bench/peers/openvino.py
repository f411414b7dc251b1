"""OpenVINO: a model of one convolution, latency hint, one stream; on its own layout, and between two transpositions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.drivers import empty

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

NAME = "OpenVINO"
PACKAGE = "pip install openvino"


def version() -> str:
    import openvino

    return f"openvino {openvino.__version__}"


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    yield _contestant(case, threads, rows=False)
    if case.problem.channels_last:
        yield _contestant(case, threads, rows=True)


def _contestant(case: Case, threads: int, *, rows: bool) -> Contestant:
    """With `rows`, the model has transpositions at both ends, for its compiler to elide."""
    x = case.rows() if rows else case.columns()
    y = empty(case).reshape(case.batch, *((case.outs, case.problem.filters)[:: 1 if rows else -1]))
    return asked(_model(case, rows=rows), threads, x, y, rows=rows, INFERENCE_PRECISION_HINT="f32")


def asked(model: Any, threads: int, x: Array, y: Array, *, rows: bool, **hints: str) -> Contestant:
    """A model of one input and one output, which lie in `x` and `y`; `hints` are OpenVINO's, beside those of all."""
    import openvino
    from openvino._pyopenvino import InferRequest

    settings = {"PERFORMANCE_HINT": "LATENCY", **hints, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    tensors = openvino.Tensor(x, shared_memory=True), openvino.Tensor(y, shared_memory=True)
    request.set_input_tensor(tensors[0])
    request.set_output_tensor(tensors[1])
    infer = partial(InferRequest.infer, request, tensors[0], True, False)  # what `infer` calls, after a look at itself
    variant = "rows" if rows else "columns"
    return Contestant(variant, from_python(infer), lambda: y, channels_last=rows, keeps=(x, y, tensors, request))


def _model(case: Case, *, rows: bool) -> Any:
    import numpy as np
    import openvino
    from openvino import opset13 as ops

    p = case.problem
    left, right = p.pads(case.steps)
    turn = np.array([0, 2, 1], np.int64)
    shape = [case.batch, case.steps, p.channels] if rows else [case.batch, p.channels, case.steps]
    x = ops.parameter(shape, np.float32, name="x")
    columns = ops.transpose(x, turn) if rows else x
    kernel = case.filters_first()
    if p.groups == 1:
        y = ops.convolution(columns, kernel, [p.stride], [left], [right], [p.dilation])
    else:
        grouped = kernel.reshape(p.groups, p.group_filters, p.group_channels, p.kernel_size)
        y = ops.group_convolution(columns, grouped, [p.stride], [left], [right], [p.dilation])
    if case.bias is not None:
        y = ops.add(y, case.bias.reshape(1, -1, 1))
    return openvino.Model([ops.transpose(y, turn) if rows else y], [x], "bench")
