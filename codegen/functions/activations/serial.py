"""Activations as Keras' configs, and back: a name, or for options the layer of Keras that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.functions import configs
from codegen.functions.registry import Call

LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}  # Keras' own, with options
_OF_EVERY_LAYER = ("name", "trainable", "dtype")


def serialize(activation: object) -> Any:
    """What Keras' get_config() holds: a name; {"module": …, "class_name": …, "config": …} for options that differ.

    Keras has layers for the options of relu, leaky_relu, elu and softmax; what it writes no options for stands under
    this package's name. Raises SpecError for a callable that has no name.
    """
    from codegen.functions import activations

    if activation is None:
        return "linear"
    if not isinstance(activation, activations.Activation):
        return configs.of_own(activation, "activation")
    if activation.is_plain:
        return activation.name
    layer = LAYERS.get(activation.name)
    module, name = ("keras.layers", layer) if layer else ("codegen.activations", activation.name)
    return {"module": module, "class_name": name, "config": dict(activation.options), "registered_name": None}


def deserialize(config: object, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation of a config, ours or Keras'; your own by name in `custom_objects`. Raises SpecError."""
    from codegen.functions import activations

    return activations.get(meant(configs.custom(config, custom_objects)))


def meant(config: object) -> object:
    """A name or a Call for the config of an activation that is known here; anything else as it is."""
    if not isinstance(config, Mapping) or "class_name" not in config:
        return config
    name, given = config["class_name"], config.get("config")
    if name == "function":
        return given
    known = next((word for word, layer in LAYERS.items() if layer == name), str(name))
    options = given if isinstance(given, Mapping) else {}
    return Call(known, (), tuple((word, value) for word, value in options.items() if word not in _OF_EVERY_LAYER))
