"""Kernels of a free length compute what the input has and no more: every number of tiles, rows and samples is right."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.machine import loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import by_length, depthwise, direct_filters, relayout, signal_as_channels, winograd
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
    "ends": (direct_filters.ALGORITHM, replace(SAME, kernel_size=5, dilation=3, pad_left=6, pad_right=6)),
    "start": (direct_filters.ALGORITHM, replace(SAME, stride=2, pad_left=2, pad_right=0)),
    "end": (direct_filters.ALGORITHM, replace(SAME, pad_left=0, pad_right=2)),
    "several": (direct_filters.ALGORITHM, ConvProblem(None, 2, 20, 40, pad_left=20, pad_right=19)),
    "channels": (depthwise.ALGORITHM, replace(SAME, groups=8, filters=8)),
    "tap": (direct_filters.ALGORITHM, ConvProblem(None, 8, 40, 1)),
    "long": (depthwise.ALGORITHM, ConvProblem(None, 8, 8, 300, groups=8, pad_left=150, pad_right=149)),
    "causal": (depthwise.ALGORITHM, ConvProblem(None, 20, 20, 300, groups=20, pad_left=299)),
    "strided": (direct_filters.ALGORITHM, ConvProblem(None, 1, 20, 300, stride=2, pad_left=150, pad_right=150)),
}


def first_plan(algorithm: AnyAlgorithm, problem: ConvProblem) -> KernelPlan:
    return algorithm.candidates(Request(problem, Ask(native(), "packed", "fast")), planner.best_of_each)[0]


@pytest.mark.in_turn(2)
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


def test_the_ends_of_a_free_length_have_code_of_their_own_where_it_is_little() -> None:
    def ends(name: str, **asked: Any) -> set[tuple[int, int]]:
        algorithm, p = PROBLEMS[name]
        request = Request(p, Ask(TARGETS["avx2"], "packed", "exact", **asked))
        plan = algorithm.candidates(request, planner.best_of_each)[0]
        return {(len(block.opening), len(block.closing)) for block in plan.schedule.blocks}

    assert [ends(name) for name in ("ends", "start", "end", "channels")] == [{(1, 1)}, {(1, 0)}, {(0, 1)}, {(1, 1)}]
    assert min(min(ends("several"))) > 1
    assert ends("ends", objective="size") == {(0, 0)}
    wide = replace(SAME, kernel_size=1024, pad_left=511, pad_right=512)
    long = direct_filters.ALGORITHM.candidates(Request(wide, Ask(TARGETS["avx2"])), planner.best_of_each)[0]
    assert not any(block.opening or block.closing for block in long.schedule.blocks)


def test_the_register_tiles_of_a_free_length_cover_any_number_of_tiles() -> None:
    plan = first_plan(winograd.ALGORITHM, replace(SAME, filters=64))
    assert isinstance(plan.schedule, Schedule)
    for tiles in range(1, 60):
        found = register_tiles(replace(plan.schedule, tiles=tiles, rows=14), free=True)
        assert all(0 < rows <= 14 for _, rows in found)
        assert sum(count * rows for count, rows in found) == tiles
        assert sum(count for count, _ in found) == -(-tiles // 14)  # as few as can be, and no low one beside others
        assert min(rows for _, rows in found) >= min(tiles, 7)


@pytest.mark.long
def test_register_tiles_that_no_length_has_are_left_out() -> None:
    plan = first_plan(winograd.ALGORITHM, replace(SAME, filters=64))
    assert isinstance(plan.schedule, Schedule)
    seen = set()
    for dilation, pad, tiles in product((1, 2, 3, 8, 13), (0, 5, 40), (3, 12, 26, 31)):
        p, schedule = replace(SAME, dilation=dilation, pad_left=pad), replace(plan.schedule, tiles=tiles, rows=7)
        taken = set()
        for steps in range(1, 5000):
            left = tiles_of(p, 4, p.out_steps(steps)) % tiles or tiles
            taken |= {rows for _, rows in register_tiles(replace(schedule, tiles=left), free=True)}
        assert {rows for _, rows in tiles_that_run(schedule, p)} == taken, (p, tiles)
        seen.add(len(taken))
    assert seen >= {3, 7}


def test_an_estimate_of_a_free_length_follows_the_length() -> None:
    asked = Request(replace(SAME, channels=64, filters=64), Ask(TARGETS["avx512"], "packed", "fast"))
    costs = [winograd.ALGORITHM.candidates(asked.likely(n), planner.best_of_each)[0].cost.cycles for n in (1, 64, 4096)]
    assert costs[0] < costs[1] / 4
    assert 30 * costs[1] < costs[2] < 70 * costs[1]


BY_LENGTH = {
    "direct, then a transform": replace(SAME, channels=32, filters=32),
    "channels_first": replace(SAME, channels=32, filters=32, channels_last=False),
    "three parts": ConvProblem(None, 32, 32, 16, pad_left=7, pad_right=8),
    "one signal": ConvProblem(None, 1, 1, 300, pad_left=299),
}


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("name", BY_LENGTH)
def test_a_kernel_of_several_parts_is_right_on_both_sides_of_each_threshold(name: str) -> None:
    """And in slices it gives the same bits, as the number of outputs alone tells which part serves."""
    p = BY_LENGTH[name]
    plan = planner.plan(p, Ask(native(), "packed", "fast"))
    assert plan.algorithm.name == "by_length"
    whole, sliced = (
        loader.load(render(each, "some"), plan.target, threads)
        for each, threads in ((plan, 1), (plan.asked(sliced=True), 2))
    )
    rng = np.random.default_rng(1)
    weights, bias = rng.standard_normal(p.kernel_shape, np.float32), rng.standard_normal(p.filters, np.float32)
    packed = whole.pack(weights)
    assert len(packed) == plan.packed_numbers
    limits = plan.schedule.limits
    for steps in sorted({1, 2, *(limit + more for limit in limits for more in (-1, 0, 1)), 2 * limits[-1], 700} - {0}):
        x = rng.standard_normal(p.in_shape(1, steps), np.float32)
        y, other = (np.full(p.out_shape(1, steps), np.nan, np.float32) for _ in range(2))
        whole.run(x, y, packed, bias)
        sliced.run(x, other, packed, bias)
        exact: Any = reference.convolve(p, x, weights, bias, dtype="float64")
        assert (np.abs(y - exact) - error_bounds.bound(plan, "fast", x, weights, bias)).max() <= 0, steps
        assert y.tobytes() == other.tobytes(), steps


@pytest.mark.long
def test_thresholds_follow_the_estimates() -> None:
    """Direct sums serve one output step, the transform of least products the longest inputs; few parts, all in use."""
    for p in BY_LENGTH.values():
        plan = planner.plan(p, Ask(TARGETS["avx512"], "packed", "fast"))
        limits, parts = plan.schedule.limits, [plan.parts[i] for i in plan.schedule.turn]
        longer = [part for part in plan.parts if part.problem.steps is None]
        assert 1 <= len(longer) <= by_length.MOST_PARTS
        assert len(plan.parts) >= 2
        assert len(parts) == len(limits) + 1
        assert all(one is not then for one, then in pairwise(parts))
        assert list(limits) == sorted(set(limits))
        assert set(parts) == set(plan.parts)
        first = parts[sum(limit <= by_length.steps_for(p, 1) for limit in limits)]
        assert not error_bounds.is_transform(first)
        assert error_bounds.is_transform(parts[-1])
        asked = Request(p, longer[0].ask)
        for outs, part in ((1, first), (16384, parts[-1])):
            least = planner.every(asked.likely(by_length.steps_for(p, outs)))[0].cost.cycles
            found = [
                each.cost.cycles
                for each in planner.every(asked.likely(by_length.steps_for(p, outs)))
                if each.way == part.way
            ]
            assert found[0] < 1.3 * least


def test_parts_that_pack_alike_share_their_weights() -> None:
    p = BY_LENGTH["direct, then a transform"]
    plan = planner.plan(p, Ask(TARGETS["avx512"], "packed", "fast"))
    short, *_, long = (part for part in plan.parts if part.problem.steps is None)
    twice = replace(plan, parts=(short, long, replace(short, cost=long.cost)))
    assert by_length.places(twice) == (0, short.packed_numbers, 0)
    assert twice.packed_numbers == short.packed_numbers + long.packed_numbers
    kernel = np.arange(np.prod(p.kernel_shape), dtype=np.float32).reshape(p.kernel_shape)
    packed = plan.pack(kernel)
    for part, at in zip(plan.parts, by_length.places(plan), strict=True):
        assert packed[at : at + part.packed_numbers].tobytes() == part.pack(kernel).tobytes()
    unpacked = planner.plan(p, Ask(TARGETS["avx512"]))
    assert all(part.weights == "argument" for part in unpacked.parts)


@pytest.mark.compiles
def test_exact_sums_have_one_order_at_all_lengths() -> None:
    """The outputs that two lengths have in common have the same bits, whichever part serves."""
    problems = (ConvProblem(None, 5, 24, 9, channels_last=False), ConvProblem(None, 40, 24, 7))
    for p in problems:
        plan = planner.plan(p, Ask(native(), "packed"))
        assert len({part.order for part in plan.parts}) <= 1
        kernel, rng = loader.load(render(plan, "some"), plan.target), np.random.default_rng(2)
        packed = kernel.pack(rng.standard_normal(p.kernel_shape, np.float32))
        x = rng.standard_normal(p.in_shape(1, 1500), np.float32)
        rows = x if p.channels_last else x.swapaxes(1, 2)
        made = []
        for steps in (9, 10, 12, 17, 24, 40, 100, 400, 1500):
            part = rows[:, :steps] if p.channels_last else rows[:, :steps].swapaxes(1, 2)
            y = np.empty(p.out_shape(1, steps), np.float32)
            kernel.run(np.ascontiguousarray(part), y, packed, np.zeros(p.filters, np.float32))
            made.append(y if p.channels_last else y.swapaxes(1, 2))
        assert all(one.tobytes() == made[-1][:, : one.shape[1]].tobytes() for one in made)


def test_the_fewest_outputs_that_steps_make() -> None:
    for p in (*BY_LENGTH.values(), ConvProblem(None, 1, 1, 7, stride=3, pad_left=2, pad_right=1)):
        for outs in (1, 2, 5, 100):
            steps = by_length.steps_for(p, outs)
            assert p.out_steps(steps - 1) < outs <= p.out_steps(steps)


def test_few_plans_that_lose_little_are_taken() -> None:
    """Losses by length: one plan; another where it saves a tenth in all; one may serve twice; no more than four."""
    assert by_length._ways(((0.0, 0.05, 0.0), (0.0, 0.0, 0.3))) == ((), (0,))
    assert by_length._ways(((0.3, 0.0, 0.0), (0.0, 0.3, 0.4))) == ((1,), (1, 0))
    assert by_length._ways(((0.0, 0.5, 0.0), (0.5, 0.0, 0.5))) == ((1, 2), (0, 1, 0))
    apart = tuple(tuple(0.0 if i == j else 2.0 + abs(i - j) for j in range(6)) for i in range(6))
    assert len(by_length._ways(apart)[1]) == by_length.MOST_PARTS
