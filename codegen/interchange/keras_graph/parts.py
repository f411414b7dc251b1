"""The layers of Keras that are read, each by its config. Source: keras/src/layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, plainly
from codegen.interchange import sums
from codegen.interchange.drawing import Drawing
from codegen.interchange.keras_graph import masks
from codegen.interchange.keras_graph.part import FIRST, SEQUENCE, Part
from codegen.interchange.keras_graph.weighted import WEIGHTED, Draw, activation_of
from codegen.interchange.stranger import Item
from codegen.interchange.tensors import Tensor

__all__ = ["PARTS", "UNSERVED", "demand_each_step"]


def _activation(drawing: Drawing, part: Part) -> Tensor:
    return drawing.activation(activation_of(part.config["activation"]), part.one)


def _curve(name: str, *options: tuple[str, str]) -> Draw:
    """An activation of the table by name; each option with its word in the config, and Keras 2's."""

    def draw(drawing: Drawing, part: Part) -> Tensor:
        given: dict[str, Any] = {}
        for ours, theirs in options:
            found = part.config.get(ours) or part.config.get(theirs)
            if found is not None:
                number = found.numbers()
                if number.size != 1:
                    raise found.wrong("expected one number")
                given[ours] = float(number.reshape(()))
        return drawing.activation(name, part.one, **given)

    return draw


def _softmax(drawing: Drawing, part: Part) -> Tensor:
    axis = part.config.get("axis")
    return drawing.activation("softmax", part.one, -1 if axis is None else axis.whole(-8, 8))


def _pool(word: str) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        x = drawing.ordered(part.one, part.axes)
        size, strides = _one(part.config["pool_size"]), part.config.get("strides")
        options = {"size": size, "strides": size if strides is None else _one(strides)}
        return drawing.call(word, x, padding=part.config["padding"].word(), **options)

    return draw


def _global(how: str) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        keep = part.config.get("keepdims")
        x = drawing.ordered(part.one, part.axes)
        return drawing.reduced(how, x, [x.axes.index("t")], keep=keep is not None and bool(keep.value))

    return draw


def _one(item: Item) -> int:
    """A size, or a list of one."""
    found = list(item) if item.is_list else [item]
    if len(found) != 1:
        raise item.wrong("expected one number")
    return found[0].whole()


def _sides(word: str, field: str) -> Draw:
    """Steps before and after: a number, or two."""

    def draw(drawing: Drawing, part: Part) -> Tensor:
        found = part.config[field]
        sides = [one.whole(0) for one in found] if found.is_list else [found.whole(0)] * 2
        x = drawing.ordered(part.one, part.axes)
        return drawing.call(word, x, left=sides[0], right=sides[-1])

    return draw


def _upsampled(drawing: Drawing, part: Part) -> Tensor:
    return drawing.call("upsample", drawing.ordered(part.one, SEQUENCE), size=_one(part.config["size"]))


def _repeated(drawing: Drawing, part: Part) -> Tensor:
    x = part.one
    if x.axes != "nc":
        raise ConversionError(f"repeats {x}, expected (batch, channels)")
    return Tensor(drawing.call("upsample", x, size=part.config["n"].whole()).value, SEQUENCE)


def _reshaped(drawing: Drawing, part: Part) -> Tensor:
    return part.one.reshaped([-1, *(one.whole(-1) for one in part.config["target_shape"])])


def _flattened(drawing: Drawing, part: Part) -> Tensor:
    """All numbers of a sample; of channels_first as those of channels_last."""
    x = part.one
    if part.axes == FIRST and len(x.axes) > 2:
        x = x.transposed([0, *range(2, len(x.axes)), 1])
    return x.flattened(1)


def _permuted(drawing: Drawing, part: Part) -> Tensor:
    return part.one.transposed([0, *(one.whole() for one in part.config["dims"])])


def _joined(drawing: Drawing, part: Part) -> Tensor:
    return drawing.concat(part.inputs, part.config["axis"].whole(-8, 8))


def _merged(operator: str, *, mean: bool = False) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        value, *others = _alike(part.inputs)
        for other in others:
            value = drawing.binary(operator, value, other)
        return drawing.binary("/", value, len(others) + 1) if mean else value

    return draw


def _alike(tensors: Sequence[Tensor]) -> list[Tensor]:
    """With as many axes each: Keras puts missing ones behind the batch."""
    most = max(len(one.axes) for one in tensors)
    found = []
    for one in tensors:
        for _ in range(most - len(one.axes)):
            one = one.unsqueezed(1)
        found.append(one)
    return found


def _rescaled(drawing: Drawing, part: Part) -> Tensor:
    scaled = drawing.binary("*", part.one, part.config["scale"].numbers())
    return drawing.binary("+", scaled, part.config["offset"].numbers())


def _each_step(drawing: Drawing, part: Part) -> Tensor | list[Tensor]:
    """TimeDistributed: what takes each step by itself anyway."""
    inner = part.config["layer"]
    demand_each_step(inner)
    kind = inner["class_name"].word()
    return PARTS[kind](drawing, part.inner(inner["config"], kind))


def demand_each_step(item: Item) -> None:
    """Raises ConversionError for a layer that does not take each step by itself, or a model with such a one in it."""
    kind = item["class_name"].word()
    if isinstance(item["config"].value, dict) and "layers" in item["config"]:
        for one in item["config"]["layers"]:
            if one["class_name"].value != "InputLayer":
                demand_each_step(one)
    elif kind not in EACH_STEP or ".ops" in str((item.get("module") or Item("", "")).value):
        served = f"only of {', '.join(EACH_STEP)}, and of models of these"
        raise ConversionError(f"of a {plainly(kind, NAME)} is not served, {served}: call it on arrays of three axes")


def _unit(drawing: Drawing, part: Part) -> Tensor:
    """UnitNormalization: each row, of the axis that is told, divided by its length."""
    axis = part.config.get("axis")
    length = sums.norm(drawing, part.one, 2, [-1 if axis is None else axis.whole(-8, 8)], keep=True)
    return drawing.binary("/", part.one, drawing.binary("max", length, LEAST))


def _same(drawing: Drawing, part: Part) -> Tensor:
    return part.one


LEAST = 1e-12  # what a length of 0 is taken for
EACH_STEP = (
    *("Dense", "Activation", "BatchNormalization", "LayerNormalization", "ReLU", "LeakyReLU", "ELU", "Dropout"),
    *("Identity", "Rescaling", "Add", "Subtract", "Average"),
)
NOTHING = (  # what does something in training alone
    *("Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization"),
    "Identity",
)
UNSERVED = {
    "Lambda": "is a function of Python's own",
    "Embedding": "takes whole numbers, expected values",
    **dict.fromkeys(("MultiHeadAttention", "Attention", "AdditiveAttention", "Dot"), "multiplies values by values"),
}
PARTS: dict[str, Draw] = {
    **WEIGHTED,
    "Activation": _activation,
    "ReLU": _curve("relu", *((word, word) for word in ("negative_slope", "max_value", "threshold"))),
    "LeakyReLU": _curve("leaky_relu", ("negative_slope", "alpha")),
    "ELU": _curve("elu", ("alpha", "alpha")),
    "Softmax": _softmax,
    "MaxPooling1D": _pool("max_pool"),
    "AveragePooling1D": _pool("average_pool"),
    "GlobalAveragePooling1D": _global("mean"),
    "GlobalMaxPooling1D": _global("max"),
    "ZeroPadding1D": _sides("pad", "padding"),
    "Cropping1D": _sides("crop", "cropping"),
    "UpSampling1D": _upsampled,
    "RepeatVector": _repeated,
    "Flatten": _flattened,
    "Reshape": _reshaped,
    "Permute": _permuted,
    "Concatenate": _joined,
    "Add": _merged("+"),
    "Subtract": _merged("-"),
    "Multiply": _merged("*"),
    "Maximum": _merged("max"),
    "Minimum": _merged("min"),
    "Average": _merged("+", mean=True),
    "Rescaling": _rescaled,
    "Masking": masks.masking,
    "UnitNormalization": _unit,
    "TimeDistributed": _each_step,
    **dict.fromkeys(NOTHING, _same),
}
