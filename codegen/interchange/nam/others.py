"""LSTM, ConvNet and Linear. Source: NAM/lstm.cpp, NAM/convnet.cpp, NAM/linear.cpp."""

from __future__ import annotations

from codegen.graph.builder import Value
from codegen.interchange.nam.activations import curve
from codegen.interchange.nam.cursor import Cursor
from codegen.interchange.sketch import Sketch
from codegen.interchange.stranger import Item
from codegen.specs.kinds import DepthwiseConv1DSpec
from codegen.specs.model_kinds import LSTM, BatchNormalization

__all__ = ["channels_of", "convnet", "linear", "lstm"]

MOST_LAYERS = 64
LEAST_EPSILON = 1e-30


def channels_of(config: Item, name: str) -> int:
    """in_channels or out_channels, 1 where the file does not say."""
    found = config.get(name)
    return 1 if found is None else found.whole()


def lstm(sketch: Sketch, config: Item, weights: Cursor, x: Value, prefix: str) -> Value:
    """LSTM layers, each from a first state of its own, and a 1x1 convolution. Raises ConversionError."""
    units, wide = config["hidden_size"].whole(), config["input_size"].whole()
    if wide != x.shape.channels:
        raise config["input_size"].wrong(f"is {wide}, and there are {x.shape.channels} channels")
    value = x
    for i in range(config["num_layers"].whole(1, MOST_LAYERS)):
        name, given = f"{prefix}memory_{i}", value.shape.channels
        both = weights.take(f"`{name}`", 4 * units, given + units)
        arrays = {"kernel": both[:, :given].T, "recurrent_kernel": both[:, given:].T}
        arrays["bias"] = weights.take(f"the bias of `{name}`", 4 * units)
        arrays |= {f"initial_{word}": weights.take(f"the first {word} of `{name}`", units) for word in "hc"}
        value = sketch.layer(LSTM, name, value, arrays, units=units, return_sequences=True, initial_state=True)
    filters = channels_of(config, "out_channels")
    kernel = weights.kernel(f"`{prefix}head`", 1, units, filters)
    return sketch.conv(f"{prefix}head", value, kernel, weights.take(f"the bias of `{prefix}head`", filters))


def convnet(sketch: Sketch, config: Item, weights: Cursor, x: Value, prefix: str) -> Value:
    """Causal convolutions of two taps with batch normalization or a bias, and a 1x1 one. Raises ConversionError."""
    width, normalized = config["channels"].whole(), config["batchnorm"].flag()
    groups = config.get("groups")
    shared = 1 if groups is None else groups.whole()
    activation = curve(config["activation"])
    value = x
    for i, item in enumerate(config["dilations"]):
        name = f"{prefix}conv_{i}"
        kernel = weights.kernel(f"`{name}`", 2, value.shape.channels, width, shared)
        bias = None if normalized else weights.take(f"the bias of `{name}`", width)
        options = {"groups": shared, "dilation_rate": item.whole(), "padding": "causal"}
        value = sketch.conv(name, value, kernel, bias, **options)
        if normalized:
            value = _normalized(sketch, f"{prefix}norm_{i}", weights, value)
        value = activation.draw(sketch, f"{prefix}slope_{i}", value)
        sketch.builder.named(value, f"{prefix}h")
    filters = channels_of(config, "out_channels")
    kernel = weights.kernel(f"`{prefix}head`", 1, value.shape.channels, filters)
    return sketch.conv(f"{prefix}head", value, kernel, weights.take(f"the bias of `{prefix}head`", filters))


def _normalized(sketch: Sketch, name: str, weights: Cursor, value: Value) -> Value:
    order = ("moving_mean", "moving_variance", "gamma", "beta")
    arrays = {word: weights.take(f"{word} of `{name}`", value.shape.channels) for word in order}
    epsilon = max(LEAST_EPSILON, weights.number(f"epsilon of `{name}`"))
    return sketch.layer(BatchNormalization, name, value, arrays, epsilon=epsilon)


def linear(sketch: Sketch, config: Item, weights: Cursor, x: Value, prefix: str) -> Value:
    """One filter, its newest tap first, for each channel by itself. Raises ConversionError."""
    import numpy as np

    taps, channels = config["receptive_field"].whole(), x.shape.channels
    if channels_of(config, "out_channels") != channels:
        raise config["out_channels"].wrong(f"differs from in_channels, {channels}; expected as many")
    response = weights.take(f"`{prefix}filter`", taps)[::-1]
    bias = weights.take(f"the bias of `{prefix}filter`", 1) if config["bias"].flag() else None
    if channels == 1:
        return sketch.conv(f"{prefix}filter", x, response.reshape(taps, 1, 1), bias, padding="causal")
    arrays = {"kernel": np.repeat(response.reshape(taps, 1, 1), channels, axis=1)}
    arrays |= {} if bias is None else {"bias": np.repeat(bias, channels)}
    options = {"kernel_size": taps, "padding": "causal", "use_bias": bias is not None}
    return sketch.layer(DepthwiseConv1DSpec, f"{prefix}filter", x, arrays, **options)
