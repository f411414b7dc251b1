"""The models among the examples: each is a text that is soon read, has C, and is what the definition says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import PlanError
from codegen.graph import reference
from codegen.graph.plans import streamed
from codegen.layers.net import Net
from codegen.machine import compilers
from codegen.planning.ask import Ask, Stream

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LATENCIES = {"amp": 0, "tcn": 0, "tc_resnet8": None}
needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


def net_of(name: str) -> Net:
    found: Net = next(iter(codegen.load(EXAMPLES / f"{name}.conv", seed=1, accuracy="exact").nets.values()))
    return found


@pytest.mark.parametrize("name", LATENCIES)
def test_examples_of_models(name: str) -> None:
    assert len((EXAMPLES / f"{name}.conv").read_text("utf-8").splitlines()) < 60
    net = net_of(name)
    made = pipeline.model_emitted(net.graph, Ask())
    assert f"void {net.name}(" in made.code
    latency = LATENCIES[name]
    ask = Ask(weights="packed", stream=Stream(64, "count"))
    if latency is None:
        with pytest.raises(PlanError, match="has a number of steps"):
            streamed.planned(net.graph, ask)
    else:
        assert streamed.planned(net.graph, ask).latency == latency


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("name", "steps"), [("tc_resnet8", 98), ("tcn", 40)])
def test_they_compute_what_they_say(name: str, steps: int) -> None:
    net = net_of(name)
    channels = net.graph.shapes[net.graph.inputs[0][1]].channels
    x = np.random.default_rng(0).standard_normal((1, steps, channels)).astype("f")
    expected = reference.run(net.graph, {"x": x}, net.weights)["y"]
    assert np.abs(net(x) - expected).max() <= 1e-5 * np.abs(expected).max()
