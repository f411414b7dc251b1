"""PyTorch's layers in our words, whether a module has their arrays or a call of a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.interchange.begun import First, begun
from codegen.interchange.drawing import Drawing
from codegen.interchange.resampled import interpolated
from codegen.interchange.tensors import Tensor, Unserved
from codegen.interchange.transposed import crops, ungrouped
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    Recurrent,
    SimpleRNN,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = [
    "EXAMPLE",
    "PADDED",
    "PADS",
    "batch_norm",
    "conv",
    "conv_transpose",
    "demand_zeros",
    "group_norm",
    "layer_norm",
    "linear",
    "one",
    "pooled",
    "prelu",
    "rnn",
    "upsampled",
]

EXAMPLE = "give an input as example=torch.zeros(1, channels, steps)"
PADS = {"circular": "wrap", "reflect": "reflect", "replicate": "replicate", "constant": "pad", "zeros": "pad"}
PADDED = "pads with {0}, expected 0; write pad(x - v) + v for a finite v"
FIRST = "nct"
RECURRENT: dict[str, tuple[type[Recurrent], dict[str, Any]]] = {
    "lstm": (LSTM, {}),
    "gru": (GRU, {}),
    "rnn_tanh": (SimpleRNN, {}),
    "rnn_relu": (SimpleRNN, {"activation": "relu"}),
}
GATES = {LSTM: (0, 1, 2, 3), GRU: (1, 0, 2), SimpleRNN: (0,)}  # z, r, h of their r, z, n


def one(value: Any) -> int:
    """A number, or a list of one."""
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(found) != 1 or not isinstance(found[0], int) or isinstance(found[0], bool):
        raise ConversionError(f"has {value} where one number is expected")
    return found[0]


def conv(
    drawing: Drawing,
    name: str,
    x: Tensor,
    weight: Array,
    bias: Array | None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    mode: str = "zeros",
) -> Tensor:
    """A Conv1d; `weight` is (filters, channels/groups, taps)."""
    if weight.ndim != 3:
        raise ConversionError(f"has a weight of {weight.ndim} axes, expected a convolution along one axis")
    x = drawing.ordered(x, FIRST)
    fields: dict[str, Any] = {"strides": one(stride), "dilation_rate": one(dilation), "groups": groups}
    if isinstance(padding, str):
        reach = one(dilation) * (weight.shape[2] - 1) if padding == "same" else 0
        sides, told = (reach // 2, reach - reach // 2), padding
    else:
        sides = one(padding), one(padding)
        told = "valid"
    if mode != "zeros" and any(sides):
        if mode not in PADS:
            way = "pad by concatenation before the model, and give padding=0"
            raise ConversionError(f"has padding_mode={mode!r}, expected zeros, reflect, replicate or circular; {way}")
        x = drawing.call(PADS[mode], x, left=sides[0], right=sides[1])
    elif any(sides) or told == "same":
        fields["padding"] = told if told == "same" else sides
    kernel = weight.transpose(2, 1, 0)
    fields |= {"filters": kernel.shape[2], "kernel_size": kernel.shape[0], "use_bias": bias is not None}
    return drawing.layer(Conv1DSpec, name, x, {"kernel": kernel} | _bias(bias), **fields)


def conv_transpose(
    drawing: Drawing,
    name: str,
    x: Tensor,
    weight: Array,
    bias: Array | None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """A ConvTranspose1d; `weight` is (channels, filters/groups, taps)."""
    if weight.ndim != 3:
        raise ConversionError(f"has a weight of {weight.ndim} axes, expected a convolution along one axis")
    kernel = ungrouped(weight.transpose(2, 1, 0), groups)
    sides, more = crops((one(padding), one(padding)), one(output_padding), one(stride))
    fields: dict[str, Any] = {"strides": one(stride), "dilation_rate": one(dilation), "padding": sides}
    fields |= {"filters": kernel.shape[1], "kernel_size": kernel.shape[0], "output_padding": more}
    x = drawing.ordered(x, FIRST)
    arrays = {"kernel": kernel} | _bias(bias)
    return drawing.layer(Conv1DTransposeSpec, name, x, arrays, use_bias=bias is not None, **fields)


def _bias(bias: Array | None) -> dict[str, Array]:
    return {} if bias is None else {"bias": bias}


def _scaled(gamma: Array | None, beta: Array | None) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays = {} if gamma is None else {"gamma": gamma}
    return arrays | ({} if beta is None else {"beta": beta}), {"scale": gamma is not None, "center": beta is not None}


def batch_norm(drawing: Drawing, name: str, x: Tensor, found: Sequence[Array | None], eps: float) -> Tensor:
    """A BatchNorm1d as it is after training; `found` are weight, bias, mean and variance."""
    gamma, beta, mean, variance = found
    if mean is None or variance is None:
        raise ConversionError("takes means of each batch, expected track_running_stats=True")
    if len(x.axes) < 2 or x.axes[1] != "c":
        raise ConversionError(f"goes over axis 1 of {x}, expected the channels")
    arrays, fields = _scaled(gamma, beta)
    arrays |= {"moving_mean": mean, "moving_variance": variance}
    return drawing.layer(BatchNormalization, name, x, arrays, epsilon=eps, **fields)


def layer_norm(
    drawing: Drawing, name: str, x: Tensor, shape: Sequence[int], gamma: Array | None, beta: Array | None, eps: float
) -> Tensor:
    """A LayerNorm over the channels, the last axis."""
    if len(shape) != 1 or x.axes[-1] != "c":
        raise ConversionError(f"goes over {list(shape)} of {x}, expected the channels as the last axis")
    arrays, fields = _scaled(gamma, beta)
    return drawing.layer(LayerNormalization, name, x, arrays, epsilon=eps, **fields)


def group_norm(
    drawing: Drawing, name: str, x: Tensor, groups: int, gamma: Array | None, beta: Array | None, eps: float
) -> Tensor:
    """A GroupNorm; an InstanceNorm1d has a group for each channel."""
    arrays, fields = _scaled(gamma, beta)
    x = drawing.ordered(x, FIRST)
    return drawing.layer(GroupNormalization, name, x, arrays, groups=groups, epsilon=eps, **fields)


def prelu(drawing: Drawing, name: str, x: Tensor, slopes: Array) -> Tensor:
    """A PReLU: one slope, or one for each channel, which are axis 1."""
    if slopes.size > 1 and (len(x.axes) < 2 or x.axes[1] != "c"):
        raise ConversionError(f"goes over axis 1 of {x}, expected the channels")
    shared = slopes.size == 1 < x.channels
    return drawing.layer(PReLU, name, x, {"alpha": slopes.reshape(-1)}, shared=shared)


def pooled(drawing: Drawing, word: str, x: Tensor, size: Any, stride: Any, padding: Any = 0, **options: Any) -> Tensor:
    """A MaxPool1d or AvgPool1d."""
    side, x = one(padding), drawing.ordered(x, FIRST)
    strides = one(stride) if stride not in (None, [], ()) else one(size)
    pads = (side, side) if side else "valid"
    return drawing.call(word, x, size=one(size), strides=strides, padding=pads, **options)


def rnn(
    drawing: Drawing,
    kind: str,
    name: str,
    x: Tensor,
    layers: Sequence[Sequence[Array]],
    *,
    batch_first: bool,
    both: bool = False,
    first: Sequence[Any] = (),
) -> list[Any]:
    """(outputs, last state) of a recurrent module; each layer has w_ih, w_hh and perhaps b_ih, b_hh.

    With `both` ways every second one goes backwards beside the one before it. `first` are h and perhaps c, of all
    layers. The last state of several layers is a list; that of an LSTM is one of h and c.
    """
    x, ends = drawing.ordered(x, "ntc" if batch_first else "tnc"), list[tuple[Tensor, Tensor | None]]()
    each, count = 1 + both, len(layers)
    states = [[_of_layer(one, at, count) for one in first] for at in range(count)]
    for at in range(0, count, each):
        called = f"{name}/{at // each}" if count > each else name
        if not both:
            ends.append(_cells(drawing, kind, called, x, layers[at], states[at]))
            x = ends[-1][0]
            continue
        ahead = _cells(drawing, kind, f"{called}/forward", x, layers[at], states[at])
        turned = drawing.call("reverse", x)
        own = _cells(drawing, kind, f"{called}/reverse", turned, layers[at + 1], states[at + 1])
        ends += [ahead, own]
        x = drawing.concat([ahead[0], drawing.call("reverse", own[0])], 2)
    last = [_last(drawing, [one[at] for one in ends]) for at in range(1 + (RECURRENT[kind][0] is LSTM))]
    return [x, last if len(last) == 2 else last[0]]


def _last(drawing: Drawing, ends: Sequence[Tensor | None]) -> Any:
    """The last step of each layer; of one alone with the axis of layers."""
    found = [Tensor(drawing.sketch.builder.function("last", one.value), "nc") for one in ends if one is not None]
    return Tensor(found[0].value, "1nc") if len(found) == 1 else found


def _of_layer(first: Any, at: int, count: int) -> First:
    """The first state of one layer, of an array or a list for all. Raises ConversionError."""
    if first is None or isinstance(first, Unserved):
        return None
    if isinstance(first, list):
        return first[at] if len(first) == count else None
    if isinstance(first, Tensor):
        if count > 1:
            raise ConversionError("begins with one computed state for several layers, expected one for each")
        return first
    if first.ndim != 3 or len(first) != count or (first != first[:, :1]).any():
        raise ConversionError(f"begins with states of shape {first.shape}, expected ({count}, batch, units), all alike")
    return first[at, 0]  # type: ignore[no-any-return]  # an array of torch's or NumPy's


def linear(drawing: Drawing, name: str, x: Tensor, kernel: Array, bias: Array | None) -> Tensor:
    """A dense layer on the last axis. Raises ConversionError where that are steps whose number is free."""
    if x.axes[-1] in "ft" and x.steps is None:
        raise ConversionError(f"goes over {x}, whose number of steps is free; {EXAMPLE}")
    return drawing.dense(name, x, kernel, bias)


def upsampled(drawing: Drawing, name: str, x: Tensor, factor: Any, mode: str, corners: Any) -> Tensor:
    """Each step several times, or lines between their middles. Raises ConversionError for anything else."""
    scale = factor[0] if isinstance(factor, (list, tuple)) and factor else factor
    if not isinstance(scale, (int, float)) or scale != int(scale) or mode not in ("nearest", "linear") or corners:
        told = f"mode={exactly(mode)}, scale_factor={exactly(scale)}, align_corners={exactly(corners)}"
        raise ConversionError(f"has {told}, expected nearest or linear by a whole scale_factor without align_corners")
    x = drawing.ordered(x, FIRST)
    if mode == "linear":
        return interpolated(drawing, name, x, int(scale))
    return drawing.call("upsample", x, size=int(scale))


def demand_zeros(states: Sequence[Any]) -> None:
    """Raises ConversionError for a first state that is not zeros, or none."""
    if any(one is not None and (isinstance(one, Tensor) or not hasattr(one, "any") or one.any()) for one in states):
        raise ConversionError(f"begins with a state that is given, which torch.fx does not show; {EXAMPLE}")


def _cells(
    drawing: Drawing, kind: str, name: str, x: Tensor, held: Sequence[Array], first: Sequence[First]
) -> tuple[Tensor, Tensor | None]:
    """One layer in one direction: its outputs, and the cells of an LSTM."""
    import numpy as np

    given, kept, *biases = held
    units, (cells, more) = kept.shape[1], RECURRENT[kind]
    order = np.asarray(GATES[cells])
    rows = (order[:, None] * units + np.arange(units)).reshape(-1)
    if given.shape[0] != len(rows) or kept.shape[0] != len(rows):
        raise ConversionError(f"has a weight of shape {given.shape}, expected {len(rows)} rows: no proj_size")
    arrays = {"kernel": given[rows].T, "recurrent_kernel": kept[rows].T}
    if biases:
        pair = np.stack([bias[rows] for bias in biases])
        arrays["bias"] = pair if cells is GRU else pair.sum(axis=0)
    fields = {"units": units, "return_sequences": True, "use_bias": bool(biases), **more}
    return begun(drawing, cells, name, x, arrays, first, **fields)
