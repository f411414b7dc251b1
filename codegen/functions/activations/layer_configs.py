"""What a config of Keras' means: a name, or one of its layers of activations with options."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.functions.registry import Call

LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}  # Keras' own, with options
_OF_EVERY_LAYER = ("name", "trainable", "dtype")


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
