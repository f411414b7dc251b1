"""RTNeural's and AIDA-X' JSON: a chain of layers in Keras' layouts; and PyTorch's state dicts of amp models as JSON.

Source: RTNeural/model_loader.h, torch_helpers.h; AIDA-X for in_skip and out_gain. Convolutions are causal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.graph.builder import Value
from codegen.interchange.drawing import Drawing
from codegen.interchange.ledger import Ledger
from codegen.interchange.nam import reader as nam
from codegen.interchange.sketch import Imported, Sketch
from codegen.interchange.stranger import LARGEST_JSON, Item, bytes_of, json_of
from codegen.interchange.tensors import Tensor
from codegen.interchange.torch_graph import layers as torch_layers
from codegen.specs.kinds import Conv1DSpec
from codegen.specs.model_kinds import GRU, LSTM, BatchNormalization, Dense, ModelSpec, PReLU

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["read"]

CURVES = {"": "linear", "tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid", "softmax": "softmax", "elu": "elu"}
EPSILON = 1e-3  # of a batch normalization that does not tell
MOST_LAYERS = 1_024
MOST_GAIN = 300.0  # decibels
DECIBELS = 20.0  # of a tenfold amplitude


def read(path: Path, shown: str, ledger: Ledger) -> Imported:
    """The model of a .json or .aidax file, which may be a .nam, too. Raises ConversionError."""
    item = json_of(bytes_of(path, LARGEST_JSON), shown)
    if nam.is_nam(item):
        return nam.imported(item, path.stem)
    sketch = Sketch("model")
    sketch.builder.name = sketch.names.fresh(path.stem)
    made: Value | None
    if "state_dict" in item and "model_data" in item:
        made = _state_dict(sketch, item)
    elif "layers" in item and "in_shape" in item:
        made = _chain(sketch, item, ledger)
    else:
        raise item.wrong("has neither `layers` and `in_shape`, as RTNeural, nor `state_dict` and `model_data`")
    ledger.settle()
    assert made is not None  # whatever is wrong is told by then
    sketch.builder.output("y", made)
    skipped = tuple(f"{place}, {kind}, is left out" for place, kind in ledger.skipped.items())
    graph = sketch.graph()
    return Imported({graph.name: graph}, sketch.weights, "rtneural", (*sketch.notes, *skipped))


def _chain(sketch: Sketch, item: Item, ledger: Ledger) -> Value | None:
    sizes = list(item["in_shape"])
    if not sizes:
        raise item["in_shape"].wrong("is empty, expected (batch, steps, channels)")
    x = _loud(sketch, item, sketch.builder.input("x", None, sizes[-1].whole()))
    found = list(item["layers"])
    if not 1 <= len(found) <= MOST_LAYERS:
        raise item["layers"].wrong(f"has {len(found)} layers, expected 1 to {MOST_LAYERS:,}")
    value: Value | None = x
    for at, layer in enumerate(found):
        place, kind = f"layers[{at}]", layer["type"].word()
        if ledger.skips(place, kind):
            continue
        given, value = value, None
        with ledger.at(place, kind):
            draw = LAYERS.get(kind)
            if draw is None:
                known = ", ".join(LAYERS)
                raise ConversionError(f"is not known here, expected {known}; or leave it out with skip=['{place}']")
            if given is not None:
                value = _activated(sketch, layer, draw(sketch, f"{kind.replace('-', '_')}_{at}", layer, given))
    return None if value is None else _mixed(item, x, value)


def _loud(sketch: Sketch, item: Item, x: Value) -> Value:
    """The input as loud as AIDA-X makes it: its first channel, those behind it are knobs."""
    if "in_gain" not in item:
        return x
    loud = x[:1] * _factor(item["in_gain"])
    return loud if x.shape.channels == 1 else sketch.builder.function("concat", loud, x[1:])


def _mixed(item: Item, x: Value, value: Value) -> Value:
    """What AIDA-X does around the layers: the input's first channel is added, and the volume set."""
    skip = item.get("in_skip")
    if skip is not None and skip.whole(0, 1):
        value = value + x[: value.shape.channels]
    return value * _factor(item["out_gain"]) if "out_gain" in item else value


def _factor(gain: Item) -> float:
    """What a number of decibels multiplies by; 1 for what is no number, as AIDA-X has it."""
    if not isinstance(gain.value, (int, float)) or isinstance(gain.value, bool):
        return 1.0
    if not -MOST_GAIN <= gain.number() <= MOST_GAIN:
        raise gain.wrong(f"is {gain.value}, expected -{MOST_GAIN:g} to {MOST_GAIN:g} dB")
    return float(f"{10 ** (gain.number() / DECIBELS):.9g}")


def _activated(sketch: Sketch, layer: Item, value: Value) -> Value:
    """What the layer's activation makes of it; LSTM and GRU have theirs in them."""
    found = layer.get("activation")
    word = "" if found is None or layer["type"].value in ("lstm", "gru") else found.word()
    if word not in CURVES:
        assert found is not None  # an empty word is known
        raise found.wrong(f"unknown activation {exactly(word)}, expected one of {', '.join(filter(None, CURVES))}")
    return sketch.builder.activation(CURVES[word], value)


def _arrays(layer: Item, *counts: int) -> list[Array]:
    """The layer's weights as float32, of which there are so many. Raises ConversionError."""
    found = list(layer["weights"])
    if len(found) not in counts:
        expected = " or ".join(map(str, counts))
        raise layer["weights"].wrong(f"has {len(found)} arrays, expected {expected}")
    return [one.numbers().astype("float32") for one in found]


def _fitting(layer: Item, shapes: dict[str, tuple[int, ...]], *counts: int) -> dict[str, Array]:
    """The weights by names, held to the shapes; a bias may be missing."""
    arrays = _arrays(layer, *counts)
    for at, (array, (word, shape)) in enumerate(zip(arrays, shapes.items(), strict=False)):
        if array.shape != shape:
            raise layer["weights"].wrong(f"[{at}], `{word}`, has the shape {array.shape}, expected {shape}")
    return dict(zip(shapes, arrays, strict=False))


def _units(layer: Item) -> int:
    sizes = list(layer["shape"])
    if not sizes:
        raise layer["shape"].wrong("is empty, expected the layer's output")
    return sizes[-1].whole()


def _dense(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
    units = _units(layer)
    arrays = _fitting(layer, {"kernel": (x.shape.channels, units), "bias": (units,)}, 1, 2)
    return sketch.layer(Dense, name, x, arrays, units=units, use_bias="bias" in arrays)


def _conv(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
    units, given = _units(layer), layer.get("groups")
    taps, dilation = _one(layer["kernel_size"]), 1 if "dilation" not in layer else _one(layer["dilation"])
    groups = 1 if given is None else given.whole()
    if x.shape.channels % groups:
        raise ConversionError(f"has groups = {groups}, which do not divide {x.shape.channels} channels")
    strides = layer.get("strides")
    if strides is not None and _one(strides) != 1:
        raise ConversionError("has strides, expected 1: the files do not say how RTNeural repeats outputs")
    shapes = {"kernel": (taps, x.shape.channels // groups, units), "bias": (units,)}
    arrays = _fitting(layer, shapes, 1, 2)
    fields = {"filters": units, "kernel_size": taps, "dilation_rate": dilation, "groups": groups}
    return sketch.layer(Conv1DSpec, name, x, arrays, padding="causal", use_bias="bias" in arrays, **fields)


def _one(item: Item) -> int:
    """A size, or a list of one."""
    found = list(item) if item.is_list else [item]
    if len(found) != 1:
        raise item.wrong("expected one number")
    return found[0].whole()


def _recurrent(kind: type[ModelSpec], gates: int) -> Draw:
    def draw(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
        units = _units(layer)
        wide = gates * units
        bias: tuple[int, ...] = (wide,) if kind is LSTM else (2, wide)
        shapes = {"kernel": (x.shape.channels, wide), "recurrent_kernel": (units, wide), "bias": bias}
        arrays = _fitting(layer, shapes, 2, 3)
        return sketch.layer(kind, name, x, arrays, units=units, return_sequences=True, use_bias="bias" in arrays)

    return draw


def _prelu(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
    (alpha,) = (array.reshape(-1) for array in _arrays(layer, 1))
    if alpha.size not in (1, x.shape.channels):
        raise layer["weights"].wrong(f"has {alpha.size} slopes, expected 1, or {x.shape.channels}: one a channel")
    return sketch.layer(PReLU, name, x, {"alpha": alpha}, shared=alpha.size == 1 < x.shape.channels)


def _normalized(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
    """gamma, beta, mean, variance; or the last two alone."""
    found, epsilon = _arrays(layer, 2, 4), layer.get("epsilon")
    words = ("gamma", "beta", "moving_mean", "moving_variance")[-len(found) :]
    arrays = _fitting(layer, dict.fromkeys(words, (x.shape.channels,)), len(found))
    fields = {"epsilon": EPSILON if epsilon is None else epsilon.number()}
    scaled = len(found) == 4
    return sketch.layer(BatchNormalization, name, x, arrays, scale=scaled, center=scaled, **fields)


def _same(sketch: Sketch, name: str, layer: Item, x: Value) -> Value:
    return x


Draw: TypeAlias = Callable[[Sketch, str, Item, Value], Value]
LAYERS: dict[str, Draw] = {
    "dense": _dense,
    "time-distributed-dense": _dense,
    "conv1d": _conv,
    "lstm": _recurrent(LSTM, 4),
    "gru": _recurrent(GRU, 3),
    "prelu": _prelu,
    "batchnorm": _normalized,
    "activation": _same,
}


def _state_dict(sketch: Sketch, item: Item) -> Value:
    """An LSTM or GRU and a Linear by PyTorch's names: rec.weight_ih_l0 …, lin.weight; `skip` adds the input."""
    data, state = item["model_data"], item["state_dict"]
    kind = data["unit_type"].word().lower()
    if kind not in ("lstm", "gru"):
        raise data["unit_type"].wrong(f"got {plainly(kind, NAME)}, expected LSTM or GRU")
    count = data.get("num_layers")
    x = sketch.builder.input("x", None, 1 if "input_size" not in data else data["input_size"].whole())
    words = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    arrays = [
        [state[f"rec.{word}_l{at}"].numbers().astype("float32") for word in words if f"rec.{word}_l{at}" in state]
        for at in range(1 if count is None else count.whole(1, 64))
    ]
    for found in arrays:
        if len(found) not in (2, 4) or any(one.ndim != 2 for one in found[:2]) or found[0].shape[1] < 1:
            raise state.wrong("expected rec.weight_ih_l0, rec.weight_hh_l0 and their biases, matrices and lists")
    drawing = Drawing(sketch)
    value, _ = torch_layers.rnn(drawing, kind, "rec", Tensor(x, "ntc"), arrays, batch_first=True)
    weight = state["lin.weight"].numbers().astype("float32")
    bias = state["lin.bias"].numbers().astype("float32") if "lin.bias" in state else None
    if weight.ndim != 2:
        raise state["lin.weight"].wrong("expected a matrix")
    made = drawing.dense("lin", value, weight.T, bias).value
    skip = data.get("skip")
    return made + x if skip is not None and skip.whole(0, 1) else made
