"""Recorded Keras beyond Conv1D: separable and transposed layers, and the activations that keras.npz does not have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.emission.render import render
from codegen.layers import kinds
from codegen.planning import error_bounds, planner
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from tests.support import cprogram, recorded
from tests.support.cprogram import Call, Program

pytestmark = pytest.mark.compiles

COMPILED = 5  # one layer in so many is compiled, too


def test_the_definition_is_what_keras_computed() -> None:
    """Whole numbers with 0 difference, others to rounding of float64."""
    for told in recorded.family():
        spec = told.spec(dtype="float64")
        assert {name: array.shape for name, array in told.weights.items()} == spec.weight_shapes(), told.arguments
        y = reference.convolve(spec.lower(), told.x, *spec.problem_weights(told.weights))
        assert y.shape == told.y.shape, told.arguments
        if told.whole:
            assert (y == told.y).all(), told.arguments
        else:
            np.testing.assert_allclose(y, told.y, rtol=1e-11, atol=1e-12, err_msg=str(told.activation))


def test_layers_compute_it(share: Callable[..., Any]) -> None:
    """As a user calls them, float32: whole numbers exactly where the plan is a direct one, others within the bound."""
    for told in share(recorded.family()[::COMPILED], 3):
        layer = kinds.of(told.spec())
        layer.set_weights(list(told.weights.values()))
        y, plan = layer(told.x), pipeline.kernel_for(layer.spec).plan
        assert y.shape == told.y.shape == layer.compute_output_shape(told.x.shape)
        if told.whole and not error_bounds.is_transform(plan):
            assert (y == told.y).all(), told.arguments
            continue
        weights = layer.spec.problem_weights({name: w.astype(np.float32) for name, w in told.weights.items()})
        allowed = error_bounds.bound(plan, "fast", told.x, *weights)
        options = 2e-7 * np.abs(told.y)  # Keras had its activations' options in float64
        assert (np.abs(y - told.y) <= allowed + options).all(), (told.kind, told.arguments, told.activation)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_emitted_c_computes_it(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """A sixth of them on each target, weights packed: whole numbers exactly, others within the direct bound."""
    tools = need(cprogram.toolchain, TARGETS[target])
    family = recorded.family()[int(target == "avx2") :: 6]
    plans = [planner.plan(told.spec().lower(), Ask(TARGETS[target], "packed")) for told in family]
    program = Program([render(plan, f"k{number}") for number, plan in enumerate(plans)], tools, tmp_path)
    calls = []
    for number, (told, plan) in enumerate(zip(family, plans, strict=True)):
        kernel, bias = told.spec().problem_weights(told.weights)
        packed = plan.pack(kernel)
        steps = told.x.shape[1 if plan.problem.channels_last else 2]
        calls += [Call(number, x, packed, bias, steps, told.y[0].size) for x in told.x]
    outputs = iter(program.run(calls))
    for told, plan in zip(family, plans, strict=True):
        y = np.stack([next(outputs) for _ in told.x]).reshape(told.y.shape)
        if told.whole:
            assert (y == told.y).all(), told.arguments
            continue
        allowed = error_bounds.bound(plan, "exact", told.x, *told.spec().problem_weights(told.weights))
        options = 2e-7 * np.abs(told.y)
        assert (np.abs(y - told.y) <= allowed + options).all(), (told.kind, told.arguments, told.activation)
