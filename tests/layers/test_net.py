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
    with pytest.raises(ShapeError, match="expected x"):
        model.net(x, x)


def test_a_layer_of_two_models_has_one_set_of_weights() -> None:
    text = NET + "model second { input x = (None, 5); output y = stem(x) }"
    with pytest.raises(WeightsError, match="`stem` reads 4 channels in one model and 5 in another"):
        codegen.load(text)
