"""ONNX' operations with weights: convolutions, products with matrices, normalizations. Source: onnx/defs/nn/defs.cc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call, Draw
from codegen.interchange.tensors import Tensor
from codegen.interchange.transposed import crops, ungrouped
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec
from codegen.specs.model_kinds import BatchNormalization, GroupNormalization, LayerNormalization, PReLU

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["LAYERS"]


def _steps_last(call: Call, x: Tensor) -> Tensor:
    """The input as (batch, channels, steps); axes of one number among the last stay."""
    if len(x.axes) > 3 and x.axes[:2] == "nc" and set(x.axes[2:]) <= {"t", "1"}:
        return x
    return call.drawing.ordered(x, "nct")


def _kernel(call: Call, x: Tensor) -> Array:
    """The weight as (taps, channels, filters) of the tensor's steps, the other axes of one number."""
    weight = call.weights(1, "weights")
    places = x.axes[2:]
    if weight.ndim != len(x.axes):
        raise ConversionError(f"has weights of shape {weight.shape} with {x}")
    for at, letter in enumerate(places):
        if letter != "t" and weight.shape[2 + at] != 1:
            raise ConversionError(f"has weights of shape {weight.shape}: only convolutions along one axis are served")
    taps = next((weight.shape[2 + at] for at, letter in enumerate(places) if letter == "t"), 1)
    return weight.reshape(weight.shape[0], weight.shape[1], taps).transpose(2, 1, 0)


def _bias(call: Call, at: int = 2) -> dict[str, Array]:
    return {} if call.maybe(at, "bias") is None else {"bias": call.weights(at, "bias", 1)}


def _padding(call: Call, x: Tensor) -> str | tuple[int, int]:
    auto = call.text("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "VALID"):
        return "same" if auto == "SAME_UPPER" else "valid"
    if auto != "NOTSET":
        raise ConversionError(f"has auto_pad = {auto}, expected NOTSET")
    sides = call.sides(x)
    return sides if any(sides) else "valid"


def _conv(call: Call) -> Tensor:
    x = _steps_last(call, call.tensor())
    kernel, bias = _kernel(call, x), _bias(call)
    fields: dict[str, Any] = {
        "filters": kernel.shape[2],
        "kernel_size": kernel.shape[0],
        "strides": call.along(x, call.sizes("strides"), 1, "strides"),
        "dilation_rate": call.along(x, call.sizes("dilations"), 1, "dilations"),
        "groups": call.whole("group", 1),
        "padding": _padding(call, x),
        "use_bias": bool(bias),
    }
    return call.drawing.layer(Conv1DSpec, call.name, x, {"kernel": kernel, **bias}, **fields)


def _conv_transpose(call: Call) -> Tensor:
    x = _steps_last(call, call.tensor())
    if call.sizes("output_shape") is not None:
        raise ConversionError("has an output_shape, expected pads")
    call.demand("auto_pad", "NOTSET")
    kernel, bias, groups = _kernel(call, x), _bias(call), call.whole("group", 1)
    kernel = ungrouped(kernel, groups)
    strides = call.along(x, call.sizes("strides"), 1, "strides")
    more = call.along(x, call.sizes("output_padding"), 0, "output_padding")
    padding, more = crops(call.sides(x), more, strides)
    fields: dict[str, Any] = {
        "filters": kernel.shape[1],
        "kernel_size": kernel.shape[0],
        "strides": strides,
        "dilation_rate": call.along(x, call.sizes("dilations"), 1, "dilations"),
        "padding": padding,
        "output_padding": more,
        "use_bias": bool(bias),
    }
    return call.drawing.layer(Conv1DTransposeSpec, call.name, x, {"kernel": kernel, **bias}, **fields)


def _causal(call: Call) -> list[Tensor | None]:
    """CausalConvWithState: the past rows are a stream's state, zeros at first; silu by the attribute."""
    x = call.drawing.ordered(call.tensor(), "nct")
    weight = call.weights(1, "weights", 3)
    if weight.shape[1] != 1:
        raise ConversionError(f"has weights of shape {weight.shape}, expected (channels, 1, taps)")
    activation = call.text("activation", "none")
    if activation not in ("none", "silu", "swish"):
        raise ConversionError(f"has activation = {activation}, expected none, silu or swish")
    past = call.inputs[3] if len(call.inputs) > 3 else None
    if isinstance(past, Tensor) or (past is not None and past.any()):
        raise ConversionError("has a past that is neither an input nor zeros; put it before the input instead")
    arrays = {"kernel": weight.transpose(2, 0, 1), **_bias(call)}
    fields = {"kernel_size": weight.shape[2], "padding": "causal", "use_bias": "bias" in arrays}
    made = call.drawing.layer(DepthwiseConv1DSpec, call.name, x, arrays, **fields)
    return [made if activation == "none" else call.drawing.activation("silu", made), None]


def _gemm(call: Call) -> Tensor:
    x, kernel = call.tensor(), call.weights(1, "weights", 2)
    call.demand("transA", 0)
    kernel = kernel.T if call.whole("transB", 0) else kernel
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    bias = None if call.maybe(2, "bias") is None else call.weights(2, "bias").reshape(-1)
    if bias is not None and bias.size == 1:
        bias = bias.repeat(kernel.shape[1])
    bias = bias * bias.dtype.type(beta) if bias is not None and beta != 1 else bias
    return call.drawing.dense(call.name, x, kernel * kernel.dtype.type(alpha) if alpha != 1 else kernel, bias)


def _normalized(call: Call) -> Tensor:
    x = call.tensor()
    call.demand("training_mode", 0)
    if len(x.axes) < 2 or x.axes[1] != "c":
        raise ConversionError(f"goes over axis 1 of {x}, expected the channels")
    words = ("gamma", "beta", "moving_mean", "moving_variance")
    arrays = {word: call.weights(at, word, 1) for at, word in enumerate(words, 1)}
    return call.drawing.layer(BatchNormalization, call.name, x, arrays, epsilon=call.number("epsilon", 1e-5))


def _over_groups(call: Call) -> Tensor:
    """InstanceNormalization, a group for each channel; GroupNormalization."""
    x = call.drawing.ordered(call.tensor(), "nct")
    groups = x.channels if call.node.kind == "InstanceNormalization" else call.whole("num_groups", 1)
    arrays = {"gamma": call.weights(1, "scale", 1), "beta": call.weights(2, "bias", 1)}
    if len(arrays["gamma"]) != x.channels:  # one a group, before opset 21
        arrays = {word: array.repeat(x.channels // len(array)) for word, array in arrays.items()}
    epsilon = call.number("epsilon", 1e-5)
    return call.drawing.layer(GroupNormalization, call.name, x, arrays, groups=groups, epsilon=epsilon)


def _each_step(call: Call) -> Tensor:
    x = call.tensor()
    axis = call.axis(-1)
    if call.letter(x, axis) != "c" or axis not in (-1, len(x.axes) - 1):
        raise ConversionError(f"goes over axis {axis} of {x}, expected the channels as the last")
    arrays = {"gamma": call.weights(1, "scale", 1)}
    if call.maybe(2, "bias") is not None:
        arrays["beta"] = call.weights(2, "bias", 1)
    fields = {"epsilon": call.number("epsilon", 1e-5), "center": "beta" in arrays}
    return call.drawing.layer(LayerNormalization, call.name, x, arrays, **fields)


def _prelu(call: Call) -> Tensor:
    x, slope = call.tensor(), call.weights(1, "slope")
    if slope.size not in (1, x.channels):
        raise ConversionError(f"has slopes of shape {slope.shape}, expected one for each channel")
    shared = slope.size == 1 < x.channels
    return call.drawing.layer(PReLU, call.name, x, {"alpha": slope.reshape(-1)}, shared=shared)


LAYERS: dict[str, Draw] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "CausalConvWithState": _causal,
    "Gemm": _gemm,
    "BatchNormalization": _normalized,
    "InstanceNormalization": _over_groups,
    "GroupNormalization": _over_groups,
    "LayerNormalization": _each_step,
    "PRelu": _prelu,
}
