"""Gradients of whole models: of any graph along a random direction, by compiled kernels, and steps of an optimizer."""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import installed
from codegen.errors import ShapeError, SpecError
from codegen.gradients.models import tape
from codegen.graph import reference
from codegen.graph.calls import Call
from codegen.graph.graph import Graph
from codegen.machine import compilers
from codegen.optimizers import SGD, Adam
from codegen.planning.ask import Ask
from codegen.problem.targets import target_named
from tests.support import graphs

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")
ASK = Ask(target_named("native"), "packed", "exact")
STEP = 1e-6

NET = """
conv1d first { filters = 8, kernel_size = 5, padding = same, kernel_regularizer = l2(1e-3) }
batch_normalization norm {}
conv1d second { filters = 8, kernel_size = 3, padding = same }
dense out { units = 1 }
model net {
    input x = (None, 2)
    h = tanh(norm(first(x)))
    output y = out(relu(second(h)) + h)
}
"""


def in_float64(graph: Graph) -> Graph:
    """The graph and its layers in float64."""

    def wide(op: Any) -> Any:
        return replace(op, layer=replace(op.layer, dtype="float64")) if isinstance(op, Call) else op

    return Graph(graph.name, tuple(replace(n, op=wide(n.op)) for n in graph.nodes), graph.outputs, "float64")


def parted(graph: Graph, x: Any, weights: Any, dy: Any, random: np.random.Generator) -> tuple[float, float, float]:
    """(the loss' slope along a random direction by differences, by gradients, the size of what they add up)."""
    made = tape.forward(graph, x, weights, ASK).back(dy)
    along = {name: random.standard_normal(each.shape) for name, each in x.items()}
    turned = {
        layer: {name: random.standard_normal(each.shape) * ("moving" not in name) for name, each in held.items()}
        for layer, held in weights.items()
    }

    def loss(far: float) -> float:
        inputs = {name: each + far * along[name] for name, each in x.items()}
        moved = {k: {n: each + far * turned[k][n] for n, each in held.items()} for k, held in weights.items()}
        found = reference.run(graph, inputs, moved)
        return float(sum((dy[name] * y).sum() for name, y in found.items()))

    shares = [(made.inputs[name] * each).ravel() for name, each in along.items()]
    shares += [(grown * turned[layer][n]).ravel() for layer, held in made.layers.items() for n, grown in held.items()]
    total = np.concatenate(shares)
    return (loss(STEP) - loss(-STEP)) / (2 * STEP), float(total.sum()), float(np.abs(total).sum())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*no C compiler was found:RuntimeWarning")
def test_gradients_of_random_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ops and kinds of layers, in float64 without a compiler, beside differences of the reference."""
    monkeypatch.setattr(compilers, "chain", lambda: iter(()))
    met: Counter[str] = Counter()
    with installed.texts({}):
        for seed in range(1_000, 1_040):
            graph = in_float64(graphs.graph(seed)).alive()
            random = np.random.default_rng(seed)
            weights = {
                k: {n: a.astype("d") for n, a in held.items()} for k, held in graphs.weights(graph, seed).items()
            }
            x = graphs.inputs(graph, seed, 15, batch=1)
            y = tape.forward(graph, x, weights, ASK).outputs
            expected = reference.run(graph, x, weights)
            assert all(np.allclose(y[name], expected[name], rtol=1e-9, atol=1e-9) for name in expected)
            dy = {name: random.standard_normal(each.shape) for name, each in expected.items()}
            by_differences, by_gradients, size = parted(graph, x, weights, dy, random)
            assert abs(by_differences - by_gradients) <= 1e-5 * size + 1e-9, f"{seed}\n{graph}"
            met.update(getattr(getattr(node.op, "layer", node.op), "kind", node.op.word) for node in graph.nodes)
    assert len(met) >= 20, "most ops and layers are met"


@pytest.mark.compiles
@needs_compiler
def test_compiled_gradients_and_steps() -> None:
    model = codegen.load(NET, seed=2)
    net = model.net
    random = np.random.default_rng(0)
    x = random.standard_normal((4, 40, 2)).astype("f")
    wanted = np.cumsum(x[..., :1] * x[..., 1:], axis=1) / 4

    def loss(y: Any) -> tuple[float, Any]:
        return float(np.mean((y - wanted) ** 2)), 2 * (y - wanted) / y.size

    y, back = net.forward(x)
    assert np.abs(y - net(x)).max() < 1e-5
    made = back(loss(y)[1])
    wide = {layer: {n: a.astype("d") for n, a in held.items()} for layer, held in net.weights.items()}
    exact = tape.forward(in_float64(net.graph), {"x": x.astype("d")}, wide, ASK).back({"y": loss(y)[1]})
    assert np.abs(made.x - exact.x).max() <= 1e-5 * np.abs(exact.x).max()
    for layer, held in exact.layers.items():
        for name, gradient in held.items():
            assert np.abs(made.layers[layer][name] - gradient).max() <= 1e-5 * np.abs(gradient).max() + 1e-8
    assert made.layers["norm"].keys() == {"gamma", "beta"}
    before = {name: array.copy() for name, array in net.weights["norm"].items()}
    optimizer = Adam(learning_rate=0.01, global_clipnorm=1.0)
    losses = [optimizer.minimize(net, x, loss) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    after = net.weights["norm"]
    assert all(np.array_equal(after[name], before[name]) == name.startswith("moving") for name in before)
    assert np.array_equal(model.first.kernel, net.weights["first"]["kernel"]), "the layer is the model's"
    model.first.trainable = False
    kept = model.first.kernel.copy()
    optimizer.apply(net, net.gradients(x, loss(net(x))[1]))
    assert np.array_equal(model.first.kernel, kept)
    assert optimizer.iterations(net.parts["out"]) == 61
    assert optimizer.iterations(model.first) == 60


def test_one_norm_of_all_gradients() -> None:
    """global_clipnorm is that of all layers together."""
    text = "dense a { units = 2 }\ndense b { units = 3 }\nmodel net { input x = (None, 2); output y = b(a(x)) }"
    net, other = codegen.load(text, seed=1).net, codegen.load(text, seed=1).net
    x = np.ones((2, 5, 2), "f")
    made = net.gradients(x, np.ones((2, 5, 3), "f"))
    norm = np.sqrt(sum(float((g**2).sum()) for held in made.layers.values() for g in held.values()))
    SGD(learning_rate=1.0, global_clipnorm=0.5).apply(net, made)
    for layer, held in other.weights.items():
        for name, weight in held.items():
            found = weight - net.weights[layer][name]
            assert np.allclose(found, made.layers[layer][name] * (0.5 / norm), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit() -> None:
    net = codegen.load("dense a { units = 2 }\nmodel net { input x = (None, 2); output y = a(x); output z = x }").net
    x = np.ones((1, 4, 2), "f")
    with pytest.raises(ShapeError, match=r"`y` has shape \(1, 3, 2\), expected \(1, 4, 2\)"):
        net.gradients(x, np.ones((1, 3, 2), "f"))
    with pytest.raises(ShapeError, match="dy: got w, expected y, z"):
        net.gradients(x, {"w": x})
    made = net.gradients({"x": x}, {"z": x})
    assert np.array_equal(made.x, x)
    assert made.layers == {}
    with pytest.raises(ShapeError, match="got other, expected what net"):
        SGD().apply(net, {"other": {}})
    text = "conv1d a { filters = 1, kernel_size = 1, activity_regularizer = l2 }\n"
    text += "model n { input x = (None, 1); output y = a(x) }"
    with pytest.raises(SpecError, match="activity_regularizer, which a model's gradients do not follow"):
        codegen.load(text).n.gradients(np.ones((1, 4, 1), "f"), np.ones((1, 4, 1), "f"))


@pytest.mark.compiles
@needs_compiler
def test_the_example_learns(tmp_path: Path) -> None:
    """Two epochs of examples/train_model.py: most of the windows that it never saw are told right."""
    path = Path(__file__).resolve().parents[2] / "examples" / "train_model.py"
    found = importlib.util.spec_from_file_location("train_model", path)
    assert found is not None
    assert found.loader is not None
    example = importlib.util.module_from_spec(found)
    found.loader.exec_module(example)
    shares = example.main(["--epochs", "2", "-o", str(tmp_path)])
    assert shares["start"] < 0.6
    assert shares["end"] > 0.8
    assert "void waves(const float *" in (tmp_path / "waves.c").read_text("utf-8")


@pytest.mark.filterwarnings("ignore:.*no C compiler was found:RuntimeWarning")
def test_states_that_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way back goes through the first states, and through an LSTM's cells."""
    monkeypatch.setattr(compilers, "chain", lambda: iter(()))
    text = """
        lstm ends { units = 3, return_cells = True }
        lstm cells { units = 3, return_sequences = True, return_cells = True }
        gru gates { units = 3 }
        simple_rnn plain { units = 3, return_sequences = True }
        model net {
            input x = (None, 3)
            s = ends(x)
            h = s[:3]
            output a = cells(x, h, s[3:])
            output b = gates(x, h)
            output c = plain(x, h)
        }"""
    graph = in_float64(codegen.load(text, seed=1).net.graph)
    random = np.random.default_rng(5)
    weights = {k: {n: a.astype("d") for n, a in held.items()} for k, held in graphs.weights(graph, 5).items()}
    x = {"x": random.standard_normal((2, 6, 3))}
    with installed.texts({}):
        y = tape.forward(graph, x, weights, ASK).outputs
        expected = reference.run(graph, x, weights)
        assert all(np.allclose(y[name], expected[name], rtol=1e-12, atol=1e-12) for name in expected)
        for name in expected:
            dy = {other: np.zeros(each.shape) for other, each in expected.items()}
            dy[name] = random.standard_normal(expected[name].shape)
            by_differences, by_gradients, size = parted(graph, x, weights, dy, random)
            assert abs(by_differences - by_gradients) <= 1e-6 * size + 1e-9, name
