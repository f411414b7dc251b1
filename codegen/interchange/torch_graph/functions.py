"""PyTorch's functions and operators by their names, with their arguments. Source: native_functions.yaml.

torch.export calls them aten.NAME.overload, torch.fx by the function or method: the arguments are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.interchange import sums
from codegen.interchange.tensors import Tensor, Unserved
from codegen.interchange.torch_graph import layers, own
from codegen.interchange.torch_graph.call import Call, Draw
from codegen.interchange.torch_graph.elementwise import ELEMENTWISE
from codegen.interchange.torch_graph.layers import one

__all__ = ["FUNCTIONS"]


def _conv(call: Call) -> Tensor:
    if isinstance(call.get(1, "weights"), list):  # genconv.conv1d, whose name is the same
        return own.layer(call)
    stride, padding, dilation = call.get(3, "stride", 1), call.get(4, "padding", 0), call.get(5, "dilation", 1)
    weight, bias, groups = call.weight(1), call.array(2, "bias"), call.whole(6, "groups", 1)
    return layers.conv(call.drawing, call.name, call.x, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(call: Call) -> Tensor:
    words = (("stride", 1), ("padding", 0), ("output_padding", 0), ("groups", 1), ("dilation", 1))
    sizes = [call.get(at, word, default) for at, (word, default) in enumerate(words, 3)]
    return layers.conv_transpose(call.drawing, call.name, call.x, call.weight(1), call.array(2, "bias"), *sizes)


def _linear(call: Call) -> Tensor:
    return layers.linear(call.drawing, call.name, call.x, call.weight(1).T, call.array(2, "bias"))


def _matmul(call: Call) -> Tensor:
    return call.drawing.dense(call.name, call.x, call.weight(1, "other"))


def _addmm(call: Call) -> Tensor:
    x = call.get(1, "mat1")
    if not isinstance(x, Tensor) or call.kwargs.get("alpha", 1) != 1 or call.kwargs.get("beta", 1) != 1:
        raise ConversionError("of a constant, or with alpha or beta")
    return call.drawing.dense(call.name, x, call.weight(2, "mat2"), call.weight(0, "input"))


def _batch_norm(call: Call) -> Tensor:
    words = ("weight", "bias", "running_mean", "running_var")
    found = [call.array(at, word) for at, word in enumerate(words, 1)]
    if call.get(5, "training", False):
        raise ConversionError("takes means of each batch; call module.eval() first")
    return layers.batch_norm(call.drawing, call.name, call.x, found, call.get(7, "eps", 1e-5))


def _instance_norm(call: Call) -> Tensor:
    if not call.get(5, "use_input_stats", True):
        raise ConversionError("has track_running_stats=True, expected False")
    found = call.array(1, "weight"), call.array(2, "bias")
    return layers.group_norm(call.drawing, call.name, call.x, call.x.channels, *found, call.get(7, "eps", 1e-5))


def _group_norm(call: Call) -> Tensor:
    found = call.array(2, "weight"), call.array(3, "bias")
    groups = call.whole(1, "num_groups")
    return layers.group_norm(call.drawing, call.name, call.x, groups, *found, call.get(4, "eps", 1e-5))


def _layer_norm(call: Call) -> Tensor:
    found = call.array(2, "weight"), call.array(3, "bias")
    shape = call.get(1, "normalized_shape")
    return layers.layer_norm(call.drawing, call.name, call.x, list(shape), *found, call.get(4, "eps", 1e-5))


def _rms_norm(call: Call) -> Tensor:
    scale, shape, epsilon = call.array(2, "weight"), list(call.get(1, "normalized_shape")), call.get(3, "eps")
    if shape != [call.x.channels]:
        raise ConversionError(f"goes over {shape} of {call.x}, expected the channels as the last axis")
    least = LEAST[call.x.value.builder.dtype] if epsilon is None else epsilon
    return sums.root_mean_square(call.drawing, call.name, call.x, scale, least)


def _prelu(call: Call) -> Tensor:
    return layers.prelu(call.drawing, call.name, call.x, call.weight(1))


def _rnn(kind: str) -> Draw:
    """aten.lstm.input: (x, first state, weights, has_biases, layers, dropout, train, both ways, batch_first)."""

    def draw(call: Call) -> list[object]:
        first, weights = call.get(1, "hx"), call.get(2, "params")
        states = list(first) if isinstance(first, (list, tuple)) and kind == "lstm" else [first]
        both = bool(call.get(7, "bidirectional"))
        each = 4 if call.get(3, "has_biases") else 2
        arrays = [weights[at : at + each] for at in range(0, len(weights), each)]
        words: dict[str, Any] = {"batch_first": bool(call.get(8, "batch_first")), "both": both, "first": states}
        y, state = layers.rnn(call.drawing, kind, call.name, call.x, arrays, **words)
        return [y, *state] if kind == "lstm" else [y, state]

    return draw


def _max_pool(call: Call) -> Tensor:
    if one(call.get(4, "dilation", 1)) != 1 or call.get(5, "ceil_mode", False):
        raise ConversionError("has dilation or ceil_mode, expected none")
    return layers.pooled(
        call.drawing, "max_pool", call.x, call.get(1, "kernel_size"), call.get(2, "stride"), call.get(3, "padding", 0)
    )


def _average_pool(call: Call) -> Tensor:
    padding = call.get(3, "padding", 0)
    if call.get(4, "ceil_mode", False):
        raise ConversionError("has ceil_mode=True, expected False")
    counted = {"count_padding": True} if one(padding) and call.get(5, "count_include_pad", True) else {}
    sizes = call.get(1, "kernel_size"), call.get(2, "stride"), padding
    return layers.pooled(call.drawing, "average_pool", call.x, *sizes, **counted)


def _adaptive(how: str) -> Draw:
    def draw(call: Call) -> Tensor:
        if one(call.get(1, "output_size")) != 1:
            raise ConversionError("has another output_size than 1")
        return call.drawing.reduced(how, call.x, [-1], keep=True)

    return draw


def _reduced(how: str) -> Draw:
    def draw(call: Call) -> Tensor:
        return call.drawing.reduced(how, call.x, _axes(call), keep=bool(call.get(2, "keepdim", False)))

    return draw


def _axes(call: Call, at: int = 1) -> list[int]:
    found = call.get(at, "dim")
    return [found] if isinstance(found, int) else list(found or [])


def _spread(*, root: bool) -> Draw:
    """var or std: (x, dim, unbiased, keepdim), or with a correction."""

    def draw(call: Call) -> Tensor:
        less = call.kwargs.get("correction", call.get(2, "unbiased", 1))
        keep = bool(call.get(3, "keepdim", False))
        return sums.spread(call.drawing, call.x, _axes(call), keep=keep, less=float(less), root=root)

    return draw


def _norm(call: Call) -> Tensor:
    order = call.get(1, "ord", call.kwargs.get("p", 2))
    return sums.norm(call.drawing, call.x, float(order), _axes(call, 2), keep=bool(call.get(3, "keepdim", False)))


def _largest(call: Call) -> Any:
    """Of two values; or of an axis, and where it is."""
    if isinstance(call.get(1, "other"), Tensor):
        return call.drawing.binary("max", call.x, call.get(1, "other"))
    if call.get(1, "dim") is None:
        raise ConversionError("is of all numbers of all samples, expected an axis")
    made = call.drawing.reduced("max", call.x, _axes(call), keep=bool(call.get(2, "keepdim", False)))
    return [made, Unserved("is the place of the largest, which is no value here")]


def _flipped(call: Call) -> Tensor:
    x = call.x
    for axis in call.sizes(1, "dims"):
        x = call.drawing.sliced(x, axis, None, None, -1)
    return x


def _padded(call: Call) -> Tensor:
    sides, mode, value = call.sizes(1, "pad"), call.get(2, "mode", "constant"), call.get(3, "value", 0)
    if isinstance(mode, (int, float)):  # of constant_pad_nd
        mode, value = "constant", mode
    if mode not in layers.PADS:
        raise ConversionError(f"pads by {exactly(mode)}; zeros, reflect, replicate and circular are served")
    if value:
        raise ConversionError(layers.PADDED.format(value))
    return _sides(call, layers.PADS[mode], sides)


def _sides(call: Call, word: str, sides: Sequence[int]) -> Tensor:
    """(left, right) of the last axis, and of those before it."""
    x = call.x
    for at in range(0, len(sides), 2):
        left, right, letter = sides[at], sides[at + 1], x.axes[-1 - at // 2]
        if not left and not right:
            continue
        if letter == "c" and word == "pad" and not left and right > 0:
            x = call.drawing.call("widen", x, channels=x.channels + right)
            continue
        if letter != "t":
            raise ConversionError(f"pads {x} by {list(sides)}, expected the steps alone")
        if min(left, right) < 0:
            x = call.drawing.call("crop", x, left=max(0, -left), right=max(0, -right))
        if max(left, right) > 0:
            x = call.drawing.call(word, x, left=max(0, left), right=max(0, right))
    return x


def _mirrored(word: str) -> Draw:
    return lambda call: _sides(call, word, call.sizes(1, "padding"))


def _upsampled(call: Call) -> Tensor:
    """torch.nn.functional.interpolate: (x, size, scale_factor, mode, align_corners)."""
    found, corners = call.get(2, "scale_factor", call.get(2, "scales")), call.get(4, "align_corners")
    return layers.upsampled(call.drawing, call.name, call.x, found, call.get(3, "mode", "nearest"), corners)


def _upsampled_lines(call: Call) -> Tensor:
    """aten.upsample_linear1d.vec: (x, size, align_corners, scale_factors)."""
    found, corners = call.get(3, "scale_factors"), call.get(2, "align_corners")
    return layers.upsampled(call.drawing, call.name, call.x, found, "linear", corners)


LEAST = {"float32": 2.0**-23, "float64": 2.0**-52}  # what an RMSNorm adds to squares that is told nothing
FUNCTIONS: dict[str, Draw] = {
    "conv1d": _conv,
    "conv_transpose1d": _conv_transpose,
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "addmm": _addmm,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "prelu": _prelu,
    "lstm": _rnn("lstm"),
    **{word: _rnn(word) for word in ("gru", "rnn_tanh", "rnn_relu")},
    **ELEMENTWISE,
    "max_pool1d": _max_pool,
    "avg_pool1d": _average_pool,
    "adaptive_avg_pool1d": _adaptive("mean"),
    "adaptive_max_pool1d": _adaptive("max"),
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "amax": _reduced("max"),
    "amin": _reduced("min"),
    "max": _largest,
    "var": _spread(root=False),
    "std": _spread(root=True),
    "norm": _norm,
    "linalg_vector_norm": _norm,
    "flip": _flipped,
    "pad": _padded,
    "constant_pad_nd": _padded,
    "reflection_pad1d": _mirrored("reflect"),
    "replication_pad1d": _mirrored("replicate"),
    "interpolate": _upsampled,
    "upsample_nearest1d": _upsampled,
    "upsample_linear1d": _upsampled_lines,
}
