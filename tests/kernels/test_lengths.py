"""Kernels of a free length compute what the input has and no more: every number of tiles, rows and samples is right."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.machine import loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import relayout, signal_as_channels, winograd
from codegen.planning.algorithms.bilinear import tiles_of
from codegen.planning.algorithms.bilinear_schedule import Schedule, register_tiles, tiles_that_run
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyAlgorithm, KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS, native

SAME = ConvProblem(None, 8, 16, 3, pad_left=1, pad_right=1)
PROBLEMS: dict[str, tuple[AnyAlgorithm, ConvProblem]] = {
    "winograd": (winograd.ALGORITHM, SAME),
    "dilated": (winograd.ALGORITHM, replace(SAME, dilation=3, pad_left=3, pad_right=3)),
    "relayout": (relayout.ALGORITHM, replace(SAME, channels_last=False)),
    "signal": (signal_as_channels.ALGORITHM, ConvProblem(None, 1, 1, 40, pad_left=39)),
}


def first_plan(algorithm: AnyAlgorithm, problem: ConvProblem) -> KernelPlan:
    return algorithm.candidates(Request(problem, Ask(native(), "packed", "fast")), planner.best_of_each)[0]


@pytest.mark.compiles
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_length_up_to_some_blocks_keeps_to_its_bound(name: str) -> None:
    algorithm, p = PROBLEMS[name]
    plan = first_plan(algorithm, p)
    kernel, rng = loader.load(render(plan, "some"), plan.target), np.random.default_rng(0)
    weights, bias = rng.standard_normal(p.kernel_shape, np.float32), rng.standard_normal(p.filters, np.float32)
    packed = kernel.pack(weights)
    for steps in [*range(1, 90), 257, 1000]:
        x = rng.standard_normal(p.in_shape(2, steps), np.float32)
        y = np.full(p.out_shape(2, steps), np.nan, np.float32)
        kernel.run(x, y, packed, bias)
        exact: Any = reference.convolve(p, x, weights, bias, dtype="float64")
        off = np.abs(y - exact) - error_bounds.bound(plan, "fast", x, weights, bias)
        assert off.max() <= 0, (steps, off.max())


def test_the_register_tiles_of_a_free_length_cover_any_number_of_tiles() -> None:
    plan = first_plan(winograd.ALGORITHM, replace(SAME, filters=64))
    assert isinstance(plan.schedule, Schedule)
    for tiles in range(1, 60):
        found = register_tiles(replace(plan.schedule, tiles=tiles, rows=14), free=True)
        assert [rows for _, rows in found] == [14, 7, 4, 2, 1]
        assert sum(count * rows for count, rows in found) == tiles
        assert all(count <= 1 for count, _ in found[1:])


def test_register_tiles_that_no_length_has_are_left_out() -> None:
    plan = first_plan(winograd.ALGORITHM, replace(SAME, filters=64))
    assert isinstance(plan.schedule, Schedule)
    seen = set()
    for dilation, pad, tiles in product((1, 2, 3, 8, 13), (0, 5, 40), (3, 12, 26, 31)):
        p, schedule = replace(SAME, dilation=dilation, pad_left=pad), replace(plan.schedule, tiles=tiles, rows=7)
        taken = set()
        for steps in range(1, 5000):
            left = tiles_of(p, 4, p.out_steps(steps)) % tiles or tiles
            for rows in (7, 4, 2, 1):
                taken |= {rows} if left >= rows else set()
                left %= rows
        assert {rows for _, rows in tiles_that_run(schedule, p)} == taken, (p, tiles)
        seen.add(len(taken))
    assert seen == {2, 3, 4}


def test_an_estimate_of_a_free_length_follows_the_length() -> None:
    asked = Request(replace(SAME, channels=64, filters=64), Ask(TARGETS["avx512"], "packed", "fast"))
    costs = [winograd.ALGORITHM.candidates(asked.likely(n), planner.best_of_each)[0].cost.cycles for n in (1, 64, 4096)]
    assert costs[0] < costs[1] / 4
    assert 30 * costs[1] < costs[2] < 70 * costs[1]
