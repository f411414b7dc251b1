"""The transforms themselves: exact tables, codelets that are what they stand for, and the noise that they promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission.packing import packing
from codegen.emission.render import render
from codegen.language.reader import read
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import fft, winograd
from codegen.planning.algorithms.bilinear_schedule import Schedule
from codegen.planning.ask import MOST_NOISE, Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import named, noise, toom_cook
from codegen.planning.transforms.expressions import Code
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS, runs_here
from tests.support import cprogram
from tests.support.cprogram import Call, Program

pytestmark = pytest.mark.compiles

SHAPES = Path(__file__).parents[2] / "bench" / "shapes"
FILTERS = [(m, r) for r in range(2, winograd.MOST_TAPS + 1) for m in range(2, winograd.MOST_POINTS + 2 - r)]
WAYS = [(size, taps) for size in fft.SIZES for taps in sorted({2, 5, size // 4, size // 2, size - 7})]
MOST_STATEMENTS = 1500


def evaluated(code: Code, inputs: Sequence[Any], factor: Callable[[float], Any], narrow: Any = None) -> list[Any]:
    """The results of `code`, each statement rounded by `narrow` if given; a zero result is 0."""
    values = {f"x{i}": value for i, value in enumerate(inputs)}
    for s in code.statements:
        first, last, f = values[s.operands[0]], values[s.operands[-1]], factor(s.factor)
        value = {
            "add": lambda a, b, f: a + b,
            "sub": lambda a, b, f: a - b,
            "neg": lambda a, b, f: -a,
            "scale": lambda a, b, f: f * a,
            "fma": lambda a, b, f: f * a + b,
            "fms": lambda a, b, f: f * a - b,
        }[s.kind](first, last, f)
        values[s.target] = narrow(value) if narrow else value
    return [0 * inputs[0] if name is None else values[name] for name in code.results]


@pytest.mark.parametrize(("m", "r"), FILTERS)
def test_toom_cook_is_exact(m: int, r: int) -> None:
    """A^T ((G w) * (B^T x)) is the correlation, in rational numbers; the codelets are A^T and B^T to the last digit."""
    inverse, weights, forward = toom_cook.tables(m, r)
    n = m + r - 1
    for i in range(m):
        for k in range(r):
            for j in range(n):
                found = sum(inverse[i][p] * weights[p][k] * forward[p][j] for p in range(n))
                assert found == (j == i + k), (i, k, j)
    transform = toom_cook.toom_cook(m, r)
    for unit in range(n):
        inputs = [Fraction(i == unit) for i in range(n)]
        assert evaluated(transform.forward, inputs, Fraction) == [row[unit] for row in forward]
        assert evaluated(transform.inverse, inputs, Fraction) == [row[unit] for row in inverse]
    assert [[float(v) for v in row] for row in weights] == transform.weights.tolist()


@pytest.mark.parametrize(("m", "r", "stride"), [(2, 3, 2), (5, 3, 2), (7, 4, 2), (3, 7, 3), (4, 6, 5), (2, 9, 4)])
def test_phases_of_a_stride_are_exact(m: int, r: int, stride: int) -> None:
    """For each tap and each sample alone the outputs are those of the strided correlation, in rational numbers."""
    transform = named(f"F({m},{r})/{stride}", r)
    weights = [[Fraction(v) for v in row] for row in transform.weights.tolist()]
    assert transform.inputs == stride * (m - 1) + r
    for sample in range(transform.inputs):
        points = evaluated(transform.forward, [Fraction(i == sample) for i in range(transform.inputs)], Fraction)
        for tap in range(r):
            products = [point * row[tap] for point, row in zip(points, weights, strict=True)]
            found = evaluated(transform.inverse, products, Fraction)
            assert [round(float(y), 12) for y in found] == [float(sample == stride * i + tap) for i in range(m)]


def test_single_taps_of_a_stride_share_their_weights() -> None:
    transform = named("F(4,3)/2", 3)  # the even samples by F(4,2), the odd ones by one product an output
    assert (transform.points, transform.alone, transform.distinct) == (5 + 4, 5, (0, 1, 2, 3, 4, 5))
    assert transform.weights[5:].tolist() == [[0.0, 1.0, 0.0]] * 4


def test_factors_of_the_codelets_are_short() -> None:
    """Every constant of a polynomial transform is exact in float32 and half of float32's digits, so it costs none."""
    for m, r in FILTERS:
        transform = toom_cook.toom_cook(m, r)
        for s in (*transform.forward.statements, *transform.inverse.statements):
            assert float(np.float32(s.factor)) == s.factor
            assert Fraction(s.factor).numerator.bit_length() <= 12, (m, r, s)


@pytest.mark.parametrize(("size", "taps"), WAYS)
def test_fft_codelets_are_numpys(size: int, taps: int) -> None:
    """Forward: rfft, as (re + im, re, im) a bin; weights: conj(rfft) / size; all three: the correlation."""
    transform, rng = named(f"FFT{size}", taps), np.random.default_rng(size)
    x, w = rng.standard_normal((size, 5)), rng.standard_normal((taps, 5))
    spectrum = np.fft.rfft(x, axis=0)
    points = np.array(evaluated(transform.forward, list(x), float))
    assert points.shape == (transform.points, 5) == (3 * size // 2 - 1, 5)
    np.testing.assert_allclose(points[0], spectrum[0].real, atol=1e-12)
    np.testing.assert_allclose(points[1], spectrum[-1].real, atol=1e-12)
    for f in range(1, size // 2):
        both, real, imaginary = points[3 * f - 1 : 3 * f + 2]
        np.testing.assert_allclose(real + 1j * imaginary, spectrum[f], atol=1e-12)
        np.testing.assert_allclose(both, real + imaginary, atol=1e-12)
    y = np.array(evaluated(transform.inverse, list(points * (transform.weights @ w)), float))
    exact = [(x[i : i + taps] * w).sum(0) for i in range(size - taps + 1)]
    np.testing.assert_allclose(y, exact, atol=1e-12 * size)


def test_a_codelet_is_short_enough_for_one_basic_block() -> None:
    """Compilers take more than linear time for one; a codelet that skips outputs is shorter still."""
    target, lengths = TARGETS["avx512"], {}
    for taps in (*range(2, 72), 128, 400):
        for plan in planner.survey(Request(ConvProblem(9000, 32, 32, taps), Ask(target, "packed", "wide"))).found:
            if isinstance(plan.schedule, Schedule):
                transform = named(plan.schedule.transform, plan.schedule.taps)
                lengths[transform.name] = max(len(transform.forward.statements), len(transform.inverse.statements))
    assert len(lengths) > 60
    assert max(lengths.values()) <= MOST_STATEMENTS, {n: count for n, count in lengths.items() if count > 1500}
    # real transforms of N = 2^k samples: 2.5 N log2 N operations at most, and the sums re + im of Gauss' products
    assert len(named("FFT64", 8).forward.statements) < 2.5 * 64 * 6 / 2 + 32


def single(value: Any) -> Any:
    """To float32 and back: one rounding of what float64 computed."""
    return np.float32(value).astype(np.float64)


def fused_sum(products: Sequence[tuple[Any, Any]], chunks: int = 1) -> Any:
    """Σ a·b, each multiply-add rounded once; in `chunks` parts that are added up last, as the kernels do."""
    bounds = [len(products) * i // chunks for i in range(chunks + 1)]
    total: Any = None
    for first, last in pairwise(bounds):
        part = 0.0
        for a, b in products[first:last]:
            part = single(a * b + part)
        total = part if total is None else single(total + part)
    return total


def measured(name: str, taps: int, channels: int, chunks: int) -> float:
    """rms error over direct's, on standard normal data, in emulated float32."""
    transform, rng = named(name, taps), np.random.default_rng(channels)
    samples = max(40, 60000 // (transform.inputs * channels))
    x = single(rng.standard_normal((transform.inputs, channels, samples)))
    w = single(rng.standard_normal((taps, channels, samples)))
    points = evaluated(transform.forward, list(x), lambda f: float(np.float32(f)), single)
    weights = single(np.einsum("pt,tcn->pcn", transform.weights, w))
    sums = [
        fused_sum([(points[p][c], weights[p][c]) for c in range(channels)], chunks) for p in range(transform.points)
    ]
    y = evaluated(transform.inverse, sums, lambda f: float(np.float32(f)), single)
    errors, direct = [], []
    for i in range(transform.outputs):
        at = i * transform.stride
        exact = (x[at : at + taps] * w).sum((0, 1))
        errors.append(y[i] - exact)
        direct.append(fused_sum([(x[at + k, c], w[k, c]) for k in range(taps) for c in range(channels)]) - exact)
    return error_bounds.rms(np.array(errors)) / error_bounds.rms(np.array(direct))


TABLE = (  # transform, taps, channels, chunks
    ("F(2,3)", 3, 8, 1),
    ("F(2,3)", 3, 64, 4),
    ("F(4,3)", 3, 16, 1),
    ("F(4,3)", 3, 48, 2),
    ("F(6,3)", 3, 16, 1),
    ("F(6,3)", 3, 64, 3),
    ("F(4,2)", 2, 16, 1),
    ("F(3,4)", 4, 24, 1),
    ("F(4,5)", 5, 16, 2),
    ("F(3,6)", 6, 8, 1),
    ("F(5,3)/2", 3, 16, 1),
    ("F(7,3)/2", 3, 48, 2),
    ("F(4,7)/3", 7, 8, 1),
    ("FFT16", 8, 16, 1),
    ("FFT16", 4, 64, 4),
    ("FFT32", 16, 16, 1),
    ("FFT32", 9, 32, 2),
    ("FFT64", 32, 16, 1),
)


@pytest.mark.parametrize(("name", "taps", "channels", "chunks"), TABLE)
def test_the_noise_model_tells_what_is_measured(name: str, taps: int, channels: int, chunks: int) -> None:
    told = noise.ratio(named(name, taps), channels, chunks)
    assert measured(name, taps, channels, chunks) == pytest.approx(told, rel=0.25)


def test_the_longest_fourier_transform_rounds_less_than_told() -> None:
    """Many of its sums are of numbers alike, which round less than the model's: it errs to the safe side."""
    told = noise.ratio(named("FFT128", 64), 8)
    assert 0.5 * told < measured("FFT128", 64, 8, 1) < told


def shapes() -> list[ConvProblem]:
    """The benchmark's, a few tiles long, and of their groups a few."""
    found = []
    for path in sorted(SHAPES.glob("*.conv")):
        (spec,) = read(path.read_text("utf-8"))
        p = spec.lower()
        groups = min(p.groups, 3) if p.group_channels > 1 else p.groups
        steps = min(p.steps or 0, p.reach + 150 * p.stride)
        channels, filters = p.group_channels * groups, min(p.group_filters, 64) * groups
        found.append(replace(p, steps=steps, channels=channels, filters=filters, groups=groups))
    return found


def transforms(problem: ConvProblem) -> list[KernelPlan]:
    """The cheapest plan of each transform in each algorithm that class `fast` has for the problem."""
    target = next(TARGETS[name] for name in ("avx2", "scalar") if runs_here(TARGETS[name]))
    found: dict[tuple[str, object], KernelPlan] = {}
    for plan in planner.survey(Request(problem, Ask(target, "packed", "fast"))).found:
        if error_bounds.is_transform(plan):
            found.setdefault(
                (plan.algorithm.name, getattr((plan.parts or (plan,))[0].schedule, "transform", None)), plan
            )
    return list(found.values())


def test_every_transform_keeps_the_promise_of_fast(
    need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """On the benchmark's shapes, standard normal data: rms at most twice direct's, each output within its bound."""
    found: list[KernelPlan] = [plan for problem in shapes() for plan in transforms(problem)]
    assert {plan.algorithm.name for plan in found} >= {"winograd", "fft", "signal_as_channels"}
    plans = share(found, 8)
    first = {plan.problem: planner.plan(plan.problem, Ask(plan.target, "packed")) for plan in plans}
    kernels = [*plans, *first.values()]  # the direct one of a shape serves all of its transforms
    tools = need(cprogram.toolchain, plans[0].target)
    sources = [render(plan, f"k{i}", with_pack=packing(plan) is not None) for i, plan in enumerate(kernels)]
    program, calls, given = Program(sources, tools, tmp_path), [], []
    for number, plan in enumerate((*plans, *(first[plan.problem] for plan in plans))):
        p, rng = plan.problem, np.random.default_rng(number % len(plans))
        shapes_of = ((p.steps, p.channels), p.kernel_shape, (p.filters,))
        x, kernel, bias = (rng.standard_normal(shape).astype("f") for shape in shapes_of)
        packed, outs = plan.pack(kernel), p.out_steps(p.steps) * p.filters
        calls.append(Call(kernels.index(plan), x, packed, bias if p.bias else None, x.shape[0], outs))
        given.append((x[None], kernel, bias if p.bias else None))
    outputs, ratios = program.run(calls), {}
    for number, plan in enumerate(plans):
        exact = reference.convolve(plan.problem, *given[number])[0].ravel()
        errors = [np.abs(outputs[at] - exact) for at in (number, number + len(plans))]
        assert (errors[0] <= error_bounds.bound(plan, "fast", *given[number])[0].ravel()).all(), plan
        ratio = error_bounds.rms(errors[0]) / error_bounds.rms(errors[1])
        ratios[
            f"{plan.algorithm.name} {getattr((plan.parts or (plan,))[0].schedule, 'transform', '')} {plan.problem}"
        ] = ratio
    loud = {name for name, ratio in ratios.items() if ratio > MOST_NOISE["fast"]}
    assert loud == set()
