"""Layers as layers of Keras, on its torch and NumPy backends. It imports keras, and is imported late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from codegen.errors import ConversionError
from codegen.errors.quoting import plainly
from codegen.layers.kinds import LAYERS
from codegen.layers.layer import Layer

__all__ = ["GenConv1D", "layer_of"]

BACKENDS = ("torch", "numpy")
OPTIONS = ("initializer", "regularizer", "constraint")  # of a weight
Base: Any = keras.layers.Layer


def layer_of(layer: Layer) -> GenConv1D:
    """The layer as one of Keras, with copies of its weights. Raises ConversionError for what cannot be one."""
    if keras.config.backend() not in BACKENDS:
        way = "set KERAS_BACKEND=torch before Keras is imported"
        raise ConversionError(f"to_keras: the backend is {keras.config.backend()}, expected torch or numpy; {way}")
    if layer.spec.own_activation is not None or layer.dtype not in ("float32", "float64"):
        way = "convert the layer without it, and apply it to the output"
        raise ConversionError(f"`{layer.name}`: an activation of your own, or dtype {layer.dtype}, is NumPy's; {way}")
    found = GenConv1D(_described(layer), name=layer.name, dtype=layer.dtype, trainable=layer.trainable)
    if layer.built:
        found.build((None, *(layer.spec.input_shape or ())))
        found.set_weights(layer.get_weights())
    return found


@keras.saving.register_keras_serializable("codegen")
class GenConv1D(Base):  # type: ignore[misc]  # keras ships no types
    """A convolution that gen-conv computes, with the weights of Keras' own layer of that kind, and its gradients.

    `layer` is what `get_config` tells of it: the class in codegen, its config, and how it is computed.
    """

    def __init__(self, layer: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self._own = _made(layer)
        self.activity_regularizer = keras.regularizers.get(layer["config"].get("activity_regularizer"))

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights, of the names and shapes of Keras' own layer."""
        self._own.build(tuple(input_shape))
        spec, config = self._own.spec, self._own.get_config()
        for name, shape in spec.weight_shapes().items():
            self.add_weight(name=name, shape=shape, **{one: config.get(spec.option_of(name, one)) for one in OPTIONS})
        self._runs = None
        if keras.config.backend() == "torch":
            from codegen.interchange.torch_ops import KerasRunner

            self._runs = KerasRunner(self._own)

    def call(self, inputs: Any) -> Any:
        """y of x, with x's order of axes."""
        weights = [each.value for each in self.weights]
        if self._runs is not None:
            from codegen.interchange.torch_derivatives import Conv1d

            return Conv1d.apply(self._runs, inputs, *weights)
        held = [np.asarray(each) for each in weights]
        if not all(map(np.array_equal, held, self._own.weights)):
            self._own.set_weights(held)
        return self._own(np.asarray(inputs))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """(batch, steps, filters), in the data format's order."""
        return self._own.compute_output_shape(tuple(input_shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        """The same of a symbolic input, which no kernel runs on."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """What makes the layer again, but for its weights."""
        return {**super().get_config(), "layer": _described(self._own)}


def _described(layer: Layer) -> dict[str, Any]:
    return {"class": type(layer).__name__, "config": layer.get_config(), "how": asdict(layer._how)}


def _made(described: Mapping[str, Any]) -> Layer:
    """The layer that a config describes, which may come from a stranger's file. Raises ConversionError."""
    classes = {cls.__name__: cls for cls in LAYERS.values()}
    given = dict(described) if isinstance(described, Mapping) else {}
    if given.get("class") not in classes or not isinstance(given.get("config"), Mapping):
        raise ConversionError(f"GenConv1D: got {plainly(described, 80)}, expected what a layer's get_config() gives")
    how = given.get("how")
    return classes[given["class"]].from_config({**given["config"], **(how if isinstance(how, Mapping) else {})})
