"""Plans of the fewest bytes: right at many lengths, within guard pages, and the bits of the direct algorithms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.planning import planner
from codegen.planning.ask import Ask, Objective, Weights
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Program
from tests.support.strategies import Layer
from tests.support.trials import Kernel, Trial

pytestmark = pytest.mark.compiles

WEIGHTS: tuple[Weights, ...] = ("argument", "packed", "baked")
MAKERS: tuple[Callable[..., Layer], ...] = (
    partial(strategies.layer, small=True),
    strategies.layer,
    strategies.transposed,
    strategies.separable,
    strategies.rowwise,
    strategies.rewritten,
)
LENGTHS = range(11)
SAME_BITS = {"direct_filters", "direct_steps", "depthwise", "upsampled"}


def layers(each: int) -> list[Layer]:
    """So many of every maker."""
    return [layer for seed, make in enumerate(MAKERS, 301) for layer in strategies.random_layers(each, seed, make)]


def kernel(layer: Layer, number: int, target: str, objective: Objective) -> Kernel:
    """The layer's for an objective: with each kind of weights in turn, every fifth in float64, every fourth sliced."""
    dtype = "float64" if number % 5 == 3 else "float32"
    problem = layer.spec(dtype=dtype).problem
    ask = Ask(TARGETS[target], WEIGHTS[number % 3], objective=objective, sliced=number % 4 == 1)
    plan: KernelPlan = planner.answer(Request(problem, ask))
    return Kernel.planned(layer, plan, f"{objective[:4]}{number}", "exact")


def trial(made: Kernel, number: int, steps: int, whole: bool) -> Trial:
    given = strategies.data(made.layer, number + steps, whole=whole, steps=steps)
    return Trial(made, replace(made.baked, x=given.x) if made.baked else given, whole)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_every_short_length(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Whole numbers, so that nothing may differ; guard pages around every buffer, a workspace of NaN."""
    made = [kernel(layer, i, target, "size") for i, layer in enumerate(layers(9))]
    whole = [each for each in made if each.layer.kind != "separable_conv1d"]  # whose chunks are small in any plan
    found = Counter(algorithm.name for each in whole for algorithm in each.source.plan.innermost)
    assert found["rolled"] > 0.8 * found.total()
    program = Program([each.source for each in made], need(cprogram.toolchain, TARGETS[target]), tmp_path)
    tried = []
    for number, each in enumerate(made):
        for steps in LENGTHS if each.layer.free else (each.layer.steps,):
            tried.append((number, trial(each, number, steps, True)))
    trials.run(program, tried)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_the_bits_of_the_direct_algorithms(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Sums are in the same order: random numbers, whose sums round, come out the same for either objective."""
    made = [
        (kernel(layer, i, target, "size"), kernel(layer, i, target, "speed"))
        for i, layer in enumerate(layers(6))
        if layer.kind != "separable_conv1d"
    ]
    pairs = [pair for pair in made if {each.name for each in pair[1].source.plan.innermost} <= SAME_BITS]
    pairs = [pair for pair in pairs if "relayout" not in pair[1].source.plan.describe()]
    sources = [each.source for pair in pairs for each in pair]
    program = Program(sources, need(cprogram.toolchain, TARGETS[target]), tmp_path)
    calls = [
        trial(each, number, each.layer.steps, False).call(2 * number + place)
        for number, pair in enumerate(pairs)
        for place, each in enumerate(pair)
    ]
    outputs = program.run(calls)
    assert len(pairs) >= 20
    for number, (small, fast) in enumerate(zip(outputs[::2], outputs[1::2], strict=True)):
        assert np.array_equal(small.view(np.uint8), fast.view(np.uint8)), pairs[number][1].source.plan.describe()
