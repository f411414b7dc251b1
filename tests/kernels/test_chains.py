"""Chains of convolutions in C, of three stages and more: held to the reference, which runs them one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codegen.emission import banner, render
from codegen.errors import PlanError
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.machine import loader
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from codegen.problem.chain import Chain
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native


def link(*sizes: Any, **more: Any) -> ConvProblem:
    """A stage without a bias or an activation: (steps, channels, filters, kernel_size)."""
    return ConvProblem(*sizes, **{"epilogue": Epilogue(), **more})


INVERTED = Chain.of(
    {
        "expand": link(23, 5, 12, 1),
        "filter": link(None, 12, 12, 3, groups=12, pad_left=2),
        "project": ConvProblem(None, 12, 5, 1),
    }
)
RELU = activations.get("relu")
CHAINS = {
    "inverted": INVERTED,
    "channels_first": Chain.of(
        {"a": link(31, 3, 7, 3, channels_last=False, pad_left=1), "b": link(None, 7, 6, 4, stride=2, pad_right=2)}
        | {"c": ConvProblem(None, 6, 4, 2, dilation=3, groups=2)}
    ),
    "up_and_down": Chain.of(
        {"up": link(30, 6, 12, 4, up=3, pad_left=2, pad_right=2), "down": link(None, 12, 8, 5, stride=2, pad_left=2)}
        | {"last": ConvProblem(None, 8, 4, 3, pad_left=1, pad_right=1)}
    ),
    "four": Chain.of(
        {"a": link(40, 2, 3, 3, dtype="float64"), "b": link(None, 3, 3, 3), "c": link(None, 3, 4, 3)}
        | {"d": ConvProblem(None, 4, 2, 3, epilogue=ending(activation=RELU))}
    ),
    "curved": Chain.of(
        {
            "a": link(33, 6, 12, 3, pad_left=2, epilogue=ending(False, activations.get("relu"))),
            "b": link(None, 12, 12, 1),
        }
        | {"c": link(None, 12, 8, 3, groups=4, epilogue=ending(False, activations.get("tanh")))}
        | {"d": ConvProblem(None, 8, 4, 1, epilogue=ending(activation=RELU))}
    ),
    "any_length_curved": Chain.of(
        {"a": link(None, 6, 12, 5, groups=6, pad_left=4, epilogue=ending(False, activations.get("tanh")))}
        | {"b": ConvProblem(None, 12, 8, 1)}
    ),
    "any_length": Chain.of(
        {"a": link(None, 6, 12, 3, groups=6, pad_left=2), "b": link(None, 12, 8, 1), "c": ConvProblem(None, 8, 4, 1)}
    ),
    "any_length_rows": Chain.of(
        {"a": link(None, 3, 6, 4, stride=2, channels_last=False, pad_left=1), "b": link(None, 6, 5, 1)}
        | {"c": ConvProblem(None, 5, 4, 1, epilogue=ending(activation=activations.get("softmax")))}
    ),
}


CURVED = ("curved", "any_length_curved", "any_length_rows")  # with an activation that rounds


@pytest.mark.in_turn(3)
@pytest.mark.compiles
@pytest.mark.parametrize("name", CHAINS)
def test_is_what_its_stages_make_in_turn(name: str) -> None:
    """On the plain target and on this machine's, whole numbers; nothing is off but by what an activation may err."""
    problem = CHAINS[name]
    rng = np.random.default_rng(1)
    weights = [rng.integers(-3, 4, shape).astype(problem.dtype) for shape in (problem.kernel_shape, (problem.filters,))]
    for target in {"scalar": TARGETS["scalar"], "native": native()}.values():
        plan = planner.answer(Request(problem, Ask(target=target, weights="packed")))
        kernel = loader.load(render.render(plan, "conv1d"), target)
        assert kernel.path is not None
        for steps in [problem.steps] if problem.steps is not None else [1, 2, 7, 300]:
            x = rng.integers(-4, 5, problem.in_shape(2, steps)).astype(problem.dtype)
            y = np.full(problem.out_shape(2, steps), np.nan, problem.dtype)
            kernel.bind(x, y, kernel.pack(weights[0]), weights[1])()
            exact = reference.convolve(problem, x, *weights)
            off = reference.bound(problem, x, *weights) if name in CURVED else 0
            assert np.abs(y - exact).max(initial=0) <= np.max(off, initial=0)


def test_its_c_names_the_stages() -> None:
    plan = planner.answer(Request(INVERTED, Ask(target=TARGETS["scalar"])))
    source = render.render(plan, "block")
    for word in ("expand", "filter", "project"):
        assert f"static void block_{word}(" in source.code
        assert f"const float *{word}_kernel" in source.header
    assert "float *const between = (float *)workspace; /* (23, 12): what the first stage makes */" in source.code
    assert "; /* (23, 12): what the 2nd stage makes */" in source.code
    assert banner.formula(INVERTED) == (
        "expand[t, f] = sum over k, c of expand_kernel[k, c, f] * x[t + k, c]; "
        "filter[t, f] = sum over k of filter_kernel[k, 0, f] * expand[t + k - 2, f]; "
        "y[t, f] = bias[f] + sum over k, c of project_kernel[k, c, f] * filter[t + k, c]"
    )


def test_what_no_kernel_serves_is_told() -> None:
    free = INVERTED.at_length(None)
    with pytest.raises(PlanError, match="separable: a stage behind the first reads more than its output's own step"):
        planner.answer(Request(free, Ask(target=TARGETS["scalar"])))
    reasons = {
        "separable: a stage before the last reads a bias": (ending(), ending()),
        "separable: two stages have the same activation": (
            ending(False, Activation("leaky_relu", (("negative_slope", 0.1),))),
            ending(False, Activation("leaky_relu", (("negative_slope", 0.3),))),
        ),
    }
    first, *_, last = INVERTED.stages
    for reason, (one, other) in reasons.items():
        stages = (first.with_epilogue(one), INVERTED.stages[1], last.with_epilogue(other))
        with pytest.raises(PlanError, match=reason):
            planner.answer(Request(replace(INVERTED, stages=stages), Ask(target=TARGETS["scalar"])))
