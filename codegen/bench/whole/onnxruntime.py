"""ONNX Runtime in int8: QLinearConv of codes with and without a sign, in 1-D, in 2-D, and on steps in rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.peers.onnxruntime import NAME, PACKAGE, version
from codegen.bench.whole.case import INPUT_SCALE, INPUT_ZERO, OUTPUT_SCALE, OUTPUT_ZERO, aligned

if TYPE_CHECKING:
    from codegen.bench.whole.case import Whole

__all__ = ["NAME", "PACKAGE", "contestants", "version"]

VARIANTS = ((1, False), (2, False), (2, True))  # axes of steps, whether the channels are last
MICROSOFT = "com.microsoft"


def contestants(case: Whole, threads: int) -> Iterator[Contestant]:
    for rank, rows in VARIANTS:
        for dtype in ("uint8", "int8"):
            yield _contestant(case, threads, rank, dtype, rows=rows)


def _contestant(case: Whole, threads: int, rank: int, dtype: str, *, rows: bool) -> Contestant:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    model = _model(case, rank, dtype, rows=rows)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    x, shape = case.rows(dtype) if rows else case.columns(dtype), (case.case.outs, case.problem.filters)
    y = aligned(np.zeros((case.case.batch, *(shape if rows else shape[::-1])), dtype))
    binding = session.io_binding()
    for bind, name, array in ((binding.bind_input, "x", x), (binding.bind_output, "y", y)):
        bind(name, "cpu", 0, array.dtype.type, _axes(array.shape, rank, rows), array.ctypes.data)
    run, bound = session._sess.run_with_iobinding, binding._iobinding  # the public call looks at its arguments again
    call = from_python(lambda: run(bound, None))
    variant = f"{dtype}, {rank}-D{', rows' if rows else ''}"
    return Contestant(variant, call, lambda: y, channels_last=rows, keeps=(x, y, binding, session))


def _axes(shape: tuple[int, ...], rank: int, rows: bool) -> list[int]:
    ones = [1] * (rank - 1)
    return [shape[0], *ones, *shape[1:]] if rows else [*shape[:2], *ones, shape[2]]


def _model(case: Whole, rank: int, dtype: str, *, rows: bool) -> bytes:
    """y = QLinearConv(x), of which `rows` is Microsoft's own operator."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    p, ones = case.problem, [1] * (rank - 1)
    left, right = p.pads(case.case.steps)
    more = 128 if dtype == "uint8" else 0
    kernel = np.ascontiguousarray(case.kernel.transpose(2, 1, 0)).reshape(p.filters, -1, *ones, p.kernel_size)
    arrays = {
        "x_scale": np.float32(INPUT_SCALE),
        "x_zero": np.array(INPUT_ZERO + more, dtype),
        "kernel": kernel,
        "kernel_scale": case.scales,
        "kernel_zero": np.zeros(p.filters, np.int8),
        "y_scale": np.float32(OUTPUT_SCALE),
        "y_zero": np.array(OUTPUT_ZERO + more, dtype),
        "bias": case.bias,
    }
    how: dict[str, Any] = {"kernel_shape": [*ones, p.kernel_size], "strides": [*ones, p.stride], "group": p.groups}
    how |= {"dilations": [*ones, p.dilation], "pads": [*(0 for _ in ones), left, *(0 for _ in ones), right]}
    own: dict[str, Any] = {"domain": MICROSOFT, "channels_last": 1} if rows else {}
    node = helper.make_node("QLinearConv", ["x", *arrays], ["y"], **how, **own)
    kind = TensorProto.UINT8 if more else TensorProto.INT8
    lanes = ((p.channels, case.case.steps), (p.filters, case.case.outs))
    shapes = [_axes((case.case.batch, *(one[::-1] if rows else one)), rank, rows) for one in lanes]
    ends = [helper.make_tensor_value_info(name, kind, shape) for name, shape in zip("xy", shapes, strict=True)]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph([node], "bench", ends[:1], ends[1:], held)
    sets = [helper.make_opsetid("", 17), *([helper.make_opsetid(MICROSOFT, 1)] if rows else [])]
    model = helper.make_model(graph, opset_imports=sets)
    model.ir_version = 8
    text: bytes = model.SerializeToString()
    return text
