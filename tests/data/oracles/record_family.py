"""Writes tests/data/oracles/family.npz: Keras' separable and transposed layers, and other activations.

    pip install torch==2.13.0 keras && KERAS_BACKEND=torch python -m tests.data.oracles.record_family

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

Case = dict[str, Any]

CLASSES = {
    "conv1d": "Conv1D",
    "separable_conv1d": "SeparableConv1D",
    "conv1d_transpose": "Conv1DTranspose",
}
EACH = 60  # layers of each of the two kinds
ACTIVATIONS: tuple[tuple[str, Case], ...] = (
    ("celu", {"alpha": 0.5}), ("selu", {}), ("log_sigmoid", {}), ("softsign", {}), ("hard_tanh", {}),
    ("tanh_shrink", {}), ("soft_shrink", {}), ("soft_shrink", {"threshold": 0.25}), ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 0.75}), ("threshold", {"threshold": 0.5, "default_value": 0.25}), ("exponential", {}),
    ("mish", {}), ("squareplus", {}), ("squareplus", {"b": 2}), ("sparse_plus", {}), ("sparse_sigmoid", {}),
    ("softmax", {}), ("log_softmax", {}), ("glu", {}),  # no sparsemax: that of 3.15 is wrong (Keras' issue 23425)
)  # fmt: skip


def layers() -> Iterator[Case]:
    """Kind, arguments, activation, input shape with the batch, and whether the numbers are whole."""
    rng = np.random.default_rng(2027)

    def pick(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    for number in range(2 * EACH):
        kind = ("separable_conv1d", "conv1d_transpose")[number % 2]
        stride = pick(1, 1, 2, 3, 4)
        arguments: Case = {
            "filters": pick(1, 2, 3, 8, 9),
            "kernel_size": pick(1, 2, 3, 3, 4, 5, 7),
            "strides": stride,
            "dilation_rate": pick(1, 2, 3) if stride == 1 or number % 2 == 0 else 1,
            "padding": pick("valid", "same"),
            "data_format": pick("channels_last", "channels_last", "channels_first"),
            "use_bias": pick(True, True, False),
        }
        if kind == "separable_conv1d":
            arguments["depth_multiplier"] = pick(1, 1, 2, 3)
        elif stride > 1:
            arguments["output_padding"] = pick(None, None, *range(stride))
        whole = number % 4 < 2
        activation = pick(
            ("linear", {}), ("linear", {}), ("relu", {}), *([] if whole else [("tanh", {}), ("silu", {})])
        )
        steps, channels = 19 + pick(*range(12)), pick(1, 2, 3, 5, 8)  # 19 steps hold the longest kernel
        yield case(kind, arguments, activation, pick(1, 2), steps, channels, whole)
    for activation in ACTIVATIONS:
        for filters in (6, 16):
            yield case("conv1d", {"filters": filters, "kernel_size": 3}, activation, 2, 9, 4, False)


def case(kind: str, arguments: Case, activation: Any, batch: int, steps: int, channels: int, whole: bool) -> Case:
    last = arguments.get("data_format") != "channels_first"
    sample = (steps, channels) if last else (channels, steps)
    return {"kind": kind, "arguments": arguments, "activation": activation, "x": (batch, *sample), "whole": whole}


def numbers(shape: tuple[int, ...], seed: list[int], whole: bool) -> np.ndarray:
    """Random numbers that float16 holds; whole ones small enough that no sum of a layer above passes 2**24."""
    rng = np.random.default_rng(seed)
    if whole:
        return rng.integers(-8, 9, shape).astype(np.float64)
    return (rng.standard_normal(shape) / 2).astype(np.float16).astype(np.float64)


def answered(given: Case, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) of the input, each weight, and Keras' output."""
    import keras
    import torch

    name, options = given["activation"]
    dtype = "float32" if given["whole"] else "float64"
    function = functools.partial(getattr(keras.activations, name), **options)
    layer = getattr(keras.layers, CLASSES[given["kind"]])(**given["arguments"], activation=function, dtype=dtype)
    layer.build(given["x"])
    x = numbers(given["x"], [seed], given["whole"])
    weights = [numbers(w.shape, [seed, place], given["whole"]) for place, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    yield "x", x
    yield from zip([w.name for w in layer.weights], weights, strict=True)
    with torch.no_grad():
        yield "y", keras.ops.convert_to_numpy(layer(x.astype(dtype))).astype(np.float64)


def record(path: Path) -> None:
    described, given, answers = [], [], []
    for seed, layer in enumerate(layers()):
        arrays = dict(answered(layer, seed))
        described.append(layer | {"arrays": {name: array.shape for name, array in arrays.items()}})
        answers.append(arrays.pop("y").ravel())
        given += [array.ravel() for array in arrays.values()]
    inputs = np.concatenate(given)
    assert (inputs.astype(np.float16) == inputs).all()
    text = np.frombuffer(json.dumps(described).encode(), np.uint8)
    np.savez_compressed(path, layers=text, given=inputs.astype(np.float16), y=np.concatenate(answers))
    print(f"{path}: {len(described)} layers, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    record(Path(__file__).with_name("family.npz"))
