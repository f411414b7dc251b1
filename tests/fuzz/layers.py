"""Random layers by the best plan of each way to compute them, each array between pages that may not be touched.

    python -m tests.fuzz.layers [--count 400] [--seed 1]

A layer of any kind crosses what other searches draw apart: layout, a free or a known length, strides, dilation,
padding that is longer than the kernel, an activation of a number or of a row, dtype, class, storage, slices, where
the weights lie. A finding is a byte beside an array of exactly its size, other bits in slices or at another place, a
number beyond the bound, an array that is packed otherwise in C than in Python.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from codegen.emission.packing import packs
from codegen.errors import GenConvError
from codegen.numbers.formats import STORED
from codegen.planning import error_bounds, planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from tests.fuzz.emitted import MAKERS
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Call, Program, Toolchain
from tests.support.strategies import Layer
from tests.support.trials import Kernel

BATCH = 8  # layers to a program
FORMATS = ("channels_last", "channels_first")
WEIGHTS = ("argument", "packed", "baked")
MOST_STEPS = 1000  # of a layer: a longer one tries no more code
POINTS = 1e-4  # in parts of the largest number: what weights of a transform may differ between C and NumPy


class Draw:
    """What a seeded generator picks."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def of(self, options: Any) -> Any:
        return options[int(self._generator.integers(len(options)))]


def crossed(draw: Draw) -> Layer:
    """A layer of one of the families, with what they do not draw with each other drawn anew."""
    drawn = draw.of(MAKERS)(draw.of)
    arguments = drawn.arguments | {"data_format": draw.of(FORMATS)}
    if draw.of((True, False)):
        arguments |= {"strides": draw.of((2, 3, 4)), "dilation_rate": draw.of((1, 1, 2, 3))}
    if drawn.kind != "conv1d_transpose" and not isinstance(arguments["padding"], str) and draw.of((True, False)):
        arguments["padding"] = tuple(side + draw.of((0, 3, 9)) for side in arguments["padding"])
    curve = draw.of((draw.of(strategies.EXACT), draw.of(strategies.CURVED), (draw.of(strategies.ROWS), {})))
    if curve[0] == "glu" and drawn.filters % 2:
        arguments |= _doubled(drawn)
    steps = min(drawn.steps, MOST_STEPS)
    return replace(drawn, arguments=arguments, activation=curve, steps=steps, free=draw.of((True, False)))


def _doubled(layer: Layer) -> dict[str, int]:
    """An even number of filters, for glu."""
    if "filters" in layer.arguments:
        return {"filters": 2 * layer.filters}
    return {"depth_multiplier": 2}


def tree(plan: KernelPlan[Any, Any]) -> tuple[Any, ...]:
    """The names of the algorithm and of those inside."""
    return plan.algorithm.name, *map(tree, plan.parts)


def plans(layer: Layer, draw: Draw, target: str, storage: str) -> list[KernelPlan[Any, Any]]:
    """The best plan of each tree of algorithms. Raises GenConvError for a layer that is not legal."""
    coded = storage in STORED
    problem = layer.spec(dtype="float32" if coded else draw.of(("float32", "float32", "float64"))).lower()
    ask = Ask(TARGETS[target], draw.of(WEIGHTS), draw.of(("exact", "fast", "wide")), numbers=storage)
    ask = replace(ask, objective=draw.of(("speed", "speed", "size")), sliced=draw.of((True, False)))
    best: dict[Any, KernelPlan[Any, Any]] = {}
    for plan in planner.survey(Request(problem, ask)).found:
        best.setdefault(tree(plan), plan)
    return list(best.values())


def kernels(count: int, draw: Draw, target: str, storage: str) -> Iterator[Kernel]:
    """Those of so many legal layers."""
    made = 0
    while made < count:
        try:
            layer = crossed(draw)
            found = plans(layer, draw, target, storage)
        except GenConvError:
            continue
        made += 1
        for number, plan in enumerate(found):
            yield Kernel.planned(layer, plan, f"k{made}_{number}", plan.ask.accuracy)


def faults(made: list[Kernel], tools: Toolchain, seed: int) -> list[str]:
    """What is wrong with kernels in one program; where something is, each is tried by itself."""
    try:
        with TemporaryDirectory() as folder:
            program = Program([kernel.source for kernel in made], tools, Path(folder), cprogram.LIGHT)
            tried = [(i, one) for i, kernel in enumerate(made) for one in trials.trials(kernel, seed + i)]
            trials.run(program, tried)
            _packed(program, made, seed)
    except AssertionError as error:
        if len(made) > 1:
            return [told for kernel in made for told in faults([kernel], tools, seed)]
        (kernel,) = made
        plan = kernel.source.plan
        told = f"{plan.target.name} {plan.weights} {plan.storage} {plan.problem.dtype} sliced={plan.sliced}"
        return [f"{' '.join(str(error).split())[:600]}: {tree(plan)} {kernel.accuracy} {told} {kernel.layer}"]
    return []


def _packed(program: Program, made: list[Kernel], seed: int) -> None:
    """What each pack function makes, which is what Python makes. Raises AssertionError."""
    packing = [(i, one) for i, one in enumerate(made) if one.source.plan.weights == "packed" and packs(one.source.plan)]
    calls, expected = [], []
    for number, one in packing:
        plan = one.source.plan
        kernel, _ = trials.split(one.layer, strategies.data(one.layer, seed + number, whole=False))
        codes = plan.kernel_format.encode(kernel.astype(plan.problem.dtype))
        expected.append(plan.pack(codes))
        calls.append(Call(number, np.zeros(1), codes, None, 0, expected[-1].size, pack=True))
    for (_, one), found, wanted in zip(packing, program.run(calls), expected, strict=True):
        most = POINTS * np.abs(wanted).max(initial=0) if error_bounds.is_transform(one.source.plan) else 0
        off = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
        assert (off <= most).all(), f"{one.source.name}_pack differs by {off.max()}"


def batch(count: int, seed: int) -> tuple[int, list[str]]:
    """(kernels tried, findings) of so many layers, for one target and one storage."""
    draw = Draw(seed)
    target, storage = draw.of(cprogram.HOSTED), draw.of((*["float32"] * 4, *STORED))
    try:
        tools = cprogram.toolchain(TARGETS[target].widening())
    except cprogram.Missing:
        target = "scalar"
        tools = cprogram.toolchain(TARGETS[target].widening())
    made = list(kernels(count, draw, target, storage))
    return len(made), [f"batch {seed}: {told}" for told in faults(made, tools, seed)]


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(layers tried, findings)."""
    findings: list[str] = []
    for number in range(-(-count // BATCH)):
        _, found = batch(min(BATCH, count - BATCH * number), 1000 * seed + number)
        findings += found
    return count, findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried, findings = run(options.count, options.seed)
    print(*findings, f"{tried:,} layers, {len(findings)} findings", sep="\n")
    sys.exit(bool(findings))
