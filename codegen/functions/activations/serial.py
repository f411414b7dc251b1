"""Activations as Keras' configs, and back: a name, or for options the layer of Keras that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.functions import configs
from codegen.functions.activations import activation as activations
from codegen.functions.activations.layer_configs import LAYERS, meant


def serialize(activation: object) -> Any:
    """What Keras' get_config() holds: a name; {"module": …, "class_name": …, "config": …} for options that differ.

    Keras has layers for the options of relu, leaky_relu, elu and softmax; what it writes no options for stands under
    this package's name. Raises SpecError for a callable that has no name.
    """
    if activation is None:
        return "linear"
    if not isinstance(activation, activations.Activation):
        return configs.of_own(activation, "activation")
    if activation.is_plain:
        return activation.name
    layer = LAYERS.get(activation.name)
    module, name = ("keras.layers", layer) if layer else (activations.HOME, activation.name)
    return {"module": module, "class_name": name, "config": dict(activation.options), "registered_name": None}


def deserialize(config: object, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation of a config, ours or Keras'; your own by name in `custom_objects`. Raises SpecError."""
    return activations.get(meant(configs.custom(config, custom_objects)))
