"""Whole models of Keras by from_keras beside Keras itself; needs the `live` extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.graph import reference
from tests.live import models

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.live]


def assert_alike(model: Any, theirs: Any, x: Any) -> None:
    """In float64 from the same weights, within the roundings of Keras' float32."""
    (net,) = model.nets.values()
    made = reference.run(net.graph, {"x": x}, net.weights).values()
    found = theirs(x)
    for ours, each in zip(made, found if isinstance(found, (list, tuple)) else [found], strict=True):
        expected = each.detach().numpy()
        assert np.abs(ours.reshape(expected.shape) - expected).max() < 1e-5 * np.sqrt((expected**2).mean())


@pytest.mark.parametrize("name", models.KERAS)
def test_models_are_read_live(name: str) -> None:
    make, shape = models.KERAS[name]
    theirs = models.filled(make(keras))
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    model = codegen.from_keras(theirs, target="scalar")
    assert not model.unread
    assert_alike(model, theirs, x)
    assert_alike(codegen.load(model.to_conv(), weights=(held := weights_of(model))), theirs, x)
    assert len(held) == len(theirs.weights)


def weights_of(model: Any) -> dict[str, Any]:
    (net,) = model.nets.values()
    return {f"{layer}/{word}": array for layer, arrays in net.weights.items() for word, array in arrays.items()}


@pytest.mark.compiles
def test_a_live_model_is_called() -> None:
    theirs = models.filled(models.keras_cnn(keras))
    x = np.random.default_rng(1).normal(size=(2, 64, 6)).astype(np.float32)
    model = codegen.from_keras(theirs)
    assert [layer.spec.steps for layer in model.values()] == [64, 32, 32, 16, 11]
    np.testing.assert_allclose(model(x)[:, 0], theirs(x).detach().numpy(), rtol=1e-4, atol=1e-6)
    assert model.left_out["classes"] == "Dense"


def one(*stack: Any, shape: tuple[int | None, ...] = (12, 4)) -> Any:
    return keras.Sequential([keras.Input(shape), *stack])


L: Any = keras.layers
SINGLE: dict[str, Any] = {
    "transposed": lambda: one(L.Conv1DTranspose(3, 4, strides=2, padding="same")),
    "flat": lambda: one(L.Flatten(), L.Dense(3, "tanh")),
    "gru before": lambda: one(L.GRU(3, reset_after=False)),
    "both ways": lambda: one(
        L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave"), L.Bidirectional(L.LSTM(2))
    ),
    "backwards": lambda: one(L.LSTM(3, return_sequences=True, go_backwards=True)),
    "lstm": lambda: one(L.LSTM(3, return_sequences=True, activation="softsign", use_bias=False)),
    "simple": lambda: one(L.Bidirectional(L.SimpleRNN(3, return_sequences=True)), L.SimpleRNN(2, activation="relu")),
    "group": lambda: one(L.GroupNormalization(2)),
    "instance": lambda: one(L.GroupNormalization(-1, scale=False)),
    "layer": lambda: one(L.LayerNormalization(center=False)),
    "standard": lambda: one(L.Normalization(mean=[1, 2, 3, 4], variance=[1, 0, 0.5, 2])),
    "each rescaled": lambda: one(L.Rescaling([1.0, 2.0, 0.5, -1.0], offset=[0.0, 1.0, 2.0, 3.0])),
    "by their root mean square": lambda: one(L.RMSNormalization(epsilon=1e-3)),
    "rescaled": lambda: one(L.Rescaling(0.5, offset=1.0)),
    "crop": lambda: one(L.Cropping1D((2, 3)), L.UpSampling1D(3)),
    "pools": lambda: one(L.MaxPooling1D(3, strides=2, padding="same"), L.AveragePooling1D(2, strides=1)),
    "largest": lambda: one(L.GlobalMaxPooling1D(), L.Softmax()),
    "lengthened": lambda: one(L.Reshape((20, 1)), L.Conv1D(2, 3), shape=(20,)),
    "reshaped": lambda: one(L.Reshape((6, 8)), L.Conv1D(2, 3)),
    "repeated": lambda: one(L.Dense(3), L.RepeatVector(5), L.Conv1D(2, 3), shape=(6,)),
    "activations": lambda: one(L.ReLU(negative_slope=0.1, threshold=0.5), L.LeakyReLU(), L.Activation("hard_silu")),
    "prelu": lambda: one(L.PReLU(shared_axes=[1]), L.PReLU(shared_axes=[1, 2])),
    "noise": lambda: one(L.GaussianNoise(1.0), L.Dropout(0.5), L.ActivityRegularization(), L.Dense(2)),
}


@pytest.mark.parametrize("name", SINGLE)
def test_layers_by_themselves(name: str) -> None:
    theirs = models.filled(SINGLE[name]())
    x = np.random.default_rng(2).normal(size=(2, *theirs.input_shape[1:])).astype(np.float32)
    model = codegen.from_keras(theirs)
    (net,) = model.nets.values()
    steps = net.graph.shapes[net.graph.inputs[0][1]].steps
    made = reference.run(net.graph, {"x": x.reshape(2, steps, -1)}, net.weights)["y"]
    expected = theirs(x).detach().numpy()
    assert np.abs(made.reshape(expected.shape) - expected).max() < 1e-5 * np.sqrt((expected**2).mean())


FIRST = {"data_format": "channels_first"}
CHANNELS_FIRST: dict[str, Any] = {
    "convolutions": lambda: (L.Conv1D(6, 3, **FIRST), L.PReLU(shared_axes=[2]), L.BatchNormalization(axis=1)),
    "pools": lambda: (L.MaxPooling1D(2, **FIRST), L.AveragePooling1D(2, **FIRST), L.ZeroPadding1D(2, **FIRST)),
    "mean": lambda: (L.GlobalAveragePooling1D(**FIRST), L.Dense(3)),
    "largest": lambda: (L.GlobalMaxPooling1D(**FIRST),),
    "flat": lambda: (L.GroupNormalization(2, axis=1), L.Flatten(**FIRST), L.Dense(3)),
    "turned": lambda: (L.Permute((2, 1)), L.Conv1D(6, 3)),
}


@pytest.mark.parametrize("name", CHANNELS_FIRST)
def test_channels_first(name: str) -> None:
    """Arrays are (batch, steps, channels) here."""
    theirs = models.filled(one(*CHANNELS_FIRST[name](), shape=(4, 12)))
    x = np.random.default_rng(2).normal(size=(2, 4, 12)).astype(np.float32)
    model = codegen.from_keras(theirs, target="scalar")
    (net,) = model.nets.values()
    assert "has channels before steps" in model.notes[0]
    made = reference.run(net.graph, {"x": x.swapaxes(1, 2)}, net.weights)["y"]
    expected = theirs(x).detach().numpy()
    expected = expected.swapaxes(1, 2) if expected.ndim == 3 and name != "turned" else expected
    assert np.abs(made.reshape(expected.shape) - expected).max() < 1e-5 * np.sqrt((expected**2).mean())


def test_layouts_that_differ_are_refused() -> None:
    told = "GlobalMaxPooling1D gets .batch, steps, channels., expected .batch, channels, steps."
    with pytest.raises(codegen.ConversionError, match=told):
        codegen.from_keras(one(L.Dense(3), L.GlobalMaxPooling1D(**FIRST)))
    unread = codegen.from_keras(one(L.Conv1D(4, 3), L.GroupNormalization(2, axis=1), L.Dense(1))).unread
    assert "has axis=[1] of (batch, steps, channels), expected the channels" in unread


def test_operations_on_tensors() -> None:
    x = keras.Input((20, 6))
    ops = keras.ops
    a, b = x[:, :, :3], x[:, 2:-1, 3:]
    z = ops.concatenate([ops.maximum(a[:, 2:-1], b), ops.clip(b, -0.5, 0.75), ops.square(b) / 2.0], axis=-1)
    z = ops.sqrt(ops.absolute(1.0 - z)) + ops.sigmoid(-z) * ops.exp(ops.tanh(z)) + ops.gelu(z, approximate=False)
    pooled = ops.mean(z, axis=1, keepdims=True) * z - ops.expand_dims(ops.max(z, axis=1), 1)
    theirs = keras.Model(x, [pooled, ops.softmax(z, axis=-1), z[:, -1]])
    given = np.random.default_rng(2).normal(size=(2, 20, 6)).astype(np.float32)
    assert_alike(codegen.from_keras(theirs), theirs, given)


def test_states_and_parts() -> None:
    """Last states as outputs, an LSTM's last cell among them, and as what another layer begins with."""
    x, ops = keras.Input((None, 4)), keras.ops
    a, b, c = ops.split(x, [1, 3], axis=-1)
    y, h = L.GRU(3, return_state=True, return_sequences=True)(ops.pad(b, [[0, 0], [2, 1], [0, 0]]))
    z, last, cell = L.LSTM(2, return_state=True)(ops.flip(ops.pad(x, [[0, 0], [3, 0], [0, 0]], mode="reflect"), axis=1))
    given = np.random.default_rng(2).normal(size=(2, 20, 4)).astype(np.float32)
    more = L.LSTM(2, return_sequences=True)(x, initial_state=[last, cell]), L.GRU(3)(x, initial_state=h), cell
    theirs = keras.Model(x, [y, h, z, last, ops.concatenate([a, c], axis=-1), *more])
    model = codegen.from_keras(theirs)
    assert_alike(model, theirs, given)
    assert_alike(codegen.load(model.to_conv(), weights=weights_of(model)), theirs, given)
    theirs = keras.Model(x, [z, last])
    assert "return_cells" not in codegen.from_keras(theirs).to_conv(), "where nothing reads them there are none"


@pytest.mark.parametrize(("kind", "mode"), [(L.LSTM, "concat"), (L.GRU, None)])
def test_states_of_both_directions(kind: Any, mode: str | None) -> None:
    """As outputs, behind what comes of the directions, and as what another Bidirectional begins with."""
    x = keras.Input((8, 3))
    made = L.Bidirectional(kind(2, return_state=True, return_sequences=True), merge_mode=mode)(x)
    states = made[1 if mode else 2 :]
    more = L.Bidirectional(kind(2, return_sequences=True))(x, initial_state=states)
    theirs = models.filled(keras.Model(x, [*made, more]))
    given = np.random.default_rng(2).normal(size=(2, 8, 3)).astype(np.float32)
    assert_alike(codegen.from_keras(theirs, target="scalar"), theirs, given)


def test_models_that_take_each_step_by_itself(tmp_path: Path) -> None:
    """In a TimeDistributed: a chain and a graph, live and from both kinds of files."""
    x = keras.Input((3,))
    graph = keras.Model(x, L.Dense(2)(L.Add()([L.ELU()(L.Dense(3)(x)), x])))
    chain = keras.Sequential([keras.Input((2,)), L.Dense(4, "relu"), L.Dropout(0.3), L.Dense(2)])
    theirs = models.filled(one(L.TimeDistributed(graph), L.TimeDistributed(chain), L.Conv1D(2, 3), shape=(8, 3)))
    given = np.random.default_rng(2).normal(size=(2, 8, 3)).astype(np.float32)
    assert_alike(codegen.from_keras(theirs, target="scalar"), theirs, given)
    for suffix in (".keras", ".h5"):
        theirs.save(tmp_path / f"net{suffix}")
        assert_alike(codegen.read(tmp_path / f"net{suffix}"), theirs, given)
    rows = keras.Sequential([keras.Input((3,)), L.Dense(2), L.Softmax()])
    told = codegen.from_keras(one(L.TimeDistributed(rows, name="each"), L.Conv1D(2, 3), shape=(8, 3))).unread
    assert told.startswith("`each`: TimeDistributed of a Softmax is not served, only of Dense, Activation")


class Own(keras.layers.Layer):
    """A layer of somebody's own."""

    def call(self, x: Any) -> Any:
        return x * 2


def test_what_is_not_known_leaves_the_layers_and_says_why() -> None:
    theirs = one(L.Conv1D(4, 3, name="stem"), Own(name="mine"), L.Lambda(lambda x: x * 2, name="both"))
    model = codegen.from_keras(theirs)
    assert list(model) == ["stem"]
    assert not model.nets
    told = r"`mine`: Own is a class of somebody's own; replace it, or leave it out with skip=\['mine'\]"
    with pytest.raises(
        codegen.UsageError, match=rf"2 parts cannot be read:\n  {told}\n  `both`: Lambda is a function of Python's own"
    ):
        model(np.zeros((1, 12, 4), "f4"))
    assert len(codegen.from_keras(one(L.Conv1D(4, 3), Own(name="mine")), skip=["mine"]).nets) == 1
    with pytest.raises(codegen.ConversionError, match="`both`"):
        codegen.from_keras(theirs, skip=["mine"])


def hidden(x: Any, name: str = "hide") -> Any:
    return L.Masking(name=name)(x)


UNREAD_MASKS: dict[str, Any] = {
    "a convolution ends it": lambda x: L.LSTM(3)(L.Conv1D(2, 3)(L.Dense(2)(hidden(x)))),
    "a normalization has its own means": lambda x: L.GlobalMaxPooling1D()(L.BatchNormalization()(hidden(x))),
    "a sum with one that has none": lambda x: L.GRU(2)(L.Add()([hidden(x), x])),
    "an operation": lambda x: L.GRU(2)(hidden(x) * 2.0),
    "each step by itself": lambda x: L.TimeDistributed(L.Dense(3))(hidden(x)),
}
SKIPPED: dict[str, Any] = {
    "LSTM": lambda x: L.LSTM(3, name="rec")(L.Dense(2)(hidden(x))),
    "Bidirectional": lambda x: L.Bidirectional(L.GRU(3), name="rec")(hidden(x)),
    "GlobalAveragePooling1D": lambda x: L.GlobalAveragePooling1D(name="rec")(L.PReLU(shared_axes=[1])(hidden(x))),
    "GRU": lambda x: L.GRU(2, name="rec")(L.Concatenate()([hidden(x), hidden(x, "hide_too")])),
    "SimpleRNN": lambda x: L.SimpleRNN(2, name="rec")(L.Average()([hidden(x), hidden(x, "hide_too")])),
    "Multiply": lambda x: L.Multiply(name="rec")([hidden(x), L.Dense(3)(x)]),
}


def with_gaps() -> Any:
    x = np.random.default_rng(3).normal(size=(2, 8, 3)).astype(np.float32)
    x[:, 3], x[0, 6:] = 0, 0
    return x


@pytest.mark.parametrize("name", UNREAD_MASKS)
def test_a_mask_that_nothing_reads_changes_nothing(name: str) -> None:
    """Of zeros among the steps, which Keras then skips nowhere."""
    x = keras.Input((8, 3))
    theirs = models.filled(keras.Model(x, UNREAD_MASKS[name](x)))
    model = codegen.from_keras(theirs, target="scalar")
    assert model.notes == ("hide, Masking, changes nothing: no layer behind it skips steps",)
    assert_alike(model, theirs, with_gaps())


@pytest.mark.parametrize("name", SKIPPED)
def test_a_layer_that_skips_masked_steps_is_refused(name: str) -> None:
    """With a way out that works: without masked steps the Masking is left out."""
    x = keras.Input((8, 3))
    theirs = models.filled(keras.Model(x, [SKIPPED[name](x), L.Conv1D(2, 3)(x)]))
    told = codegen.from_keras(theirs).unread
    assert told == (
        f"`rec`: {name} skips the steps that `hide` masks, which all steps reach here; leave the Masking out with "
        "skip=['hide'] where x has no steps of zeros alone"
    )
    model = codegen.from_keras(theirs, skip=["Masking"], target="scalar")
    assert_alike(model, theirs, np.random.default_rng(3).normal(size=(2, 8, 3)).astype(np.float32))
    with pytest.raises(AssertionError):
        assert_alike(model, theirs, with_gaps())


def test_a_mask_of_another_number_is_refused() -> None:
    told = codegen.from_keras(one(L.Masking(-1.0, name="hide"), L.Conv1D(4, 3))).unread
    assert (
        told == "`hide`: Masking has mask_value=-1.0, whose steps become zeros; mask steps of zeros, with mask_value=0"
    )


def test_masks_of_ones_own_and_those_of_models_in_models() -> None:
    x, ops = keras.Input((8, 3)), keras.ops
    own = L.LSTM(2, name="rec")(x, mask=ops.any(ops.not_equal(x, 1.0), axis=-1))
    told = codegen.from_keras(keras.Model(x, [own, L.Conv1D(2, 3)(x)])).unread
    assert told == "`rec`: LSTM skips the steps of its `mask`, which all steps reach here; call it without one"
    inner = keras.Sequential([keras.Input((8, 3)), L.Dense(2), L.Conv1D(2, 1), L.GRU(2)], name="inner")
    theirs = models.filled(keras.Model(x, inner(hidden(x))))
    assert_alike(codegen.from_keras(theirs, target="scalar"), theirs, with_gaps())
    inner = keras.Sequential([keras.Input((8, 3)), L.Dense(2), L.GRU(2, name="rec")], name="inner")
    told = codegen.from_keras(keras.Model(x, [inner(hidden(x)), L.Conv1D(2, 3)(x)])).unread
    assert told.startswith("`inner/rec`: GRU skips the steps that `hide` masks")


def test_sines_reductions_and_steps_one_after_the_other() -> None:
    x = keras.Input((12, 3))
    y = keras.layers.Conv1D(4, 3, padding="same")(x)
    snake = y + keras.ops.square(keras.ops.sin(y * 1.5)) / 1.5
    weights = keras.layers.Softmax(axis=1)(keras.layers.Dense(1)(y))
    outputs = [
        keras.layers.UnitNormalization()(snake),
        keras.ops.sum(weights * y, axis=1),
        keras.layers.Concatenate()([keras.ops.mean(y, axis=1), keras.ops.std(y, axis=1), keras.ops.min(y, axis=1)]),
        (y - keras.ops.mean(y, axis=2, keepdims=True)) / keras.ops.sqrt(keras.ops.var(y, axis=2, keepdims=True) + 1e-3),
        keras.layers.Concatenate(axis=1)([y, snake[:, 2:]]),
    ]
    theirs = models.filled(keras.Model(x, outputs))
    model = codegen.from_keras(theirs, target="scalar")
    assert not model.unread
    assert_alike(model, theirs, np.random.default_rng(1).normal(size=(2, 12, 3)).astype(np.float32))


def test_what_hangs_on_something_unreadable_is_not_told_again() -> None:
    x = keras.Input((12, 3))
    theirs = keras.Model(x, keras.layers.Conv1D(4, 3)(x)[:, :1] / keras.ops.cumsum(x, axis=1)[:, :1, :1])
    told = codegen.from_keras(theirs).unread
    assert told.startswith("`cumsum`: Cumsum is not known here")
    assert "\n" not in told
