"""Neural amp models: real files against their float64 outputs, the text that is written of them, damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import ConversionError, UsageError
from codegen.graph import reference
from codegen.language import reader as language

REAL = Path(__file__).resolve().parent.parent / "data" / "real"
MODELS = {  # file, its model -> (input, output), from zeros in every layer
    ("wavenet_standard", "wavenet_standard"): ("wavenet_standard_x", "wavenet_standard_zero"),
    ("A2", "lite"): ("A2_x", "A2_lite_zero"),
    ("A2", "full"): ("A2_x", "A2_full_zero"),
    ("nam_wavenet", "nam_wavenet"): ("x", "wavenet_zero"),
    ("nam_wavenet_condition_dsp", "nam_wavenet_condition_dsp"): ("x", "wavenet_condition_dsp_zero"),
    ("nam_lstm", "nam_lstm"): ("x", "lstm_zero"),
}


def off(y: Any, expected: Any) -> float:
    """The largest error in parts of the output's rms."""
    return float(np.abs(y - expected).max() / np.sqrt((expected**2).mean()))


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS, ids="/".join)
def test_models_are_what_nam_core_computes(model: tuple[str, str]) -> None:
    file, name = model
    recorded = np.load(REAL / "nam_expected.npz")
    given, wanted = (recorded[key] for key in MODELS[model])
    net = codegen.read(REAL / f"{file}.nam").nets[name]
    made = reference.run(net.graph, {"x": given[None, :, None]}, net.weights)["y"][0, :, 0]
    assert off(made, wanted) < 1e-7


def test_silence_before_the_input() -> None:
    """Zeros in front for the receptive field are the state that endless silence leaves."""
    recorded = np.load(REAL / "nam_expected.npz")
    net = codegen.read(REAL / "nam_wavenet.nam").nets["nam_wavenet"]
    x = np.concatenate([np.zeros(64), recorded["x"]])[None, :, None]
    made = reference.run(net.graph, {"x": x}, net.weights)["y"][0, 64:, 0]
    assert off(made, recorded["wavenet_silence"]) < 1e-7


@pytest.mark.compiles
def test_a_model_is_called_on_arrays() -> None:
    recorded = np.load(REAL / "nam_expected.npz")
    made = codegen.read(REAL / "nam_wavenet.nam")(recorded["x"][None, :, None].astype("float32"))
    assert made.shape == (1, len(recorded["x"]), 1)
    assert off(made[0, :, 0], recorded["wavenet_zero"]) < 1e-5


@pytest.mark.long
@pytest.mark.parametrize("file", dict.fromkeys(file for file, _ in MODELS))
def test_the_text_means_the_same_graph(file: str) -> None:
    model = codegen.read(REAL / f"{file}.nam")
    document = language.document(model.to_conv(), file)
    assert not document.diagnostics
    for one in document.models:
        graph = model.nets[one.graph.name].graph
        assert [node.op for node in one.graph.nodes] == [node.op for node in graph.nodes]
        assert [node.inputs for node in one.graph.nodes] == [node.inputs for node in graph.nodes]


def test_the_command_writes_both_files(tmp_path: Path) -> None:
    out = tmp_path / "amp.conv"
    assert main.main(["import", str(REAL / "nam_lstm.nam"), "-o", str(out)]) == 0
    assert "lstm memory_0 { units = 3, return_sequences = True, initial_state = True }" in out.read_text("utf-8")
    again = codegen.load(out, weights=out.with_suffix(".safetensors"))["nam_lstm"]
    held = codegen.read(REAL / "nam_lstm.nam")["nam_lstm"].weights
    assert all(np.array_equal(again.weights[layer][name], held[layer][name]) for layer in held for name in held[layer])
    assert main.main(["import", str(REAL / "nam_lstm.nam"), "-o", str(out)]) == 2


def layer(**fields: Any) -> dict[str, Any]:
    """The config of an array of one layer."""
    sizes = {"input_size": 1, "condition_size": 1, "channels": 2, "kernel_size": 2, "dilations": [3]}
    return {**sizes, "head_size": 1, "head_bias": True, "activation": "Tanh", **fields}


def nam(architecture: str, config: dict[str, Any], count: int, seed: int = 0) -> dict[str, Any]:
    """A .nam with that many weights."""
    weights = np.random.default_rng(seed).standard_normal(count).astype("float32").tolist()
    return {"version": "0.6.0", "architecture": architecture, "config": config, "weights": weights}


def written(folder: Path, content: object) -> Path:
    path = folder / "amp.nam"
    path.write_text(json.dumps(content), "utf-8")
    return path


def run(path: Path, x: Any) -> Any:
    net = next(iter(codegen.read(path).nets.values()))
    return reference.run(net.graph, {"x": x[None]}, net.weights)["y"][0]


def delayed(x: Any, steps: int) -> Any:
    return np.concatenate([np.zeros((steps, x.shape[1])), x])[: len(x)]


@pytest.mark.parametrize("gating", ["gated", "blended"])
def test_gates_and_films(tmp_path: Path, gating: str) -> None:
    """Against the formulas of NAM Core, written out."""
    film = {"active": True, "shift": True, "groups": 1}
    config = {
        "layers": [layer(gating_mode=gating, activation_post_film=film, conv_pre_film={**film, "shift": False})],
        "head_scale": 1,
    }
    content = nam("WaveNet", config, 2 + 16 + 4 + 4 + 6 + (2 + 2) + (4 + 4) + 3 + 1)
    w = np.asarray(content["weights"])
    x = np.random.default_rng(1).standard_normal((20, 1))
    widen, kernel, bias = w[:2], w[2:18].reshape(4, 2, 2), w[18:22]
    mix, pre, post = w[22:26], w[32:36].reshape(2, 2), w[36:44].reshape(2, 4)
    head, head_bias, scale = w[44:46], w[46], w[47]
    h = x * widen * (x * pre[0] + pre[1])
    z = delayed(h, 3) @ kernel[:, :, 0].T + h @ kernel[:, :, 1].T + bias + x * mix
    gate = 1 / (1 + np.exp(-z[:, 2:]))
    made = np.tanh(z[:, :2]) * gate + (0 if gating == "gated" else (1 - gate) * z[:, :2])
    made = made * (x * post[0, :2] + post[1, :2]) + x * post[0, 2:] + post[1, 2:]
    expected = (made @ head + head_bias)[:, None] * scale
    assert np.allclose(run(written(tmp_path, content), x), expected, rtol=1e-6, atol=1e-6)


def test_convnet_and_linear(tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((20, 1))
    content = nam("ConvNet", {"channels": 1, "dilations": [2], "batchnorm": True, "activation": "ReLU"}, 9)
    content["weights"][3] = 0.5  # the variance
    content["weights"][6] = 0.25
    k0, k1, mean, variance, gamma, beta, epsilon, head, bias = content["weights"]
    z = (delayed(x, 2) * k0 + x * k1 - mean) / np.sqrt(variance + epsilon) * gamma + beta
    assert np.allclose(run(written(tmp_path, content), x), np.maximum(z, 0) * head + bias, rtol=1e-5, atol=1e-6)
    content = nam("Linear", {"receptive_field": 3, "bias": True}, 4)
    a, b, c, bias = content["weights"]
    expected = a * x + b * delayed(x, 1) + c * delayed(x, 2) + bias
    assert np.allclose(run(written(tmp_path, content), x), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ({"type": "LeakyHardtanh", "min_slope": 0.5, "max_slope": 0.25}, [-2.0, -0.5, 0.5, 1.5]),
        ({"type": "PReLU", "negative_slopes": [0.5]}, [-1.5, -0.25, 0.5, 3.0]),
        ({"type": "LeakyReLU"}, [-0.03, -0.005, 0.5, 3.0]),
        ("Hardtanh", [-1.0, -0.5, 0.5, 1.0]),
    ],
)
def test_activations(tmp_path: Path, activation: object, expected: list[float]) -> None:
    content = nam("ConvNet", {"channels": 1, "dilations": [1], "batchnorm": False, "activation": activation}, 5)
    content["weights"] = [0, 1, 0, 1, 0]
    made = run(written(tmp_path, content), np.array([[-3.0], [-0.5], [0.5], [3.0]]))
    assert np.allclose(made[:, 0], expected)


WRONG = {
    "no JSON": ("{", "is no readable JSON"),
    "deep": ("[" * 100_000, "is no readable JSON"),
    "twice": ('{"a": 1, "a": 2}', "`a` is there twice"),
    "NaN": ('{"version": NaN}', "holds NaN, expected finite numbers"),
    "a list": ("[]", "expected an object"),
    "version": (nam("LSTM", {}, 1) | {"version": "0.8.0"}, "got '0.8.0', expected 0.5.0 to 0.7.0"),
    "architecture": (nam("CatLSTM", {}, 1), "got 'CatLSTM', expected WaveNet, LSTM"),
    "no word": (nam("LSTM", {}, 1) | {"architecture": ["LSTM"]}, "expected a text"),
    "few": (nam("LSTM", {"num_layers": 1, "input_size": 1, "hidden_size": 3}, 69), "needs 1 more where 0 are left"),
    "many": (nam("LSTM", {"num_layers": 1, "input_size": 1, "hidden_size": 3}, 71), "the model takes 70"),
    "huge": (nam("LSTM", {"num_layers": 1, "input_size": 1, "hidden_size": 10**9}, 1), "from 1 to 1,048,576"),
    "text": (nam("Linear", {"receptive_field": 1, "bias": False}, 0) | {"weights": ["x"]}, "expected numbers"),
    "activation": (nam("WaveNet", {"layers": [layer(activation="Mish")]}, 9), "unknown activation 'Mish'"),
    "sizes": (nam("WaveNet", {"layers": [layer(condition_size=2)]}, 9), "is 2, and it is given 1 channels"),
    "groups": (nam("WaveNet", {"layers": [layer(groups_input=3)]}, 99), "groups = 3, which does not divide"),
    "missing": (nam("WaveNet", {}, 9), "`layers` is missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_read(tmp_path: Path, case: str) -> None:
    content, told = WRONG[case]
    path = tmp_path / "amp.nam"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    with pytest.raises(ConversionError) as wrong:
        codegen.read(path)
    assert told in str(wrong.value)
    assert len(str(wrong.value)) < 1_000


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        codegen.read(tmp_path / "no.nam")
    with pytest.raises(UsageError, match="from_torch"):
        codegen.read("net.pt")
    with pytest.raises(UsageError, match=r"torch\.export\.load"):
        codegen.read("net.pt2")
    (tmp_path / "folder.nam").mkdir()
    with pytest.raises(UsageError, match="folder"):
        codegen.read(tmp_path / "folder.nam")
