"""LiteRT (TensorFlow Lite) with XNNPACK in int8: the flatbuffer of floats, its tensors with scales and zero points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.peers.litert import NAME, PACKAGE, Flatbuffer, version
from codegen.bench.whole.case import INPUT_SCALE, INPUT_ZERO, OUTPUT_SCALE, OUTPUT_ZERO

if TYPE_CHECKING:
    from codegen.bench.case import Case
    from codegen.bench.whole.case import Whole

__all__ = ["NAME", "PACKAGE", "contestants", "version"]

GRIDS = {"x": (INPUT_SCALE, INPUT_ZERO), "padded": (INPUT_SCALE, INPUT_ZERO), "y": (OUTPUT_SCALE, OUTPUT_ZERO)}


def contestants(case: Whole, threads: int) -> Iterator[Contestant]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=_Codes(case).flatbuffer(), num_threads=threads)
    interpreter.allocate_tensors()
    ends = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(ends[0], case.rows()[:, None])
    interpreter.invoke()
    call = from_python(interpreter._interpreter.Invoke)  # what `invoke` calls, after a look at itself
    yield Contestant(
        "XNNPACK", call, lambda: interpreter.get_tensor(ends[1])[:, 0], channels_last=True, keeps=interpreter
    )


class _Numbers:
    """What the flatbuffer reads of a case, from one in whole numbers."""

    def __init__(self, case: Whole) -> None:
        self.problem, self.batch, self.steps, self.outs = case.problem, case.case.batch, case.case.steps, case.case.outs
        self.kernel, self.bias = case.kernel, case.bias


class _Codes(Flatbuffer):
    """The model of floats with int8 tensors."""

    def __init__(self, case: Whole) -> None:
        super().__init__(cast("Case", _Numbers(case)))
        self.scales = case.scales

    def _tensor(self, name: str, shape: tuple[int, ...], data: int = 0, kind: str = "INT8") -> int:
        if name == "pads":
            return super()._tensor(name, shape, data, "INT32")
        number = super()._tensor(name, shape, data, "INT32" if name == "bias" else "INT8")
        made = self.schema.QuantizationParametersT()
        if name in GRIDS:
            made.scale, made.zeroPoint = ([one] for one in GRIDS[name])
        else:
            factor = np.float32(INPUT_SCALE if name == "bias" else 1)
            made.scale = np.asarray(self.scales * factor, np.float32).tolist()
            made.zeroPoint = [0] * len(made.scale)
            made.quantizedDimension = (
                3 if shape[0] == 1 and len(shape) == 4 and name == "kernel" and self.depthwise else 0
            )
        self.tensors[number].quantization = made
        return number

    def _operator(self, code: str, inputs: list[int], output: int, kind: str, options: Any) -> None:
        super()._operator(code, inputs, output, kind, options)
        self.codes[-1].version = 2 if code == "PAD" else 3
