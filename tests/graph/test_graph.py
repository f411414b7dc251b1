"""Graphs by Python calls: what their nodes mean, their shapes, and what does not go together."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import ShapeError, SpecError
from codegen.graph import reference
from codegen.graph.builder import Builder, Value
from codegen.graph.graph import Graph
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec
from codegen.specs.model_kinds import GRU, LSTM, BatchNormalization, Dense, GroupNormalization, LayerNormalization

X = np.arange(24.0).reshape(1, 8, 3) - 10.5


def made(*values: Value) -> list[Any]:
    """What these values of one graph are for X."""
    builder = values[0].builder
    for i, value in enumerate(values):
        builder.output(f"y{i}", value)
    found = reference.run(builder.graph(), {"x": X}, {})
    return [found[f"y{i}"][0] for i in range(len(values))]


def start(steps: int | None = None, channels: int = 3) -> tuple[Builder, Value]:
    builder = Builder("toy")
    return builder, builder.input("x", steps, channels)


def test_arithmetic_and_slices() -> None:
    b, x = start()
    first, last = x[:1], x[-1:]
    found = made(
        2 - x * 3 + x / 2, b.arithmetic("max", first, last), x**5, -(x**-2), 0 + x, x[:], b.function("sqrt", x * x)
    )
    x0 = X[0]
    expected = [2 - x0 * 3 + x0 / 2, x0[:, 2:], x0**5, -1 / x0**2, x0, x0, np.abs(x0)]
    for one, wanted in zip(found, expected, strict=True):
        assert np.allclose(one, wanted, rtol=1e-12, atol=0)
    assert (0 + x).at == x.at == x[:].at, "what changes nothing is no node"


def test_functions_that_move_steps() -> None:
    b, x = start()
    found = made(
        b.function("max_pool", x, size=3),
        b.function("average_pool", x, size=3, strides=2, padding="same"),
        b.function("average_pool", x, size=3, strides=2, padding="same", count_padding=True),
        b.function("global_average_pool", x) * b.function("global_max_pool", x),
        b.function("last", x),
        b.function("upsample", x, size=2),
        b.function("reflect", x, left=2, right=1),
        b.function("replicate", x, left=1, right=2),
        b.function("pad", x, left=1),
        b.function("crop", x, left=3, right=1),
        b.function("concat", x[:1], b.function("widen", x, channels=5)),
        b.function("repeat", x[:1], channels=2),
    )
    x0 = X[0]
    assert np.array_equal(found[0], x0[[2, 5]])
    assert np.array_equal(found[1], [x0[0:3].mean(0), x0[2:5].mean(0), x0[4:7].mean(0), x0[6:8].mean(0)])
    assert np.array_equal(found[2][3], x0[6:8].sum(0) / 3)
    assert np.array_equal(found[3], [x0.mean(0) * x0[-1]])
    assert np.array_equal(found[4], x0[-1:])
    assert np.array_equal(found[5], np.repeat(x0, 2, axis=0))
    assert np.array_equal(found[6], x0[[2, 1, *range(8), 6]])
    assert np.array_equal(found[7], x0[[0, *range(8), 7, 7]])
    assert np.array_equal(found[8], np.concatenate([np.zeros((1, 3)), x0]))
    assert np.array_equal(found[9], x0[3:7])
    assert np.array_equal(found[10], np.concatenate([x0[:, :1], x0, np.zeros((8, 2))], axis=1))
    assert np.array_equal(found[11], x0[:, [0, 0]])


def test_frames_are_seen_by_themselves() -> None:
    """A convolution that pads sees zeros at the ends of each frame, not the next one's samples."""
    b = Builder("framed")
    x = b.input("x", None, 1)
    frames = b.function("frames", x, size=4, hop=2)
    sums = Conv1DSpec(name="sums", filters=1, kernel_size=3, padding="same", use_bias=False)
    b.output("y", b.function("join", b.call(sums, frames)))
    graph = b.graph()
    assert graph.shapes[-1].rate == 2
    samples = np.arange(1.0, 10).reshape(1, 9, 1)
    made = reference.run(graph, {"x": samples}, {"sums": {"kernel": np.ones((3, 1, 1))}})["y"]
    assert made.ravel().tolist() == [3, 6, 9, 7, 7, 12, 15, 11, 11, 18, 21, 15]


def test_layers_share_their_weights_and_the_dead_are_left_out() -> None:
    b, x = start()
    dense = Dense(name="mix", units=3)
    once = b.call(dense, x)
    b.call(Dense(name="unread", units=2), once)
    b.output("y", b.call(dense, once))
    graph = b.graph()
    assert list(graph.layers) == ["mix", "unread"]
    alive = graph.alive()
    assert list(alive.layers) == ["mix"]
    assert alive.weight_shapes() == {"mix/kernel": (3, 3), "mix/bias": (3,)}
    weights = {"mix": {"kernel": np.eye(3) * 2, "bias": np.array([0.0, 1, 2])}}
    assert np.array_equal(reference.run(alive, {"x": X}, weights)["y"], X * 4 + 3 * np.array([0, 1, 2]))


def test_rates_and_lengths() -> None:
    b, x = start()
    down = b.call(Conv1DSpec(name="down", filters=4, kernel_size=4, strides=4, padding="valid"), x)
    up = b.call(Conv1DTransposeSpec(name="up", filters=3, kernel_size=4, strides=4), down)
    assert (down.shape.rate, up.shape.rate, up.shape.steps) == (Fraction(1, 4), 1, None)
    assert str(down.shape) == "(None, 4)"
    with pytest.raises(SpecError, match=r"`\+` of 31 and 28 steps"):
        x + up
    fixed, y = start(100)
    assert fixed.call(Conv1DSpec(name="down", filters=4, kernel_size=4, strides=4), y).shape.steps == 25


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda b, x: x + x[:2], r"`\+` of 3 and of 2 channels"),
        (lambda b, x: x * b.function("max_pool", x, size=2), "different rates: 1 and 1/2"),
        (
            lambda b, x: b.function("concat", x, b.function("crop", x, left=1)),
            "`concat` of 32 and 31 steps, where the input has 32",
        ),
        (lambda b, x: x[2:2], "channels 2 to 2 of 3"),
        (lambda b, x: b.function("flatten", x), "the number of steps must be known"),
        (lambda b, x: b.function("join", x), "`join` of a value that has no frames"),
        (lambda b, x: b.function("max_pool", x, size=0), "`size` must be a whole number greater than 0"),
        (lambda b, x: b.function("max_pool", x), "`max_pool` needs `size`"),
        (lambda b, x: b.function("widen", x, channels=2), "`widen` of 3 channels to 2"),
        (lambda b, x: b.function("no_such", x), "unknown activation `no_such`"),
        (lambda b, x: b.call(GroupNormalization(name="n", groups=2), x), "which does not divide"),
        (lambda b, x: x**0.3, "to the power of 0.3"),
        (lambda b, x: b.activation("glu", x), "takes 2 channels to one"),
    ],
)
def test_what_does_not_go_together(wrong: Any, told: str) -> None:
    b, x = start()
    with pytest.raises(SpecError, match=told):
        wrong(b, x)


def test_a_graph_is_a_value() -> None:
    def one() -> Graph:
        b, x = start()
        b.output("y", b.activation("leaky_relu", b.call(LSTM(name="m", units=2), x), negative_slope=0.1))
        return b.graph()

    assert one() == one()
    assert hash(one()) == hash(one())
    assert [told for _, told, _ in one().told()] == ["input()", "m(x)", "leaky_relu(_1, negative_slope=0.1)"]
    with pytest.raises(SpecError, match="has no output"):
        Builder("empty").graph()
    with pytest.raises(ShapeError, match="expected x"):
        reference.run(one(), {"z": X}, {})


def test_normalizations() -> None:
    b, x = start()
    for layer in (BatchNormalization(name="b"), LayerNormalization(name="l"), GroupNormalization(name="g", groups=1)):
        b.output(layer.name, b.call(layer, x))
    affine = {"gamma": np.array([1.0, 2, 3]), "beta": np.array([0.0, 0, 5])}
    weights = {name: dict(affine) for name in "blg"}
    weights["b"] |= {"moving_mean": np.array([1.0, 2, 3]), "moving_variance": np.array([4.0, 9, 16]) - 1e-3}
    found = reference.run(b.graph(), {"x": X}, weights)
    assert np.allclose(found["b"], (X - [1, 2, 3]) / [2, 3, 4] * [1, 2, 3] + [0, 0, 5])
    assert np.allclose(found["l"][0, 4], np.array([-1, 0, 1]) / np.sqrt(2 / 3 + 1e-3) * [1, 2, 3] + [0, 0, 5])
    assert np.allclose(found["g"], (X - X.mean()) / np.sqrt(X.var() + 1e-3) * [1, 2, 3] + [0, 0, 5])


def test_a_normalization_of_no_step_has_none() -> None:
    b = Builder("m")
    x = b.function("crop", b.input("x", None, 4), left=3)
    for layer in (LayerNormalization(name="l"), GroupNormalization(name="g", groups=2)):
        b.output(layer.name, b.call(layer, x))
    weights = {name: {"gamma": np.ones(4), "beta": np.ones(4)} for name in "lg"}
    found = reference.run(b.graph(), {"x": np.ones((1, 2, 4))}, weights)
    assert {name: y.shape for name, y in found.items()} == {"l": (1, 0, 4), "g": (1, 0, 4)}


def test_the_weights_of_recurrent_layers() -> None:
    lstm = LSTM(name="m", units=5, initial_state=True, input_shape=(None, 3))
    assert lstm.weight_shapes() == {
        "kernel": (3, 20), "recurrent_kernel": (5, 20), "bias": (20,), "initial_h": (5,), "initial_c": (5,),
    }  # fmt: skip
    gru = GRU(name="m", units=5, input_shape=(None, 3))
    assert gru.weight_shapes() == {"kernel": (3, 15), "recurrent_kernel": (5, 15), "bias": (2, 15)}
    assert lstm.forgetful_bias((20,), "float32").tolist() == [0] * 5 + [1] * 5 + [0] * 10


def test_values_one_after_the_other() -> None:
    """`append` is pads and sums, so that it is compiled, trained and streamed as these are."""
    text = """model net {
        input x = (None, 2)
        h = frames(x, 3, 3)
        output y = join(append(h, h[:2] * 2, crop(h, 1)))
    }"""
    net = codegen.load(text, target="scalar").net
    x = np.arange(12, dtype="f").reshape(6, 2)
    (made,) = reference.run(net.graph, {"x": x[None]}, {}).values()
    expected = np.concatenate([np.concatenate([each, each * 2, each[1:]]) for each in (x[:3], x[3:])])
    assert np.array_equal(made[0], expected)
    assert {node.op.word for node in net.graph.nodes} == {"input", "frames", "arithmetic", "pad", "crop", "join"}
    wrongs = {"append(x, x)": "number of steps must be known", "append(h, h[:1])": "as many channels"}
    for wrong, told in wrongs.items():
        with pytest.raises(codegen.SpecErrors, match=told):
            codegen.load(text.replace("join(append(h, h[:2] * 2, crop(h, 1)))", wrong))
