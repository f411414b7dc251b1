"""Weights stored in 16 bits: each code is widened exactly, and the sums are those of float32 on the rounded weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen import planner
from codegen.emission.packing import packing
from codegen.errors import WeightsError
from codegen.plan import Request
from codegen.problem import ConvProblem
from codegen.render import GeneratedSource, render
from codegen.storage import HALVES, rounded
from codegen.targets import TARGETS
from tests import cprogram, strategies, trials
from tests.cprogram import Call, Program, Toolchain

if TYPE_CHECKING:
    from codegen.plan import KernelPlan

STORAGES = tuple(HALVES)
CODES = np.arange(1 << 16, dtype=np.uint16)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_weight_is_rounded_to_the_nearest_code_ties_to_even(storage: str) -> None:
    half, rng = HALVES[storage], np.random.default_rng(1)
    exact = half.decode(CODES)
    numbers = np.sort(exact[np.isfinite(exact) & ((exact != 0) | (CODES == 0))].astype(np.float64))
    ties = ((numbers[1:] + numbers[:-1]) / 2).astype(np.float32)
    ties = ties[np.abs(ties) > 2.0**-120]  # below, their float32 is subnormal and not in the middle
    anything = rng.standard_normal(20_000) * 2.0 ** rng.uniform(-28, 14, 20_000)
    weights = np.concatenate([ties, anything]).astype(np.float32)
    codes = half.encode(weights)
    below = np.clip(np.searchsorted(numbers, weights) - 1, 0, len(numbers) - 2)
    down, up = numbers[below], numbers[below + 1]
    distance = np.abs(half.decode(codes).astype(np.float64) - weights)
    assert np.array_equal(distance, np.minimum(np.abs(down - weights), np.abs(up - weights)))
    assert (distance <= half.step(weights)).all()
    assert not (codes[: len(ties)] & 1).any()
    assert (distance[: len(ties)] > 0).all()


@pytest.mark.parametrize("storage", STORAGES)
def test_codes_that_are_no_finite_number_stay_what_they_are(storage: str) -> None:
    half = HALVES[storage]
    given = np.array([np.nan, np.inf, -np.inf, -0.0, half.largest], np.float32)
    kept = half.decode(half.encode(given))
    assert np.array_equal(kept, given, equal_nan=True)
    assert np.signbit(kept[3])
    assert np.array_equal(half.encode(half.decode(CODES)) & 0x7FFF > 0, CODES & 0x7FFF > 0)


def test_a_weight_too_large_is_an_error_that_names_it() -> None:
    kernel = np.ones((3, 2, 4), np.float32)
    kernel[2, 1, 3] = -65520  # the first number that rounds to infinity
    with pytest.raises(WeightsError, match=r"weight \[2, 1, 3\] of `deep/kernel` is -65520, beyond float16's .* 65504"):
        rounded(kernel, "float16", "deep/kernel")
    assert rounded(kernel, "bfloat16")[2, 1, 3] == -65536
    kernel[2, 1, 3] = np.finfo(np.float32).max
    with pytest.raises(WeightsError, match="scale the layer, or leave its weights in float32"):
        rounded(kernel, "bfloat16")
    kernel[2, 1, 3] = 65519
    assert rounded(kernel, "float16")[2, 1, 3] == 65504


def as_computed(plan: KernelPlan) -> KernelPlan:
    """The same plan with float32 weights."""
    return replace(plan, storage="float32", inner=as_computed(plan.inner) if plan.inner else None)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_code_is_widened_exactly(target: str, storage: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """A filter for each code and an input of ones, in vectors of every width across the filters and along time."""
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    made: list[GeneratedSource] = []
    expected, calls = HALVES[storage].decode(CODES), []
    for width in TARGETS[target].lanes("float32"):
        grouped = ConvProblem(1, len(CODES) // width, len(CODES), 1, groups=len(CODES) // width, bias=False)
        alone = ConvProblem(width, 1, len(CODES), 1, bias=False, channels_last=False)
        for algorithm, problem in (("direct_filters", grouped), ("direct_steps", alone)):
            found = planner.survey(Request(problem, TARGETS[target], storage=storage)).found
            plan = next(plan for plan in found if plan.algorithm == algorithm)
            x = np.ones(problem.in_shape(1, problem.steps or 0), np.float32)
            calls.append(Call(len(made), x, CODES, None, problem.steps or 0, len(CODES) * (problem.steps or 0)))
            made.append(render(plan, f"{algorithm}_{width}"))
    used = {word for source in made for word in ("set1_half(w", "load_half(w") if word in source.code}
    assert used == {"load_half(w"} | ({"set1_half(w"} if TARGETS[target].vector_bytes else set())
    for y in Program(made, tools, tmp_path).run(calls):
        outputs = y.reshape(len(CODES), -1).T
        assert np.array_equal(outputs, np.broadcast_to(expected, outputs.shape), equal_nan=True)


def of_each(seed: int, most: int, target: str) -> list[tuple[strategies.Layer, KernelPlan]]:
    """Random plans of random layers, `most` of each algorithm, in turn with either storage and all kinds of weights."""
    rng = np.random.default_rng(seed)
    served: dict[str, list[tuple[strategies.Layer, KernelPlan]]] = {}
    for number, layer in enumerate(strategies.random_layers(30 * most, seed, strategies.rewritten)):
        weights, storage = ("packed", "argument", "baked")[number % 3], STORAGES[number // 3 % 2]
        request = Request(layer.spec().lower(), TARGETS[target], weights, "fast", storage=storage)  # type: ignore[arg-type]
        known = planner.survey(request).found
        for plan in (known[i] for i in rng.permutation(len(known))):
            found = served.setdefault(plan.algorithm, [])
            if len(found) < most and (not found or found[-1][0] is not layer):
                found.append((layer, replace(plan, sliced=bool(rng.integers(2)))))
    return [each for found in served.values() for each in found]


def written(layer: strategies.Layer, plan: KernelPlan, name: str, seed: int) -> tuple[GeneratedSource, Call]:
    """The kernel and a call of it; a plan that stores float32 gets the weights that the other stores rounded."""
    given, rng = strategies.data(layer, seed, whole=False), np.random.default_rng(seed)
    kernel, bias = trials.split(layer, given)
    kernel = (rng.standard_normal(kernel.shape) * 2.0 ** rng.uniform(-20, 3, kernel.shape)).astype(np.float32)
    kernel = kernel if plan.half else rounded(kernel, STORAGES[seed % 2])
    source = render(plan, name, weights=(kernel, bias) if plan.weights == "baked" else None, with_pack=packs(plan))
    steps = given.x.shape[1 if layer.channels_last else 2]
    outs, slices = plan.problem.out_steps(steps) * plan.problem.filters, trials.SLICES[seed % 4] if plan.sliced else 0
    if plan.weights == "baked":
        return source, Call(0, given.x[0], None, None, steps, outs, slices)
    codes = plan.half.encode(kernel) if plan.half else kernel
    packed = planner.algorithm(plan.algorithm).pack(plan, codes) if plan.weights == "packed" else codes
    return source, Call(0, given.x[0], packed, bias, steps, outs, slices)


def packs(plan: KernelPlan) -> bool:
    """Whether C lays the kernel out."""
    return plan.weights == "packed" and packing(plan) is not None


def pairs(target: str, seed: int, count: int) -> tuple[list[GeneratedSource], list[Call]]:
    """Each kernel twice: with stored halves, then with float32 weights that are the same numbers."""
    sources: list[GeneratedSource] = []
    calls = []
    for number, (layer, plan) in enumerate(of_each(seed, count, target)):
        turn = 2 * number + STORAGES.index(plan.storage)
        for which, way in (("half", plan), ("plain", as_computed(plan))):
            source, call = written(layer, way, f"k{number}_{which}", turn)
            calls.append(replace(call, kernel=len(sources)))
            sources.append(source)
    return sources, calls


@pytest.mark.parametrize("target", TARGETS)
def test_the_sums_are_those_of_the_rounded_weights(
    target: str, need: Callable[..., Any], specs: int, tmp_path: Path
) -> None:
    """Bit for bit what the same plan computes with float32 weights; between guard pages, whole and in slices."""
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    sources, calls = pairs(target, 21, max(1, specs // 150))
    outputs = Program(sources, tools, tmp_path).run(calls)
    wrong = [
        sources[i].plan
        for i in range(0, len(outputs), 2)
        if not np.array_equal(outputs[i].view(np.uint32), outputs[i + 1].view(np.uint32))
    ]
    assert not wrong, wrong[:3]
    served = {source.plan.algorithm for source in sources}
    assert served >= {"direct_filters", "direct_steps", "depthwise", "blocked", "transposed", "polyphase"}
    assert not served & set(planner.TRANSFORMING)
    assert all(np.isfinite(y).all() and y.any() for y in outputs if y.size > 20)


@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_pack_in_c_lays_codes_out(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    made: list[GeneratedSource] = []
    calls, expected = [], []
    for layer, plan in of_each(22, 8, target):
        if packs(plan):
            codes = np.random.default_rng(len(made)).permutation(CODES)
            kernel = np.resize(codes, plan.problem.kernel_shape)
            expected.append(planner.algorithm(plan.algorithm).pack(plan, kernel))
            calls.append(Call(len(made), np.zeros(1), kernel, None, 0, expected[-1].size, pack=True))
            made.append(written(layer, plan, f"k{len(made)}", 2)[0])
    assert len(made) > 6
    for packed, wanted in zip(Program(made, tools, tmp_path).run(calls), expected, strict=True):
        assert np.array_equal(packed, wanted)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_warning(target: str, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Each file on its own; the headers in C++17, too."""
    tools: Toolchain = need(cprogram.toolchain, TARGETS[target].widening(), compiler, run=False)
    sources = [source for source in pairs(target, 23, 1)[0] if source.plan.half]
    for source in sources:
        for name, text in source.files:
            (tmp_path / name).write_text(text)
    sysroot = ("-I/usr/aarch64-linux-gnu/include",) if "--target=aarch64-linux-gnu" in tools.compiler else ()
    files = [source.files[0][0] for source in sources]
    words = (*tools.compiler, *sysroot, *cprogram.WARNINGS, "-O2", "-ffp-contract=off", "-c", *files)
    cprogram.compile_c(words, folder=tmp_path)
    cxx = (need(cprogram.program, "g++", "g++"), "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror")
    for source in sources[:6]:
        (tmp_path / "main.cpp").write_text(f'#include "{source.name}.h"\nint main() {{}}\n')
        cprogram.compile_c((*cxx, "-fsyntax-only", "main.cpp"), folder=tmp_path)


def test_tcc_computes_the_same(need: Callable[..., Any], tmp_path: Path) -> None:
    tools = Toolchain((need(cprogram.program, "tcc", "tcc"), "-Wall", "-Werror"))
    sources, calls = pairs("scalar", 24, 5)
    outputs = Program(sources, tools, tmp_path, flags=()).run(calls)
    assert all(np.array_equal(half, plain) for half, plain in zip(outputs[::2], outputs[1::2], strict=True))
