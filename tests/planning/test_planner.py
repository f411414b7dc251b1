"""The planner: every algorithm is taken or says why not, accuracy classes keep their promise, keys are stable."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.emission import render
from codegen.errors import PlanError, UsageError
from codegen.language.reader import read
from codegen.machine import compilers, loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import MOST_NOISE, Accuracy, Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.targets import TARGETS, native
from tests.support import strategies

AVX2 = TARGETS["avx2"]
STEM = ConvProblem(98, 40, 64, 3, pad_left=1, pad_right=1)
PROBLEMS = (  # enough channels for the transforms, and each a little different
    STEM,
    ConvProblem(400, 16, 16, 2, dilation=4),
    ConvProblem(500, 8, 12, 5, pad_left=4),
    ConvProblem(300, 32, 32, 16, pad_left=7, pad_right=8),
    ConvProblem(None, 25, 25, 7, dilation=4, pad_left=24),
    ConvProblem(300, 16, 32, 9, groups=4, dtype="float64", epilogue=Epilogue()),
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("GENCONV_WISDOM", raising=False)


@pytest.mark.in_turn(3)
@pytest.mark.long
@pytest.mark.parametrize("weights", ["argument", "packed", "baked"])
@pytest.mark.parametrize("accuracy", ["exact", "fast", "wide"])
def test_every_algorithm_is_taken_or_says_why_not(weights: Any, accuracy: Any) -> None:
    for layer in strategies.random_layers(40, seed=21):
        plan = planner.plan(layer.spec().lower(), Ask(AVX2, weights, accuracy))
        told = [plan.algorithm.name, *(name for name, _ in plan.rejected)]
        assert sorted(told) == sorted(ALGORITHMS), layer
        assert all(len(reason) > 10 for _, reason in plan.rejected)
        assert planner.survey(Request(plan.problem, Ask(AVX2, weights, accuracy))).found[0].key == plan.key


def test_an_algorithm_without_a_plan_that_is_accurate_enough_says_so() -> None:
    empty = replace(ALGORITHMS["winograd"], candidates=lambda request, best_of_each: [])
    request = Request(replace(STEM, steps=97), Ask(AVX2, "packed", "fast"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ALGORITHMS, "winograd", empty)
        refused = dict(planner.survey(request).refused)
    planner.survey.cache_clear()
    assert refused["winograd"] == "none of its plans keeps to the roundings of `fast`"


def test_reasons_have_figures_and_transforms_are_refused_in_words() -> None:
    plan = planner.plan(STEM, Ask(AVX2, "packed", "fast"))
    reasons = dict(plan.rejected)
    assert plan.algorithm.name == "winograd"
    direct = planner.plan(STEM, Ask(AVX2, "packed"))
    assert reasons["direct_filters"].startswith(
        f"estimated at {direct.cost.cycles / plan.cost.cycles:.2f} times the cycles"
    )
    exact = dict(planner.plan(STEM, Ask(AVX2, "packed")).rejected)
    assert "not `exact`" in exact["winograd"]
    argument = dict(planner.plan(STEM, Ask(AVX2, "argument", "fast")).rejected)
    assert argument["fft"] == "its weights are transformed first, so they must be known or packed"


def test_classes_widen() -> None:
    for problem in PROBLEMS:
        offered: list[set[str]] = []
        for accuracy in ("exact", "fast", "wide"):
            found = planner.survey(Request(problem, Ask(AVX2, "packed", accuracy))).found
            offered.append({plan.algorithm.name for plan in found})
            assert any(map(error_bounds.is_transform, found)) == (accuracy != "exact")
        assert offered[0] < offered[1] <= offered[2]


def test_a_choice_is_taken_and_an_unknown_one_is_not() -> None:
    known = planner.survey(Request(STEM, Ask(AVX2, "packed", "fast")))
    for other in known.found[1:20]:
        assert planner.plan(STEM, Ask(AVX2, "packed", "fast"), other.key).key == other.key
    first = planner.plan(STEM, Ask(AVX2, "packed", "fast"))
    for choice in ("winograd-000000000000", "no_such-0123456789ab", "", "fft", "../x-0123456789ab"):
        assert planner.plan(STEM, Ask(AVX2, "packed", "fast"), choice) == first


@pytest.mark.live
def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "from codegen.planning import planner\n"
        "from codegen.planning.ask import Ask\n"
        "from codegen.planning.plan import Request\n"
        "from codegen.problem.conv_problem import ConvProblem\n"
        "from codegen.problem.targets import TARGETS\n"
        "p = ConvProblem(98, 40, 64, 3, pad_left=1, pad_right=1)\n"
        "print(*[x.key for x in planner.survey(Request(p, Ask(TARGETS['avx2'], 'packed', 'fast'))).found])"
    )
    keys = [plan.key for plan in planner.survey(Request(STEM, Ask(AVX2, "packed", "fast"))).found]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert out.stdout.split() == keys


@pytest.mark.parametrize("word", ["quick", "Fast", ""])
def test_unknown_words_are_told_at_once(word: str) -> None:
    with pytest.raises(UsageError, match="expected one of exact, fast, wide"):
        codegen.Conv1D(8, 3, accuracy=word)
    with pytest.raises(UsageError, match="expected one of estimate, measure"):
        codegen.Conv1D(8, 3, rigor=word)


def error(plan: KernelPlan, x: Any, kernel: Any, bias: Any) -> Any:
    compiled = loader.load(render.render(plan, "conv1d"), plan.target)
    wide = "longdouble" if plan.problem.dtype == "float64" else "float64"
    exact = reference.convolve(plan.problem, x, kernel, bias, dtype=wide)
    y = np.full(exact.shape, np.nan, plan.problem.dtype)
    compiled.run(x, y, compiled.pack(kernel), bias)
    return np.abs(y - exact).astype(np.float64)


def best_of_each(problem: ConvProblem, accuracy: Accuracy) -> list[KernelPlan]:
    """The cheapest plan of each algorithm, of each transform."""
    found: dict[str, KernelPlan] = {}
    for plan in planner.survey(Request(problem, Ask(native(), "packed", accuracy))).found:
        found.setdefault(f"{plan.algorithm.name} {getattr(plan.schedule, 'transform', '')}", plan)
    return list(found.values())


@pytest.mark.in_turn(8)
@pytest.mark.compiles
@pytest.mark.parametrize("accuracy", ["fast", "wide"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p.channels}x{p.filters}k{p.kernel_size}")
def test_transforms_keep_their_promise(problem: ConvProblem, accuracy: Accuracy) -> None:
    """On standard normal data: rms at most the class' multiple of direct's, and every output within its bound."""
    if compilers.find() is None:
        pytest.skip("needs a C compiler")
    rng = np.random.default_rng(5)
    steps = problem.steps or 400

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(problem.dtype)

    x, kernel = draw(8, steps, problem.channels), draw(*problem.kernel_shape)
    bias = draw(problem.filters) if problem.bias else None
    direct = error_bounds.rms(error(planner.plan(problem, Ask(native(), "packed")), x, kernel, bias))
    transforms = [plan for plan in best_of_each(problem, accuracy) if error_bounds.is_transform(plan)]
    assert transforms
    for plan in transforms[:3]:
        found = error(plan, x, kernel, bias)
        assert 0 < error_bounds.rms(found) <= MOST_NOISE[accuracy] * direct, plan.schedule
        assert (found <= error_bounds.bound(plan, accuracy, x, kernel, bias)).all(), plan.schedule


def test_the_bound_of_a_direct_plan_is_the_references() -> None:
    rng = np.random.default_rng(6)
    x, kernel = (rng.standard_normal(shape).astype("f") for shape in ((2, 98, 40), STEM.kernel_shape))
    bias = rng.standard_normal(64).astype("f")
    direct, fast = planner.plan(STEM, Ask(AVX2, "packed")), planner.plan(STEM, Ask(AVX2, "packed", "fast"))
    assert error_bounds.is_transform(fast)
    plain = reference.bound(STEM, x, kernel, bias)
    assert np.array_equal(error_bounds.bound(direct, "fast", x, kernel, bias), plain)
    whole = replace(STEM, pad_left=2, pad_right=2)  # what the taps make of a click in the last sample too
    bound, largest = error_bounds.bound(fast, "fast", x, kernel, bias), reference.bound(whole, x, kernel, bias)
    assert bound.shape == (2, 98, 64)
    assert (np.ptp(bound, axis=1) == 0).all()
    assert (2 * largest.max(axis=1) < bound[:, 0]).all()
    assert (bound[:, 0] < 6 * largest.max(axis=1)).all()


def test_layers_are_fast_and_files_are_exact_unless_told_otherwise() -> None:
    (spec,) = read("conv1d stem { input_shape = (98, 40), filters = 64, kernel_size = 3, padding = same }", "x")
    asked = pipeline.request(spec, Ask(TARGETS["avx2"], "packed", "fast"))
    assert planner.survey(asked).found[0].algorithm.name == "winograd"
    weights = {"kernel": np.ones((3, 40, 64), "f"), "bias": np.ones(64, "f")}
    assert pipeline.generate(spec, "avx2", weights).plan.algorithm.name == "direct_filters"
    assert pipeline.generate(spec, "avx2", weights, accuracy="fast").plan.algorithm.name == "winograd"
    assert pipeline.generate(spec, "avx2", accuracy="fast").plan.algorithm.name == "direct_filters"


def test_a_plan_without_parts_says_so() -> None:
    plan = planner.plan(STEM, Ask(AVX2))
    assert plan.parts == ()
    with pytest.raises(PlanError, match="a plan of direct_filters has no plan inside"):
        plan.inner  # noqa: B018  # looked up for its error


def test_a_free_length_has_its_outputs_fetched_where_they_may_be_far() -> None:
    depthwise = ConvProblem(None, 64, 64, 4, groups=64, pad_left=3)
    front = ConvProblem(None, 1, 512, 10, stride=5)
    turned = ConvProblem(None, 16, 48, 3, channels_last=False)
    packed = Ask(TARGETS["avx512"], "packed")
    assert planner.plan(depthwise, packed).parts[0].schedule.ahead
    wide = planner.plan(front, packed)
    parts = [part for part in wide.parts if part.problem.steps is None] or [wide]
    assert all((part.schedule.ahead, part.schedule.chunk) == (True, 1) for part in parts)
    panels = [plan for plan in planner.survey(Request(turned, packed)).found if plan.algorithm.name == "relayout"]
    assert panels
    assert not any(getattr(plan.inner.schedule, "ahead", False) for plan in panels)  # a panel stays near
    assert not planner.plan(replace(depthwise, steps=64), packed).schedule.ahead
    small = planner.survey(Request(depthwise, replace(packed, objective="size"))).found
    assert not any(plan.schedule.ahead for plan in small if plan.algorithm.name == "depthwise")


@pytest.mark.long
def test_rows_of_many_channels_on_pages_of_their_own_are_turned() -> None:
    wide = ConvProblem(999, 128, 256, 1, channels_last=False)
    taken = [planner.plan(replace(wide, channels=c), Ask(TARGETS["avx512"], "packed")) for c in (64, 128)]
    assert [plan.algorithm.name for plan in taken] == ["direct_steps", "relayout"]


def test_a_few_outputs_of_many_channels_are_not_summed_one_by_one_along_time() -> None:
    wide = ConvProblem(None, 256, 256, 3, pad_left=1, pad_right=1, channels_last=False)
    request = Request(wide, Ask(TARGETS["avx512"], "packed", "fast")).likely(1)
    assert planner.survey(request).found[0].algorithm.name == "relayout"


def test_tiles_of_a_free_length_are_no_higher_than_likely_inputs_are_long() -> None:
    taps = ConvProblem(None, 16, 16, 65)  # no padding: 4 outputs of 68 steps are inside
    request = Request(taps, Ask(TARGETS["avx512"], "packed"))
    heights = {likely: _height(planner.survey(request.likely(likely)).found) for likely in (65, 68, 72, 400)}
    assert heights == {65: 16, 68: 4, 72: 8, 400: 16}


def _height(plans: tuple[KernelPlan, ...]) -> int:
    """The most rows of a tile of the first plan of direct sums across the filters."""
    first = next(plan for plan in plans if plan.algorithm.name == "direct_filters")
    return max(block.rows for block in first.schedule.blocks)
