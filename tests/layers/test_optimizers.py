"""Optimizers: Keras' formulas step by step, penalties and constraints at their place, many layers and threads."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import Conv1D, ShapeError, SpecError
from codegen.layers.kinds import LAYERS
from codegen.layers.optimizers import SGD, Adam, Optimizer

START = np.array([[[0.5, -0.25], [1.5, 0.125]]])
PULL = np.array([[[1.0, -2.0], [0.5, 0.25]]])
PULLS = (PULL, -0.5 * PULL, 2 * PULL)

# Weights after PULLS from START in Keras 3.15, float64 variables; it holds its learning rates in float32
UNCLIPPED = [0.2499999962747097, 0.2500000074505806, 1.3749999981373549, 0.062499999068677425]
RECORDED: list[tuple[type[Optimizer], dict[str, Any], list[float]]] = [
    (SGD, {}, [0.47500000055879354, -0.2000000011175871, 1.4875000002793968, 0.11875000013969839]),
    (SGD, {"momentum": 0.9}, [0.4624000008404255, -0.17480000168085097, 1.4812000004202128, 0.11560000021010637]),
    (
        SGD,
        {"momentum": 0.9, "nesterov": True},
        [0.44116000131517646, -0.13232000263035296, 1.4705800006575884, 0.11029000032879412],
    ),
    (
        SGD,
        {"learning_rate": 0.1, "clipvalue": 0.6},
        [0.42999999418854706, -0.1899999967217445, 1.4149999963492155, 0.062499999068677425],
    ),
    (
        SGD,
        {"learning_rate": 0.1, "clipnorm": 1.0},
        [0.45661390757053116, -0.16322781514106233, 1.4783069537852656, 0.11415347689263279],
    ),
    (
        SGD,
        {"learning_rate": 0.1, "weight_decay": 0.5},
        [0.18593748191371584, 0.2711562619656323, 1.1646874506119644, 0.04648437047842896],
    ),
    *((SGD, {"learning_rate": 0.1, limit: 0.0}, UNCLIPPED) for limit in ("clipnorm", "clipvalue", "global_clipnorm")),
    (Adam, {}, [0.4980755560930346, -0.24807555368086, 1.4980755609173637, 0.12307557056594141]),
    (
        Adam,
        {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
        [0.3116993256127387, -0.06146315370854881, 1.3121697096656657, -0.061897281190285924],
    ),
    (
        Adam,
        {"amsgrad": True, "learning_rate": 0.1},
        [0.30755561557643135, -0.0575553743589826, 1.3075560980093204, -0.06744293713293237],
    ),
]
NAMES = [f"{cls.__name__} {options}" for cls, options, _ in RECORDED]


def layer_of(start: np.ndarray = START, dtype: str = "float64", **options: Any) -> Conv1D:
    layer = Conv1D(start.shape[2], 1, use_bias=False, dtype=dtype, **options)
    layer.build((None, None, start.shape[1]))
    layer.set_weights([start])
    return layer


@pytest.mark.parametrize(("cls", "options", "expected"), RECORDED, ids=NAMES)
def test_keras_numbers(cls: Any, options: dict[str, Any], expected: list[float]) -> None:
    layer, optimizer = layer_of(), cls(**options)
    for pull in PULLS:
        optimizer.apply(layer, {"kernel": pull})
    np.testing.assert_allclose(layer.kernel.ravel(), expected, rtol=1e-7)
    assert optimizer.iterations(layer) == 3


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.parametrize(("cls", "options", "expected"), RECORDED, ids=NAMES)
def test_keras_step_by_step(cls: Any, options: dict[str, Any], expected: list[float]) -> None:
    """Twenty steps of random gradients in float32, the Keras that is installed beside ours."""
    keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    rng = np.random.default_rng(5)
    start = rng.normal(size=(1, 5, 7)).astype("float32")
    layer, optimizer = layer_of(start, "float32"), cls(**options)
    theirs = keras.Variable(start, dtype="float32")
    keras_optimizer = getattr(keras.optimizers, cls.__name__)(**options)
    for _ in range(20):
        pull = rng.normal(size=start.shape).astype("float32")
        optimizer.apply(layer, {"kernel": pull})
        keras_optimizer.apply([keras.ops.convert_to_tensor(pull)], [theirs])
        np.testing.assert_allclose(layer.kernel, keras.ops.convert_to_numpy(theirs), rtol=2e-5, atol=2e-6)


def test_the_defaults_are_those_of_keras() -> None:
    sgd, adam = SGD(), Adam()
    assert (sgd.learning_rate, sgd.momentum, sgd.nesterov) == (0.01, 0.0, False)
    assert (adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon) == (0.001, 0.9, 0.999, 1e-7)


def test_the_dtype_is_the_layers() -> None:
    layer = layer_of(dtype="float32")
    Adam().apply(layer, {"kernel": PULL})
    assert layer.kernel.dtype == np.float32


def test_steps_below_the_rounding_of_the_storage_add_up() -> None:
    layer = layer_of(np.ones((1, 1, 1)), "float32", storage="float16")
    for _ in range(20):
        SGD(1e-4).apply(layer, {"kernel": [[[1.0]]]})
    assert layer.kernel.item() == 1, "each optimizer alone: 1 - 1e-4 is 1 in float16"
    optimizer = SGD(1e-4)
    for _ in range(20):
        optimizer.apply(layer, {"kernel": [[[1.0]]]})
    assert layer.kernel.item() == np.float16(1 - 20e-4)
    layer.set_weights([[[[0.5]]]])
    optimizer.apply(layer, {"kernel": [[[1.0]]]})
    assert layer.kernel.item() == np.float16(0.5 - 1e-4), "what is set counts, and not what was learned before"


@pytest.mark.parametrize("limit", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("cls", [SGD, Adam])
def test_a_limit_of_0_or_without_end_clips_nothing(cls: Any, limit: str) -> None:
    plain = layer_of()
    cls(0.25).apply(plain, {"kernel": PULL})
    for number in (0, 0.0, np.inf):
        layer, optimizer = layer_of(), cls(0.25, **{limit: number})
        optimizer.apply(layer, {"kernel": PULL})
        assert (layer.kernel == plain.kernel).all()
        still = layer_of()
        cls(0.25, **{limit: number}).apply(still, {"kernel": np.zeros_like(PULL)})
        assert (still.kernel == START).all()


def test_global_clipnorm_is_over_all_weights() -> None:
    layer = Conv1D(1, 1, kernel_initializer="zeros", dtype="float64")
    layer.build((None, None, 1))
    SGD(1.0, global_clipnorm=1.0).apply(layer, {"kernel": [[[3.0]]], "bias": [4.0]})
    np.testing.assert_allclose([layer.kernel.item(), layer.bias.item()], [-0.6, -0.8], rtol=1e-12)


def test_a_schedule_is_asked_with_the_updates_made() -> None:
    asked: list[int] = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.5**step

    layer, optimizer = layer_of(), SGD(schedule)
    for _ in range(3):
        optimizer.apply(layer, {"kernel": PULL})
    assert asked == [0, 1, 2]
    np.testing.assert_allclose(layer.kernel, START - 1.75 * PULL, rtol=1e-12)
    optimizer.learning_rate = 0.0
    optimizer.apply(layer, {"kernel": PULL})
    np.testing.assert_allclose(layer.kernel, START - 1.75 * PULL, rtol=1e-12)


# Penalties and constraints


@pytest.mark.parametrize(
    ("regularizer", "slope"),
    [
        (codegen.regularizers.L1(0.5), 0.5 * np.sign(START)),
        (codegen.regularizers.L2(0.5), START),
        (codegen.regularizers.L1L2(0.25, 0.5), 0.25 * np.sign(START) + START),
    ],
    ids=str,
)
def test_the_weights_penalty_pulls_too(regularizer: Any, slope: np.ndarray) -> None:
    layer = layer_of(kernel_regularizer=regularizer)
    SGD(0.1).apply(layer, {"kernel": PULL})
    np.testing.assert_allclose(layer.kernel, START - 0.1 * (PULL + slope), rtol=1e-12)


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_gradients_of_regularizers_by_differences(name: str, mode: str) -> None:
    options = {"L1L2": {"l1": 0.3, "l2": 0.2}, "OrthogonalRegularizer": {"factor": 0.4, "mode": mode}}
    regularizer = getattr(codegen.regularizers, name)(**options.get(name, {}))
    x = np.random.default_rng(3).normal(size=(4, 5))
    slopes = regularizer.gradient(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        measured = (regularizer(x + step) - regularizer(x - step)) / 2e-6
        assert abs(slopes[place] - measured) < 1e-7, place


class Sharp:
    """A penalty of one's own with its gradient."""

    def __call__(self, w: np.ndarray) -> float:
        return float((w**4).sum())

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return 4 * w**3


def test_a_regularizer_of_ones_own() -> None:
    layer = layer_of(kernel_regularizer=Sharp())
    assert layer.losses == [float((START**4).sum())]
    SGD(0.1).apply(layer, {"kernel": np.zeros_like(START)})
    np.testing.assert_allclose(layer.kernel, START - 0.4 * START**3, rtol=1e-12)
    with pytest.raises(SpecError, match=r"no `gradient`.*give it gradient\(x\)"):
        SGD().apply(layer_of(kernel_regularizer=lambda w: 0.0), {"kernel": PULL})


def test_constraints_follow_the_update() -> None:
    layer = layer_of(kernel_constraint="non_neg")
    SGD(1.0).apply(layer, {"kernel": PULL})
    assert (layer.kernel == np.maximum(START - PULL, 0)).all()
    unit = layer_of(kernel_constraint=codegen.constraints.UnitNorm(axis=[0, 1]))
    SGD(0.1).apply(unit, {"kernel": PULL})
    np.testing.assert_allclose(np.sqrt((unit.kernel**2).sum(axis=(0, 1))), 1, rtol=1e-6)
    broken = layer_of(kernel_constraint=lambda w: w[0])
    with pytest.raises(ShapeError, match=r"its constraint made shape \(2, 2\), expected \(1, 2, 2\)"):
        SGD().apply(broken, {"kernel": PULL})
    assert (broken.kernel == START).all()


def test_a_layer_that_is_not_trainable_stays() -> None:
    layer = layer_of(kernel_constraint="non_neg", kernel_regularizer="l2")
    layer.trainable = False
    SGD(1.0).apply(layer, {"kernel": PULL})
    assert (layer.kernel == START).all(), "neither the update nor the constraint"
    layer.trainable = True
    SGD(1.0).apply(layer, {"kernel": PULL})
    assert (layer.kernel >= 0).all()


# minimize


def fitted(optimizer: Optimizer, layer: Any, rounds: int) -> list[float]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 50, 2)).astype("float32")
    hidden = Conv1D(3, 5, padding="same", kernel_initializer=codegen.initializers.HeNormal(seed=1))
    wanted = hidden(x)

    def error(y: np.ndarray) -> tuple[float, np.ndarray]:
        return float(((y - wanted) ** 2).mean()), 2 * (y - wanted) / y.size

    return [optimizer.minimize(layer, x, error) for _ in range(rounds)]


@pytest.mark.compiles
@pytest.mark.parametrize("optimizer", [SGD(1.0, 0.8), SGD(1.0, 0.8, nesterov=True), Adam(0.05)])
def test_a_hidden_kernel_is_found(optimizer: Optimizer) -> None:
    losses = fitted(optimizer, Conv1D(3, 5, padding="same", kernel_initializer="zeros"), 150)
    assert losses[-1] < 1e-3 * losses[0]


@pytest.mark.compiles
def test_the_loss_holds_every_penalty() -> None:
    layer = Conv1D(3, 5, padding="same", kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2",
                   kernel_initializer=codegen.initializers.HeNormal(seed=2), bias_initializer="ones")  # fmt: skip
    plain = Conv1D(3, 5, padding="same")
    plain.build((None, None, 2))
    layer.build((None, None, 2))
    plain.set_weights(layer.get_weights())
    bare, whole = fitted(SGD(0.0), plain, 1)[0], fitted(SGD(0.0), layer, 1)[0]
    assert len(layer.losses) == 3
    np.testing.assert_allclose(whole - bare, sum(layer.losses), rtol=1e-6)


@pytest.mark.compiles
@pytest.mark.parametrize("accuracy", ["fast", "exact"])
def test_a_loss_sees_what_the_layer_computes(accuracy: str) -> None:
    """Of a known length a step has a forward plan of its own: 25 channels may go by direct sums, not by a transform."""
    rng, seen = np.random.default_rng(3), list[np.ndarray]()
    options: dict[str, Any] = {"accuracy": accuracy, "bias_initializer": "ones"}
    layer = Conv1D(25, 7, dilation_rate=4, padding="causal", input_shape=(600, 25), **options)
    first = Conv1D(4, 3, strides=2, padding="same", data_format="channels_first", input_shape=(3, 21), **options)
    for one in (layer, first):
        x = rng.normal(size=(1, *(one.spec.input_shape or ()))).astype("float32")
        y, before = one(x), one.get_weights()
        by_hand = one.gradients(x, np.ones_like(y))
        SGD(0.5).minimize(one, x, lambda found: (seen.append(found) or 0.0, np.ones_like(found)))
        np.testing.assert_allclose(seen[-1], y, rtol=0, atol=2e-6 * np.abs(y).max())
        assert np.array_equal(before[0] - np.float32(0.5) * by_hand.kernel, one.kernel)
    with pytest.raises(ShapeError, match="x has 599 steps, expected 600"):
        SGD(0.5).minimize(layer, np.zeros((1, 599, 25), "float32"), lambda found: (0.0, found))


@pytest.mark.compiles
def test_the_activity_penalty_is_followed() -> None:
    """With no other loss the outputs shrink: the kernel's and the bias' gradients are those by differences."""
    start = np.random.default_rng(1).normal(size=(3, 2, 4))
    layer = Conv1D(4, 3, dtype="float64", activity_regularizer=codegen.regularizers.L2(0.3))
    layer.build((None, None, 2))
    layer.set_weights([start, np.ones(4)])
    x = np.random.default_rng(2).normal(size=(5, 9, 2))
    SGD(1.0).minimize(layer, x, lambda y: (0.0, np.zeros_like(y)))
    found = start - layer.kernel
    place = (1, 0, 2)
    losses = []
    for step in (1e-6, -1e-6):
        moved = start.copy()
        moved[place] += step
        layer.set_weights([moved, np.ones(4)])
        layer(x)
        losses.append(layer.losses[0])
    np.testing.assert_allclose(found[place], (losses[0] - losses[1]) / 2e-6, rtol=1e-6)


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.parametrize("number", range(4))
def test_training_beside_keras(number: int) -> None:
    """Five steps of a penalised, constrained layer of each kind: its weights stay those of Keras, by autograd."""
    reason = "needs the `live` extra: pip install torch==2.13.0 keras onnx"
    torch = pytest.importorskip("torch", reason=reason)
    keras = pytest.importorskip("keras", reason=reason)
    rng = np.random.default_rng(number)
    cls = list(LAYERS.values())[number % len(LAYERS)]
    known = cls.kind.__dataclass_fields__
    objects = {
        "regularizer": [None, "l1", codegen.regularizers.L2(0.05), codegen.regularizers.L1L2(0.02, 0.03)],
        "constraint": [None, "non_neg", codegen.constraints.MaxNorm(0.7), codegen.constraints.UnitNorm()],
    }
    options: dict[str, Any] = {"filters": 3, "kernel_size": 3, "padding": "same", "activation": "tanh"}
    for name in known:
        what = name.rpartition("_")[2]
        if what in objects:
            options[name] = objects[what][rng.integers(4)]
    layer = cls(**{name: value for name, value in options.items() if name in known})
    layer.build((None, None, 2))
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    theirs = getattr(keras.layers, cls.__name__).from_config(layer.get_config())
    theirs.build((None, 11, 2))
    theirs.set_weights(layer.get_weights())
    make = [("SGD", {"learning_rate": 0.05, "momentum": 0.5}), ("Adam", {"learning_rate": 0.02})][number % 2]
    ours_by, theirs_by = (getattr(home, make[0])(**make[1]) for home in (codegen.optimizers, keras.optimizers))
    wanted = rng.normal(size=layer(np.zeros((4, 11, 2))).shape).astype("float32")
    for _ in range(5):
        x = rng.normal(size=(4, 11, 2)).astype("float32")
        value = ours_by.minimize(layer, x, lambda y: (float(((y - wanted) ** 2).mean()), 2 * (y - wanted) / y.size))
        loss = ((theirs(torch.tensor(x)) - torch.tensor(wanted)) ** 2).mean() + sum(theirs.losses)
        theirs.zero_grad()
        loss.backward()
        theirs_by.apply([v.value.grad for v in theirs.trainable_weights], theirs.trainable_weights)
        assert value == pytest.approx(float(loss.detach()), rel=1e-5)
        for weight, their in zip(layer.weights, theirs.weights, strict=True):
            np.testing.assert_allclose(weight, keras.ops.convert_to_numpy(their), rtol=2e-4, atol=2e-5)


# What is refused, and threads


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SGD(learning_rate=-1), "`learning_rate` is -1: expected a number of at least 0"),
        (lambda: SGD(learning_rate="fast"), "`learning_rate` is 'fast'"),
        (lambda: SGD(momentum=2.0), "`momentum` is 2.0: expected a number from 0 to 1"),
        (lambda: Adam(beta_1=True), "`beta_1` is True"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
    ],
)
def test_wrong_options(make: Any, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()
    assert told in str(caught.value)


def test_wrong_gradients() -> None:
    with pytest.raises(ShapeError, match="none for `kernel`"):
        SGD().apply(layer_of(), {"weights": PULL})
    with pytest.raises(ShapeError, match=r"`kernel` has shape \(2, 2\), expected \(1, 2, 2\)"):
        SGD().apply(layer_of(), {"kernel": PULL[0]})


def test_threads_share_an_optimizer_and_lose_no_update() -> None:
    layer, optimizer = layer_of(np.zeros((1, 2, 2))), SGD(1.0)

    def work() -> None:
        for _ in range(100):
            optimizer.apply(layer, {"kernel": np.full((1, 2, 2), -1.0)})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (layer.kernel == 400).all()
    assert optimizer.iterations(layer) == 400


def test_each_layer_has_its_own_state() -> None:
    first, second, optimizer = layer_of(), layer_of(), Adam()
    optimizer.apply(first, {"kernel": PULL})
    optimizer.apply(first, {"kernel": PULL})
    optimizer.apply(second, {"kernel": PULL})
    alone = layer_of()
    Adam().apply(alone, {"kernel": PULL})
    assert (second.kernel == alone.kernel).all()
    assert (optimizer.iterations(first), optimizer.iterations(second)) == (2, 1)


# The example


@pytest.mark.compiles
def test_the_ecg_example_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short run of examples/train_ecg.py: noise on the unseen quarter falls, the norm is held, the C is right."""
    pytest.importorskip("pywt", reason="needs the `test` extra: pip install PyWavelets")
    path = Path(__file__).resolve().parents[2] / "examples" / "train_ecg.py"
    spec = importlib.util.spec_from_file_location("train_ecg", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    errors = example.main(["--steps", "80", "-o", str(tmp_path)])
    assert errors["end"] < errors["noisy"] / 3 < errors["start"]
    printed = capsys.readouterr().out
    norm = float(printed.partition("norm: ")[2].partition(" of")[0])
    assert 0.3 < norm <= 0.5
    assert "of its rounding bound" in printed
    assert (tmp_path / "denoiser.h").exists()


@pytest.mark.live
def test_the_ecg_example_says_what_it_needs(tmp_path: Path) -> None:
    """A new user without PyWavelets is told what to install, before anything is trained."""
    (tmp_path / "pywt.py").write_text("raise ImportError('not here')")
    path = Path(__file__).resolve().parents[2] / "examples" / "train_ecg.py"
    paths = os.pathsep.join([str(tmp_path), str(path.parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(path)], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install PyWavelets")
