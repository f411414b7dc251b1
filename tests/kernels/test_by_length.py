"""A free length by several plans: each input by the plan that is told for its length, with that plan's own bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.machine import loader, self_test_inputs
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import by_length, overlap_save
from codegen.planning.algorithms.by_length import Schedule
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan, KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS, native

FEW = ConvProblem(None, 2, 2, 200, groups=2, pad_left=199)
ONE = ConvProblem(None, 1, 1, 300, pad_left=100, pad_right=100)


def plan_of(problem: ConvProblem, target: str = "avx2") -> KernelPlan[Schedule]:
    return by_length.ALGORITHM.candidates(
        Request(problem, Ask(TARGETS[target], "packed", "fast")), planner.best_of_each
    )[0]


@pytest.mark.compiles
def test_each_length_has_the_bits_of_its_plan(share: Callable[..., Any]) -> None:
    """One step, the last of each part's lengths and the first of the next one's; whole, or in slices.

    Of the first lengths, which have code of their own, each has the bits that code for any length has.
    """
    for problem, sliced in share([*product((FEW, ONE), (False, True))], 4):
        whole, rng = plan_of(problem, native().name), np.random.default_rng(2)
        schedule, kernel = whole.schedule, rng.standard_normal(problem.kernel_shape).astype("f")
        bias = rng.standard_normal(problem.filters).astype("f")
        running = loader.load(render(whole.asked(sliced=sliced), "conv1d"), whole.target, 1 + sliced)
        known = [part for part in whole.parts if part.problem.steps]
        short = next(part for part in planner.every(Request(problem, whole.ask)) if known and alike(part, known[0]))
        longer = [part for part in whole.parts if not part.problem.steps]
        alone = {part: loader.load(render(part, "conv1d"), part.target) for part in (short, *longer)}
        assert len(running.pack(kernel)) == whole.packed_numbers
        lengths = {1, *(limit + more for limit in schedule.limits for more in (-1, 0)), 3 * schedule.limits[-1]}
        for steps in sorted(lengths - {0}):
            x = rng.standard_normal((1, steps, problem.channels)).astype("f")
            part = whole.parts[schedule.turn[sum(steps >= limit for limit in schedule.limits)]]
            outputs = []
            for one in (running, alone[short if part.problem.steps else part]):
                y = np.full(problem.out_shape(1, steps), np.nan, "f")
                one.run(x, y, one.pack(kernel), bias)
                outputs.append(y)
            exact = reference.convolve(problem, x, kernel, bias)
            assert (np.abs(outputs[0] - exact) <= error_bounds.bound(whole, "fast", x, kernel, bias)).all()
            assert outputs[0].tobytes() == outputs[1].tobytes(), steps


def alike(part: AnyPlan, known: AnyPlan) -> bool:
    """Whether a plan for any length sums as one that knows it, by the same packed kernel."""
    return part.order == known.order and part.layout == known.layout


def test_the_plans_are_nearly_the_best_at_their_lengths() -> None:
    """By the estimates: what a known length would be given costs hardly less."""
    whole = plan_of(FEW)
    schedule, names = whole.schedule, [part.algorithm.name for part in whole.parts]
    assert len(schedule.turn) == len(schedule.limits) + 1
    assert list(schedule.limits) == sorted(set(schedule.limits))
    assert set(schedule.turn) == set(range(len(whole.parts)))
    assert names[schedule.turn[0]].startswith(("direct", "depthwise"))
    assert names[schedule.turn[-1]] == "overlap_save"
    for steps in (256, 1024, 16384, 131072):
        problem = replace(FEW, steps=steps)
        known = planner.answer(Request(problem, whole.ask))
        part = whole.parts[schedule.turn[sum(steps >= limit for limit in schedule.limits)]]
        assert known.algorithm is part.algorithm is overlap_save.ALGORITHM
        outs = problem.out_steps(steps)
        assert overlap_save.cycles(part.target, problem, part.schedule, outs) <= 1.12 * known.cost.cycles


@pytest.mark.long
def test_a_layer_of_any_length_has_such_a_plan() -> None:
    ask = Ask(TARGETS["avx512"], "packed", "fast")
    for channels in (1, 2, 8):
        problem = ConvProblem(None, channels, channels, 1024, groups=channels, pad_left=1023)
        assert planner.answer(Request(problem, ask)).algorithm is by_length.ALGORITHM
        for other in (replace(ask, accuracy="exact"), replace(ask, weights="argument")):
            assert not error_bounds.is_transform(planner.answer(Request(problem, other)))
    assert by_length.why_not(Request(replace(problem, steps=5000), ask)) == "the length is known"
    few = planner.survey(Request(ConvProblem(None, 16, 64, 1), replace(ask, weights="baked")))
    assert dict(few.refused)["by_length"] == "one plan is good at all lengths"


def test_the_self_test_tries_each_of_them() -> None:
    whole = plan_of(FEW)
    tried = [one.steps for one in self_test_inputs.trials(whole, self_test_inputs.Weights.of(whole))]
    assert {limit + more for limit in whole.schedule.limits for more in (-1, 0)} - {0} <= set(tried)
