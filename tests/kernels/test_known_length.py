"""A kernel for one length in the place of a free one's: the same bits of every output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import render
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.known_length import with_bits_of
from codegen.planning.plan import Request
from codegen.problem.targets import TARGETS
from tests.support import strategies, trials
from tests.support.cprogram import Call, Program, toolchain
from tests.support.strategies import Layer

MAKERS = (strategies.layer, strategies.wide, strategies.rowwise, strategies.separable, strategies.transposed)
LENGTHS = (1, 7, 40, 141, 400)


def layers(count: int, seed: int) -> list[Layer]:
    """So many of each kind, none of which knows its length."""
    found = [islice(strategies.random_layers(count, seed, make), count) for make in MAKERS]
    return [replace(layer, free=True) for each in found for layer in each]


@pytest.mark.in_turn(6)
@pytest.mark.compiles
@pytest.mark.parametrize(("target", "accuracy"), [("avx2", "fast"), ("scalar", "exact"), ("avx2", "exact")])
def test_a_known_length_changes_no_bit(
    target: str, accuracy: Any, tmp_path: Path, need: Callable[..., Any], specs: int
) -> None:
    """Over all kinds of layers, most of which find such a kernel, and lengths from one step on."""
    sources: list[Any] = []
    calls: list[Call] = []
    found = tried = 0
    for number, layer in enumerate(layers(max(3, specs // 60), 11)):
        problem, ask = layer.spec(f"k{number}").lower(), Ask(TARGETS[target], "packed", accuracy)
        free = planner.answer(Request(problem, ask))
        sources.append(render(free, f"k{number}"))
        at = len(sources) - 1
        for steps in np.random.default_rng(number).choice(LENGTHS, 2, replace=False):
            outs = problem.out_steps(int(steps))
            if outs < 1:
                continue
            fixed = layer.spec().build(layer.input_shape(int(steps))).lower()
            known, tried = with_bits_of(free, fixed), tried + 1
            if known is None:
                continue
            found += 1
            given = strategies.data(layer, number, whole=False, steps=int(steps))
            kernel, bias = trials.split(layer, given)
            packed = free.pack(kernel)
            part = packed[known.place : known.place + known.numbers] if known.place is not None else None
            assert part is None or part.tobytes() == known.plan.pack(kernel).tobytes()
            numbers = outs * problem.out_filters
            calls.append(Call(at, given.x[0], packed, bias, int(steps), numbers))
            sources.append(render(known.plan, f"k{number}_{steps}"))
            own = part if part is not None else known.plan.pack(kernel)
            calls.append(Call(len(sources) - 1, given.x[0], own, bias, int(steps), numbers))
    assert found > tried // 2, (found, tried)
    program = Program(sources, need(toolchain, TARGETS[target]), tmp_path)
    outputs = program.run(calls)
    for call, other, y, wanted in zip(calls[1::2], calls[::2], outputs[1::2], outputs[::2], strict=True):
        plan, free = sources[call.kernel].plan, sources[other.kernel].plan
        assert y.tobytes() == wanted.tobytes(), f"{plan.problem}: {plan.describe()}\nfor {free.describe()}"
