"""The kinds of layers that stand in models alone, beside Keras' own: the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen.graph import reference
from codegen.graph.builder import Builder
from codegen.specs.model_kinds import MODEL_KINDS

pytestmark = pytest.mark.live
keras = pytest.importorskip("keras", reason="needs Keras: pip install keras torch")

CASES: list[tuple[str, dict[str, Any]]] = [
    ("dense", {"units": 5, "activation": "tanh"}),
    ("batch_normalization", {"epsilon": 0.01}),
    ("batch_normalization", {"scale": False}),
    ("layer_normalization", {"center": False}),
    ("group_normalization", {"groups": 2}),
    ("lstm", {"units": 5, "return_sequences": True}),
    ("lstm", {"units": 4, "recurrent_activation": "hard_sigmoid", "use_bias": False}),
    ("gru", {"units": 5, "return_sequences": True}),
    ("gru", {"units": 5, "reset_after": False}),
    ("simple_rnn", {"units": 5, "return_sequences": True}),
    ("simple_rnn", {"units": 3, "activation": "relu", "use_bias": False}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_a_layer_is_keras(kind: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(len(options))
    x = rng.standard_normal((2, 9, 4))
    cls = MODEL_KINDS[kind]
    theirs = getattr(keras.layers, cls.keras)(**options, dtype="float64")
    theirs.build(x.shape)
    arrays = [np.abs(rng.standard_normal(tuple(each.shape))) for each in theirs.weights]
    theirs.set_weights(arrays)
    builder = Builder("one")
    builder.output("y", builder.call(cls(name="layer", **options), builder.input("x", None, 4)))
    graph = builder.graph()
    shapes = graph.layers["layer"].weight_shapes()
    assert list(shapes.values()) == [array.shape for array in arrays]
    weights = {"layer": dict(zip(shapes, arrays, strict=True))}
    y = np.asarray(keras.ops.convert_to_numpy(theirs(x)))
    ours = reference.run(graph, {"x": x}, weights)["y"]
    ours = ours if ours.ndim == y.ndim else ours[:, 0]
    assert np.allclose(ours, y, rtol=2e-5, atol=2e-6), "Keras takes some means in float32"


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, 2), (4, 3), (3, 1)])
def test_pools_are_keras(size: int, strides: int | None, padding: str) -> None:
    x = np.random.default_rng(size).standard_normal((2, 11, 3))
    builder = Builder("pools")
    given = builder.input("x", None, 3)
    for name in ("max_pool", "average_pool"):
        builder.output(name, builder.function(name, given, size=size, strides=strides, padding=padding))
    found = reference.run(builder.graph(), {"x": x}, {})
    for name, cls in (("max_pool", keras.layers.MaxPooling1D), ("average_pool", keras.layers.AveragePooling1D)):
        y = np.asarray(keras.ops.convert_to_numpy(cls(size, strides, padding, dtype="float64")(x)))
        assert found[name].shape == y.shape
        assert np.allclose(found[name], y, rtol=1e-12)
