"""Gradients of random layers of every kind and activation, each on a cold cache, held to their float64 definition.

    python -m tests.fuzz.gradients --count 2000 --seed 1

The layers are tried in another process, so that a crash is a finding, too: a new one goes on behind it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from codegen import pipeline
from codegen.functions import activations
from codegen.gradients import backward, libraries
from codegen.gradients import reference as definition
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.problem import reference
from codegen.problem.problem import Problem
from tests.support import strategies
from tests.support.strategies import CURVED, EXACT, Layer

ROOT = Path(__file__).parents[2]
FAMILIES = (
    (strategies.rowwise, {}),
    (strategies.layer, {"small": True}),
    (strategies.layer, {}),
    (strategies.separable, {}),
    (strategies.transposed, {}),
    (strategies.rewritten, {}),
)
UNIT = {("float32", "exact"): 2.0**-12, ("float32", "fast"): 2.0**-8}  # of what is summed, slopes included
UNIT |= {("float64", accuracy): unit * 2.0**-20 for (_, accuracy), unit in UNIT.items()}


@dataclass(frozen=True)
class Case:
    """A layer and how its gradients are asked for; `whole`: on whole numbers."""

    layer: Layer
    dtype: str
    accuracy: str
    whole: bool
    batch: int
    seed: int


def cases(count: int, seed: int) -> Iterator[Case]:
    """The same `count` cases on every machine."""
    rng = np.random.default_rng(seed)

    def pick(options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    for number in range(count):
        family, options = FAMILIES[number % len(FAMILIES)]
        layer = family(pick, **options)
        curves = (
            EXACT + CURVED if family is not strategies.rowwise else tuple((name, {}) for name in strategies.ROWS[::-1])
        )
        layer = replace(layer, activation=curves[number // len(FAMILIES) % len(curves)])
        how = pick(("float32", "float64")), pick(("exact", "exact", "fast")), bool(pick((True, False)))
        yield Case(layer, *how, pick((1, 2, 3)), int(rng.integers(2**31)))


def trial(case: Case) -> str | None:
    """What is wrong with a layer's gradients; None if nothing is."""
    layer, given = case.layer, strategies.data(case.layer, case.seed, whole=case.whole, batch=case.batch)
    held = kinds.of(layer.spec(dtype=case.dtype), How(accuracy=case.accuracy))
    held.set_weights(list(given.weights.values()))
    problem = held.spec.lower().at_length(layer.steps)
    kernel, bias = held.spec.problem_weights(given.weights)
    z = reference.convolve(problem.with_epilogue(problem.epilogue.start), given.x, kernel, bias)
    rng = np.random.default_rng(case.seed)
    dy = rng.integers(-4, 5, problem.out_shape(case.batch, layer.steps)).astype("float64")
    told = z if problem.activation.name == "sparsemax" else None  # z, where a rounding of it would choose another row
    found = held.gradients(given.x, dy, z=told)
    dz, off = _before(problem, dy, z.astype(case.dtype).astype("float64"), UNIT[case.dtype, case.accuracy])
    wanted = _through(problem, given.x, kernel, dz)
    room = _through(problem, np.abs(given.x), np.abs(kernel), off)
    names = {name: array for name, array in given.weights.items() if name != "bias"}
    arrays = [found.x, np.concatenate([np.ravel(found.weights[name]) for name in names])]
    places = _flat_weights(held.spec, names)
    exact, allowed = [wanted[0], wanted[1][places]], [room[0], room[1][places]]
    if problem.bias:
        arrays.append(found.bias)
        exact.append(definition.bias_gradient(problem, dz))
        allowed.append(definition.bias_gradient(problem, off))
    for name, got, right, most in zip(("dx", "dkernel", "dbias"), arrays, exact, allowed, strict=False):
        if got.shape != right.shape or got.dtype != case.dtype:
            return f"{name} is {got.dtype} {got.shape}, expected {case.dtype} {right.shape}"
        if case.accuracy == "fast":  # a transform mixes a tile: what its neighbours lose, a number may lose
            most = most + most.max(initial=0)
        wrong = ~(np.abs(got - right) <= most)
        if wrong.any():
            return f"{wrong.sum()} of {wrong.size} in {name}: got {got[wrong][:3]}, expected {right[wrong][:3]}"
    return None


def _before(problem: Problem, dy: Any, z: Any, unit: float) -> tuple[Any, Any]:
    """(dz, how far it may be off), the latter at kinks as much as the slopes on both sides differ."""
    if problem.activation.name in strategies.ROWS:
        turned = (dy, z) if problem.channels_last else (dy.swapaxes(1, 2), z.swapaxes(1, 2))
        pull = activations.row(problem.activation).pull
        assert pull is not None
        dz = pull(*turned)
        size = 2 * np.abs(turned[0]).max(axis=-1, keepdims=True) * (1 + np.abs(turned[1]).max(axis=-1, keepdims=True))
        off = np.broadcast_to(size, dz.shape)
        return (dz, unit * off) if problem.channels_last else (dz.swapaxes(1, 2), unit * off.swapaxes(1, 2))
    near = unit * (1 + np.abs(z)) / 16
    slopes = [activations.derivative(problem.activation, z + way, problem.dtype) for way in (-near, 0 * near, near)]
    return dy * slopes[1], np.abs(dy) * (np.max(slopes, axis=0) - np.min(slopes, axis=0) + 2 * unit)


def _through(problem: Problem, x: Any, kernel: Any, dz: Any) -> tuple[Any, Any]:
    """(dx, dkernel, flat) by the definition, of any number of linear stages without a bias before the last."""
    flat = kernel if len(problem.stages) == 1 else kernel.ravel()
    reads, dkernels = [x], []
    stages = [(stage, taps) for stage, taps, _ in problem.stage_weights(flat, None)]
    for stage, taps in stages[:-1]:
        reads.append(reference.convolve(stage, reads[-1], taps))
    for (stage, taps), read in zip(reversed(stages), reversed(reads), strict=True):
        assert stage.steps is not None
        dkernels.insert(0, definition.kernel_gradient(stage, read, dz).ravel())
        dz = definition.input_gradient(stage, stage.steps, taps, dz)
    return dz, np.concatenate(dkernels)


def _flat_weights(spec: Any, arrays: dict[str, Any]) -> Any:
    """Where in the problem's flat kernel each number of the layer's weights stands, one weight after the other."""
    sizes = np.cumsum([array.size for array in arrays.values()])
    numbers = np.split(np.arange(sizes[-1]), sizes[:-1])
    named = {name: part.reshape(arrays[name].shape) for name, part in zip(arrays, numbers, strict=True)}
    kernel, _ = spec.problem_weights(named | {"bias": np.zeros(0)})
    places = np.empty(sizes[-1], int)
    places[kernel.ravel()] = np.arange(kernel.size)
    return places


def cold(folder: str) -> None:
    """Forget what this process has compiled, and look for the rest in `folder` alone."""
    os.environ["GENCONV_CACHE_DIR"] = folder
    for remembered in (pipeline.compiled, backward.way, libraries.Backward):
        remembered.cache_clear()


def work(count: int, seed: int, first: int) -> None:
    """Try the cases from number `first` on; print each one's number before, and what is wrong after."""
    for number, case in enumerate(cases(count, seed)):
        if number < first:
            continue
        print(number, flush=True)
        with TemporaryDirectory() as folder:
            cold(folder)
            try:
                wrong = trial(case)
            except Exception as error:  # whatever it is, it is a finding
                wrong = f"{type(error).__name__}: {error}"
        if wrong:
            print(f"{case}: {' '.join(wrong.split())[:600]}", flush=True)


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(tried, findings): the gradients of `count` random layers."""
    findings, first = [], 0
    described = list(cases(count, seed))
    while first < count:
        words = [sys.executable, "-m", "tests.fuzz.gradients", "--work", str(first)]
        asked = ["--count", str(count), "--seed", str(seed)]
        done = subprocess.run([*words, *asked], cwd=ROOT, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        at = max((int(line) for line in lines if line.isdigit()), default=first)
        findings += [line for line in lines if not line.isdigit()]
        if done.returncode:
            findings.append(f"{described[at]}: the process ended with {done.returncode}: {done.stderr[-300:]}")
        first = at + 1
    return count, findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        return work(options.count, options.seed, options.work)
    tried, findings = run(options.count, options.seed)
    print(*findings, f"{tried:,} layers, {len(findings)} findings", sep="\n")
    return sys.exit(bool(findings))


if __name__ == "__main__":
    main()
