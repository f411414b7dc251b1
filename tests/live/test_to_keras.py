"""Layers as layers of Keras: its outputs, its training, its files; on the torch backend and on NumPy's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import ConversionError

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.live, pytest.mark.compiles]
torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
ROOT = Path(__file__).resolve().parent.parent.parent

KINDS: dict[str, dict[str, Any]] = {
    "Conv1D": {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "gelu", "kernel_regularizer": "l2"},
    "DepthwiseConv1D": {"kernel_size": 4, "activation": "tanh"},
    "SeparableConv1D": {"filters": 5, "kernel_size": 3, "padding": "same"},
    "Conv1DTranspose": {"filters": 5, "kernel_size": 3, "strides": 2, "use_bias": False},
}


def twins(kind: str) -> tuple[Any, Any]:
    """Keras' own layer, and ours as one of Keras, with the same weights."""
    theirs = getattr(keras.layers, kind)(**KINDS[kind])
    theirs.build((None, 20, 4))
    theirs.set_weights([np.random.default_rng(3).standard_normal(each.shape) for each in theirs.weights])
    return theirs, codegen.to_keras(codegen.from_keras(theirs, target="scalar"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_keras_own_outputs_gradients_and_losses(kind: str) -> None:
    theirs, ours = twins(kind)
    assert [tuple(each.shape) for each in ours.weights] == [tuple(each.shape) for each in theirs.weights]
    found = []
    for layer in (theirs, ours):
        x = torch.from_numpy(np.random.default_rng(4).standard_normal((2, 20, 4)).astype("float32")).requires_grad_()
        y = layer(x)
        (y.square().sum() + sum(layer.losses)).backward()
        found.append([y.detach(), x.grad, *(each.value.grad for each in layer.weights)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=2e-5, atol=2e-4)


def test_a_model_trains_and_goes_through_keras_files(tmp_path: Path) -> None:
    layer = codegen.Conv1D(4, 3, padding="causal", activation="relu", name="first", accuracy="exact", target="scalar")
    inputs = keras.Input((None, 2))
    outputs = keras.layers.GlobalAveragePooling1D()(codegen.to_keras(layer)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(outputs))
    rng = np.random.default_rng(5)
    x = rng.standard_normal((64, 20, 2)).astype("float32")
    y = np.maximum(x[:, :, 0], 0).mean(axis=1, keepdims=True)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_layer("first").get_config() == model.get_layer("first").get_config()
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    model.save_weights(tmp_path / "model.weights.h5")
    again.get_layer("first").set_weights([np.zeros((3, 2, 4)), np.zeros(4)])
    assert not np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    again.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_numpy_backend_computes_the_same(tmp_path: Path) -> None:
    """In a process of its own, as a backend is chosen once; the model comes by Keras' file."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("Keras' NumPy backend imports jax: pip install jax")
    x = np.random.default_rng(5).standard_normal((4, 20, 2)).astype("float32")
    inputs = keras.Input((None, 2))
    layer = codegen.Conv1D(4, 3, padding="same", activation="relu", target="scalar")
    model = keras.Model(inputs, codegen.to_keras(layer)(inputs))
    model.save(tmp_path / "model.keras")
    (tmp_path / "load_it.py").write_text(ON_NUMPY)
    np.savez(tmp_path / "io.npz", x=x, y=model.predict(x, verbose=0))
    environment = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "load_it.py"], cwd=tmp_path, env=environment, check=True, timeout=240)


ON_NUMPY = """
import keras, numpy as np, codegen.interchange.keras_made
assert keras.config.backend() == "numpy"
held = np.load("io.npz")
model = keras.models.load_model("model.keras")
assert np.allclose(model.predict(held["x"], verbose=0), held["y"], rtol=1e-5, atol=1e-6)
assert type(model.layers[1]).__name__ == "GenConv1D"
"""


def test_what_is_no_layer_of_keras() -> None:
    with pytest.raises(ConversionError, match="an activation of your own"):
        codegen.to_keras(codegen.Conv1D(2, 3, activation=lambda z: z))
    with pytest.raises(ConversionError, match="got a model"):
        codegen.to_keras(codegen.load("conv1d one { input_shape = (9, 2), filters = 2, kernel_size = 3 }"))
    from codegen.interchange.keras_made import GenConv1D

    with pytest.raises(ConversionError, match="expected what a layer's get_config"):
        GenConv1D({"class": "Evil", "config": {}})
