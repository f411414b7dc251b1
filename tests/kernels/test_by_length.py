"""A free length by several plans: each input by the plan that is told for its length, with that plan's own bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from codegen.emission import known_borders
from codegen.emission.render import render
from codegen.language import reader
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


def free_plan(text: str) -> KernelPlan[Any]:
    (spec,) = reader.read(text, "layer.conv")
    return planner.answer(Request(spec.lower(), Ask(TARGETS["avx512"], "packed", "fast")))


@pytest.mark.parametrize(
    "layer",
    [
        "conv1d_transpose a { filters = 32, kernel_size = 4, strides = 2, input_shape = (None, 64), padding = same }",
        "separable_conv1d a { filters = 16, kernel_size = 3, input_shape = (None, 8), padding = same }",
        "conv1d a { filters = 16, kernel_size = 3, input_shape = (None, 16), padding = same, activation = softmax }",
    ],
)
def test_every_kind_has_code_for_its_first_lengths(layer: str) -> None:
    """Transposed and separable layers and those with an activation of rows, too: lengths that double before others."""
    plan = free_plan(layer)
    known = [part.problem.steps for part in plan.parts if part.problem.steps]
    assert plan.algorithm is by_length.ALGORITHM
    assert known == sorted(known)
    assert {1, 2} <= set(known)
    for steps in known:
        assert plan.algorithm.serving(plan, steps).plan.problem.steps == steps
    words = plan.describe().partition(" steps by code")[0]
    assert words.startswith("by_length, 1")


def test_several_kernels_are_packed_for_all_lengths_alike() -> None:
    """A chain's stages each find their weights in one place, whatever the length."""
    plan = free_plan("separable_conv1d a { filters = 16, kernel_size = 3, input_shape = (None, 8), padding = same }")
    assert {part.layout for part in plan.parts} == {plan.parts[0].layout}
    assert plan.packed_numbers == plan.parts[0].packed_numbers == 3 * 8 + 8 * 16


def test_the_shortest_call_comes_before_all_others() -> None:
    """What chooses among the other lengths is a function of its own, whose registers one step does not save."""
    text = render(free_plan("conv1d a { filters = 1, kernel_size = 3, input_shape = (None, 1), padding = same }"), "a")
    longer, _, entry = text.code.partition("static void a_longer(")[2].partition("\nvoid a(")
    assert longer.count("a_steps_") == 15
    assert longer.count("a_short(") == longer.count("a_long(") == 1
    assert entry.count("a_steps_1(") == entry.count("a_steps_") == 1
    assert entry.count("a_longer(") == 2


def test_where_nothing_else_is_to_choose_one_function_is_called() -> None:
    """The only part for any length comes in the place of a function that chooses."""
    plan = free_plan("conv1d a { filters = 1, kernel_size = 3, input_shape = (None, 1), padding = same }")
    free, one = (next(part for part in plan.parts if (part.problem.steps is None) is any_) for any_ in (True, False))
    text = render(replace(plan, schedule=Schedule((1, 2), (0, 1, 0)), parts=(free, one)), "a").code
    assert "a_longer" not in text
    assert text.partition("\nvoid a(")[2].count("a_any(") == 2


def test_known_borders_call_their_tiles() -> None:
    """Along time the outputs whose taps lie partly in the padding are one call each, with their taps as numbers."""
    problem = ConvProblem(None, 8, 8, 4, groups=8, pad_left=1, pad_right=2, channels_last=False)
    found = planner.every(Request(problem, Ask(TARGETS["avx512"], "packed", "fast")))
    plan = next(plan for plan in found if plan.algorithm.name == "direct_steps")
    code = render(plan, "a").code
    for last in (False, True):
        border = known_borders.of(plan, last)
        assert border
        assert [one.taps for one in border.outputs] == ([3, 2] if last else [3])
        assert f"if ({border.when}) {{" in code
    assert "a_edge_1x1(x + steps * g, kernel + 4 * g + 1, bias + f, y + outs * f, 3);" in code
