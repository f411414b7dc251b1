"""What must hold of a kernel whoever wrote the reference: laws between one call and another, for every algorithm.

Direct algorithms on whole numbers keep them to the last bit. A transform rounds: what two of its calls say apart is
held to the sum of their bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.machine import compilers, loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms.bilinear_schedule import Schedule
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import named
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import native
from tests.support import strategies

pytestmark = pytest.mark.compiles

DENSE = ConvProblem(45, 12, 20, 3, pad_left=1, pad_right=1)
PROBLEMS = {
    "dense": DENSE,
    "long": replace(DENSE, steps=240, kernel_size=20, pad_left=10),
    "dilated": replace(DENSE, kernel_size=2, dilation=5, pad_left=5, pad_right=0),
    "strided": replace(DENSE, steps=46, kernel_size=5, stride=2),
    "channels_first": replace(DENSE, channels_last=False),
    "strided_first": replace(DENSE, channels=2, steps=44, kernel_size=4, stride=2, channels_last=False),
    "depthwise": replace(DENSE, filters=12, groups=12),
    "few": replace(DENSE, channels=6, filters=6, steps=150, kernel_size=40, groups=6, stride=2),
    "signal": replace(DENSE, channels=1, filters=1, steps=150, kernel_size=33),
}
CASES = [
    (name, algorithm)
    for name, problem in PROBLEMS.items()
    for algorithm in ALGORITHMS
    if not planner.why_not(ALGORITHMS[algorithm], Request(problem, Ask(native(), "packed", "fast")))
]
both = pytest.mark.parametrize(("name", "algorithm"), CASES)


def test_every_algorithm_is_held_to_the_laws() -> None:
    elsewhere = {
        "by_length",
        "upsampled",
        "separable",
        "row_activation",
    }  # another kernel or no linear function: tests of their own
    assert {algorithm for _, algorithm in CASES} == strategies.FLOATING - elsewhere


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each kernel is compiled once for all laws."""
    if compilers.find() is None:
        pytest.skip("needs a C compiler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENCONV_CACHE_DIR", str(tmp_path_factory.mktemp("kernels")))
        yield


class Running:
    """The cheapest plan of one algorithm for a problem, compiled; `law` compares two of its answers."""

    def __init__(self, problem: ConvProblem, algorithm: str) -> None:
        found = ALGORITHMS[algorithm].candidates(
            Request(problem, Ask(native(), "packed", "fast")), planner.best_of_each
        )
        self.problem, self.plan = problem, found[0]
        self.kernel = loader.load(render(self.plan, "conv1d"), self.plan.target)

    def __call__(self, x: Any, kernel: Any, bias: Any) -> tuple[Any, Any]:
        """(y, how far it may be from the truth) for x (batch, …)."""
        y = np.full(reference.convolve(self.problem, x, kernel, bias).shape, np.nan, "f")
        self.kernel.run(x, y, self.kernel.pack(kernel), bias)
        exact = not error_bounds.is_transform(self.plan)
        return y, 0.0 if exact else error_bounds.bound(self.plan, "fast", x, kernel, bias)

    def data(self, seed: int, batch: int = 1) -> tuple[Any, Any, Any]:
        """x, kernel and bias of small whole numbers."""
        p, rng = self.problem, np.random.default_rng(seed)
        shapes = (p.in_shape(batch, p.steps or 50), p.kernel_shape, p.filters)
        x, kernel, bias = (rng.integers(-4, 5, shape).astype("f") for shape in shapes)
        return x, kernel, bias


def time(problem: ConvProblem) -> int:
    """The axis of time in (batch, …)."""
    return 1 if problem.channels_last else 2


def same(found: tuple[Any, Any], expected: Any, allowed: Any = 0.0) -> None:
    """Equal, or no further apart than both may be."""
    y, own = found
    assert y.shape == expected.shape
    assert (np.abs(y.astype(np.float64) - expected) <= own + allowed).all()


@pytest.mark.in_turn(6)
@both
def test_linear_in_x_and_in_the_kernel(name: str, algorithm: str) -> None:
    run = Running(PROBLEMS[name], algorithm)
    (x, kernel, bias), (other, more, _) = run.data(1), run.data(2)
    y, z, none = run(x, kernel, bias), run(other, kernel, bias), run(0 * x, kernel, bias)
    assert np.abs(y[0]).max() > 20
    same(run(2 * x + 3 * other, kernel, bias), 2 * y[0] + 3 * z[0] - 4 * none[0], 2 * y[1] + 3 * z[1] + 4 * none[1])
    again, free = run(x, more, bias), run(x, 0 * kernel, bias)
    same(run(x, kernel - more, bias), y[0] - again[0] + free[0], y[1] + again[1] + free[1])


@pytest.mark.in_turn(4)
@both
def test_a_shift_in_time_shifts_the_output(name: str, algorithm: str) -> None:
    """By `stride` samples one output; a signal that is zero where it would leave the input."""
    run = Running(PROBLEMS[name], algorithm)
    p, (x, kernel, _) = run.problem, run.data(3)
    x, bias, axis = np.moveaxis(x, time(run.problem), 1).copy(), np.zeros(run.problem.filters, "f"), time(run.problem)
    x[:, -p.stride :] = 0
    later = np.roll(x, p.stride, axis=1)
    y, z = (run(np.ascontiguousarray(np.moveaxis(a, 1, axis)), kernel, bias) for a in (x, later))
    before, after = (np.moveaxis(found[0], axis, 1) for found in (y, z))
    allowed = np.max(y[1]) + np.max(z[1])
    left = -(-p.pad_left // p.stride)  # past these an output reads only what the shift has kept
    end = before.shape[1] - 1 - -(-p.pad_right // p.stride)
    assert end > left + 5
    assert (np.abs(after[:, left + 1 : end + 1] - before[:, left:end].astype(np.float64)) <= allowed).all()
    assert before[:, left:end].any()


@pytest.mark.in_turn(4)
@both
def test_channels_and_filters_in_another_order(name: str, algorithm: str) -> None:
    run = Running(PROBLEMS[name], algorithm)
    p, (x, kernel, bias) = run.problem, run.data(4)
    rng, lanes = np.random.default_rng(4), 2 if p.channels_last else 1
    y = run(x, kernel, bias)
    order = rng.permutation(p.channels)
    if p.groups == 1:
        same(run(np.ascontiguousarray(x.take(order, lanes)), kernel[:, order], bias), *y)
    filters = rng.permutation(p.filters) if p.groups == 1 else order
    moved = x if p.groups == 1 else np.ascontiguousarray(x.take(order, lanes))
    allowed = y[1].take(filters, lanes) if np.ndim(y[1]) else 0.0
    same(run(moved, kernel[:, :, filters], bias[filters]), y[0].take(filters, lanes), allowed)


@pytest.mark.in_turn(4)
@both
def test_a_batch_is_its_samples_to_the_last_bit(name: str, algorithm: str) -> None:
    run = Running(PROBLEMS[name], algorithm)
    x, kernel, bias = run.data(5, batch=3)
    together = run(x, kernel, bias)[0]
    assert all(run(x[i : i + 1], kernel, bias)[0].tobytes() == together[i].tobytes() for i in range(3))
    assert len({together[i].tobytes() for i in range(3)}) == 3


@pytest.mark.in_turn(4)
@both
def test_an_impulse_gives_the_kernel(name: str, algorithm: str) -> None:
    run = Running(PROBLEMS[name], algorithm)
    p, (x, kernel, bias) = run.problem, run.data(6)
    at, channel = (p.steps or 50) // 2, p.channels - 1
    x[:] = 0
    x[(0, at, channel) if p.channels_last else (0, channel, at)] = 1
    expected = np.zeros((p.out_steps(p.steps or 50), p.filters)) + bias
    group, within = divmod(channel, p.group_channels)
    filters = slice(group * p.group_filters, (group + 1) * p.group_filters)
    for out in range(len(expected)):
        tap, rest = divmod(at + p.pad_left - out * p.stride, p.dilation)
        if not rest and 0 <= tap < p.kernel_size:
            expected[out, filters] += kernel[tap, within, filters]
    same(run(x, kernel, bias), (expected if p.channels_last else expected.T)[None])


@pytest.mark.parametrize("algorithm", ["direct_filters", "winograd"])
def test_dilation_is_zeros_between_the_taps(algorithm: str) -> None:
    run = Running(PROBLEMS["dilated"], algorithm)
    x, kernel, bias = run.data(7)
    spread = np.zeros((run.problem.reach, *kernel.shape[1:]), "f")
    spread[:: run.problem.dilation] = kernel
    wide = Running(replace(run.problem, kernel_size=run.problem.reach, dilation=1), "direct_filters")
    same(run(x, kernel, bias), *wide(x, spread, bias))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("algorithm", ["direct_filters", "winograd"])
@pytest.mark.parametrize("groups", [2, 4])
def test_groups_are_a_block_diagonal_kernel(groups: int, algorithm: str) -> None:
    grouped = Running(replace(DENSE, groups=groups, channels=20, filters=24), algorithm)
    x, kernel, bias = grouped.data(8)
    p = grouped.problem
    whole = np.zeros((p.kernel_size, p.channels, p.filters), "f")
    for g in range(groups):
        rows = slice(g * p.group_channels, (g + 1) * p.group_channels)
        columns = slice(g * p.group_filters, (g + 1) * p.group_filters)
        whole[:, rows, columns] = kernel[:, :, columns]
    dense = Running(replace(p, groups=1), "direct_filters")
    same(grouped(x, kernel, bias), *dense(x, whole, bias))


@pytest.mark.in_turn(6)
@both
def test_causal_never_sees_the_future(name: str, algorithm: str) -> None:
    """A direct one to the last bit. A transform's rounding sees its own tile; its value does not."""
    problem = PROBLEMS[name]
    run = Running(replace(problem, pad_left=problem.reach - 1, pad_right=0), algorithm)
    p, (x, kernel, bias), (other, _, _) = run.problem, run.data(9), run.data(10)
    axis, past = time(p), (p.steps or 50) // 2
    mixed = np.concatenate([x.take(range(past), axis), other.take(range(past, p.steps or 50), axis)], axis)
    y, z = run(x, kernel, bias), run(np.ascontiguousarray(mixed), kernel, bias)
    told = range(-(-past // p.stride))
    allowed = np.max(y[1]) + np.max(z[1])
    assert (np.abs(y[0].take(told, axis) - z[0].take(told, axis)) <= allowed).all()
    assert (y[0] != z[0]).any()


def reach_of_a_tile(plan: KernelPlan, out: int) -> set[int]:
    """The samples of the plan's own problem that the tile of output `out` reads, by the walk's definition."""
    p, schedule = plan.problem, plan.schedule
    assert isinstance(schedule, Schedule)
    transform = named(schedule.transform, schedule.taps)
    phase, index = out % p.dilation, out // p.dilation
    first = index // transform.outputs * transform.outputs
    rows = transform.inputs + (schedule.parts - 1) * transform.outputs
    start = phase + p.stride * p.dilation * first - p.pad_left  # a tile is dilated or strided, not both
    return {start + p.dilation * row for row in range(rows)}


@pytest.mark.in_turn(6)
@both
def test_nan_and_inf_stay_where_they_belong(name: str, algorithm: str) -> None:
    """Direct: exactly in the receptive fields. Transform: there, and at most in the tiles that read the sample."""
    run = Running(PROBLEMS[name], algorithm)
    p, (x, kernel, bias) = run.problem, run.data(11)
    kernel[kernel == 0] = 1
    plan, steps, axis = run.plan, p.steps or 50, time(run.problem)
    for at, value in ((0, np.nan), (steps // 2, np.inf), (steps - 1, np.nan)):
        spoilt = np.moveaxis(x.copy(), axis, 1)
        spoilt[0, at, 0] = value
        with np.errstate(invalid="ignore"):
            exact = reference.convolve(p, np.moveaxis(spoilt, 1, axis), kernel, bias)
        y = np.full(exact.shape, 0, "f")
        run.kernel.run(np.ascontiguousarray(np.moveaxis(spoilt, 1, axis)), y, run.kernel.pack(kernel), bias)
        if not error_bounds.is_transform(plan) and plan.algorithm.name not in (
            "signal_as_channels",
            "strides_as_channels",
        ):
            assert np.array_equal(y, exact, equal_nan=True), at
        found, must = (np.moveaxis(~np.isfinite(a), axis, 1)[0].any(1) for a in (y, exact))
        assert (found >= must).all(), at
        if isinstance(plan.schedule, Schedule):
            may = [at in reach_of_a_tile(plan, out) for out in range(len(found))]
            assert (found <= may).all(), at
            assert sum(may) < len(may)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("name", [*PROBLEMS])
def test_exact_plans_keep_nan_in_its_place(name: str) -> None:
    """All that class `exact` offers, whatever its algorithm."""
    problem, seen = PROBLEMS[name], set()
    for plan in planner.survey(Request(problem, Ask(native(), "packed", "exact"))).found:
        if plan.algorithm.name in seen:
            continue
        seen.add(plan.algorithm.name)
        run = Running(problem, plan.algorithm.name)
        run.plan, run.kernel = plan, loader.load(render(plan, "conv1d"), plan.target)
        x, kernel, bias = run.data(12)
        x.ravel()[[3, x.size // 2]] = np.nan, -np.inf
        with np.errstate(invalid="ignore"):
            exact = reference.convolve(problem, x, kernel, bias)
        y = np.zeros(exact.shape, "f")
        run.kernel.run(x, y, run.kernel.pack(kernel), bias)
        assert np.array_equal(y, exact, equal_nan=True), plan.algorithm.name
    assert seen
