"""Models of Keras and PyTorch for the importers, their weights drawn from one seed.

`python -m tests.live.models` writes them and what they compute in float64 into tests/data/foreign, where
tests/interchange reads them without these libraries.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "data" / "foreign"
SEED = 7


def keras_cnn(keras: Any) -> Any:
    """19 layers, as a classifier of motion has them."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((64, 6), name="motion"),
            layers.Conv1D(8, 5, padding="same", name="stem"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling1D(2),
            layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.SeparableConv1D(12, 3, padding="same", activation="relu"),
            layers.AveragePooling1D(2, padding="same"),
            layers.SpatialDropout1D(0.2),
            layers.Conv1D(16, 3, strides=2, padding="causal", use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(0.1),
            layers.ZeroPadding1D((1, 2)),
            layers.Conv1D(16, 3, groups=4, activation="gelu"),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="relu"),
            layers.Dense(5, activation="softmax", name="classes"),
        ],
        name="motion-net",
    )


def keras_resnet(keras: Any) -> Any:
    """A residual net with strides, shortcuts, a gate for each channel, a model that is called twice, two outputs."""
    layers = keras.layers
    x = keras.Input((None, 4), name="signal")
    h = layers.PReLU(shared_axes=[1])(layers.Conv1D(8, 7, strides=2, padding="causal")(x))
    for i, filters in enumerate((8, 12)):
        cut = layers.Conv1D(filters, 1, strides=2, padding="same", name=f"cut_{i}")(h)
        z = layers.Conv1D(filters, 3, strides=2, padding="same", name=f"a_{i}")(h)
        z = layers.ReLU(max_value=6.0)(layers.LayerNormalization()(z))
        z = layers.BatchNormalization(name=f"norm_{i}")(layers.Conv1D(filters, 3, padding="same", name=f"b_{i}")(z))
        gate = layers.Dense(filters, activation="sigmoid")(layers.GlobalAveragePooling1D(keepdims=True)(z))
        h = keras.ops.relu(layers.Multiply()([z, gate]) * 0.5 + cut)
    inner = keras.Sequential([keras.Input((None, 12)), layers.Conv1D(12, 3, padding="causal"), layers.ELU(0.5)])
    h = layers.Concatenate()([inner(inner(h)), h[:, :, 2:6]])
    steps = layers.TimeDistributed(layers.Dense(3))(layers.GRU(6, return_sequences=True)(h))
    last = layers.Dense(2)(layers.LSTM(4)(layers.UpSampling1D(2)(h)))
    return keras.Model(x, [steps, last], name="residual")


KERAS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "motion": (keras_cnn, (2, 64, 6)),
    "residual": (keras_resnet, (2, 61, 4)),
}
SUFFIXES = {"motion": (".keras",), "residual": (".keras", ".h5")}


def drawn(rng: np.random.Generator, array: Any, name: str) -> Any:
    """A weight of that shape; variances are positive."""
    made = rng.normal(size=array.shape) / np.sqrt(max(1, np.prod(array.shape[:-1])))
    return (np.abs(made) + 0.5 if "variance" in name else made).astype(np.float32)


def filled(model: Any) -> Any:
    """The Keras model with weights of its own, all of them drawn."""
    rng = np.random.default_rng(SEED)
    for variable in model.weights:
        variable.assign(drawn(rng, np.asarray(variable.value.detach()), variable.path))
    return model


def in_float64(keras: Any, make: Callable[[Any], Any], model: Any, x: Any) -> list[Any]:
    """What the model computes in float64 with the same weights."""
    keras.config.set_floatx("float64")
    try:
        twin = make(keras)
        twin.set_weights([np.asarray(each, "float64") for each in model.get_weights()])
        found = twin(x.astype("float64"))
    finally:
        keras.config.set_floatx("float32")
    return [each.detach().numpy() for each in (found if isinstance(found, (list, tuple)) else [found])]


def write() -> None:
    """All files of tests/data/foreign."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    FOLDER.mkdir(exist_ok=True)
    for name, (make, shape) in KERAS.items():
        model = filled(make(keras))
        x = np.random.default_rng(SEED).normal(size=shape).astype(np.float32)
        for suffix in SUFFIXES[name]:
            model.save(FOLDER / f"{name}{suffix}")
        outputs = in_float64(keras, make, model, x)
        np.savez(FOLDER / f"{name}.npz", x=x, **{f"y{i}": y for i, y in enumerate(outputs)})


if __name__ == "__main__":
    write()
