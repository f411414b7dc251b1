"""One layer through all that gen-conv does with it: what a row that is new in a table must see work."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.graph import reference as graph_reference
from codegen.machine import wisdom
from codegen.numbers.storage import rounded, stored
from codegen.planning import error_bounds
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.targets import target_named

if TYPE_CHECKING:
    from codegen.emission.render import GeneratedSource
    from codegen.layers import Layer

    Array = np.ndarray[Any, np.dtype[Any]]


def through(text: str, folder: Path, target: str = "scalar", storage: str = "float32") -> GeneratedSource:
    """The C of the one layer of the definition `text`, after it was planned, packed, run, measured and described.

    Asserts what is the same of all layers: each plan's kernel is compiled, its outputs are within the stated bound of
    the reference, whole numbers to the bit; the C of the same definition is the same; a measured plan is wisdom.
    """
    model = codegen.load(text, target=target, accuracy="exact", storage=storage)
    (layer,) = model.values()
    for weights in ("argument", "packed", "baked"):
        plan = pipeline.plan(layer.spec, Ask(target_named(target), weights, numbers=storage))
        assert plan.target.name == target_named(target).name
    _right(layer, storage)
    first, again = (pipeline.generate(layer.spec, target, _weights(layer, whole=False), storage=storage) for _ in "12")
    assert first.files == again.files
    packed = pipeline.generate(layer.spec, target, storage=storage)
    _measured(layer, folder, target, storage)
    _described(text, folder, target, storage)
    assert first.code != packed.code
    return packed


def onward(layer: str, function: str = "tanh", **how: Any) -> None:
    """The layer `toy` of a definition, of 5 channels and any length: as a stream, in a model, in a stream of that.

    The model applies `function` to it. Asserts that blocks have the bits of the whole, and this the reference's values.
    """
    text = f"{layer}\nmodel net {{\n    input x = (None, 5)\n    output y = {function}(toy(x))\n}}\n"
    toy, net = (codegen.load(one, accuracy="exact", seed=5, **how) for one in (layer, text))
    x = np.random.default_rng(6).standard_normal((1, 31, 5)).astype("float32")
    for whole in (toy.toy, net.net):
        stream, y = whole.stream(), whole(x)
        blocks = [np.array(stream(x[:, a:b])) for a, b in ((0, 1), (1, 20), (20, 31))]
        assert np.array_equal(np.concatenate([*blocks, stream.flush()], 1), y)
    expected = graph_reference.run(net.net.graph, {"x": x}, net.net.weights)["y"]
    assert np.abs(y - expected).max() < 1e-5


def _weights(layer: Layer, *, whole: bool) -> dict[str, Array]:
    """Arrays of the layer's shapes between -1 and 1: quarters, or anything."""
    rng = np.random.default_rng(3)
    found = {}
    for name, shape in layer.spec.weight_shapes().items():
        numbers = rng.integers(-4, 5, shape) / 4 if whole else rng.uniform(-1, 1, shape)
        found[name] = numbers.astype(layer.dtype)
    return found


def _right(layer: Layer, storage: str) -> None:
    """Its kernel, packed, on whole numbers and on any: against the reference."""
    spec, rng = layer.spec, np.random.default_rng(4)
    kernel = pipeline.kernel_for(spec, Ask(target_named(layer._how.target), accuracy="exact", numbers=storage))
    assert kernel.path, "it was not compiled"
    p = kernel.plan.problem
    x = rng.integers(-8, 9, p.in_shape(2, 23)).astype(p.format.array)
    for whole in (True, False):
        layer.set_weights(list(_weights(layer, whole=whole).values()))
        taps, bias = spec.problem_weights(stored(_weights(layer, whole=whole), storage, layer.name))
        assert np.array_equal(taps, rounded(taps, storage))
        exact = reference.convolve(p, x, taps, bias, dtype=p.format.exact_in)
        allowed = error_bounds.bound(kernel.plan, "exact", x, taps, bias)
        y = layer(x)
        assert (np.abs(y - exact) <= allowed).all()
        assert np.median(allowed) < 1e-4 * np.abs(exact).max()
        if whole and p.activation.name == "linear":
            assert np.array_equal(y, exact)
        assert len(kernel.pack(taps)) >= 1
        assert kernel.pack(taps).dtype == kernel.plan.kernel_format.array


def _measured(layer: Layer, folder: Path, target: str, storage: str) -> None:
    """The fastest of a few plans becomes wisdom, under a name of its own."""
    kernel = pipeline.kernel_for(
        layer.spec, Ask(target_named(target), numbers=storage, accuracy="fast"), rigor="measure"
    )
    assert kernel.path
    assert wisdom.export_to(folder / "wisdom") == 1


def _described(text: str, folder: Path, target: str, storage: str) -> None:
    """`show` and `verify` of the command, which writes what it finds as JSON."""
    file = folder / "toy.conv"
    file.write_text(text, encoding="utf-8")
    told = io.StringIO()
    with redirect_stdout(told):
        assert main.main(["show", str(file), "--target", target, "--storage", storage, "--json"]) == 0
    (shown,) = json.loads(told.getvalue())["layers"]
    assert (shown["target"], shown["storage"]) == (target_named(target).name, storage)
    with redirect_stdout(io.StringIO()):
        assert main.main(["verify", str(file), "--target", target, "--storage", storage]) == 0
