"""Layers and weights from Keras and PyTorch, and back; models from files. No other library is imported.

A live layer is read by its attributes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from codegen.errors import ConversionError, UsageError
from codegen.interchange import convert, states, torch_modules
from codegen.interchange.files import read
from codegen.interchange.keras_layers import KERAS
from codegen.interchange.torch_modules import TORCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer
    from codegen.layers.model import Model

    Array = NDArray[Any]

__all__ = ["accelerate", "from_keras", "from_torch", "keras_weights", "read", "to_keras", "to_torch", "to_torch_state"]


def from_keras(layer: Any, *, skip: Collection[str] = (), **options: Any) -> Any:
    """The Layer of a built Keras layer, or the Model of a Keras model; weights are copied.

    A Sequential or functional model takes (batch, steps, channels) and has `to_conv`. As a mapping it holds its 1-D
    convolutions. If gen-conv does not know a part of it, only these remain: `model.unread` says why, and a call raises
    it. `skip` names parts, by path, name or class, that then return their input.
    `options` are arguments of `codegen.Conv1D` (target, dtype, activation, …) that override what was found. A bias
    that `use_bias=True` adds is zeros. Paths give the layers of a model their names (`model.origins`,
    `codegen.interchange.naming`). If the model's Input has a number of steps, each layer takes the number that it has
    there, unless `input_shape=None` is given. `model.left_out` lists everything that is no 1-D convolution. Raises
    ConversionError with each part that cannot be converted, why, and what to do.
    """
    return convert.converted(KERAS, TORCH, layer, options, skip)


def from_torch(
    module: Any, *, steps: int | None = None, example: Any = None, skip: Collection[str] = (), **options: Any
) -> Any:
    """The Layer of a Conv1d or ConvTranspose1d, or the Model of a module; weights are copied.

    The model takes (batch, steps, channels), whatever the order in the module. gen-conv reads a Sequential module by
    module, an ExportedProgram by its graph, and any other module by torch.export, or by torch.fx if that fails.
    `example` is an input of the module. It is needed if nothing else tells the channels, or if the steps must be known.
    Single layers are channels_first like their modules, unless data_format="channels_last" is given. With `steps` each
    layer is made for the length that it has when the module's input has that many. The module is called once on zeros
    of (1, channels, steps) to find it. Everything else is as in `from_keras`.
    """
    if steps is None or not TORCH.owns(module):
        return convert.converted(TORCH, KERAS, module, options, skip, example)
    found = torch_modules.lengths(module, steps)
    told = replace(TORCH, steps=lambda part: found.get(id(part), ()))
    return convert.converted(told, KERAS, module, options, skip, example, lone=True)


def to_torch(held: Layer | Model) -> Any:
    """The layer as a torch.nn.Module, a model's layers as a ModuleDict; weights are copied, and torch is imported.

    Its parameters have the names and layouts of the torch module that it replaces (`state_dict` goes both ways). It
    works with autograd, torch.compile(fullgraph=True) and torch.export, in float32 and float64 on the CPU. Raises
    ConversionError with what to do if it cannot be a module, and UsageError if PyTorch is not installed.
    """
    made = _torch_layers("to_torch")
    return made.module_of(held) if not isinstance(held, Mapping) else made.modules_of(held)


def to_keras(layer: Layer) -> Any:
    """The layer as a keras.layers.Layer on the torch or the NumPy backend; weights are copied, and keras is imported.

    Its weights have the names and shapes of Keras' own layer. It trains in `model.fit` on torch. Keras saves it in its
    own files: import `codegen.interchange.keras_made` before you load one. Raises ConversionError with what to do if it
    cannot be a Keras layer, and UsageError if Keras is not installed.
    """
    if isinstance(layer, Mapping):
        raise ConversionError("to_keras: got a model, expected a layer; convert its layers one by one, model[name]")
    try:
        from codegen.interchange import keras_made
    except ModuleNotFoundError as missing:
        if missing.name != "keras":
            raise
        raise UsageError("to_keras needs Keras 3: pip install keras torch") from None
    return keras_made.layer_of(layer)


def accelerate(module: Any, skip: Collection[str] = (), **options: Any) -> dict[str, str]:
    """Replace each Conv1d and ConvTranspose1d below a torch module, in place, by one that gen-conv computes.

    Parameters stay the same objects, so optimizers and state dicts work as before. `skip` names paths to leave alone,
    with everything below them. `options` are arguments of `codegen.Conv1D` (accuracy, threads, …). Returns the path of
    each convolution that was left, with the reason. Raises ConversionError for a single convolution, and for anything
    that is no module.
    """
    left: dict[str, str] = _torch_layers("accelerate").accelerated(module, skip, options)
    return left


def _torch_layers(asker: str) -> Any:
    try:
        from codegen.interchange import torch_layers
    except ModuleNotFoundError as missing:
        if missing.name != "torch":
            raise
        raise UsageError(f"{asker} needs PyTorch: pip install torch") from None
    return torch_layers


def to_torch_state(held: Layer | Model) -> dict[str, Array]:
    """A state dict of new arrays in PyTorch's layout, for `module.load_state_dict` after `torch.from_numpy` of each.

    A layer's names are `weight` and `bias`; a model's have the paths of the modules that its layers were copied from
    before them, or else the layers' names. A separable layer is two modules there, `depthwise` and `pointwise`.
    """
    return states.of(held) if not isinstance(held, Mapping) else states.of_all(held)


@overload
def keras_weights(held: Layer) -> list[Array]: ...
@overload
def keras_weights(held: Model) -> dict[str, list[Array]]: ...
def keras_weights(held: Layer | Model) -> list[Array] | dict[str, list[Array]]:
    """What the Keras layer's `set_weights` takes, as copies; for a model by the layers' names or paths in Keras."""
    if not isinstance(held, Mapping):
        return held.get_weights()
    return {states.path(layer, "keras"): layer.get_weights() for layer in held.values()}
