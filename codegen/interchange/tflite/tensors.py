"""Tensors and operators of a .tflite file, as far as chains of int8 convolutions need them.

Source: tensorflow/lite/schema/schema.fbs, whose numbers of fields, types and operators these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.interchange.tflite.flat import Table, root
from codegen.problem.requantise import HIGHEST, LOWEST, Grid
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["OPERATORS", "File", "Operator", "Tensor"]

TYPES = {0: "float32", 2: "int32", 4: "int64", 9: "int8"}
OPERATORS = {
    3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 6: "DEQUANTIZE", 14: "LOGISTIC", 22: "RESHAPE", 28: "TANH", 34: "PAD",
    37: "BATCH_TO_SPACE_ND", 38: "SPACE_TO_BATCH_ND", 43: "SQUEEZE", 70: "EXPAND_DIMS", 114: "QUANTIZE",
}  # fmt: skip
MOST_AXES = 8
PLACEHOLDER = 127  # the older field of an operator's number says so where the newer one has it


@dataclass(frozen=True)
class Tensor:
    """`values` is None but for constants; `scales` and `zeros` are empty where it is not quantised."""

    place: str
    shape: tuple[int, ...]
    dtype: str
    scales: Array
    zeros: Array
    axis: int
    values: Array | None

    @property
    def grid(self) -> Grid:
        """Its one scale and zero point. Raises ConversionError where it has not just those."""
        if self.dtype != "int8" or len(self.scales) != 1 or len(self.zeros) != 1:
            raise ConversionError(f"{self.place}: expected int8 of one scale, got {self.dtype} of {len(self.scales)}")
        zero = int(self.zeros[0])
        if not LOWEST <= zero <= HIGHEST:
            raise ConversionError(f"{self.place}: a zero point of {zero} is no int8")
        return Grid(float(str(self.scales[0])), zero)


@dataclass(frozen=True)
class Operator:
    """`code` is its number in the schema; of `inputs` -1 is one that is left out."""

    place: str
    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    @property
    def name(self) -> str:
        return OPERATORS.get(self.code, f"builtin operator {self.code}")

    def option(self, field: int, kind: str, default: int = 0) -> int:
        """A number among its options."""
        return self.options.number(field, kind, default) if self.options else default


class File:
    """The only graph of a model."""

    def __init__(self, data: bytes, place: str) -> None:
        model = root(data, b"TFL3", place)
        graphs = model.tables(2, "subgraphs")
        if len(graphs) != 1:
            raise model.wrong(f"has {len(graphs)} graphs, expected one")
        self._buffers = model.tables(4, "buffers")
        self._tensors = graphs[0].tables(0, "tensors")
        self._codes = model.tables(1, "operator_codes")
        self.inputs = tuple(map(int, graphs[0].array(1, "i4")))
        self.outputs = tuple(map(int, graphs[0].array(2, "i4")))
        self.operators = [self._operator(table) for table in graphs[0].tables(3, "operators")]

    def _operator(self, table: Table) -> Operator:
        at = table.number(0, "I")
        if at >= len(self._codes):
            raise table.wrong(f"is of kind {at}, and there are {len(self._codes)}")
        code = self._codes[at]
        older = code.number(0, "b")
        number = code.number(3, "i") if older == PLACEHOLDER else max(older, code.number(3, "i"))
        inputs, outputs = (tuple(map(int, table.array(field, "i4"))) for field in (1, 2))
        return Operator(table.place, number, inputs, outputs, table.table(4, "options"))

    def tensor(self, at: int, place: str) -> Tensor:
        """Raises ConversionError for a number of none, for a type that is not known, and for a damaged one."""
        import numpy as np

        if not 0 <= at < len(self._tensors):
            raise ConversionError(f"{place}: names tensor {at}, and there are {len(self._tensors)}")
        table = self._tensors[at]
        shape = tuple(map(int, table.array(0, "i4")))
        if len(shape) > MOST_AXES or min(shape, default=1) < 1:
            raise table.wrong(f"has shape {shape[:MOST_AXES]}, expected sizes above 0")
        kind = TYPES.get(table.number(1, "b"))
        if kind is None:
            raise table.wrong(f"is of type {table.number(1, 'b')}, expected {', '.join(TYPES.values())}")
        how = table.table(4, "quantization")
        scales, zeros = (how.array(2, "f4"), how.array(3, "i8")) if how else (np.empty(0, "f4"), np.empty(0, "i8"))
        if not (np.isfinite(scales) & (scales > 0)).all():
            raise table.wrong("has a scale that is no number above 0")
        axis = how.number(6, "i") if how else 0
        return Tensor(table.place, shape, kind, scales, zeros, axis, self._values(table, shape, kind))

    def _values(self, table: Table, shape: tuple[int, ...], dtype: str) -> Array | None:
        from math import prod

        import numpy as np

        at = table.number(2, "I")
        if at >= len(self._buffers):
            raise table.wrong(f"lies in buffer {at}, and there are {len(self._buffers)}")
        buffer = self._buffers[at]
        if buffer.number(1, "Q") > 1:
            raise table.wrong("lies behind the model, as those of more than 2 GB do, which is not read")
        data = buffer.array(0, "u1")
        if not data.size:
            return None
        wanted = prod(shape) * np.dtype(dtype).itemsize
        if data.size != wanted:
            raise table.wrong(f"has {data.size:,} bytes of values, expected {wanted:,} for {dtype} of shape {shape}")
        return data.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)
