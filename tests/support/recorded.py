"""What Keras and ONNX computed, as tests/data/oracles holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.strategies import Data, Layer

ORACLES = Path(__file__).parents[1] / "data" / "oracles"


@dataclass(frozen=True)
class Answer:
    """A layer, the arrays it was given, and the float64 `y` that the oracle returned."""

    layer: Layer
    given: Data
    y: np.ndarray
    whole: bool


@lru_cache(maxsize=1)
def keras() -> tuple[Answer, ...]:
    """Keras' answers: `whole` ones are exact, the others were computed in float64."""
    with np.load(ORACLES / "keras.npz") as file:
        flat = {name: file[name].astype(np.float64) for name in ("x", "kernel", "bias", "y")}
        described = json.loads(file["layers"].tobytes())
    at = dict.fromkeys(flat, 0)

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        start = at[name]
        at[name] += prod(shape)
        return flat[name][start : at[name]].reshape(shape)

    answers = []
    for entry in described:
        activation = (entry["activation"][0], entry["activation"][1])
        layer = Layer(
            entry["kind"], entry["channels"], entry["steps"], entry["arguments"], activation, origin=entry["origin"]
        )
        x = take("x", (entry["batch"], *layer.input_shape(layer.steps)))  # type: ignore[arg-type]
        kernel = take("kernel", layer.kernel_shape)
        bias = take("bias", (layer.filters,)) if layer.arguments.get("use_bias", True) else None
        answers.append(Answer(layer, Data(x, kernel, bias), take("y", tuple(entry["y"])), entry["whole"]))
    assert all(at[name] == len(flat[name]) for name in flat)
    return tuple(answers)


@dataclass(frozen=True)
class Told:
    """One of Keras' layers: its arguments in Keras' words, its weights in Keras' shapes, what it was given and said."""

    kind: str
    arguments: dict[str, Any]
    activation: tuple[str, dict[str, Any]]
    x: np.ndarray
    weights: dict[str, np.ndarray]
    y: np.ndarray
    whole: bool

    def spec(self, **changes: Any) -> Any:
        """The specs.KINDS instance that says the same, of any length."""
        from codegen.functions.registry import Call
        from codegen.specs.kinds import KINDS

        first = self.arguments.get("data_format") == "channels_first"
        shape = (self.x.shape[1], None) if first else (None, self.x.shape[2])
        word, options = self.activation
        activation = Call(word, (), tuple(options.items()))
        given = {"name": "layer", "input_shape": shape, "activation": activation}
        return KINDS[self.kind](**(given | self.arguments | changes))


@lru_cache(maxsize=1)
def family() -> tuple[Told, ...]:
    """Keras' separable and transposed layers and its other activations; `whole` ones are exact, others float64."""
    with np.load(ORACLES / "family.npz") as file:
        given, answers = file["given"].astype(np.float64), file["y"]
        described = json.loads(file["layers"].tobytes())
    told = []
    for entry in described:
        arrays = {}
        for name, shape in entry["arrays"].items():
            size = prod(shape)
            if name == "y":
                arrays[name], answers = answers[:size].reshape(shape), answers[size:]
            else:
                arrays[name], given = given[:size].reshape(shape), given[size:]
        x, y = arrays.pop("x"), arrays.pop("y")
        activation = (entry["activation"][0], entry["activation"][1])
        told.append(Told(entry["kind"], entry["arguments"], activation, x, arrays, y, entry["whole"]))
    assert not len(given) + len(answers)
    return tuple(told)


def onnx() -> Iterator[Answer]:
    """The `test_Conv1d*` cases of the onnx wheel, computed in float32 by PyTorch, as channels_first layers."""
    with np.load(ORACLES / "onnx.npz") as file:
        for case in json.loads(file["cases"].tobytes()):
            x, w, b, y = (file[f"{case['name']}/{role}"].astype(np.float64) for role in "xwby")
            said = case["attributes"]
            arguments = {
                "filters": w.shape[0],
                "kernel_size": said["kernel_shape"][0],
                "strides": said["strides"][0],
                "dilation_rate": said["dilations"][0],
                "padding": tuple(said["pads"]),
                "groups": said["group"],
                "data_format": "channels_first",
            }
            layer = Layer("conv1d", x.shape[1], x.shape[2], arguments, origin=case["name"])
            yield Answer(layer, Data(x, w.transpose(2, 1, 0), b), y, whole=False)
