"""The layers of Keras that have weights, each by its config. Source: keras/src/layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.functions import activations
from codegen.functions.activations import layer_configs
from codegen.interchange import sums
from codegen.interchange.begun import begun
from codegen.interchange.drawing import Drawing
from codegen.interchange.keras_graph.part import SEQUENCE, Part
from codegen.interchange.keras_graph.sources import SIDES
from codegen.interchange.stranger import Item
from codegen.interchange.tensors import Tensor, axis_of
from codegen.specs import kinds
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    ModelSpec,
    PReLU,
    Recurrent,
    SimpleRNN,
)
from codegen.specs.parameters import parameters

__all__ = ["WEIGHTED", "Draw", "activation_of"]

Draw: TypeAlias = Callable[[Drawing, Part], "Tensor | list[Tensor]"]
LEFT = ("name", "input_shape", "dtype", "trainable", "data_format", "activity_regularizer")  # that no graph needs
MERGED = {"sum": "+", "mul": "*", "ave": "+"}
LEAST_DEVIATION = 1e-7  # what Normalization divides by at least
RECURRENT: dict[str, type[Recurrent]] = {kind.keras: kind for kind in (LSTM, GRU, SimpleRNN)}
TINY = 1e-30  # for an epsilon that is none


def words(kind: type[Spec | ModelSpec], config: Item) -> dict[str, Any]:
    """The parameters of a kind that the config tells, without those of training."""
    made = {}
    for name in parameters(kind):
        found = config.get(name)
        if found is None or name in LEFT or name.endswith(("_initializer", "_regularizer", "_constraint")):
            continue
        made[name] = activation_of(found) if name.endswith("activation") else _plain(found.value)
    return made


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def activation_of(item: Item) -> Any:
    """The activation that a config means. Raises SpecError."""
    return activations.get(layer_configs.meant(item.value))


def convolution(kind: type[Spec]) -> Draw:
    """What draws a kind of convolutions."""

    def draw(drawing: Drawing, part: Part) -> Tensor:
        x = drawing.ordered(part.one, part.axes)
        fields = words(kind, part.config)
        names = kind(name="x", **fields).build((None, x.channels)).weight_shapes()
        return drawing.layer(kind, part.name, x, part.arrays(*names), **fields)

    return draw


def weighted(kind: type[ModelSpec]) -> Draw:
    """What draws a layer with a weight for each channel."""

    def draw(drawing: Drawing, part: Part) -> Tensor:
        x, fields = part.one, words(kind, part.config)
        names = kind(name="x", **fields).build((None, x.channels)).weight_shapes()
        return drawing.layer(kind, part.name, x, part.arrays(*names), **fields)

    return draw


def _demand_channels(part: Part) -> None:
    """Raises ConversionError for an axis, the last one if none is told, that is not that of the channels."""
    axis, x = part.config.get("axis"), part.one
    axes = [one.whole(-8, 8) for one in axis] if axis is not None and axis.is_list else None
    found = axes or [-1 if axis is None else axis.whole(-8, 8)]
    if [x.axes[axis_of(one, len(x.axes))] for one in found] != ["c"]:
        raise ConversionError(f"has axis={found} of {x}, expected the channels")


def _dense(drawing: Drawing, part: Part) -> Tensor:
    fields = words(Dense, part.config)
    bias = fields.pop("use_bias", True)
    held = part.arrays(*(("kernel", "bias") if bias else ("kernel",)))
    fields.pop("units", None)
    return drawing.dense(part.name, part.one, held["kernel"], held.get("bias"), **fields)


def _normalized(kind: type[ModelSpec]) -> Draw:
    """A normalization, whose axis must be that of the channels."""
    draw = weighted(kind)

    def drawn(drawing: Drawing, part: Part) -> Tensor | list[Tensor]:
        _demand_channels(part)
        rms = part.config.get("rms_scaling")
        if rms is not None and rms.value:
            raise ConversionError("has rms_scaling=True, expected False")
        return draw(drawing, part)

    return drawn


def _root_mean_square(drawing: Drawing, part: Part) -> Tensor:
    _demand_channels(part)
    scale, epsilon = part.arrays("scale")["scale"], part.config["epsilon"].number()
    return sums.root_mean_square(drawing, part.name, part.one, scale, epsilon)


def _grouped(drawing: Drawing, part: Part) -> Tensor:
    _demand_channels(part)
    groups, x = part.config["groups"].whole(-1), part.one
    fields = words(GroupNormalization, part.config) | {"groups": x.channels if groups == -1 else groups}
    names = [word for word, held in (("gamma", "scale"), ("beta", "center")) if fields.get(held, True)]
    return drawing.layer(GroupNormalization, part.name, x, part.arrays(*names), **fields)


def _standardized(drawing: Drawing, part: Part) -> Tensor:
    """keras.layers.Normalization: less a mean, over a deviation that is not too small."""
    import numpy as np

    x, axis = part.one, part.config.get("axis")
    if axis is not None and (not axis.is_list or list(axis)):
        _demand_channels(part)
    mean, variance = part.config.get("mean"), part.config.get("variance")
    if mean is None or variance is None:
        held = part.arrays("mean", "variance")
        pair = held["mean"], held["variance"]
    else:
        pair = mean.numbers(), variance.numbers()
    wide = (x.channels,)
    least = LEAST_DEVIATION**2
    arrays = {"moving_mean": np.broadcast_to(pair[0].reshape(-1), wide)}
    arrays["moving_variance"] = np.maximum(np.broadcast_to(pair[1].reshape(-1), wide), least)
    arrays = {word: array.astype(drawing.sketch.builder.dtype) for word, array in arrays.items()}
    if (invert := part.config.get("invert")) is not None and invert.value:
        raise ConversionError("has invert=True, expected False")
    return drawing.layer(BatchNormalization, part.name, x, arrays, epsilon=TINY, scale=False, center=False)


def _recurrent(kind: type[Recurrent]) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor | list[Any]:
        stateful, states = part.config.get("stateful"), part.config.get("return_state")
        if stateful is not None and stateful.value:
            raise ConversionError("has stateful=True, expected False: a stream keeps its state by itself")
        sequence, *first = part.inputs
        back, fields = part.config.get("go_backwards"), words(kind, part.config)
        x = drawing.ordered(sequence, SEQUENCE)
        x = drawing.call("reverse", x) if back is not None and back.value else x
        names = kind(name="x", **fields).build((None, x.channels)).weight_shapes()
        side = part.group.rpartition("/")[2]
        name = f"{part.name}/{side}" if side in SIDES else part.name
        made, cells = begun(drawing, kind, name, x, part.arrays(*names), first, **fields)
        if states is None or not states.value:
            return made if fields.get("return_sequences") else Tensor(made.value, "nc")
        ends = [made] if cells is None else [made, cells]
        if not fields.get("return_sequences"):
            last = [Tensor(one.value, "nc") for one in ends]
            return [last[0], *last]
        return [made, *(Tensor(drawing.call("last", one).value, "nc") for one in ends)]

    return draw


def _both_ways(drawing: Drawing, part: Part) -> Tensor | list[Tensor]:
    """Bidirectional: one layer forward and one backward, with the steps in the input's order; then their states."""
    inner, found, states = part.config["layer"], list[Tensor](), list[Tensor]()
    backward = part.config.get("backward_layer") or inner
    x, *first = part.inputs
    half = len(first) // 2
    for layer, side, begin in ((inner, SIDES[0], first[:half]), (backward, SIDES[1], first[half:])):
        kind = layer["class_name"].word()
        if kind not in RECURRENT:
            raise ConversionError(f"of a {kind} is not served, only of {', '.join(RECURRENT)}")
        told: Any = layer["config"].value
        if not isinstance(told, dict):
            raise layer["config"].wrong("expected an object")
        config = Item({**told, "go_backwards": side == SIDES[1]}, layer["config"].place)
        made = _recurrent(RECURRENT[kind])(
            drawing, replace(part.inner(config, kind, side), args=[x, *begin], kwargs={})
        )
        if not isinstance(made, Tensor):
            made, *ends = made
            states += ends
        found.append(drawing.call("reverse", made) if side == SIDES[1] and "t" in made.axes else made)
    merged = _merged(drawing, found, part.config.get("merge_mode"))
    return [*merged, *states] if states or len(merged) > 1 else merged[0]


def _merged(drawing: Drawing, found: list[Tensor], mode: Item | None) -> list[Tensor]:
    """What becomes of the two directions: one tensor, or both. Raises ConversionError."""
    word = None if mode is None else mode.value
    if word is None:
        return found
    if word == "concat":
        return [drawing.concat(found, -1)]
    if not isinstance(word, str) or word not in MERGED:
        raise ConversionError(f"has merge_mode={exactly(word)}, expected concat, sum, mul or ave")
    both = drawing.binary(MERGED[word], found[0], found[1])
    return [drawing.binary("*", both, 0.5) if word == "ave" else both]


def _prelu(drawing: Drawing, part: Part) -> Tensor:
    x, alpha = part.one, part.arrays("alpha")["alpha"]
    long = [letter for letter, size in zip(x.axes[1:], alpha.shape, strict=False) if size != 1]
    if alpha.ndim != len(x.axes) - 1 or long not in ([], ["c"]):
        raise ConversionError(f"has slopes of shape {alpha.shape}, expected shared_axes=[1]: one for each channel")
    return drawing.layer(PReLU, part.name, x, {"alpha": alpha.reshape(-1)}, shared=alpha.size == 1 < x.channels)


WEIGHTED: dict[str, Draw] = {
    **{kind.keras: convolution(kind) for kind in kinds.KINDS.values()},
    "Dense": _dense,
    "BatchNormalization": _normalized(BatchNormalization),
    "LayerNormalization": _normalized(LayerNormalization),
    "GroupNormalization": _grouped,
    "RMSNormalization": _root_mean_square,
    "Normalization": _standardized,
    **{word: _recurrent(kind) for word, kind in RECURRENT.items()},
    "Bidirectional": _both_ways,
    "PReLU": _prelu,
}
