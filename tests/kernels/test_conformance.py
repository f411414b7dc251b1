"""The oracle chain, in C: recorded Keras = reference = scalar C = every target; whole numbers with 0 differing bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.targets import TARGETS, native
from tests.support import cprogram, recorded, strategies, trials
from tests.support.cprogram import Call, Program

pytestmark = pytest.mark.compiles


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_random_layers(
    target: str, specs: int, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Half as many under emulation."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = list(strategies.random_layers(specs // 2 if tools.runner else specs, seed=1))
    trials.run_all(share(layers, 8), TARGETS[target], tools, tmp_path)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_wide_depthwise_layers(target: str, specs: int, need: Callable[..., Any], tmp_path: Path) -> None:
    """The text of most has a loop over strips of the channels."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = list(strategies.random_layers(max(24, specs // 12), 7, strategies.wide))
    made = [trials.Kernel.of(layer, TARGETS[target], f"k{number}") for number, layer in enumerate(layers)]
    if TARGETS[target].vector_bytes:
        assert sum("strip" in kernel.source.files[0][1] for kernel in made) > len(made) // 3
    trials.try_all(made, tools, tmp_path)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_a_random_plan_of_every_algorithm(
    target: str, specs: int, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Known weights and accuracy `fast`: direct plans still to the bit, transforms within their bound; half sliced."""
    tools, seen = need(cprogram.toolchain, TARGETS[target]), set()
    layers = list(strategies.random_layers(max(36, specs // (12 if tools.runner else 8)), 31, strategies.rewritten))
    for seed, make in enumerate((strategies.separable, strategies.transposed, strategies.rowwise), 32):
        layers += strategies.random_layers(2, seed, make)
    for start in range(0, len(layers), trials.PER_PROGRAM // 6):
        drawn = trials.plans_of_each(layers[start : start + trials.PER_PROGRAM // 6], TARGETS[target], start, "fast")
        by_algorithm: dict[str, list[Any]] = {}
        for one in drawn:
            by_algorithm.setdefault(one[1].algorithm.name, []).append(one)
        taken = [one for each in by_algorithm.values() for one in share(each, min(6, len(each)))]
        made = [trials.Kernel.planned(*one, "fast") for one in taken]
        trials.try_all(made, tools, tmp_path, start)
        seen |= {kernel.source.plan.algorithm.name for kernel in made}
    assert seen == strategies.FLOATING


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_recorded_answers(target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """Keras' layers and ONNX' cases: whole numbers equal, others within the bound of what the oracle said."""
    tools = need(cprogram.toolchain, TARGETS[target])
    answers = share([*recorded.keras(), *recorded.onnx()], 6)
    made = [trials.Kernel.of(one.layer, TARGETS[target], f"k{number}") for number, one in enumerate(answers)]
    program = Program([kernel.source for kernel in made], tools, tmp_path)
    calls = []
    for number, one in enumerate(answers):
        kernel, bias = trials.split(one.layer, one.given)
        calls += [Call(number, x, kernel, bias, one.layer.steps, one.y[0].size) for x in one.given.x]
    outputs = iter(program.run(calls))
    for one, kernel in zip(answers, made, strict=True):
        y = np.stack([next(outputs) for _ in one.given.x]).reshape(one.y.shape)
        if one.whole:
            assert (y == one.y).all(), one.layer
        else:
            allowed = reference.bound(kernel.source.plan.problem, one.given.x, *trials.split(one.layer, one.given))
            if one.layer.origin.startswith("test_Conv1d"):
                allowed = 2 * allowed  # the oracle itself was computed in float32
            options = 1e-7 * np.abs(one.y)  # Keras had its activations' options in float64
            assert (np.abs(y - one.y) <= allowed + options).all(), one.layer


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_same_bits_from_every_compiler_and_level(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    layers = share(list(strategies.random_layers(48, seed=2)), 8)
    made = trials.kernels(layers, TARGETS[target])
    tried = [(i, trial) for i, kernel in enumerate(made) for trial in trials.trials(kernel, i)]
    calls = [trial.call(i) for i, trial in tried]
    found: dict[str, list[np.ndarray]] = {}
    for compiler, level in (("gcc", "-O0"), *share((("gcc", "-O3"), ("clang", "-O1"), ("clang", "-O2")), 2)):
        folder = tmp_path / (compiler + level)
        folder.mkdir()
        tools = need(cprogram.toolchain, TARGETS[target], compiler)
        program = Program([kernel.source for kernel in made], tools, folder, flags=(level,))
        found[f"{compiler} {level}"] = program.run(calls)
    first, *others = found.items()
    for words, outputs in others:
        for (_, trial), y, z in zip(tried, first[1], outputs, strict=True):
            assert y.tobytes() == z.tobytes(), f"{first[0]} and {words} differ on {trial.kernel.source.plan.problem}"


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_nan_and_inf_stay_in_their_receptive_fields(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = share(list(strategies.random_layers(40, seed=3, curved=False)), 2)
    made = trials.kernels(layers, TARGETS[target])
    tried = []
    for number, kernel in enumerate(made):
        trial = next(trials.trials(kernel, number))
        given = strategies.data(kernel.layer, number, whole=True)
        rng = np.random.default_rng(number)
        for value in (np.nan, np.inf):
            given.x.ravel()[rng.integers(given.x.size)] = value
        if kernel.baked:
            given = replace(kernel.baked, x=given.x)
        tried.append((number, trials.Trial(kernel, given, trial.whole)))
    outputs = Program([kernel.source for kernel in made], tools, tmp_path).run([one.call(n) for n, one in tried])
    missing = 0
    for (_, trial), y in zip(tried, outputs, strict=True):
        problem, weights = trial.kernel.source.plan.problem, trials.split(trial.kernel.layer, trial.given)
        with np.errstate(invalid="ignore"):
            expected = reference.convolve(problem, trial.given.x, *weights)[0].ravel()
        assert np.array_equal(y.astype(np.float64), expected, equal_nan=True), problem
        missing += int(np.isnan(expected).sum())
    assert missing > 100


def test_kernels_in_python_over_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: Callable[..., Any]
) -> None:
    """The JIT's way: packed weights, a batch at a time, an empty one too; native target, whole numbers."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    layers = [*enumerate(strategies.random_layers(24, seed=10, curved=False))]
    for number, layer in share(layers, 3):
        spec = layer.spec(dtype=("float32", "float64")[number % 2])
        problem, kernel = spec.lower(), pipeline.kernel_for(spec, Ask(native(), accuracy="exact"))
        given = strategies.data(layer, number, whole=True, batch=number % 4)
        weights = [None if a is None else a.astype(problem.dtype) for a in trials.split(layer, given)]
        expected = reference.convolve(problem, given.x, *trials.split(layer, given))
        y = np.full(expected.shape, np.nan, problem.dtype)
        kernel.run(given.x.astype(problem.dtype), y, kernel.pack(weights[0]), weights[1])
        assert np.array_equal(y, expected), problem
