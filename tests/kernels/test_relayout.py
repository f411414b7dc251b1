"""channels_first rewritten: panels of channels_last, phases of a stride. Whole numbers, guard pages, NaN, slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import GeneratedSource, render
from codegen.functions import activations
from codegen.machine import loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import relayout, strides_as_channels
from codegen.planning.algorithms.relayout import Schedule
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Accuracy, Ask, Weights
from codegen.planning.plan import Algorithm, KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native
from tests.support import cprogram
from tests.support.cprogram import Call, Program

pytestmark = pytest.mark.compiles

FIRST = ConvProblem(50, 3, 3, 1, channels_last=False)
PROBLEMS = {
    "wide": replace(FIRST, channels=20, filters=37, kernel_size=3, pad_left=1, pad_right=1),
    "narrow": replace(FIRST, channels=2, filters=3, kernel_size=4, pad_left=3, epilogue=Epilogue()),
    "strided": replace(FIRST, steps=401, channels=17, filters=8, kernel_size=5, stride=3, dilation=2, pad_right=9),
    "front end": replace(FIRST, steps=803, channels=1, filters=40, kernel_size=10, stride=5, pad_left=7, pad_right=20),
    "any length": replace(FIRST, steps=None, channels=1, filters=40, kernel_size=10, stride=5, pad_left=7, pad_right=2),
    "any length, same": replace(
        FIRST, steps=None, channels=2, filters=9, kernel_size=7, stride=3, pad_left=2, pad_right=4, centred=True
    ),
    "phases of two": replace(
        FIRST, steps=90, channels=3, filters=8, kernel_size=7, stride=2, pad_left=3, epilogue=Epilogue()
    ),
    "chunks": replace(FIRST, steps=2000, channels=16, filters=9, kernel_size=2, pad_left=40, pad_right=70),
    "phases": replace(FIRST, steps=999, channels=19, filters=21, kernel_size=3, dilation=100, pad_left=200),
    "one phase": replace(FIRST, steps=60, channels=8, filters=8, kernel_size=3, dilation=70, pad_left=140),
    "outside": replace(FIRST, steps=3, channels=9, filters=5, kernel_size=2, pad_left=30, pad_right=30),
    "depthwise": replace(FIRST, steps=300, channels=33, filters=33, groups=33, kernel_size=4, pad_left=3),
    "grouped": replace(FIRST, steps=131, channels=24, filters=36, groups=3, kernel_size=7, dtype="float64"),
    "to one": replace(FIRST, channels=8, filters=1, kernel_size=3),
    "from one": replace(FIRST, channels=1, filters=16, kernel_size=5, stride=2, pad_left=2),
    "free": replace(FIRST, steps=None, channels=13, filters=18, kernel_size=3, dilation=20, pad_left=40),
    "free, same": replace(
        FIRST, steps=None, channels=40, filters=10, kernel_size=4, stride=2, pad_left=1, pad_right=2, centred=True
    ),
    "free, float64": replace(FIRST, steps=None, channels=5, filters=4, kernel_size=9, pad_right=8, dtype="float64"),
}
FREE_STEPS = (0, 1, 2, 3, 4, 8, 15, 16, 17, 41, 700)


def plans(target: str, weights: Weights = "packed", accuracy: Accuracy = "fast") -> Iterator[tuple[str, KernelPlan]]:
    """Of each problem and algorithm the direct candidates with the least and with the most workspace."""
    for name, problem in PROBLEMS.items():
        asked = Request(problem, Ask(TARGETS[target], weights, accuracy))
        for algorithm in (relayout, strides_as_channels):
            if not algorithm.why_not(asked):
                offered = algorithm.candidates(asked, planner.best_of_each)
                direct = [plan for plan in offered if not error_bounds.is_transform(plan)]
                direct.sort(key=lambda plan: plan.workspace_bytes)
                yield from ((name, plan) for plan in dict.fromkeys((direct[0], direct[-1])))


def whole(problem: ConvProblem, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """x, kernel and bias of small whole numbers."""
    rng = np.random.default_rng(steps)
    x, kernel, bias = (
        rng.integers(-8, 9, shape).astype(problem.dtype)
        for shape in ((problem.channels, steps), problem.kernel_shape, problem.filters)
    )
    return x, kernel, bias if problem.bias else None


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("weights", ["packed", "argument"])
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_whole_numbers_between_guard_pages(
    target: str, weights: Weights, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    made = list(plans(target, weights))
    assert {plan.algorithm.name for _, plan in made} == {"relayout", "strides_as_channels"}
    calls, expected = [], []
    for number, (_, plan) in enumerate(made):
        problem = plan.problem
        for steps in FREE_STEPS if problem.steps is None else (problem.steps,):
            x, kernel, bias = whole(problem, steps)
            given = plan.pack(kernel) if weights == "packed" else kernel
            calls.append(Call(number, x, given, bias, steps, problem.out_steps(steps) * problem.filters))
            expected.append(reference.convolve(problem, x[None], kernel, bias, dtype="int64")[0].ravel())
    program = Program([render(plan, f"k{i}") for i, (_, plan) in enumerate(made)], tools, tmp_path)
    for call, y, wanted in zip(calls, program.run(calls), expected, strict=True):
        assert np.array_equal(y, wanted), made[call.kernel]


def test_the_chunks_are_of_every_kind() -> None:
    """What the test above stands on: many chunks, phases, one chunk for all, squares of every side."""
    kinds = {name: set[Schedule]() for name in PROBLEMS}
    for name, plan in plans("avx2"):
        if isinstance(plan.schedule, Schedule):
            kinds[name].add(plan.schedule)
    assert any(schedule.phases and schedule.outs < 100 for schedule in kinds["phases"])
    assert any(not schedule.phases and schedule.outs < 1000 for schedule in kinds["chunks"])
    assert any(schedule.outs == 50 for schedule in kinds["wide"])
    sides = {(schedule.lanes_in, schedule.lanes_out) for each in kinds.values() for schedule in each}
    assert sides >= {(8, 8), (1, 1), (8, 1), (1, 8), (4, 4)}


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("name", ["wide", "chunks", "phases", "front end", "grouped", "free, same"])
def test_nan_stays_in_its_place_and_slices_have_the_same_bits(name: str) -> None:
    for problem_name, plan in plans(native().name, accuracy="exact"):
        if problem_name != name:
            continue
        problem = plan.problem
        x, kernel, bias = whole(problem, problem.steps or 333)
        x[:, [0, x.shape[1] // 2, -1]] = np.nan
        wanted = reference.convolve(problem, x[None], kernel, bias)
        answers = []
        for threads in (1, 3):
            running = loader.load(render(plan.asked(sliced=threads > 1), "conv1d"), plan.target, threads)
            answers.append(np.zeros(wanted.shape, problem.dtype))
            running.run(x[None], answers[-1], running.pack(kernel), bias)
        assert np.isnan(wanted).any()
        assert np.array_equal(answers[0], wanted, equal_nan=True)
        assert answers[0].tobytes() == answers[1].tobytes()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", ["wide", "strided", "phases", "grouped"])
def test_transforms_inside_keep_to_their_bound(name: str) -> None:
    problem = replace(PROBLEMS[name], dtype="float32")
    asked = Request(problem, Ask(native(), "packed", "fast"))
    rng = np.random.default_rng(8)
    x, kernel, bias = (
        rng.standard_normal(shape).astype("f")
        for shape in (problem.in_shape(1, problem.steps or 0), problem.kernel_shape, (problem.filters,))
    )
    wanted = reference.convolve(problem, x, kernel, bias)
    best: dict[str, KernelPlan] = {}
    for plan in relayout.candidates(asked, planner.best_of_each):
        best.setdefault(plan.inner.algorithm.name, plan)
    for plan in best.values():
        running = loader.load(render(plan, "conv1d"), plan.target)
        y = np.full(wanted.shape, np.nan, "f")
        running.run(x, y, running.pack(kernel), bias)
        assert (np.abs(y - wanted) <= error_bounds.bound(plan, "fast", x, kernel, bias)).all(), plan.key
    assert len(best) > 1 or name == "strided"


def test_what_the_planner_takes() -> None:
    """Many channels are transposed; what runs along time as it is, is left so."""
    wide = ConvProblem(3000, 80, 384, 3, pad_left=1, pad_right=1, channels_last=False)
    front_end = ConvProblem(16000, 1, 512, 10, stride=5, channels_last=False)
    mixer = ConvProblem(512, 1536, 1536, 4, groups=1536, pad_left=3, channels_last=False)
    taken = [planner.plan(problem, Ask(TARGETS["avx2"])).algorithm.name for problem in (wide, front_end, mixer)]
    assert taken == ["relayout", "strides_as_channels", "direct_steps"]


def test_a_stride_of_any_length_has_a_workspace_that_grows_with_the_input() -> None:
    """wav2vec2's first layer out of PyTorch, 16,000 steps: 3.5 ms where the known length took 1.06."""
    front_end = ConvProblem(None, 1, 512, 10, stride=5, channels_last=False)
    plan = planner.plan(front_end, Ask(TARGETS["avx512"], "packed", "fast"))
    long = plan.parts[plan.schedule.turn[-1]]
    assert (long.algorithm.name, long.schedule.length, long.workspace_step_bytes) == ("strides_as_channels", None, 4)
    for steps in (10, 11, 14, 15, 16_000):
        length = front_end.out_steps(steps) + 1
        assert 4 * 5 * length <= long.workspace(steps)


def test_a_free_length_has_one_workspace() -> None:
    for name, plan in plans("avx2"):
        schedule, p = plan.schedule, plan.problem
        if name.startswith("free") and isinstance(schedule, Schedule):
            numbers = schedule.rows * p.channels + schedule.outs_rows * p.filters
            assert 0 <= plan.workspace_bytes - numbers * p.item_bytes < 2 * plan.target.core.memory.line


def test_who_is_refused() -> None:
    """Each refusal by its reason."""
    last, single = replace(FIRST, channels_last=True), replace(FIRST, channels=1, filters=1)
    ragged = replace(FIRST, kernel_size=5, stride=2)

    def said(algorithm: Algorithm, problem: ConvProblem, weights: Weights = "packed") -> str:
        return algorithm.why_not(Request(problem, Ask(TARGETS["avx2"], weights))) or ""

    one, other = ALGORITHMS["relayout"], ALGORITHMS["strides_as_channels"]
    assert "channels_last already" in said(one, last)
    assert "same in both layouts" in said(one, single)
    assert "no stride" in said(other, FIRST)
    assert "`exact`" in said(other, ragged)
    fast, free = Ask(TARGETS["avx2"], "packed", "fast"), replace(FIRST, steps=None, kernel_size=4, stride=2)
    few = replace(free, channels=2, filters=32, kernel_size=64, channels_last=True)
    rows = other.candidates(Request(few, fast), planner.best_of_each)
    assert "a large kernel" in (other.why_not(Request(replace(few, channels=64, filters=64), fast)) or "")
    assert rows
    assert all(plan.transforms for plan in rows)
    assert "free length" in said(other, free)
    assert not other.why_not(Request(free, fast))
    assert not said(other, replace(FIRST, kernel_size=4, stride=2), "argument"), "whose weights are read as they lie"
    odd = Request(replace(FIRST, kernel_size=3, stride=2), replace(fast, weights="argument"))
    assert "laid out first" in str(other.why_not(odd))
    assert not said(other, replace(FIRST, kernel_size=4, stride=2))


@pytest.mark.in_turn(8)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_warning(target: str, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target], compiler, run=False)
    for name in ("phases", "free, same", "grouped", "to one", "front end"):
        for activation in ("linear", "relu"):
            source = with_activation(name, target, activation)
            for file, text in source.files:
                (tmp_path / file).write_text(text)
            words = (*tools.compiler, *cprogram.WARNINGS, "-O1", "-c", f"{source.name}.c", "-o", "kernel.o")
            cprogram.compile_c(words, tmp_path)


def with_activation(name: str, target: str, activation: str) -> GeneratedSource:
    problem = PROBLEMS[name].with_epilogue(ending(PROBLEMS[name].bias, activations.get(activation)))
    algorithm = (strides_as_channels if name == "front end" else relayout).ALGORITHM
    return render(
        algorithm.candidates(Request(problem, Ask(TARGETS[target], "packed")), planner.best_of_each)[0],
        f"with_{activation}",
    )
