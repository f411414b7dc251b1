"""Models of .conv files, called on arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import ShapeError, WeightsError
from codegen.graph import reference
from codegen.machine import compilers

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")

NET = """
conv1d stem { filters = 6, kernel_size = 3, padding = same, activation = relu }
batch_normalization norm { epsilon = 1e-3 }
separable_conv1d body { filters = 6, kernel_size = 3, padding = same }
lstm cells { units = 5, return_sequences = True }
dense out { units = 3, activation = softmax }
model net {
    input x = (None, 4)
    h = norm(stem(x))
    h = average_pool(relu(body(h) + h), 2)
    output y = out(global_average_pool(cells(h)))
    output z = h
}
model first { input x = (None, 4); output y = stem(x) }
"""


@pytest.mark.compiles
@needs_compiler
def test_a_model_of_a_file_is_called(tmp_path: Path) -> None:
    model = codegen.load(NET, seed=3)
    x = np.random.default_rng(1).standard_normal((3, 21, 4)).astype("f")
    made = model["net"](x)
    expected = reference.run(model.net.graph, {"x": x}, model.net.weights)
    for name in "yz":
        assert made[name].dtype == np.float32
        assert np.abs(made[name] - expected[name]).max() <= 1e-5 * np.sqrt((expected[name] ** 2).mean())
    assert [*model] == ["stem", "body"], "the layers"
    assert np.array_equal(model.first(x), model.stem(x))
    path = tmp_path / "net.npz"
    model.save_weights(path)
    other = codegen.load(NET, weights=path)
    again: Any = pickle.loads(pickle.dumps(other)).net(x=x)
    assert np.array_equal(again["y"], made["y"])
    fresh = codegen.load(NET, seed=4)
    fresh.load_weights(path)
    assert np.array_equal(fresh.net(x)["z"], made["z"])
    with pytest.raises(ShapeError, match=r"`x` has shape \(1, 21, 3\), expected \(batch, steps, 4\)"):
        model.net(x[:1, :, :3])
    with pytest.raises(ShapeError, match=r"turn it by x.swapaxes\(1, 2\)"):
        model.net(x.swapaxes(1, 2))
    with pytest.raises(ShapeError, match="expected x"):
        model.net(x, x)


def test_a_layer_of_two_models_has_one_set_of_weights() -> None:
    text = NET + "model second { input x = (None, 5); output y = stem(x) }"
    with pytest.raises(WeightsError, match="`stem` reads 4 channels in one model and 5 in another"):
        codegen.load(text)


@pytest.mark.compiles
@needs_compiler
def test_bound_and_shared_calls() -> None:
    model = codegen.load(NET, seed=3)
    net, shared = model.net, codegen.load(NET, seed=3, threads=3).net
    x = np.random.default_rng(2).standard_normal((5, 21, 4)).astype("f")
    net.warm()
    expected = net(x)
    found = shared(x)
    assert all(np.array_equal(found[name], expected[name]) for name in "yz"), (
        "the same bits, however samples are shared"
    )
    out = {name: np.zeros_like(y) for name, y in expected.items()}
    call = net.bind(x, out)
    call()
    assert all(np.array_equal(out[name], expected[name]) for name in "yz")
    x *= 2
    call()
    assert np.array_equal(out["z"], net(x)["z"])
    assert not np.array_equal(out["z"], expected["z"])
    y = np.empty((5, 21, 6), "f")
    model.first.bind(x, y)()
    assert np.array_equal(y, model.stem(x))
    with pytest.raises(ShapeError, match=r"out: got float32 of shape \(5, 21, 6\), expected .* \(5, 1, 3\)"):
        net.bind(x, {"y": y, "z": y})
    with pytest.raises(ShapeError, match="got outputs z, expected y, z"):
        net.bind(x, {"z": out["z"]})
    with pytest.raises(ShapeError, match="out: shares memory with x"):
        codegen.load("model same { input x = (None, 4); output y = sqrt(x) }")["same"].bind(x, x)


def test_figures_of_a_net() -> None:
    net = codegen.load(NET, seed=3).net
    assert (net.macs, net.receptive_field, net.delay) == (None, None, None)
    assert net.macs_per_step == 4 * 6 * 3 + 6 * 3 + 6 * 6 + (4 * 5 * (6 + 5)) / 2
    first = codegen.load(NET).first
    assert (first.receptive_field, first.delay, first.macs_per_step) == (3, 1, 72)
    fixed = codegen.load("conv1d a { filters = 2, kernel_size = 4 }\nmodel m { input x = (9, 3); output y = a(x) }").m
    assert (fixed.macs, fixed.macs_per_step, fixed.count_params()) == (6 * 24, 16.0, 26)


@pytest.mark.filterwarnings("ignore:.*no C compiler was found:RuntimeWarning")
def test_bound_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    net = codegen.load("conv1d a { filters = 2, kernel_size = 4 }\nmodel m { input x = (None, 3); output y = a(x) }").m
    monkeypatch.setattr(compilers, "chain", lambda: iter(()))
    x, y = np.ones((2, 9, 3), "f"), np.zeros((2, 6, 2), "f")
    net.bind(x, y)()
    assert np.abs(y - reference.run(net.graph, {"x": x}, net.weights)["y"]).max() < 1e-6
