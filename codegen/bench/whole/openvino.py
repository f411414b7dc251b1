"""OpenVINO in int8: a convolution between scalings, which its compiler makes one of codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant
from codegen.bench.peers.openvino import NAME, PACKAGE, asked, version
from codegen.bench.whole.case import INPUT_SCALE, INPUT_ZERO, OUTPUT_SCALE, OUTPUT_ZERO, aligned

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.bench.whole.case import Whole

__all__ = ["NAME", "PACKAGE", "contestants", "version"]


def contestants(case: Whole, threads: int) -> Iterator[Contestant]:
    for rows in (False, True):
        yield _contestant(case, threads, rows=rows)


def _contestant(case: Whole, threads: int, *, rows: bool) -> Contestant:
    """With `rows`, the model has transpositions at both ends, for its compiler to elide."""
    import numpy as np

    x = case.rows("uint8") if rows else case.columns("uint8")
    shape = (case.case.batch, case.case.outs, case.problem.filters)
    y = aligned(np.zeros(shape if rows else (shape[0], shape[2], shape[1]), np.uint8))
    return asked(_model(case, rows=rows), threads, x, y, rows=rows)


def _model(case: Whole, *, rows: bool) -> Any:
    import numpy as np
    import openvino
    from openvino import opset13 as ops

    p = case.problem
    left, right = p.pads(case.case.steps)
    turn, zero = np.array([0, 2, 1], np.int64), np.float32(128 + INPUT_ZERO)
    lanes, steps = p.channels, case.case.steps
    x = ops.parameter([case.case.batch, *((steps, lanes) if rows else (lanes, steps))], np.uint8, name="x")
    numbers = ops.multiply(ops.subtract(ops.convert(x, "f32"), zero), np.float32(INPUT_SCALE))
    columns = ops.transpose(numbers, turn) if rows else numbers
    kernel: Array = np.ascontiguousarray(case.kernel.transpose(2, 1, 0))
    scales: Array = case.scales.reshape(-1, 1, 1)
    if p.groups > 1:
        parts = (p.groups, p.group_filters)
        kernel, scales = kernel.reshape(*parts, *kernel.shape[1:]), scales.reshape(*parts, 1, 1)
    weights = ops.multiply(ops.convert(ops.constant(kernel), "f32"), scales)
    convolution = ops.convolution if p.groups == 1 else ops.group_convolution
    y = convolution(columns, weights, [p.stride], [left], [right], [p.dilation])
    y = ops.add(y, (case.bias * case.scales * np.float32(INPUT_SCALE)).reshape(1, -1, 1).astype(np.float32))
    ends = (np.float32(code - 128 - OUTPUT_ZERO) * np.float32(OUTPUT_SCALE) for code in (0, 255))
    y = ops.convert(ops.fake_quantize(y, *ends, np.float32(0), np.float32(255), 256), "u8")
    return openvino.Model([ops.transpose(y, turn) if rows else y], [x], "bench")
