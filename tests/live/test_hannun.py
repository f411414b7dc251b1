"""The 33 convolutions of Hannun's ECG network, examples/hannun.conv: each is what the published network asks of Keras.

The network is built a second time, in Keras, as github.com/awni/ecg builds it; needs the `live` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.planning import error_bounds
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from tests.support import cprogram
from tests.support.cprogram import Call, Program

pytestmark = [pytest.mark.compiles, pytest.mark.live]

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

EXAMPLE = Path(__file__).parents[2] / "examples" / "hannun.conv"
STEPS = 1280  # 6.4 s at 200 Hz, five of the network's answers
SUBSAMPLE = (1, 2) * 8


def published() -> dict[str, tuple[tuple[int, int], Any]]:
    """By our names, (steps, channels) of the input and the Keras layer, as awni/ecg's network.py walks through them."""
    made: dict[str, tuple[tuple[int, int], Any]] = {}
    steps, channels = STEPS, 1

    def add(name: str, filters: int, strides: int) -> None:
        nonlocal steps, channels
        layer = keras.layers.Conv1D(filters, 16, strides, "same", kernel_initializer="he_normal", dtype="float64")
        made[name] = (steps, channels), layer
        steps, channels = -(-steps // strides), filters

    add("opening", 32, 1)
    for block, strides in enumerate(SUBSAMPLE):
        filters = 32 * 2 ** (block // 4)
        add(f"into_{block}", filters, strides)
        add(f"within_{block}", filters, 1)
    assert (steps, channels) == (STEPS // 256, 256)
    return made


class Case:
    """One layer with its weights, an input, and Keras' float64 answer on both."""

    def __init__(self, layer: codegen.Layer, shape: tuple[int, int], theirs: Any, seed: int) -> None:
        self.layer, self.problem = layer, layer.spec.lower()
        self.x = np.random.default_rng(seed).standard_normal((1, *shape)).astype(np.float32)
        theirs.build(self.x.shape)
        bias = np.linspace(-1, 1, self.problem.filters, dtype=np.float32)
        layer.set_weights([layer.kernel, bias])
        theirs.set_weights([layer.kernel, bias])
        self.kernel, self.bias = layer.spec.problem_weights({"kernel": layer.kernel, "bias": bias})
        with torch.no_grad():
            self.y = keras.ops.convert_to_numpy(theirs(self.x.astype(np.float64)))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    model, wanted = codegen.load(EXAMPLE), published()
    assert set(model) == set(wanted)
    return [Case(model[name], *wanted[name], seed) for seed, name in enumerate(wanted)]


def test_the_layers_are_the_published_ones(cases: list[Case]) -> None:
    """33 layers of the published sizes, and he_normal's spread in each."""
    assert len(cases) == 33
    assert sum(case.layer.count_params() for case in cases) == 10_457_376
    for case in cases:
        assert case.layer.compute_output_shape(case.x.shape) == case.y.shape
        spread = np.sqrt(2 / (16 * case.problem.channels))
        assert abs(case.kernel.std() / spread - 1) < 4 / np.sqrt(2 * case.kernel.size)


def test_each_layer_equals_keras_in_python(cases: list[Case]) -> None:
    """As a user calls it: native target, accuracy `fast`, within the bound of the plan that is taken."""
    for case in cases:
        plan = pipeline.kernel_for(case.layer.spec).plan
        allowed = error_bounds.bound(plan, "fast", case.x, case.kernel, case.bias)
        assert (np.abs(case.layer(case.x) - case.y) <= allowed).all(), case.layer.name


def test_each_layer_equals_keras_in_scalar_c(cases: list[Case], need: Callable[..., Any], tmp_path: Path) -> None:
    """The portable C of one file a layer, compiled and run, within the direct bound."""
    tools = need(cprogram.toolchain, TARGETS["scalar"])
    program = Program([pipeline.generate(case.layer.spec) for case in cases], tools, tmp_path)
    calls = [
        Call(number, case.x[0], case.kernel, case.bias, case.x.shape[1], case.y.size)
        for number, case in enumerate(cases)
    ]
    for case, y in zip(cases, program.run(calls), strict=True):
        allowed = reference.bound(case.problem, case.x, case.kernel, case.bias)
        assert (np.abs(y.reshape(case.y.shape) - case.y) <= allowed).all(), case.layer.name
