"""Keras' words: what Keras itself says of a value that it refuses, so that a search for its message still finds it.

Sources: keras/src/layers/convolutional/base_conv.py, keras/src/utils/argument_validation.py, keras/src/layers/layer.py,
keras/src/initializers/random_initializers.py, keras/src/regularizers/regularizers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral

from codegen.errors.quoting import plainly

MOST = 120  # characters of a value in a sentence of Keras'


def after(message: str, sentence: str) -> str:
    """A message of ours with Keras' sentence on a line below."""
    return f"{message}\n  (Keras: {sentence})"


def of(parameter: str, value: object) -> str | None:
    """Keras' sentence for a wrong value of a layer's argument; None where it has none."""
    known = _PARAMETERS.get(parameter)
    if known is None and parameter.rpartition("_")[2] in ("initializer", "regularizer", "constraint"):
        return unknown(parameter.rpartition("_")[2], value)
    return known(parameter, value) if known else None


def unknown(noun: str, value: object) -> str:
    """Of a name that no table has."""
    return f"Could not interpret {noun} identifier: {_value(value)}"


def option(noun: str, name: str, value: object) -> str | None:
    """Keras' sentence for a wrong value of an initializer's or a regularizer's option; None where it has none."""
    known = _OPTIONS.get((noun, name))
    return known(name, value) if known else None


def rank_of_rows(shape: tuple[int, ...]) -> str:
    """Of an array that is no matrix, for OrthogonalRegularizer."""
    return f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={shape}"


def filters_and_groups(groups: int, filters: int) -> str:
    """Of filters that do not divide into the groups."""
    told = f"Received: groups={groups}, filters={filters}."
    return f"The number of filters must be evenly divisible by the number of groups. {told}"


def channels_and_groups(groups: int, channels: int) -> str:
    """Of input channels that do not divide into the groups."""
    told = f"Received groups={groups}, but the input has {channels} channels"
    return f"The number of input channels must be evenly divisible by the number of groups. {told}"


def strides_and_dilation(strides: int, dilation_rate: int) -> str:
    """Of both in one layer, which is computed here."""
    told = f"Received: strides=({strides},) and dilation_rate=({dilation_rate},)"
    return f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. {told}"


def transposed_padding(value: object) -> str:
    """Of a word that a transposed convolution does not take."""
    told = f"Received: {_value(value).lower()}"
    return f"The `padding` argument must be a list/tuple or one of {{'valid', 'same'}}. {told}"


def output_padding(found: int, strides: int) -> str:
    """Of output_padding that is not less than strides."""
    told = f"At dimension 0, `output_padding` is {found} but `strides` is {strides}."
    received = f"Received: output_padding=({found},), strides=({strides},)"
    return f"`output_padding` must be strictly less than `strides` for all dimensions. {told} {received}"


def no_output(input_shape: tuple[int | None, ...]) -> str:
    """Of an input that leaves no output."""
    return f"Computed output size would be zero or negative. Received `inputs shape={input_shape}`"


def axes(layer: str, found: tuple[int | None, ...]) -> str:
    """Of an input with too few or too many axes."""
    told = f"expected min_ndim=3, found ndim={len(found)}. Full shape received: {_value(found)}"
    return f"Input 0 with name 'None' of layer '{layer}' is incompatible with the layer: {told}"


def channels(layer: str, axis: int, expected: int | None, found: tuple[int, ...]) -> str:
    """Of an input with other channels than the layer was built for."""
    told = f"expected axis {axis} of input shape to have value {expected}, but received input with shape {found}"
    return f"Input 0 with name 'None' of layer '{layer}' is incompatible with the layer: {told}"


def not_built(layer: str) -> str:
    """Of parameters that cannot be counted yet."""
    told = f"You tried to call `count_params` on layer '{layer}', but the layer isn't built."
    return f"{told} You can build it manually via: `layer.build(input_shape)`."


def unrecognized(layer: str, given: dict[str, object]) -> str:
    """Of keywords that no layer has."""
    return f"Unrecognized keyword arguments passed to {layer}: {_value(given)}"


def weights_given(layer: str, found: int, expected: int) -> str:
    """Of a list of weights that is too short or too long."""
    told = f"with a weight list of length {found}, but the layer was expecting {expected} weights."
    return f"You called `set_weights(weights)` on layer '{layer}' {told}"


def weight_shape(layer: str, expected: tuple[int, ...], found: tuple[int, ...]) -> str:
    """Of a weight that has another shape."""
    return f"Layer {layer} weight shape {expected} is not compatible with provided weight shape {found}."


def _value(value: object) -> str:
    return plainly(value, MOST)


def _positive(name: str, value: object) -> str:
    return f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={_value(value)}."


def _tuple(name: str, value: object) -> str:
    told = f"The `{name}` argument must be a tuple of 1 integers. Received {name}={_value(value)}"
    found = value if isinstance(value, (tuple, list)) else (value,)
    bad = {each for each in found if isinstance(each, Integral) and each <= 0}
    return (
        f"{told}, including values {_value(bad)} that do not satisfy `value > 0`" if len(found) == 1 and bad else told
    )


def _padding(name: str, value: object) -> str:
    told = f"Received: {_value(value)}"
    return f"The `padding` argument must be a list/tuple or one of {{'valid', 'same', 'causal'}}. {told}"


def _data_format(name: str, value: object) -> str:
    told = f"Received: data_format={_value(value).lower()}"
    return f"The `data_format` argument must be one of {{'channels_first', 'channels_last'}}. {told}"


def _name(name: str, value: object) -> str:
    told = f"Received: name={_value(value)} (of type {type(value)})"
    return f"Argument `name` must be a string and cannot contain character `/`. {told}"


def _factor(name: str, value: object) -> str:
    return f"Invalid value for argument {name}: expected a non-negative float.Received: {name}={_value(value)}"


def _mode(name: str, value: object) -> str:
    return f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={_value(value)}'


_PARAMETERS: dict[str, Callable[[str, object], str]] = {
    "filters": _positive,
    "depth_multiplier": _positive,
    "groups": lambda name, value: f"The number of groups must be a positive integer. Received: groups={_value(value)}.",
    "kernel_size": _tuple,
    "strides": _tuple,
    "dilation_rate": _tuple,
    "padding": _padding,
    "data_format": _data_format,
    "activation": lambda name, value: unknown("activation function", value),
    "trainable": lambda name, value: (
        f"Expected `trainable` to be a boolean. Received: trainable={_value(value)} (of type {type(value)})"
    ),
    "dtype": lambda name, value: f"Cannot convert '{_value(value)}' to a mixed precision DTypePolicy.",
    "name": _name,
}
_OPTIONS: dict[tuple[str, str], Callable[[str, object], str]] = {
    ("initializer", "scale"): lambda name, value: (
        f"Argument `scale` must be positive float. Received: scale={_value(value)}"
    ),
    ("initializer", "mode"): lambda name, value: f"Invalid `mode` argument: {_value(value)}.",
    ("initializer", "distribution"): lambda name, value: f"Invalid `distribution` argument: {_value(value)}.",
    ("initializer", "side"): lambda name, value: f"side should be 'real' or 'imag', not {_value(value)}",
    ("regularizer", "l1"): _factor,
    ("regularizer", "l2"): _factor,
    ("regularizer", "factor"): _factor,
    ("regularizer", "mode"): _mode,
}
