"""PyTorch's modules, each by its attributes: what a Sequential has in it. Source: torch/nn/modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.drawing import Drawing
from codegen.interchange.library import array, base
from codegen.interchange.tensors import Tensor
from codegen.interchange.torch_graph import layers
from codegen.interchange.torch_graph.layers import one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["MODULES", "Draw", "held", "kind_of", "whole"]

Draw: TypeAlias = Callable[[Drawing, str, Any, Tensor], "Tensor | list[Tensor]"]
ROOT = ("torch",)


def kind_of(module: Any) -> str | None:
    """The class of a module that is known here; None for one with a `forward` of its own."""
    cls = base(module, ROOT, MODULES)
    if cls is None or getattr(type(module), "forward", None) is not getattr(cls, "forward", None):
        return None
    return cls.__name__


def held(module: Any, name: str) -> Array | None:
    """An array of the module; None where it has none. A weight that a hook makes is made here as the hook does."""
    import numpy as np

    if hasattr(module, f"{name}_g"):
        long, wide = array(getattr(module, f"{name}_v"), f"{name}_v"), array(getattr(module, f"{name}_g"), f"{name}_g")
        axes = tuple(axis for axis, size in enumerate(wide.shape) if size == 1)
        made: Array = long * (wide / np.sqrt((long.astype("float64") ** 2).sum(axis=axes, keepdims=True)))
        return made.astype(long.dtype)
    if hasattr(module, f"{name}_mask"):
        return array(getattr(module, f"{name}_orig"), name) * array(getattr(module, f"{name}_mask"), name)
    if hasattr(module, f"{name}_orig"):
        way = "remove it first (remove_spectral_norm), or use torch.nn.utils.parametrizations"
        raise ConversionError(f"its {name} is made anew in each call by spectral_norm; {way}")
    found = getattr(module, name, None)
    if found is not None and type(found).__name__.startswith("Uninitialized"):
        raise ConversionError("does not know its input's channels yet; call it once on an input")
    return None if found is None else array(found, name)


def weight(module: Any) -> Array:
    """The array that must be there."""
    found = held(module, "weight")
    if found is None:
        raise ConversionError("has no weight")
    return found


def _conv(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    m = module
    sizes = m.stride, m.padding, m.dilation, m.groups, m.padding_mode
    return layers.conv(drawing, name, x, weight(m), held(m, "bias"), *sizes)


def _conv_transpose(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    m = module
    sizes = m.stride, m.padding, m.output_padding, m.groups, m.dilation
    return layers.conv_transpose(drawing, name, x, weight(m), held(m, "bias"), *sizes)


def _linear(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return layers.linear(drawing, name, x, weight(module).T, held(module, "bias"))


def _batch_norm(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    found = [held(module, word) for word in ("weight", "bias", "running_mean", "running_var")]
    return layers.batch_norm(drawing, name, x, found, module.eps)


def _instance_norm(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    if module.track_running_stats:
        raise ConversionError("has track_running_stats=True, expected False")
    return layers.group_norm(drawing, name, x, x.channels, held(module, "weight"), held(module, "bias"), module.eps)


def _group_norm(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    groups = module.num_groups
    return layers.group_norm(drawing, name, x, groups, held(module, "weight"), held(module, "bias"), module.eps)


def _layer_norm(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    shape = tuple(module.normalized_shape)
    return layers.layer_norm(drawing, name, x, shape, held(module, "weight"), held(module, "bias"), module.eps)


def _prelu(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return layers.prelu(drawing, name, x, weight(module))


def _rnn(kind: str) -> Draw:
    def draw(drawing: Drawing, name: str, module: Any, x: Tensor) -> list[Any]:
        if getattr(module, "proj_size", 0):
            raise ConversionError("has proj_size, expected none")
        ways = ("", "_reverse") if module.bidirectional else ("",)
        words = ["weight_ih_l{0}", "weight_hh_l{0}", *(["bias_ih_l{0}", "bias_hh_l{0}"] if module.bias else [])]
        arrays = [
            [array(getattr(module, word.format(at) + way), word.format(at) + way) for word in words]
            for at in range(module.num_layers)
            for way in ways
        ]
        word = f"{kind}_{module.nonlinearity}" if kind == "rnn" else kind
        return layers.rnn(drawing, word, name, x, arrays, batch_first=module.batch_first, both=len(ways) == 2)

    return draw


def _curve(name: str, **options: str) -> Draw:
    """An activation of the table; each option with its attribute."""

    def draw(drawing: Drawing, path: str, module: Any, x: Tensor) -> Tensor:
        return drawing.activation(name, x, **{ours: getattr(module, theirs) for ours, theirs in options.items()})

    return draw


def _rrelu(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    """After training: the slope in the middle."""
    return drawing.activation("leaky_relu", x, negative_slope=(module.lower + module.upper) / 2)


def _gelu(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return drawing.activation("gelu", x, approximate=module.approximate == "tanh")


def _softmax(name: str) -> Draw:
    def draw(drawing: Drawing, path: str, module: Any, x: Tensor) -> Tensor:
        if module.dim is None:
            raise ConversionError("does not say along which axis; give dim=1")
        return drawing.activation(name, x, module.dim)

    return draw


def _hard_tanh(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return drawing.binary("min", drawing.binary("max", x, module.min_val), module.max_val)


def _softplus(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    beta = float(module.beta)
    return drawing.binary("/", drawing.activation("softplus", drawing.binary("*", x, beta)), beta)


def _max_pool(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    if one(module.dilation) != 1 or module.ceil_mode or module.return_indices:
        raise ConversionError("has dilation, ceil_mode or return_indices, expected none")
    return layers.pooled(drawing, "max_pool", x, module.kernel_size, module.stride, module.padding)


def _average_pool(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    if module.ceil_mode:
        raise ConversionError("has ceil_mode=True, expected False")
    padded = {"count_padding": True} if module.count_include_pad and one(module.padding) else {}
    return layers.pooled(drawing, "average_pool", x, module.kernel_size, module.stride, module.padding, **padded)


def whole(how: str) -> Draw:
    """A pool to one step."""

    def draw(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
        if one(module.output_size) != 1:
            raise ConversionError(f"has output_size={module.output_size}, expected 1")
        return drawing.reduced(how, x, [-1], keep=True)

    return draw


def _padded(word: str) -> Draw:
    def draw(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
        if getattr(module, "value", 0):
            raise ConversionError(layers.PADDED.format(module.value))
        left, right = module.padding
        return drawing.call(word, drawing.ordered(x, layers.FIRST), left=left, right=right)

    return draw


def _flattened(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    if module.end_dim not in (-1, len(x.axes) - 1):
        raise ConversionError(f"has end_dim={module.end_dim}, expected -1")
    return x.flattened(module.start_dim)


def _upsampled(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return layers.upsampled(drawing, name, x, module.scale_factor, module.mode, module.align_corners)


def _same(drawing: Drawing, name: str, module: Any, x: Tensor) -> Tensor:
    return x


NOTHING = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")
CURVES = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "SELU": "selu",
    "SiLU": "silu",
    "Mish": "mish",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Tanh": "tanh",
    "Hardsigmoid": "hard_sigmoid",
    "Hardswish": "hard_silu",
    "Softsign": "softsign",
    "Tanhshrink": "tanh_shrink",
}
MODULES: dict[str, Draw] = {
    "Conv1d": _conv,
    "ConvTranspose1d": _conv_transpose,
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "InstanceNorm1d": _instance_norm,
    "GroupNorm": _group_norm,
    "LayerNorm": _layer_norm,
    "PReLU": _prelu,
    "LSTM": _rnn("lstm"),
    "GRU": _rnn("gru"),
    "RNN": _rnn("rnn"),
    **{kind: _curve(name) for kind, name in CURVES.items()},
    "LeakyReLU": _curve("leaky_relu", negative_slope="negative_slope"),
    "RReLU": _rrelu,
    "ELU": _curve("elu", alpha="alpha"),
    "CELU": _curve("celu", alpha="alpha"),
    "Softshrink": _curve("soft_shrink", threshold="lambd"),
    "Hardshrink": _curve("hard_shrink", threshold="lambd"),
    "GELU": _gelu,
    "Softplus": _softplus,
    "Hardtanh": _hard_tanh,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "GLU": _softmax("glu"),
    "MaxPool1d": _max_pool,
    "AvgPool1d": _average_pool,
    "AdaptiveAvgPool1d": whole("mean"),
    "AdaptiveMaxPool1d": whole("max"),
    "ZeroPad1d": _padded("pad"),
    "ConstantPad1d": _padded("pad"),
    "ReflectionPad1d": _padded("reflect"),
    "ReplicationPad1d": _padded("replicate"),
    "CircularPad1d": _padded("wrap"),
    "Flatten": _flattened,
    "Upsample": _upsampled,
    **dict.fromkeys(NOTHING, _same),
}
