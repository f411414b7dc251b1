"""Keras' layers, of Keras 3 and of tf.keras, read by their attributes: keras/src/layers/convolutional tells them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError, SpecError
from codegen.functions import activations
from codegen.functions.activations import layer_configs
from codegen.functions.registry import Call
from codegen.interchange.keras_graph import live
from codegen.interchange.library import Found, Library, array, base, demand_untouched, dtype_of
from codegen.layers.config import TABLES
from codegen.specs import kinds
from codegen.specs.parameters import parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ROOTS = ("keras", "tf_keras", "tensorflow")
CHANNELS: dict[str, Callable[[Mapping[str, Array], Any], int]] = {  # from the kernel's shape, and the layer
    "Conv1D": lambda arrays, layer: int(arrays["kernel"].shape[1] * getattr(layer, "groups", 1)),
    "DepthwiseConv1D": lambda arrays, layer: int(arrays["kernel"].shape[1]),
    "SeparableConv1D": lambda arrays, layer: int(arrays["depthwise_kernel"].shape[1]),
    "Conv1DTranspose": lambda arrays, layer: int(arrays["kernel"].shape[2]),
}
WEIGHTS = ("kernel", "depthwise_kernel", "pointwise_kernel", "bias")


def _kinds() -> dict[str, type[kinds.Spec]]:
    return {kind.keras: kind for kind in kinds.KINDS.values()}


def _kind(layer: Any) -> str | None:
    found = base(layer, ROOTS, _kinds())
    return found.__name__ if found else None


def _children(layer: Any) -> Iterable[tuple[str, Any]]:
    """The layers in a model in their order; those in a wrapper, by the list that Keras itself walks."""
    found = getattr(layer, "layers", None)
    if found is None and hasattr(layer, "_flatten_layers"):
        found = layer._flatten_layers(include_self=False, recursive=False)
    return [(str(child.name), child) for child in found or ()]


def _steps(layer: Any) -> set[int | None]:
    """From the nodes of its graph; a known batch is that of an array which a model without an Input was called on."""
    axis = 2 if getattr(layer, "data_format", None) == "channels_first" else 1
    found: set[int | None] = set()
    for node in getattr(layer, "_inbound_nodes", None) or ():
        tensors = node.input_tensors
        for first in tensors[:1] if isinstance(tensors, (list, tuple)) else (tensors,):
            shape = tuple(first.shape)
            found.add(shape[axis] if len(shape) == 3 and shape[0] is None else None)
    return found


def _read(layer: Any, given: Collection[str]) -> Found:
    cls = base(layer, ROOTS, _kinds())
    assert cls is not None  # only layers with a kind are read
    demand_untouched(layer, cls, ("call", "convolution_op"))
    if not layer.built:
        way = "call it on an input, or layer.build((None, None, channels))"
        raise ConversionError(f"is not built and has no weights yet; {way}")
    kind = _kinds()[cls.__name__]
    arguments = dtype_of(str(layer.compute_dtype), given)
    for name in parameters(kind):
        if name not in ("name", "input_shape", "dtype", *given) and hasattr(layer, name):
            arguments[name] = _value(name, getattr(layer, name))
    arrays = _arrays(layer)
    return Found(kind.kind, CHANNELS[cls.__name__](arrays, layer), arguments, arrays)


def _arrays(layer: Any) -> dict[str, Array]:
    """By Keras 3's names: a depthwise layer of tf.keras calls its only kernel depthwise_kernel."""
    held = {name: getattr(layer, name) for name in WEIGHTS if getattr(layer, name, None) is not None}
    found = {name: array(value, name) for name, value in held.items()}
    if "pointwise_kernel" not in found and "depthwise_kernel" in found:
        kernel = found.pop("depthwise_kernel")
        found = {"kernel": kernel, **found}
    return found


def _value(name: str, value: Any) -> Any:
    """An argument in our objects where we have them, else as it is."""
    if name == "activation":
        return _activation(value)
    table = TABLES.get(name.rpartition("_")[2])
    if table is None or value is None or not _is_theirs(value):
        return value
    try:
        return table.get(_config(value))
    except SpecError:  # one that has state, such as a SeedGenerator, or that is not known here: it still can be called
        return value


def _activation(value: Any) -> Any:
    """The activation that one of Keras' functions or activation layers is. Raises ConversionError for any other."""
    if value is None:
        return None
    if type(value).__name__ == "Activation" and _is_theirs(value):
        return _activation(value.activation)
    try:
        return activations.get(_meant(value))
    except SpecError as wrong:
        raise ConversionError(f"{wrong.message}; give activation=… here, or None and apply it yourself") from None


def _meant(value: Any) -> object:
    """The name or Call of one of Keras' activations."""
    options: Mapping[str, Any] = {}
    if isinstance(value, partial) and not value.args:
        value, options = value.func, value.keywords
    name = getattr(value, "__name__", None)
    if name and _is_theirs(value):
        return Call(name, (), tuple(options.items())) if options else name
    if hasattr(value, "get_config") and _is_theirs(value):
        return layer_configs.meant(_config(value))
    shown = name or type(value).__name__
    way = "give it on NumPy arrays, as activation=…, or give activation=None and apply it yourself"
    raise ConversionError(f"its activation `{shown}` is a callable of your own on Keras' tensors; {way}")


def _config(value: Any) -> dict[str, Any]:
    return {"class_name": type(value).__name__, "config": value.get_config()}


def _is_theirs(value: Any) -> bool:
    """Whether a function, or an object's class, is Keras' own."""
    where = getattr(value, "__module__", None) or ""
    return str(where).split(".")[0] in ROOTS


KERAS = Library(
    word="keras",
    article="a Conv1D, DepthwiseConv1D, SeparableConv1D or Conv1DTranspose of Keras, or a model that holds some",
    separator="/",
    owns=lambda layer: base(layer, ROOTS, ("Layer",)) is not None,
    kind=_kind,
    children=_children,
    name=lambda layer: str(layer.name),
    read=_read,
    graph=live.drawn,
    ignored=("InputLayer",),
    steps=_steps,
)
