"""Weights stored in 16 bits: each code is widened exactly, and the sums are those of float32 on the rounded weights."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.emission import packing
from codegen.emission.render import GeneratedSource, render
from codegen.errors import UsageError, WeightsError
from codegen.functions import activations
from codegen.machine import compilers, wisdom
from codegen.machine.numpy_kernel import ReferenceKernel
from codegen.numbers.formats import STORED
from codegen.numbers.storage import rounded
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import KINDS
from tests.kernels import test_real
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Call, Program, Toolchain

if TYPE_CHECKING:
    from codegen.planning.plan import KernelPlan

pytestmark = pytest.mark.compiles

ROOT, STORAGES = test_real.ROOT, tuple(STORED)
WEIGHTS = ("packed", "argument", "baked")
SERVING = [name for name, algorithm in ALGORITHMS.items() if not (algorithm.transformed or algorithm.whole)]
CODES, FILTERS = np.arange(1 << 16, dtype=np.uint16), 1 << 11


@pytest.mark.parametrize("storage", STORAGES)
def test_a_weight_is_rounded_to_the_nearest_code_ties_to_even(storage: str) -> None:
    half, rng = STORED[storage], np.random.default_rng(1)
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
    half = STORED[storage]
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


@pytest.mark.parametrize(("kind", "weight"), [("conv1d", "kernel"), ("separable_conv1d", "pointwise_kernel")])
def test_emission_names_the_layer_of_a_weight_too_large(kind: str, weight: str) -> None:
    spec = KINDS[kind](name="deep", filters=4, kernel_size=3, input_shape=(9, 2))
    weights = {name: np.ones(shape, np.float32) for name, shape in spec.weight_shapes().items()}
    weights[weight][0, 1, 3] = 1e6
    with pytest.raises(WeightsError, match=rf"weight \[0, 1, 3\] of `deep/{weight}` is 1e\+06, beyond float16's"):
        pipeline.generate(spec, weights=weights, storage="float16")


@pytest.mark.parametrize("command", [(), ("verify",), ("show",)], ids=["emit", "verify", "show"])
def test_a_command_names_the_layer_of_a_weight_too_large(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "conv1d deep { filters = 1, kernel_size = 1, input_shape = (9, 2), kernel_initializer = constant(1e6) }"
    Path("deep.conv").write_text(text)
    assert main.main([*command, "deep.conv", "--init", "--storage", "float16"]) == 1
    assert "weight [0, 0, 0] of `deep/kernel` is 1e+06, beyond float16's largest" in capsys.readouterr().err


def as_computed(plan: KernelPlan) -> KernelPlan:
    """The same plan with float32 weights."""
    parts = [as_computed(part) for part in plan.parts]
    return replace(plan.asked(numbers="float32"), parts=tuple(parts))


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_every_code_is_widened_exactly(target: str, storage: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Each code is a filter's weight, all inputs are ones; vectors of every width, across the filters, along time."""
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    made: list[GeneratedSource] = []
    expected, calls, parts = [], [], CODES.reshape(-1, FILTERS)
    for width in TARGETS[target].lanes("float32"):
        grouped = ConvProblem(1, FILTERS // width, FILTERS, 1, groups=FILTERS // width, epilogue=Epilogue())
        alone = ConvProblem(width, 1, FILTERS, 1, epilogue=Epilogue(), channels_last=False)
        for algorithm, problem in (("direct_filters", grouped), ("direct_steps", alone)):
            found = planner.survey(Request(problem, Ask(TARGETS[target], numbers=storage))).found
            plan = next(plan for plan in found if plan.algorithm.name == algorithm)
            x, steps = np.ones(problem.in_shape(1, problem.steps or 0), np.float32), problem.steps or 0
            calls += [Call(len(made), x, part, None, steps, FILTERS * steps) for part in parts]
            expected += [np.repeat(STORED[storage].decode(part), steps) for part in parts]
            made.append(render(plan, f"{algorithm}_{width}"))
    used = {word for source in made for word in ("set1_half(w", "load_half(w") if word in source.code}
    assert used == {"load_half(w"} | ({"set1_half(w"} if TARGETS[target].vector_bytes else set())
    for y, wanted in zip(Program(made, tools, tmp_path).run(calls), expected, strict=True):
        assert np.array_equal(y, wanted, equal_nan=True)


def of_each(seed: int, most: int, target: str) -> list[tuple[KernelPlan, int]]:
    """Random plans of random problems, `most` of each algorithm, and steps for each: both storages, all weights."""
    rng = np.random.default_rng(seed)
    served: dict[str, list[tuple[KernelPlan, int]]] = {name: [] for name in SERVING}
    kinds = (
        strategies.random_layers(300, seed, strategies.layer, small=True),
        strategies.random_layers(300, seed, strategies.separable),
        strategies.random_layers(300, seed, strategies.rewritten),
    )
    for number, layer in enumerate(each for turn in zip(*kinds, strict=True) for each in turn):
        weights, storage = WEIGHTS[int(rng.integers(3))], STORAGES[number % 2]
        problem = layer.spec().lower()
        if number % 4:  # less code than for a fixed one, whose borders are unrolled
            problem = problem.at_length(None)
        if isinstance(problem, ConvProblem) and problem.stride == 1 and not problem.centred and number % 2:
            problem = replace(problem, up=int(rng.integers(2, 4)))
        if number % 5 == 4:
            problem = problem.with_epilogue(ending(problem.bias, activations.get("softmax")))
        request = Request(problem, Ask(TARGETS[target], weights, "fast", numbers=storage))  # type: ignore[arg-type]
        new = [plan for plan in planner.survey(request).found if len(served[plan.algorithm.name]) < most]
        if new:
            plan = new[int(rng.integers(len(new)))]
            served[plan.algorithm.name].append((plan.asked(sliced=bool(rng.integers(2))), layer.steps))
        if all(len(found) == most for found in served.values()):
            break
    return [each for found in served.values() for each in found]


def written(plan: KernelPlan, name: str, seed: int, steps: int) -> tuple[GeneratedSource, Call]:
    """The kernel and a call of it; a plan that stores float32 gets the weights that the other stores rounded."""
    rng, p = np.random.default_rng(seed), plan.problem
    x = rng.standard_normal(p.in_shape(1, steps)).astype(np.float32)
    kernel = (rng.standard_normal(p.kernel_shape) * 2.0 ** rng.uniform(-20, 3, p.kernel_shape)).astype(np.float32)
    kernel = kernel if plan.kernel_format.coded else rounded(kernel, STORAGES[seed % 2])
    bias = rng.standard_normal(p.filters).astype(np.float32) if p.bias else None
    source = render(plan, name, weights=(kernel, bias) if plan.weights == "baked" else None, with_pack=packs(plan))
    outs, slices = math.prod(p.out_shape(1, steps)), trials.SLICES[seed % 4] if plan.sliced else 0
    if plan.weights == "baked":
        return source, Call(0, x[0], None, None, steps, outs, slices)
    codes = plan.kernel_format.encode(kernel)
    packed = plan.pack(codes) if plan.weights == "packed" else codes
    return source, Call(0, x[0], packed, bias, steps, outs, slices)


def packs(plan: KernelPlan) -> bool:
    """Whether C lays the kernel out."""
    return plan.weights == "packed" and bool(packing.packs(plan))


def pairs(target: str, seed: int, count: int) -> tuple[list[GeneratedSource], list[Call]]:
    """Each kernel twice: with stored halves, then with float32 weights that are the same numbers."""
    sources: list[GeneratedSource] = []
    calls = []
    for number, (plan, steps) in enumerate(of_each(seed, count, target)):
        turn = 2 * number + STORAGES.index(plan.storage)
        for which, way in (("half", plan), ("plain", as_computed(plan))):
            source, call = written(way, f"k{number}_{which}", turn, steps)
            calls.append(replace(call, kernel=len(sources)))
            sources.append(source)
    return sources, calls


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_the_sums_are_those_of_the_rounded_weights(
    target: str, need: Callable[..., Any], specs: int, tmp_path: Path
) -> None:
    """Bit for bit what the same plan computes with float32 weights; between guard pages, whole and in slices."""
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    sources, calls = pairs(target, 21, max(1, specs // 300))
    outputs = Program(sources, tools, tmp_path).run(calls)
    wrong = [
        sources[i].plan
        for i in range(0, len(outputs), 2)
        if not np.array_equal(outputs[i].view(np.uint32), outputs[i + 1].view(np.uint32))
    ]
    assert not wrong, wrong[:3]
    assert {source.plan.algorithm.name for source in sources} == set(SERVING)
    assert all(np.isfinite(y).all() and y.any() for y in outputs if y.size > 20)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_pack_in_c_lays_codes_out(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target].widening())
    made: list[GeneratedSource] = []
    calls, expected = [], []
    for plan, steps in of_each(22, 2, target):
        if packs(plan):
            codes = np.random.default_rng(len(made)).permutation(CODES)
            kernel = np.resize(codes, plan.problem.kernel_shape)
            expected.append(plan.pack(kernel))
            calls.append(Call(len(made), np.zeros(1), kernel, None, 0, expected[-1].size, pack=True))
            made.append(written(plan, f"k{len(made)}", 2, steps)[0])
    assert len(made) > 4
    for packed, wanted in zip(Program(made, tools, tmp_path).run(calls), expected, strict=True):
        assert np.array_equal(packed, wanted)


SMALL = (
    ConvProblem(None, 3, 21, 3, pad_left=2, dilation=2),
    ConvProblem(30, 3, 5, 2, channels_last=False, pad_left=1, epilogue=ending(activation=activations.get("tanh"))),
    ConvProblem(None, 9, 9, 3, groups=9, epilogue=Epilogue()),
    ConvProblem(20, 1, 1, 9, pad_left=4, pad_right=4),
    ConvProblem(10, 2, 4, 3, epilogue=ending(activation=activations.get("softmax"))),
)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_warning(target: str, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Each file on its own; the headers in C++17, too."""
    tools: Toolchain = need(cprogram.toolchain, TARGETS[target].widening(), compiler, run=False)
    sources = []
    for number, (problem, storage) in enumerate(product(SMALL, STORAGES)):
        plan = planner.answer(Request(problem, Ask(TARGETS[target], WEIGHTS[number % 3], numbers=storage)))  # type: ignore[arg-type]
        sources.append(written(plan, f"k{number}", number, problem.steps or 30)[0])
    for source in sources:
        for name, text in source.files:
            (tmp_path / name).write_text(text)
    sysroot = ("-I/usr/aarch64-linux-gnu/include",) if "--target=aarch64-linux-gnu" in tools.compiler else ()
    files = [source.files[0][0] for source in sources]
    level = "-fsyntax-only" if compiler == "clang" else "-Og"  # clang warns before it optimises
    words = (*tools.compiler, *sysroot, *cprogram.WARNINGS, level, "-ffp-contract=off", "-c", *files)
    cprogram.compile_c(words, folder=tmp_path)
    cxx = (need(cprogram.program, "g++", "g++"), "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror")
    headers = "".join(f'#include "{source.name}.h"\n' for source in sources)
    (tmp_path / "main.cpp").write_text(f"{headers}int main() {{}}\n")
    cprogram.compile_c((*cxx, "-fsyntax-only", "main.cpp"), folder=tmp_path)


def test_tcc_computes_the_same(need: Callable[..., Any], tmp_path: Path) -> None:
    tools = Toolchain((need(cprogram.program, "tcc", "tcc"), "-Wall", "-Werror"))
    sources, calls = pairs("scalar", 24, 2)
    outputs = Program(sources, tools, tmp_path, flags=()).run(calls)
    assert all(np.array_equal(half, plain) for half, plain in zip(outputs[::2], outputs[1::2], strict=True))


SEEDED = "glorot_uniform(seed=4)"
CONV = f"""
conv1d deep {{
    input_shape = (40, 6)
    filters = 20
    kernel_size = 5
    padding = "same"
    activation = "tanh"
    kernel_initializer = {SEEDED}
}}
depthwise_conv1d wide {{
    input_shape = (None, 12)
    kernel_size = 3
    depthwise_initializer = {SEEDED}
}}
conv1d_transpose up {{
    input_shape = (9, 5)
    filters = 4
    kernel_size = 4
    strides = 2
    kernel_initializer = {SEEDED}
}}
separable_conv1d mixed {{
    input_shape = (30, 8)
    filters = 6
    kernel_size = 3
    depthwise_initializer = {SEEDED}
    pointwise_initializer = {SEEDED}
}}
"""


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("storage", STORAGES)
def test_layers_compute_with_what_they_say_that_they_hold(storage: str) -> None:
    """Every kind: weights are the rounded ones, the bias is not rounded, outputs are those of the reference on them."""
    plain, model = codegen.load(CONV), codegen.load(CONV, storage=storage)
    rng = np.random.default_rng(5)
    for name, layer in model.items():
        bias = rng.standard_normal(layer.get_weights()[-1].shape).astype(np.float32)
        for each in (layer, plain[name]):
            each.set_weights([*each.get_weights()[:-1], bias])
        *kernels, kept = layer.get_weights()
        *before, _ = plain[name].get_weights()
        assert np.array_equal(kept, bias)
        assert all(np.array_equal(k, rounded(b, storage)) for k, b in zip(kernels, before, strict=True))
        assert not any(np.array_equal(k, b) for k, b in zip(kernels, before, strict=True))
        problem = layer.spec.lower()
        x = rng.standard_normal(problem.in_shape(3, problem.steps or 33)).astype(np.float32)
        named = dict(zip(layer.spec.weight_shapes(), layer.get_weights(), strict=True))
        taps, biases = layer.spec.problem_weights(named)
        error = np.abs(layer(x) - reference.convolve(problem, x, taps, biases))
        assert (error <= reference.bound(problem, x, taps, biases)).all()
        assert np.abs(layer(x) - plain[name](x)).max() > 0


@pytest.mark.parametrize("storage", STORAGES)
def test_what_storing_moves_is_within_what_is_stated(storage: str) -> None:
    """|y - exact| <= the direct bound and the sum of max(unit |w|, tiny) |x|; the bound of `verify` is no larger."""
    rng, half = np.random.default_rng(6), STORED[storage]
    problem = ConvProblem(50, 24, 16, 5, pad_left=2, pad_right=2)
    plan = planner.answer(Request(problem, Ask(TARGETS["scalar"], numbers=storage)))
    x = rng.standard_normal(problem.in_shape(2, 50)).astype(np.float32)
    kernel = (rng.standard_normal(problem.kernel_shape) * 2.0 ** rng.uniform(-30, 0, problem.kernel_shape)).astype("f")
    bias = rng.standard_normal(16).astype(np.float32)
    exact, held = (reference.convolve(problem, x, w, bias) for w in (kernel, rounded(kernel, storage)))
    stated = reference.convolve(replace(problem, epilogue=Epilogue()), np.abs(x), half.step(kernel))
    assert (np.abs(held - exact) <= stated).all()
    assert np.abs(held - exact).max() > 0.05 * stated.max()
    bound, direct = error_bounds.bound(plan, "exact", x, kernel, bias), reference.bound(problem, x, kernel, bias)
    assert (bound >= np.abs(held - exact)).all()
    assert (bound <= 1.01 * direct + stated).all()
    assert (bound - np.abs(held - exact) <= 1.01 * direct).all()


@pytest.mark.parametrize(
    ("storage", "suffix"), [("float16", ".npz"), ("float16", ".safetensors"), ("bfloat16", ".safetensors")]
)
def test_files_of_stored_halves(storage: str, suffix: str, tmp_path: Path) -> None:
    """Half the bytes, and the very numbers that were computed with, for a layer of any storage."""
    model, path = codegen.load(CONV, storage=storage), tmp_path / f"half{suffix}"
    plain_path = tmp_path / f"plain{suffix}"
    model.save_weights(path)
    codegen.load(CONV).save_weights(plain_path)
    kernels = sum(w.size for layer in model.values() for w in layer.get_weights() if w.ndim == 3)
    saved = plain_path.stat().st_size - path.stat().st_size
    assert abs(saved - 2 * kernels) < 64
    for other in (codegen.load(CONV, path), codegen.load(CONV, path, storage=storage)):
        for name, layer in model.items():
            for ours, theirs in zip(layer.get_weights(), other[name].get_weights(), strict=True):
                assert np.array_equal(ours, theirs)


def test_a_bfloat16_model_is_no_npz(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"a \.npz has no bfloat16, as NumPy has none; save it as \.safetensors"):
        codegen.load(CONV, storage="bfloat16").save_weights(tmp_path / "w.npz")
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_fit_change_nothing() -> None:
    model = codegen.load(CONV, storage="float16")
    given = {f"{name}/{key}": w for name, layer in model.items() for key, w in layer._made().arrays.items()}
    before = model.deep.get_weights()[0]
    given["deep/kernel"], given["mixed/pointwise_kernel"] = 2 * before, np.full((1, 8, 6), 7e4)
    with pytest.raises(WeightsError, match=r"weight \[0, 0, 0\] of `mixed/pointwise_kernel` is 70000"):
        model.load_weights(given)
    assert np.array_equal(model.deep.get_weights()[0], before)


@pytest.mark.parametrize(
    ("storage", "dtype", "said"),
    [
        ("f16", "float32", "unknown storage `f16`: did you mean `float16`? expected one of float32, float16, bfloat16"),
        ("float16", "float64", "storage='float16' is for layers that compute in float32, got dtype float64"),
    ],
)
def test_a_storage_that_cannot_be_is_refused(storage: str, dtype: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        codegen.Conv1D(3, 3, dtype=dtype, storage=storage)


def test_gradients_are_those_at_the_stored_weights() -> None:
    layer, plain = (codegen.Conv1D(4, 3, storage=word) for word in ("bfloat16", "float32"))
    x = np.random.default_rng(7).standard_normal((2, 10, 3)).astype(np.float32)
    layer(x), plain(x)
    plain.set_weights(layer.get_weights())
    ours, theirs = (each.gradients(x, np.ones((2, 8, 4), np.float32)) for each in (layer, plain))
    assert np.array_equal(ours.x, theirs.x)
    assert np.array_equal(ours.kernel, theirs.kernel)


def test_without_a_compiler_the_reference_computes_the_same() -> None:
    problem = ConvProblem(9, 3, 4, 2)
    kernel = ReferenceKernel(planner.answer(Request(problem, Ask(TARGETS["scalar"], "packed", numbers="bfloat16"))))
    rng = np.random.default_rng(8)
    x, w, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 9, 3), (2, 3, 4), 4))
    y = np.empty((1, 8, 4), np.float32)
    kernel.bind(x, y, kernel.pack(w), bias)()
    assert np.array_equal(y, reference.convolve(problem, x, rounded(w, "bfloat16"), bias).astype(np.float32))


def test_the_command_emits_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--storage` with baked tables, with arguments and with a pack function; the banner tells it and its bytes."""
    (tmp_path / "m.conv").write_text(CONV)
    words = [str(tmp_path / "m.conv"), "--target", "scalar", "--storage", "bfloat16"]
    assert main.main([*words, "--init", "-o", str(tmp_path)]) == 0
    code = (tmp_path / "deep.c").read_text()
    assert "static const uint16_t deep_kernel[" in code
    assert "static const float deep_bias[20]" in code
    assert "1,280 bytes of weights (const tables in the .c file; the kernel's are bfloat16," in code
    assert main.main([*words, "--packed", "-o", str(tmp_path)]) == 0
    assert "void deep_pack(const uint16_t *kernel, uint16_t *packed);" in (tmp_path / "deep.h").read_text()
    assert main.main([*words, "-o", str(tmp_path)]) == 0
    assert "const uint16_t *kernel" in (tmp_path / "deep.h").read_text()
    capsys.readouterr()
    assert main.main(["verify", *words, "--init"]) == 0
    assert "WRONG" not in capsys.readouterr().out
    assert main.main(["show", "--why", *words, "--accuracy", "fast"]) == 0
    assert "not for bfloat16" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["-o", "-"], ["verify"], ["--target", "avx2", "--check"]])
def test_a_weight_that_cannot_be_stored_is_told_with_its_layer_and_file(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.conv").write_text("conv1d stem { input_shape = (9, 2), filters = 3, kernel_size = 3 }")
    kernel = np.zeros((3, 2, 3), "float32")
    kernel[0, 1, 2] = 1e6
    np.savez(tmp_path / "w.npz", **{"stem/kernel": kernel, "stem/bias": np.zeros(3, "float32")})
    files = [str(tmp_path / "m.conv"), "--weights", str(tmp_path / "w.npz"), "--storage", "float16"]
    command = [*words, *files] if words == ["verify"] else [*files, *words]
    assert main.main(command) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"gen-conv: error: {tmp_path / 'w.npz'}: ")
    assert re.search(r"`stem(/kernel)?`", err)
    assert "weight [0, 1, 2] of" in err


def stated() -> dict[str, list[float]]:
    """The table of docs/storage.md: layer → rms and largest error of float16, then of bfloat16."""
    text = (ROOT / "docs/storage.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)`,[^|]*\|(.*)\|$", text, re.MULTILINE)
    return {name: [float(word) for word in cells.split("|")] for name, cells in rows}


def off(y: np.ndarray, exact: np.ndarray) -> list[float]:
    """The rms and the largest error in parts of the rms of `exact`."""
    error, size = y.astype(float) - exact, np.sqrt((exact.astype(float) ** 2).mean())
    return [float(np.sqrt((error**2).mean()) / size), float(np.abs(error).max() / size)]


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("storage", STORAGES)
def test_the_table_of_real_layers_is_so(storage: str) -> None:
    """The band-pass and the speech layers, to a digit of what is stated."""
    known, (x, kernel, _) = stated(), test_real.ecg()
    bandpass = {
        word: codegen.load(ROOT / "examples/ecg_bandpass.conv", {"bandpass/kernel": kernel}, storage=word)
        for word in ("float32", storage)
    }
    inputs, models = {"bandpass": x[None]}, {word: dict(model) for word, model in bandpass.items()}
    weights = test_real.REAL / "silero_encoder_weights.npz"
    for word, model in models.items():
        model |= codegen.load(ROOT / "examples/voice_activity.conv", weights, storage=word)
    speech = test_real.samples()
    exact = test_real.chain(speech, models["float32"])
    inputs |= dict(zip(test_real.LAYERS, (speech, *list(exact.values())[1:]), strict=False))
    for name, given in inputs.items():
        y = models["float32"][name](given)
        found, place = off(models[storage][name](given), y), 2 * STORAGES.index(storage)
        assert np.allclose(found, known[name][place : place + 2], rtol=0.05), (name, found)


def test_wisdom_of_one_storage_is_none_of_another(tmp_path: Path) -> None:
    file, problem = tmp_path / "wisdom", ConvProblem(64, 8, 32, 3)
    compiler = compilers.find()
    assert compiler is not None
    plain, half = (Request(problem, Ask(TARGETS["scalar"], "packed", numbers=word)) for word in ("float32", "bfloat16"))
    plan = planner.survey(half).found[1]
    wisdom.remember(half, compiler, plan, 1e-6, "the second", file)
    assert wisdom.recall(plain, compiler, file) is None
    entry = wisdom.recall(half, compiler, file)
    assert entry is not None
    assert planner.answer(half, entry.key).key == plan.key
    assert planner.answer(half, entry.key).storage == "bfloat16"


@pytest.mark.parametrize("storage", STORAGES)
def test_threads_change_no_bit(storage: str) -> None:
    alone, shared = (codegen.load(CONV, storage=storage, threads=count)["deep"] for count in (1, 3))
    x = np.random.default_rng(9).standard_normal((1, 40, 6)).astype(np.float32)
    assert np.array_equal(alone(x), shared(x))
