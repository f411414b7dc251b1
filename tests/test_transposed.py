"""channels_first by way of channels_last: the same whole numbers, no foreign byte, NaN in its place, fewer cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import activations, reference
from codegen.algorithms import transposed
from codegen.algorithms.transposed import Schedule
from codegen.plan import KernelPlan, Request, Weights
from codegen.problem import ConvProblem
from codegen.render import GeneratedSource, render
from codegen.targets import TARGETS
from tests import cprogram
from tests.cprogram import Call, Program

FIRST = ConvProblem(50, 3, 3, 1, channels_last=False)
PROBLEMS = {
    "wide": replace(FIRST, channels=20, filters=37, kernel_size=3, pad_left=1, pad_right=1),
    "narrow": replace(FIRST, channels=2, filters=3, kernel_size=4, pad_left=3, bias=False),
    "strided": replace(FIRST, steps=401, channels=17, filters=8, kernel_size=5, stride=3, dilation=2, pad_right=9),
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


def plans(target: str, weights: Weights = "packed") -> list[tuple[ConvProblem, KernelPlan]]:
    """Of each problem the candidates with the shortest and with the longest chunks."""
    found = []
    for problem in PROBLEMS.values():
        asked = Request(problem, TARGETS[target], weights)
        each = sorted(transposed.candidates(asked), key=lambda plan: plan.workspace_bytes)
        found += [(problem, plan) for plan in dict.fromkeys((each[0], each[-1]))]
    return found


def whole(problem: ConvProblem, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """x, kernel and bias of small whole numbers."""
    rng = np.random.default_rng(steps)
    x, kernel, bias = (
        rng.integers(-8, 9, shape).astype(problem.dtype)
        for shape in ((problem.channels, steps), problem.kernel_shape, problem.filters)
    )
    return x, kernel, bias if problem.bias else None


@pytest.mark.parametrize("weights", ["packed", "argument"])
@pytest.mark.parametrize("target", TARGETS)
def test_whole_numbers_between_guard_pages(
    target: str, weights: Weights, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    made = plans(target, weights)
    calls, expected = [], []
    for number, (problem, plan) in enumerate(made):
        for steps in FREE_STEPS if problem.steps is None else (problem.steps,):
            x, kernel, bias = whole(problem, steps)
            outs = problem.out_steps(steps) * problem.filters
            calls.append(
                Call(number, x, transposed.pack(plan, kernel) if weights == "packed" else kernel, bias, steps, outs)
            )
            expected.append(reference.convolve(problem, x[None], kernel, bias, dtype="int64")[0].ravel())
    program = Program([render(plan, f"k{i}") for i, (_, plan) in enumerate(made)], tools, tmp_path)
    for call, y, wanted in zip(calls, program.run(calls), expected, strict=True):
        assert np.array_equal(y, wanted), made[call.kernel]


def test_the_chunks_are_of_every_kind() -> None:
    """What the test above stands on: many chunks, phases, and one chunk for all."""
    kinds = {name: [] for name in PROBLEMS}  # type: dict[str, list[Schedule]]
    for problem, plan in plans("avx2"):
        assert isinstance(plan.schedule, Schedule)
        kinds[next(name for name in PROBLEMS if PROBLEMS[name] == problem)].append(plan.schedule)
    assert any(schedule.phases and schedule.outs < 100 for schedule in kinds["phases"])
    assert any(not schedule.phases and schedule.outs * 3 < 2000 for schedule in kinds["chunks"])
    assert any(schedule.outs == 50 for schedule in kinds["wide"])
    assert {(s.lanes_in, s.lanes_out) for each in kinds.values() for s in each} >= {
        (8, 8),
        (1, 1),
        (8, 1),
        (1, 8),
        (4, 4),
    }


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_warning(target: str, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target], compiler, run=False)
    for name in ("phases", "free, same", "grouped", "to one"):
        for activation in ("linear", "relu"):
            source = with_activation(PROBLEMS[name], target, activation)
            for file, text in source.files:
                (tmp_path / file).write_text(text)
            words = (*tools.compiler, *cprogram.WARNINGS, "-O1", "-c", f"{source.name}.c", "-o", "kernel.o")
            cprogram.compile_c(words, tmp_path)


def with_activation(problem: ConvProblem, target: str, activation: str) -> GeneratedSource:
    asked = Request(replace(problem, activation=activations.get(activation)), TARGETS[target], "packed")
    return render(transposed.candidates(asked)[0], f"with_{activation}")
