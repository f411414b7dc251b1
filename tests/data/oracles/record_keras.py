"""Writes tests/data/oracles/keras.npz: what Keras computes, so that the tests need neither Keras nor PyTorch.

    pip install torch==2.13.0 keras hypothesis && KERAS_BACKEND=torch python -m tests.data.oracles.record_keras

Whole-number data is computed in float32 (and must be exact), other data in float64. The file's layout is told
by `tests/data/oracles/README.md`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.strategies import Data, Layer, data, random_layers

RANDOM = 360
CONV_TEST = (  # keras/src/layers/convolutional/conv_test.py: ConvBasicTest, test_conv1d_basic and its symbolic cases
    ((3, 5, 4), {"filters": 5, "kernel_size": 2}),
    ((3, 4, 4), {"filters": 6, "kernel_size": 2, "padding": "same", "dilation_rate": 2, "groups": 2}),
    ((3, 4, 4), {"filters": 6, "kernel_size": 2, "padding": "causal", "dilation_rate": 2, "groups": 2}),
    ((3, 5, 4), {"filters": 6, "kernel_size": 2, "strides": 2, "groups": 2}),
    ((1, 5, 4), {"filters": 6, "kernel_size": 3}),
    # the same file: ConvCorrectnessTest, test_conv1d
    ((2, 8, 4), {"filters": 5, "kernel_size": 2}),
    ((2, 8, 4), {"filters": 6, "kernel_size": 2, "padding": "same", "dilation_rate": 2, "groups": 2}),
    ((2, 8, 4), {"filters": 6, "kernel_size": 2, "padding": "causal", "dilation_rate": 2, "groups": 2}),
    ((2, 8, 4), {"filters": 6, "kernel_size": 2, "strides": 2, "groups": 2}),
    ((2, 8, 4), {"filters": 6, "kernel_size": 2, "strides": 2, "groups": 2, "data_format": "channels_first"}),
)
DEPTHWISE_TEST = (  # keras/src/layers/convolutional/depthwise_conv_test.py: basic and correctness cases
    ((3, 5, 4), {"depth_multiplier": 5, "kernel_size": 2}),
    ((3, 4, 4), {"depth_multiplier": 6, "kernel_size": 2, "padding": "same", "dilation_rate": 2}),
    ((3, 5, 4), {"depth_multiplier": 6, "kernel_size": 2, "strides": 2}),
    (
        (3, 4, 10),
        {
            "depth_multiplier": 6,
            "kernel_size": 2,
            "padding": "same",
            "data_format": "channels_first",
            "dilation_rate": 2,
        },
    ),
    ((2, 8, 4), {"depth_multiplier": 5, "kernel_size": 2}),
    ((2, 8, 4), {"depth_multiplier": 6, "kernel_size": 2, "padding": "same", "dilation_rate": 2}),
    ((2, 8, 4), {"depth_multiplier": 6, "kernel_size": 2, "strides": 2}),
)


def keras_answer(layer: Layer, given: Data, dtype: str) -> np.ndarray:
    """Keras' own output for one layer, float64."""
    import keras
    import torch

    classes = {"conv1d": keras.layers.Conv1D, "depthwise_conv1d": keras.layers.DepthwiseConv1D}
    name, options = layer.activation
    activation = functools.partial(getattr(keras.activations, name), **options)
    made = classes[layer.kind](**layer.arguments, activation=activation, dtype=dtype)
    made.build(given.x.shape)
    made.set_weights(list(given.weights.values()))
    with torch.no_grad():
        return keras.ops.convert_to_numpy(made(given.x.astype(dtype))).astype(np.float64)


def cases() -> Iterator[tuple[Layer, Data, bool]]:
    for kind, table in (("conv1d", CONV_TEST), ("depthwise_conv1d", DEPTHWISE_TEST)):
        for index, (shape, arguments) in enumerate(table):
            first = arguments.get("data_format") == "channels_first"
            steps, channels = (shape[2], shape[1]) if first else (shape[1], shape[2])
            file = "conv_test.py" if kind == "conv1d" else "depthwise_conv_test.py"
            layer = Layer(kind, channels, steps, dict(arguments), origin=f"{file} {index}")
            yield layer, data(layer, index, whole=False, batch=shape[0]), False
    for index, layer in enumerate(random_layers(RANDOM, seed=2026, keras=True, small=True)):
        whole = index % 2 == 0
        if whole and not layer.is_exact:
            layer = Layer(layer.kind, layer.channels, layer.steps, layer.arguments)
        yield layer, data(layer, index, whole=whole, batch=1 + index % 3 // 2), whole


def record(path: Path) -> None:
    descriptions, arrays = [], {"x": [], "kernel": [], "bias": [], "y": []}  # type: ignore[var-annotated]
    for layer, given, whole in cases():
        y = keras_answer(layer, given, "float32" if whole else "float64")
        description: dict[str, Any] = {
            "origin": layer.origin,
            "kind": layer.kind,
            "channels": layer.channels,
            "steps": layer.steps,
            "arguments": layer.arguments,
            "activation": layer.activation,
            "batch": len(given.x),
            "y": y.shape,
            "whole": whole,
        }
        descriptions.append(description)
        for name, array in (("x", given.x), ("kernel", given.kernel), ("bias", given.bias), ("y", y)):
            if array is not None:
                arrays[name].append(array.ravel())
    flat = {name: np.concatenate(parts) for name, parts in arrays.items()}
    inputs = {name: flat[name].astype(np.float16) for name in ("x", "kernel", "bias")}  # exact: drawn as float16
    assert all((inputs[name] == flat[name]).all() for name in inputs)
    text = np.frombuffer(json.dumps(descriptions).encode(), np.uint8)
    np.savez_compressed(path, layers=text, y=flat["y"], **inputs)  # type: ignore[arg-type]
    print(f"{path}: {len(descriptions)} layers, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    record(Path(__file__).with_name("keras.npz"))
