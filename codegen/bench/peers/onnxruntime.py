"""ONNX Runtime: a model of one Conv, arrays bound before the run; in 1-D, and in 2-D for its blocked layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.drivers import empty

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

NAME = "ONNX Runtime"
PACKAGE = "pip install onnxruntime onnx"


def version() -> str:
    import onnx
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    yield _contestant(case, threads, rank=1)
    yield _contestant(case, threads, rank=2)


def _contestant(case: Case, threads: int, rank: int) -> Contestant:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(_model(case, rank), options, providers=["CPUExecutionProvider"])
    y = empty(case).reshape(case.batch, case.problem.filters, case.outs)
    x = case.columns()
    rows = (1,) * (rank - 1)
    binding = session.io_binding()
    for bind, name, array in ((binding.bind_input, "x", x), (binding.bind_output, "y", y)):
        shape = [*array.shape[:2], *rows, array.shape[2]]
        bind(name, "cpu", 0, array.dtype.type, shape, array.ctypes.data)
    run, bound = session._sess.run_with_iobinding, binding._iobinding  # the public call looks at its arguments again
    call = from_python(lambda: run(bound, None))
    return Contestant(f"Conv {rank}-D", call, lambda: y, channels_last=False, keeps=(x, y, binding, session))


def _model(case: Case, rank: int) -> bytes:
    """y = Conv(x) on (batch, channels, steps), or on (batch, channels, 1, steps)."""
    from onnx import TensorProto, helper, numpy_helper

    p = case.problem
    ones, zeros = [1] * (rank - 1), [0] * (rank - 1)
    left, right = p.pads(case.steps)
    kernel: Array = case.filters_first().reshape(p.filters, p.group_channels, *ones, p.kernel_size)
    arrays = {"kernel": kernel} | ({} if case.bias is None else {"bias": case.bias})
    conv: Any = helper.make_node(
        "Conv",
        ["x", *arrays],
        ["y"],
        kernel_shape=[*ones, p.kernel_size],
        strides=[*ones, p.stride],
        dilations=[*ones, p.dilation],
        pads=[*zeros, left, *zeros, right],
        group=p.groups,
    )
    ends = [  # of a free layer a name stands for the length: it is not told either
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [case.batch, lanes, *ones, told if case.free else steps])
        for name, lanes, steps, told in (("x", p.channels, case.steps, "in"), ("y", p.filters, case.outs, "out"))
    ]
    graph = helper.make_graph(
        [conv], "bench", ends[:1], ends[1:], [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    text: bytes = model.SerializeToString()
    return text
