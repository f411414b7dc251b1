"""RTNeural's and AIDA-X' JSON, and PyTorch's state dicts of amp models, by NumPy; strangers' files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import ConversionError
from codegen.graph import reference

RNG = np.random.default_rng(11)


def small(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("float32")


def layer(kind: str, channels: int, *weights: Any, activation: str = "", **more: Any) -> dict[str, Any]:
    arrays = [weight.tolist() for weight in weights]
    return {"type": kind, "activation": activation, "shape": [None, None, channels], "weights": arrays, **more}


def squashed(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


K, B, D, DB = small(3, 1, 4), small(4), small(4, 4), small(4)
GAMMA, BETA, MEAN, VARIANCE, SLOPES = small(4), small(4), small(4), small(4) ** 2 + 0.5, small(1, 4)
W, U, V, OUT = small(4, 12), small(3, 12), small(12), small(3, 1)
CHAIN = [
    layer("conv1d", 4, K, B, kernel_size=[3], dilation=[2], activation="tanh"),
    layer("batchnorm", 4, GAMMA, BETA, MEAN, VARIANCE, epsilon=0.01),
    layer("time-distributed-dense", 4, D, DB),
    layer("prelu", 4, SLOPES),
    layer("lstm", 3, W, U, V, activation="ignored"),
    layer("dense", 1, OUT, activation="sigmoid"),
]


def chain(x: Any) -> Any:
    """CHAIN on (steps, 1), written out."""
    padded = np.concatenate([np.zeros((4, 1)), x])
    z = np.tanh(sum(padded[2 * tap : 2 * tap + len(x)] @ K[tap] for tap in range(3)) + B)
    z = (z - MEAN) / np.sqrt(VARIANCE + 0.01) * GAMMA + BETA
    z = z @ D + DB
    z = np.where(z < 0, SLOPES * z, z)
    return squashed(remembered(z, W, U, V) @ OUT)


GROUPED, KEPT = small(2, 2, 4), (small(4, 9), small(3, 9), small(2, 9))
EVERY: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {  # on (steps, 4), beside CHAIN's
    "groups": (
        layer("conv1d", 4, GROUPED, B, kernel_size=[2], dilation=[3], groups=2),
        lambda x: np.concatenate([taps(x[:, at : at + 2], GROUPED[:, :, at : at + 2], 3) for at in (0, 2)], 1) + B,
    ),
    "gru": (layer("gru", 3, *KEPT), lambda x: gated(x, *KEPT)),
    "gru without bias": (layer("gru", 3, *KEPT[:2]), lambda x: gated(x, *KEPT[:2], np.zeros((2, 9)))),
    "batchnorm of two": (layer("batchnorm", 4, MEAN, VARIANCE), lambda x: (x - MEAN) / np.sqrt(VARIANCE + 1e-3)),
    "one slope": (layer("prelu", 4, SLOPES[0, :1]), lambda x: np.where(x < 0, SLOPES[0, 0] * x, x)),
    "lstm without bias": (layer("lstm", 3, W, U), lambda x: remembered(x, W, U, 0.0)),
    "relu": (layer("activation", 4, activation="relu"), lambda x: np.maximum(x, 0)),
    "elu": (layer("dense", 4, D, activation="elu"), lambda x: np.where((y := x @ D) < 0, np.expm1(y), y)),
    "softmax": (
        layer("dense", 4, D, DB, activation="softmax"),
        lambda x: (e := np.exp(x @ D + DB)) / e.sum(1, keepdims=True),
    ),
}


def taps(x: Any, kernel: Any, dilation: int) -> Any:
    """A causal convolution of (steps, channels)."""
    padded = np.concatenate([np.zeros((dilation * (len(kernel) - 1), x.shape[1])), x])
    return sum(padded[dilation * at : dilation * at + len(x)] @ one for at, one in enumerate(kernel))


def gated(x: Any, w: Any, u: Any, bias: Any) -> Any:
    """A GRU as RTNeural has Keras': update, reset, candidate; the reset after the product."""
    h, found = np.zeros(len(u)), []
    for row in x:
        (z, r, n), (kz, kr, kn) = np.split(row @ w + bias[0], 3), np.split(h @ u + bias[1], 3)
        z = squashed(z + kz)
        h = z * h + (1 - z) * np.tanh(n + squashed(r + kr) * kn)
        found.append(h)
    return np.stack(found)


def remembered(x: Any, w: Any, u: Any, bias: Any) -> Any:
    """An LSTM: input, forget, cell, output."""
    h = c = np.zeros(len(u))
    found = []
    for row in x:
        i, f, g, o = np.split(row @ w + h @ u + bias, 4)
        c = squashed(f) * c + squashed(i) * np.tanh(g)
        h = squashed(o) * np.tanh(c)
        found.append(h)
    return np.stack(found)


def written(folder: Path, content: object, name: str = "amp.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content), "utf-8")
    return path


def run(path: Path, x: Any) -> Any:
    (net,) = codegen.read(path).nets.values()
    return reference.run(net.graph, {"x": x[None]}, net.weights)["y"][0]


def test_a_chain_of_layers(tmp_path: Path) -> None:
    x = RNG.normal(size=(30, 1))
    content = {"in_shape": [None, None, 1], "layers": CHAIN}
    np.testing.assert_allclose(run(written(tmp_path, content), x), chain(x), rtol=1e-6, atol=1e-6)
    mixed = written(tmp_path, {**content, "in_skip": 1, "out_gain": -6.0}, "amp.aidax")
    np.testing.assert_allclose(run(mixed, x), (chain(x) + x) * 10 ** (-6 / 20), rtol=1e-6, atol=1e-6)
    loud = written(tmp_path, {**content, "in_skip": 1, "in_gain": 3.0, "out_gain": None}, "loud.json")
    x3 = x * 10 ** (3 / 20)
    np.testing.assert_allclose(run(loud, x), chain(x3) + x3, rtol=1e-6, atol=1e-6)
    with pytest.raises(codegen.ConversionError, match=r"in_gain.* is 1e\+30, expected -300 to 300 dB"):
        codegen.read(written(tmp_path, {**content, "in_gain": 1e30}, "wild.json"))
    model = codegen.read(mixed)
    weights = {f"{part}/{word}": a for part, arrays in model.amp.weights.items() for word, a in arrays.items()}
    again = codegen.load(model.to_conv(), weights=weights).amp
    assert np.array_equal(reference.run(again.graph, {"x": x[None]}, again.weights)["y"][0], run(mixed, x))


@pytest.mark.parametrize("name", EVERY)
def test_layers_by_themselves(name: str, tmp_path: Path) -> None:
    made, meaning = EVERY[name]
    x = RNG.normal(size=(12, 4))
    found = run(written(tmp_path, {"in_shape": [None, None, 4], "layers": [made]}), x)
    np.testing.assert_allclose(found, meaning(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_state_dicts(kind: str, tmp_path: Path) -> None:
    gates = 4 if kind == "LSTM" else 3
    shapes = {
        "weight_ih": (gates * 3, 1),
        "weight_hh": (gates * 3, 3),
        "bias_ih": (gates * 3,),
        "bias_hh": (gates * 3,),
    }
    w = {name: small(*shape) for name, shape in shapes.items()}
    lin, bias = small(1, 3), small(1)
    state = {f"rec.{name}_l0": array.tolist() for name, array in w.items()}
    state |= {"lin.weight": lin.tolist(), "lin.bias": bias.tolist()}
    content = {"model_data": {"model": "SimpleRNN", "unit_type": kind, "skip": 1}, "state_dict": state}
    x = RNG.normal(size=(20, 1))
    h = c = np.zeros(3)
    found = []
    for row in x:
        given, kept = w["weight_ih"] @ row + w["bias_ih"], w["weight_hh"] @ h + w["bias_hh"]
        if kind == "LSTM":
            i, f, g, o = np.split(given + kept, 4)
            c = squashed(f) * c + squashed(i) * np.tanh(g)
            h = squashed(o) * np.tanh(c)
        else:
            (r, z, n), (kr, kz, kn) = np.split(given, 3), np.split(kept, 3)
            z = squashed(z + kz)
            h = (1 - z) * np.tanh(n + squashed(r + kr) * kn) + z * h
        found.append(lin @ h + bias + row)
    np.testing.assert_allclose(run(written(tmp_path, content), x), found, rtol=1e-5, atol=1e-6)


def test_what_is_not_known_is_told_at_once(tmp_path: Path) -> None:
    layers = [CHAIN[0], layer("warp", 4), layer("conv2d", 4), CHAIN[2]]
    path = written(tmp_path, {"in_shape": [None, None, 1], "layers": layers})
    with pytest.raises(ConversionError) as caught:
        codegen.read(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: 2 parts cannot be read:"
    assert lines[1].startswith("  `layers[1]`: warp is not known here, expected dense, time-distributed-dense, conv1d")
    assert lines[2].endswith("or leave it out with skip=['layers[2]']")
    assert codegen.read(path, skip=["warp", "layers[2]"]).notes == (
        "layers[1], warp, is left out",
        "layers[2], conv2d, is left out",
    )


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no model": (lambda: {"a": 1}, "has neither `layers` and `in_shape`"),
    "a list": (lambda: [1], "expected an object"),
    "no layers": (lambda: {"in_shape": [1], "layers": []}, "has 0 layers, expected 1 to 1,024"),
    "another shape": (
        lambda: {"in_shape": [None, None, 2], "layers": CHAIN[:1]},
        "[0], `kernel`, has the shape (3, 1, 4), expected (3, 2, 4)",
    ),
    "ragged": (
        lambda: {"in_shape": [1], "layers": [{**CHAIN[2], "weights": [[[1.0], [2.0, 3.0]], [1.0]]}]},
        "expected numbers, or lists of as many numbers each",
    ),
    "one array too many": (
        lambda: {"in_shape": [1], "layers": [layer("dense", 1, small(1, 1), small(1), small(1))]},
        "has 3 arrays, expected 1 or 2",
    ),
    "an activation": (
        lambda: {"in_shape": [1], "layers": [layer("dense", 1, small(1, 1), activation="sin")]},
        "unknown activation 'sin', expected one of tanh, relu",
    ),
    "endless": (
        lambda: {"in_shape": [1], "layers": [layer("conv1d", 2**40, small(1, 1, 1), kernel_size=[1])]},
        "expected a whole number from 1 to 1,048,576",
    ),
    "groups": (
        lambda: {"in_shape": [1], "layers": [layer("conv1d", 4, small(1, 1, 4), kernel_size=[1], groups=3)]},
        "has groups = 3, which do not divide 1 channels",
    ),
    "no matrix": (
        lambda: {"model_data": {"unit_type": "LSTM"}, "state_dict": {"rec.weight_ih_l0": [1], "rec.weight_hh_l0": [1]}},
        "expected rec.weight_ih_l0, rec.weight_hh_l0 and their biases",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_of_strangers(name: str, tmp_path: Path) -> None:
    make, told = WRONG[name]
    with pytest.raises(ConversionError) as caught:
        codegen.read(written(tmp_path, make()))
    assert told in str(caught.value)


def test_a_neural_amp_model_by_another_suffix(tmp_path: Path) -> None:
    real = Path(__file__).resolve().parent.parent / "data" / "real" / "nam_lstm.nam"
    (tmp_path / "amp.json").write_bytes(real.read_bytes())
    assert list(codegen.read(tmp_path / "amp.json").nets) == ["amp"]
