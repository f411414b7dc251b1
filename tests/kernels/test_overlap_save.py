"""Long kernels over few channels: blocks of `overlap_save` against float64, at their borders, in every layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.functions import activations
from codegen.machine import loader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import overlap_save
from codegen.planning.algorithms.overlap_save_schedule import Schedule
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import complex_fourier, noise, normwise
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native

Array = np.ndarray[Any, np.dtype[Any]]


def plans(problem: ConvProblem, accuracy: Any = "fast") -> list[KernelPlan[Schedule]]:
    request = Request(problem, Ask(native(), "packed", accuracy))
    assert planner.why_not(overlap_save.ALGORITHM, request) is None
    return overlap_save.ALGORITHM.candidates(request, planner.best_of_each)


def of_size(problem: ConvProblem, size: int, columns: int = 1) -> KernelPlan[Schedule]:
    return next(p for p in plans(problem) if (p.schedule.size, p.schedule.columns) == (size, columns))


PROBLEMS = {  # a few blocks of the smallest size that has the way, unless it says otherwise
    "one signal, many parts": (ConvProblem(None, 1, 1, 300, pad_left=299), 64, 2),
    "two channels, large blocks": (ConvProblem(None, 2, 2, 150, groups=2, pad_left=3, pad_right=200), 1024, 1),
    "three channels, an activation": (
        ConvProblem(None, 3, 3, 65, groups=3, epilogue=ending(True, activations.get("tanh"))),
        128,
        1,
    ),
    "more channels than a vector": (ConvProblem(None, 37, 37, 80, groups=37, pad_left=40, pad_right=39), 64, 2),
    "channels_first": (ConvProblem(None, 19, 19, 70, groups=19, pad_left=69, channels_last=False), 64, 1),
    "strided": (ConvProblem(None, 2, 4, 140, groups=2, stride=3, pad_left=70, pad_right=69, centred=True), 64, 1),
    "dilated": (ConvProblem(None, 5, 10, 40, groups=5, dilation=3, pad_left=7, channels_last=False), 64, 1),
    "two to three": (ConvProblem(None, 2, 3, 100, pad_left=99, epilogue=ending(False)), 256, 1),
    "double": (ConvProblem(None, 2, 2, 260, groups=2, dtype="float64"), 128, 1),
}


@pytest.mark.in_turn(5)
@pytest.mark.compiles
@pytest.mark.parametrize("name", PROBLEMS)
def test_outputs_keep_to_their_bound(name: str) -> None:
    """One sample, a kernel's length, every border of blocks, of vectors, of rounds and of the halves, one off, too."""
    problem, size, columns = PROBLEMS[name]
    plan = of_size(problem, size, columns)
    kernel = loader.load(render(plan, "conv1d"), plan.target)
    rng, hop, step = np.random.default_rng(3), size // 2, problem.stride
    weights, bias = rng.standard_normal(problem.kernel_shape), rng.standard_normal(problem.filters)
    taps, added = weights.astype(problem.dtype), bias.astype(problem.dtype) if problem.bias else None
    packed = kernel.pack(taps)
    assert len(packed) == plan.packed_numbers
    around = [hop, 2 * hop, 2 * hop * plan.schedule.held, 2 * hop * plan.schedule.blocks * problem.dilation]
    outs = [1, *(at + more for at in around for more in (-1, 0, 1)), 2 * around[-1] + hop + 5]
    lost = problem.reach - problem.pad_left - problem.pad_right
    for steps in sorted({1, 2, *(max(1, (one - 1) * step + lost) for one in outs)}):
        x = rng.standard_normal(problem.in_shape(2, steps)).astype(problem.dtype)
        y = np.full(problem.out_shape(2, steps), np.nan, problem.dtype)
        kernel.run(x, y, packed, added)
        exact = reference.convolve(problem, x, taps, added)
        error = np.abs(y - exact)
        assert y.shape == exact.shape
        assert (error <= error_bounds.bound(plan, "fast", x, taps, added)).all(), steps
        assert (error <= 60 * problem.format.unit * (1 + np.abs(exact).max(initial=0))).all(), steps


@pytest.mark.compiles
def test_the_model_of_the_roundings_is_right(share: Callable[..., Any]) -> None:
    """The rms error next to that of one fused sum, on standard normal data: within a fifth of the model's."""
    for taps, size in share(((64, 64), (64, 256), (700, 512)), 3):
        problem = ConvProblem(None, 1, 1, taps, epilogue=ending(False))
        plan, rng, outs = of_size(problem, size), np.random.default_rng(5), 3 * error_bounds.OUTPUTS
        x, w = (rng.standard_normal(shape).astype("f") for shape in ((1, outs + taps - 1, 1), (taps, 1, 1)))
        exact, y = reference.convolve(problem, x, w, None), np.empty((1, outs, 1), "f")
        kernel = loader.load(render(plan, "conv1d"), plan.target)
        kernel.run(x, y, kernel.pack(w), None)
        direct = np.zeros(outs, "f")
        for k in range(taps):
            direct = (direct + x[0, k : k + outs, 0].astype(float) * float(w[k, 0, 0])).astype("f")
        found = error_bounds.rms(y - exact) / error_bounds.rms(direct - exact[0, :, 0])
        assert found == pytest.approx(normwise.ratio(overlap_save.transformed(plan.schedule), taps), rel=0.2)


def test_codelets_are_transforms() -> None:
    rng = np.random.default_rng(2)
    for size in (8, 16, 32):
        z = rng.standard_normal(size) + 1j * rng.standard_normal(size)
        for kept in (None, size // 2):
            code = complex_fourier.codelet(size, kept)
            rows = noise.evaluate(code)[noise.results(code)]
            bins = (rows @ np.stack([z.real, z.imag], 1).ravel()).reshape(-1, 2)
            assert np.abs(bins[:, 0] + 1j * bins[:, 1] - np.fft.fft(z)[:kept]).max() < 1e-14
    turns = np.array(complex_fourier.turns(8, 16)).reshape(8, 16, 2)
    angles = -2 * np.pi * np.outer(np.arange(8), np.arange(16)) / 128
    assert np.abs(turns - np.stack([np.cos(angles), np.sin(angles)], -1)).max() < 1e-15


def test_a_bound_by_norms_is_below_one_by_sums_alone() -> None:
    """Where less is known more must be allowed: |w||z| is at most the sum over all ways to lay one along the other."""
    problem, rng = ConvProblem(900, 3, 3, 100, groups=3), np.random.default_rng(1)
    used = normwise.Blockwise(64, 4, 1)
    for x, w in (
        (rng.standard_normal((2, 900, 3)), rng.standard_normal((100, 1, 3))),
        (np.eye(1, 900)[..., None] * np.ones((2, 1, 3)), np.eye(100, 1)[..., None] * np.ones(3)),
    ):
        error, reached = normwise.lost(used, problem, x, w)
        every = replace(problem, pad_left=99, pad_right=99)
        largest = reference.magnitude(every, x, w).max(axis=1, keepdims=True)
        above, beyond = normwise.lost_of(used, problem.format, largest, np.abs(x).max(), np.abs(w).max())
        assert (error <= above).all()
        assert (reached <= beyond).all()
        assert (error > 2**-24 * 20 * np.sqrt((w**2).sum(0)) * np.abs(x).max()).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel_size": 8}, "fewer than 16 taps"),
        ({"channels": 8, "filters": 8, "groups": 1}, "pay better"),
        ({"stride": 2, "dilation": 2}, "strided or dilated"),
        ({"kernel_size": 40_000}, "40000 taps are more than 64 parts of 512"),
    ],
)
def test_what_it_does_not_serve(changes: dict[str, Any], words: str) -> None:
    problem = replace(ConvProblem(None, 2, 2, 100, groups=2), **changes)
    assert words in str(planner.why_not(overlap_save.ALGORITHM, Request(problem, Ask(native(), "packed", "fast"))))


@pytest.mark.long
def test_it_is_taken_where_taps_are_many_and_channels_few() -> None:
    """And neither for few outputs nor in class `exact`, nor where the weights are not known before."""
    problem = ConvProblem(100_000, 2, 2, 1024, groups=2, pad_left=1023)
    for target in ("avx2", "avx512", "neon", "scalar"):
        ask = Ask(TARGETS[target], "packed", "fast")
        taken = [
            overlap_save.ALGORITHM in planner.answer(Request(one, asked)).innermost
            for one in (problem, replace(problem, steps=None), replace(problem, steps=4))
            for asked in (ask, replace(ask, accuracy="exact"), replace(ask, weights="argument"))
        ]
        assert taken == [True, False, False] * 2 + [False] * 3, target
