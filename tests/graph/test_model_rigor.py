"""The plans of a model's kernels: those that wisdom names, or a measurement finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.graph.plans.stages import Convolved
from codegen.machine import compilers, measure
from codegen.planning import planner

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


@pytest.mark.compiles
@needs_compiler
def test_a_models_kernels_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With rigor="measure" what a measurement finds is the kernel's plan, and that of every later process."""
    text = """
    conv1d a { filters = 16, kernel_size = 5, padding = same, activation = relu }
    model net { input x = (31, 8)
                output y = a(x) }
    """
    x, asked = np.random.default_rng(0).standard_normal((1, 31, 8)).astype("f"), list[Any]()
    usual = codegen.load(text, seed=1, accuracy="fast").nets["net"]
    expected = usual(x)

    def last(request: Any, rigor: str) -> str:
        asked.append((request, rigor))
        return str(planner.survey(request).found[-1].key)

    monkeypatch.setattr(measure, "choice", last)
    pipeline.compiled_model.cache_clear()
    net = codegen.load(text, seed=1, accuracy="fast", rigor="measure").nets["net"]
    assert np.abs(net(x) - expected).max() < 1e-5 * np.abs(expected).max()
    ((request, rigor),) = asked
    assert (request.problem.steps, request.problem.filters, rigor) == (31, 16, "measure")
    made = pipeline.compiled_model(net.graph, net._how.ask, "measure")
    assert made is not None
    assert [stage.plan.key for stage in made.plan.stages if isinstance(stage, Convolved)] == [last(request, rigor)]
