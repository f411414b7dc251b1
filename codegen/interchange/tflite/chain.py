"""A .tflite chain as layers of int8: convolutions of height 1, with what TensorFlow puts around them for Conv1D."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.interchange.ledger import Ledger
from codegen.interchange.sketch import Imported, layer_names
from codegen.interchange.stranger import bytes_of
from codegen.interchange.tflite.tensors import File, Operator, Tensor
from codegen.problem.requantise import Grid
from codegen.specs.kinds import Conv1DSpec, DepthwiseConv1DSpec, Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["read"]

LARGEST = 64 << 20  # bytes
SAME = 0  # of Conv2DOptions.padding
ACTIVATIONS = {0: "linear", 1: "relu", 3: "relu6"}  # fused ones, by schema.fbs
BIAS_NEAR = 1e-3  # how far a bias' scale may be from the product of the others, of it
ROUNDING = "rounding = double is that of TensorFlow Lite Micro; LiteRT by default has fp32, which a layer can say"


def read(path: Path, shown: str, ledger: Ledger) -> Imported:
    """The layers of the file. Raises ConversionError, or keeps in the ledger, what is no such chain."""
    try:
        file = File(bytes_of(path, LARGEST), "model")
        walk = Walk(file, "model")
    except ConversionError as wrong:
        raise ConversionError(f"{shown}: {wrong}") from None
    for operator in file.operators:
        with ledger.at(operator.place, operator.name):
            walk.take(operator)
        walk.at = operator.outputs[0] if operator.outputs else -1
    ledger.settle()
    return walk.imported()


@dataclass
class Made:
    """A layer that is read, but for what operators behind it say."""

    kind: type[Spec]
    fields: dict[str, Any]
    arrays: Mapping[str, Array]


@dataclass
class Walk:
    """From the input on: the tensor `at`, the `steps` that the next layer reads, its pads, its dilation in batches."""

    file: File
    place: str
    at: int = -1
    steps: int = 0
    pads: tuple[int, int] = (0, 0)
    batches: int = 1
    made: list[Made] = field(default_factory=list)
    notes: list[str] = field(default_factory=lambda: [ROUNDING])

    def __post_init__(self) -> None:
        if len(self.file.inputs) != 1 or len(self.file.outputs) != 1:
            told = f"{len(self.file.inputs)} inputs and {len(self.file.outputs)} outputs"
            raise ConversionError(f"{self.place}: has {told}, expected a chain of one each")
        self.at = self.file.inputs[0]
        self.steps, _ = _row(self.file.tensor(self.at, self.place))

    def take(self, operator: Operator) -> None:
        """One operator. Raises ConversionError."""
        way = WAYS.get(operator.code)
        if way is None:
            raise ConversionError("is not read: only chains of int8 convolutions are")
        if not operator.inputs or operator.inputs[0] != self.at or len(operator.outputs) != 1:
            raise ConversionError("does not read what the one before it makes: this is no chain")
        way(self, operator)

    def tensors(self, operator: Operator) -> tuple[Tensor, Tensor]:
        """What it reads and what it makes."""
        return tuple(self.file.tensor(at, operator.place) for at in (self.at, operator.outputs[0]))  # type: ignore[return-value]  # two

    def constant(self, operator: Operator, number: int) -> Array:
        """The values of one of its inputs."""
        at = operator.inputs[number] if number < len(operator.inputs) else -1
        found = self.file.tensor(at, operator.place)
        if found.values is None:
            raise ConversionError(f"its input {number} is no constant")
        return found.values

    def imported(self) -> Imported:
        """The layers. Raises ConversionError where there are none, or the chain ends elsewhere."""
        if not self.made or self.at != self.file.outputs[0] or self.pads != (0, 0) or self.batches != 1:
            raise ConversionError(f"{self.place}: is no chain of convolutions from its input to its output")
        names, layers, arrays = layer_names(), [], {}
        for one in self.made:
            spec = one.kind(name=names.fresh("conv" if one.kind is Conv1DSpec else "depthwise"), **one.fields)
            layers.append(spec)
            arrays[spec.name] = one.arrays
        return Imported({}, arrays, "tflite", tuple(dict.fromkeys(self.notes)), tuple(layers))


def _row(tensor: Tensor, batches: int = 1) -> tuple[int, int]:
    """(steps, channels) of a tensor whose other sizes are 1, or so many batches."""
    if len(tensor.shape) < 2 or prod(tensor.shape[:-2]) != batches:
        raise ConversionError(
            f"{tensor.place}: expected (1, steps, channels) or (1, 1, steps, channels), got {tensor.shape}"
        )
    return tensor.shape[-2], tensor.shape[-1]


def _kept(walk: Walk, operator: Operator) -> None:
    """Other axes, the same numbers in the same order."""
    before, after = walk.tensors(operator)
    if _row(before, walk.batches) != _row(after, walk.batches) or before.grid != after.grid:
        raise ConversionError(f"makes {after.shape} of {before.shape}, expected the same steps and channels")


def _ends(tensor: Tensor, ends: Array) -> tuple[int, int]:
    """The numbers before and after along the steps, of an array with those of every axis or of the last ones."""
    pairs = ends.reshape(-1, 2).tolist()
    steps = pairs.pop(-2 if len(pairs) == len(tensor.shape) else -1)
    if any(map(any, pairs)) or min(steps) < 0:
        raise ConversionError("pads or cuts another axis than the steps")
    return steps[0], steps[1]


def _padded(walk: Walk, operator: Operator) -> None:
    before, after = walk.tensors(operator)
    if before.grid != after.grid or walk.batches != 1:
        raise ConversionError("changes the scale, or lies within a dilation")
    left, right = _ends(before, walk.constant(operator, 1))
    walk.pads = walk.pads[0] + left, walk.pads[1] + right


def _to_batches(walk: Walk, operator: Operator) -> None:
    """A dilation by d: d batches of every d-th step."""
    before, after = walk.tensors(operator)
    *others, batches = walk.constant(operator, 1).ravel().tolist()
    if walk.batches != 1 or any(one != 1 for one in others) or batches < 1 or before.grid != after.grid:
        raise ConversionError("splits another axis than the steps, or within another split")
    left, right = _ends(before, walk.constant(operator, 2))
    walk.pads, walk.batches = (walk.pads[0] + left, walk.pads[1] + right), batches


def _of_batches(walk: Walk, operator: Operator) -> None:
    before, after = walk.tensors(operator)
    *others, batches = walk.constant(operator, 1).ravel().tolist()
    left, right = _ends(after, walk.constant(operator, 2))
    one = walk.made[-1] if walk.made else None
    if walk.batches == 1 or batches != walk.batches or any(one != 1 for one in others) or before.grid != after.grid:
        raise ConversionError("joins batches that were not split so")
    if one is None or left or one.fields["padding"][1] < right:
        raise ConversionError("cuts more than what was padded")
    one.fields["padding"] = one.fields["padding"][0], one.fields["padding"][1] - right
    walk.batches, (walk.steps, _) = 1, _row(after)


def _quantised(walk: Walk, operator: Operator) -> None:
    before, _ = walk.tensors(operator)
    if walk.made or before.dtype != "float32":
        raise ConversionError("between two layers is not read: only floats to codes before the first one are")
    walk.notes.append("the file takes floats: quantize them, (x / input_scale) + input_zero_point")


def _dequantised(walk: Walk, operator: Operator) -> None:
    if operator.outputs[0] != walk.file.outputs[0]:
        raise ConversionError("between two layers is not read: only codes to floats behind the last one are")
    walk.notes.append("the file gives floats: (y - output_zero_point) * output_scale")


def _looked_up(word: str) -> Callable[[Walk, Operator], None]:
    def way(walk: Walk, operator: Operator) -> None:
        before, after = walk.tensors(operator)
        one = walk.made[-1] if walk.made else None
        if one is None or one.fields["activation"] != "linear" or walk.batches != 1:
            raise ConversionError("follows no convolution without an activation")
        one.fields |= {"activation": word, **_said("sum", before.grid), **_said("output", after.grid)}

    return way


def _convolution(walk: Walk, operator: Operator) -> None:
    w = _kernel(walk, operator, axis=0)
    filters, _, taps, each = w.shape
    before, _ = walk.tensors(operator)
    _, channels = _row(before, walk.batches)
    if channels % each:
        raise ConversionError(f"its kernel reads {each} channels, and there are {channels}")
    kernel = w[:, 0].transpose(1, 2, 0)
    sizes = {"filters": filters, "kernel_size": taps, "groups": channels // each}
    _layer(walk, operator, Conv1DSpec, kernel, sizes, fused=3, dilated=4)


def _each_channel(walk: Walk, operator: Operator) -> None:
    w = _kernel(walk, operator, axis=3)
    before, _ = walk.tensors(operator)
    _, channels = _row(before, walk.batches)
    if w.shape[0] != 1 or w.shape[3] % channels:
        raise ConversionError(f"its kernel has shape {w.shape}, and there are {channels} channels")
    kernel = w[0, 0].reshape(w.shape[2], channels, -1)
    sizes = {"kernel_size": w.shape[2], "depth_multiplier": kernel.shape[2]}
    _layer(walk, operator, DepthwiseConv1DSpec, kernel, sizes, fused=4, dilated=5)


def _kernel(walk: Walk, operator: Operator, axis: int) -> Array:
    """The int8 weights, (filters, 1, taps, channels), or (1, 1, taps, filters) of a depthwise one."""
    tensor = walk.file.tensor(operator.inputs[1] if len(operator.inputs) > 1 else -1, operator.place)
    if tensor.dtype != "int8" or tensor.values is None or len(tensor.shape) != 4 or tensor.shape[1] != 1:
        raise ConversionError(
            f"its kernel is {tensor.dtype} of shape {tensor.shape}, expected int8 of height 1, constant"
        )
    fits = len(tensor.scales) in (1, tensor.shape[axis]) and (len(tensor.scales) == 1 or tensor.axis == axis)
    if not fits or tensor.zeros.any():
        raise ConversionError("its kernel's scales are not one a filter, with zero points of 0")
    return tensor.values


def _layer(
    walk: Walk, operator: Operator, kind: type[Spec], kernel: Array, sizes: dict[str, int], *, fused: int, dilated: int
) -> None:
    before, after = walk.tensors(operator)
    x, y = before.grid, after.grid
    _, channels = _row(before, walk.batches)
    activation = ACTIVATIONS.get(operator.option(fused, "b"))
    if activation is None:
        raise ConversionError(f"its activation {operator.option(fused, 'b')} is not read")
    dilation = operator.option(dilated, "i", 1) * walk.batches
    same = operator.option(0, "b") == SAME
    if same and walk.pads != (0, 0):
        raise ConversionError("pads what is padded already")
    import numpy as np

    scales = walk.file.tensor(operator.inputs[1], operator.place).scales
    filters = kernel.shape[1] * kernel.shape[2] if kind is DepthwiseConv1DSpec else kernel.shape[2]
    arrays = {"kernel": kernel, "kernel_scale": np.broadcast_to(scales, (filters,)).astype(np.float32)}
    bias = _bias(walk, operator, x, arrays["kernel_scale"])
    arrays |= {} if bias is None else {"bias": bias}
    fields = {
        "input_shape": (walk.steps, channels), "strides": operator.option(1, "i"), "dilation_rate": dilation,
        "padding": "same" if same else walk.pads, "activation": activation, "use_bias": bias is not None,
        "dtype": "int8", **sizes, **_said("input", x), **_said("output", y),
    }  # fmt: skip
    spec = kind(name="layer", **fields)  # refuses here, with the operator's place, what no layer may be
    steps, made = _row(after, walk.batches)
    if walk.batches == 1 and (steps, made) != (spec.problem.out_steps(walk.steps), spec.problem.filters):
        raise ConversionError(f"makes {steps} steps of {made} channels, which it does not of {walk.steps} steps")
    walk.made.append(Made(kind, fields, arrays))
    walk.pads, walk.steps = (0, 0), steps


def _bias(walk: Walk, operator: Operator, x: Grid, scales: Array) -> Array | None:
    """The int32 bias, None without one."""
    import numpy as np

    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return None
    tensor = walk.file.tensor(operator.inputs[2], operator.place)
    if tensor.dtype != "int32" or tensor.values is None or tensor.shape != scales.shape:
        raise ConversionError(f"its bias is {tensor.dtype} of shape {tensor.shape}, expected int32 of {scales.shape}")
    expected, told = np.float32(x.scale) * scales, tensor.scales
    fits = len(told) in (0, 1, len(expected))
    if not fits or (len(told) and not (np.abs(told - expected) <= BIAS_NEAR * expected).all()):
        raise ConversionError("its bias' scale is not that of the input times the kernel's")
    return tensor.values


def _said(of: str, grid: Grid) -> dict[str, Any]:
    return {f"{of}_scale": grid.scale, f"{of}_zero_point": grid.zero_point}


WAYS: dict[int, Callable[[Walk, Operator], None]] = {
    3: _convolution,
    4: _each_channel,
    6: _dequantised,
    14: _looked_up("sigmoid"),
    22: _kept,
    28: _looked_up("tanh"),
    34: _padded,
    37: _of_batches,
    38: _to_batches,
    43: _kept,
    70: _kept,
    114: _quantised,
}
