"""Slices: any number of them, in any order or at the same time, give the bits of the whole."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from codegen.emission import render
from codegen.functions import activations
from codegen.machine import loader, thread_pool
from codegen.planning import planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import native

pytestmark = pytest.mark.compiles

PROBLEMS = {
    "peeled": ConvProblem(700, 12, 40, 3, pad_left=1, pad_right=1),
    "dilated": ConvProblem(900, 16, 24, 2, dilation=200, pad_left=200),
    "free": ConvProblem(None, 9, 33, 5, pad_left=4),
    "grouped": ConvProblem(400, 24, 16, 3, groups=2, stride=2),
    "depthwise": ConvProblem(300, 40, 40, 4, groups=40, pad_left=3),
    "wide": ConvProblem(None, 520, 520, 4, groups=520, pad_left=3),
    "far": ConvProblem(150, 1536, 1536, 4, groups=1536, pad_left=3),
    "channels_first": ConvProblem(1000, 5, 7, 9, dilation=2, pad_left=8, pad_right=8, channels_last=False),
    "separable": separable(ConvProblem(700, 12, 40, 3, pad_left=1, pad_right=1), 2),
    "rows": ConvProblem(None, 12, 40, 3, pad_left=1, epilogue=ending(activation=activations.get("softmax"))),
    "halves": ConvProblem(500, 12, 40, 3, channels_last=False, epilogue=ending(activation=activations.get("glu"))),
    "long": ConvProblem(640, 8, 16, 40, pad_left=20, pad_right=19),
    "few": ConvProblem(None, 19, 19, 40, groups=19, dilation=2, pad_left=78),
}
CASES = [
    (name, algorithm)
    for name, problem in PROBLEMS.items()
    for algorithm in ALGORITHMS
    if not planner.why_not(ALGORITHMS[algorithm], Request(problem, Ask(native(), "packed", "fast")))
]


@pytest.mark.in_turn(8)
@pytest.mark.parametrize(("name", "algorithm"), CASES)
def test_threads_do_not_change_a_bit(name: str, algorithm: str) -> None:
    problem, rng = PROBLEMS[name], np.random.default_rng(3)
    asked = Request(problem, Ask(native(), "packed", "fast"))
    plan = next(iter(ALGORITHMS[algorithm].candidates(asked, planner.best_of_each)), None)
    if plan is None:  # one plan may be good at all lengths; whatever else serves the problem has a plan
        assert algorithm == "by_length"
        return
    x = rng.normal(size=problem.in_shape(2, problem.steps or 777)).astype("f")
    kernel, bias = rng.normal(size=problem.kernel_shape).astype("f"), rng.normal(size=problem.filters).astype("f")
    answers = []
    for threads in (1, 2, 3, 5):
        source = render.render(plan.asked(sliced=threads > 1), "conv1d")
        running = loader.load(source, plan.target, threads)
        for batch in (1, 2):
            y = np.full(problem.out_shape(batch, x.shape[1 if problem.channels_last else 2]), np.nan, "f")
            running.run(x[:batch], y, running.pack(kernel), bias)
            bound = np.full_like(y, np.nan)
            running.bind(x[:batch], bound, running.pack(kernel), bias)()
            assert not np.isnan(y).any()
            answers += [y[0].tobytes(), bound[0].tobytes()]
    assert len(set(answers)) == 1


def test_a_crew_works_at_the_same_time_and_tells_errors() -> None:
    together = threading.Barrier(3, timeout=30)
    thread_pool.run([together.wait] * 3)  # a barrier of three opens only when all three are there

    def fail() -> None:
        raise ValueError("slice 1")

    with pytest.raises(ValueError, match="slice 1"):
        thread_pool.run([lambda: None, fail])
    thread_pool.run([together.wait] * 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_starts_its_own_crew() -> None:
    thread_pool.run([lambda: None] * 3)
    child = os.fork()
    if child == 0:
        done: list[int] = []
        thread_pool.run([lambda: done.append(1)] * 3)
        os._exit(0 if len(done) == 3 else 1)
    assert os.waitpid(child, 0)[1] == 0
