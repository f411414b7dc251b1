"""How far a kernel may stray: the bounds hold for the worst data, and no wrong kernel fits into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli.commands import verify
from codegen.planning import error_bounds
from codegen.planning.ask import Accuracy, Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import named, noise
from codegen.planning.transforms.expressions import Code
from codegen.planning.transforms.worst import worst
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.targets import TARGETS, runs_here
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, SeparableConv1DSpec, Spec
from tests.fuzz import bounds

pytestmark = pytest.mark.compiles

TARGET = next(TARGETS[name] for name in ("avx2", "scalar") if runs_here(TARGETS[name]))
NARROW = Conv1DSpec(name="narrow", input_shape=(24, 4), filters=4, kernel_size=3, padding="same")
WIDE = replace(NARROW, name="wide", input_shape=(50, 40), filters=64)

CHANNELS_FIRST = replace(NARROW, input_shape=(4, 24), data_format="channels_first")
PADDED: tuple[Spec, ...] = (  # in panels with zeros, in phases, in two stages
    NARROW,
    CHANNELS_FIRST,
    replace(CHANNELS_FIRST, kernel_size=5, strides=2),
    Conv1DTransposeSpec(name="up", input_shape=(24, 4), filters=4, kernel_size=5, strides=2, padding="same"),
    SeparableConv1DSpec(name="two", input_shape=(24, 4), filters=4, kernel_size=5, padding="same"),
)


def given(spec: Spec, accuracy: Accuracy, weights: dict[str, np.ndarray]) -> verify.Finding:
    """What verify finds for these weights."""
    return given_by(trial(spec, accuracy), weights)


def given_by(tried: verify.Trial, weights: dict[str, np.ndarray]) -> verify.Finding:
    return next(each for each in verify.compare(tried, weights) if each.data == "given weights")


def trial(spec: Spec, accuracy: Accuracy) -> verify.Trial:
    kernel = pipeline.kernel_for(spec, Ask(TARGET, accuracy=accuracy))
    assert kernel.path is not None
    direct = (
        pipeline.kernel_for(spec, Ask(TARGET, accuracy="exact")) if error_bounds.is_transform(kernel.plan) else None
    )
    return verify.Trial(spec, kernel, direct, accuracy)  # type: ignore[arg-type]  # a path: it is compiled


def normal(spec: Spec, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(spec.dtype) for name, shape in spec.weight_shapes().items()}


def compiled(problem: ConvProblem) -> Any:
    """The direct kernel, of the target whose sums are plain to follow."""
    return pipeline.compiled(Request(problem, Ask(TARGETS["scalar"], "packed")), None)


class TestDirect:
    @pytest.mark.parametrize(("dtype", "half"), [("float32", -75), ("float64", -538)])
    def test_what_underflow_takes_fills_the_bound(self, dtype: str, half: int) -> None:
        """Products of half the least number, or just below it, each lost: n - 1 of the n that the bound allows."""
        problem = ConvProblem(40, 6, 4, 5, epilogue=Epilogue(), dtype=dtype)
        x, kernel = np.full((1, 40, 6), 2.0**half, dtype), np.full((5, 6, 4), 2.0**half, dtype)
        if dtype == "float64":
            x *= 2.0  # 2**-1075
        y = np.empty((1, 36, 4), dtype)
        compiled(problem).run(x, y, compiled(problem).pack(kernel), None)
        exact = reference.convolve(problem, x, kernel, dtype="longdouble")
        share = np.abs(y - exact) / reference.bound(problem, x, kernel)
        assert (y == 0).all()
        assert (exact > 0).all()
        assert 30 / 32 <= share.min() <= share.max() <= 1

    def test_the_bound_is_filled_by_sums_that_lose_every_term(self) -> None:
        """1, then terms of half its last place: all but two of the n roundings that the bound allows."""
        problem = ConvProblem(40, 1, 4, 30, epilogue=Epilogue())
        kernel = np.full((30, 1, 4), 2.0**-24, "f")
        kernel[0] = 1
        x, y = np.ones((1, 40, 1), "f"), np.empty((1, 11, 4), "f")
        compiled(problem).run(x, y, compiled(problem).pack(kernel), None)
        share = np.abs(y - reference.convolve(problem, x, kernel)) / reference.bound(problem, x, kernel)
        assert 28 / 31 < share.min() <= share.max() <= 1

    def test_no_promise_where_a_sum_may_overflow_on_the_way(self) -> None:
        """3e38 + 3e38 - 3e38 is 3e38, but not in float32; beside it stands an output that is promised."""
        problem = ConvProblem(4, 1, 1, 3, epilogue=Epilogue())
        x, kernel = np.array([3e38, 3e38, -3e38, 1e10], "f")[None, :, None], np.ones((3, 1, 1), "f")
        assert reference.bound(problem, x, kernel).ravel().tolist() == [np.inf, np.inf]
        small = reference.bound(problem, x / 4, kernel).ravel()
        assert (small < 1e32).all()

    def test_a_nan_or_an_infinity_is_promised_itself(self) -> None:
        problem = ConvProblem(6, 1, 2, 2)
        x, kernel = np.ones((1, 6, 1), "f"), np.ones((2, 1, 2), "f")
        kernel[1, 0, 1], x[0, 5] = np.inf, np.nan
        allowed = reference.bound(problem, x, kernel, np.ones(2, "f"))[0]
        assert np.isnan(allowed).tolist() == [[False, True]] * 4 + [[True, True]]
        exact = reference.convolve(problem, x, kernel, np.ones(2, "f"))[0]
        assert np.array_equal(exact, [[3, np.inf]] * 4 + [[np.nan, np.nan]], equal_nan=True)


class TestVerify:
    @pytest.mark.parametrize("accuracy", ["exact", "fast"])
    @pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-37, 1.0, 1e30, 1e37])
    @pytest.mark.parametrize("spec", [NARROW, WIDE], ids=lambda spec: spec.name)
    def test_right_kernels_pass_with_weights_of_any_size(self, spec: Spec, size: float, accuracy: Accuracy) -> None:
        found = given(spec, accuracy, {name: array * np.float32(size) for name, array in normal(spec).items()})
        assert found.ok, found
        assert found.outputs + found.unbounded == np.prod(spec.lower().out_shape(2, *spec.input_shape[:1]))
        assert not found.unbounded or size == 1e37
        assert (found.bound > 0) == (found.outputs > 0)

    @pytest.mark.parametrize("size", [1e-323, 1e-310, 1e-300])
    def test_right_kernels_pass_in_float64(self, size: float) -> None:
        spec = replace(NARROW, dtype="float64")
        found = given(spec, "exact", {name: array * size for name, array in normal(spec).items()})
        assert found.ok, found

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "softmax"])
    def test_a_nan_or_an_infinity_among_the_weights(self, value: float, activation: str) -> None:
        spec = replace(NARROW, activation=activation)
        weights = normal(spec)
        weights["kernel"][1, 2, 3] = value
        found = given(spec, "exact", weights)
        assert found.ok, found
        assert found.unbounded == (2 * 24 * 4 if activation == "softmax" else 0)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("spec", PADDED, ids=lambda spec: f"{type(spec).__name__}-{spec.data_format}")
    def test_one_whose_tap_lies_in_the_padding_may_be_skipped_or_not(self, spec: Spec, value: float) -> None:
        """The outputs that its tap misses have no bound, all others have the value itself."""
        weights = normal(spec)
        kernel = next(iter(weights.values()))
        kernel[0, 0, 0] = value
        found = given(spec, "exact", weights)
        assert found.ok, found
        assert found.outputs > 0
        assert found.unbounded > 0

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_transform_keeps_its_bound_in_the_other_filters(self, value: float) -> None:
        weights = normal(WIDE)
        weights["kernel"][0, 2, 3] = value
        found = given(WIDE, "fast", weights)
        assert error_bounds.is_transform(trial(WIDE, "fast").kernel.plan)
        assert (found.ok, found.outputs, found.unbounded) == (True, 2 * 50 * 63, 2 * 50)

    @pytest.mark.parametrize("wrong", [np.nan, 0.0])
    @pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
    def test_a_wrong_nan_infinity_or_number_is_told(self, value: float, wrong: float) -> None:
        """A kernel that writes another value into a single output; the same value passes."""
        spec = replace(NARROW, use_bias=False)
        weights = normal(spec)
        weights["kernel"][1, 2, 3] = value
        right = trial(spec, "exact")
        found = given_by(replace(right, kernel=_Spoiled(right, wrong)), weights)
        assert found.ok == (np.isnan(value) and np.isnan(wrong))

    @pytest.mark.parametrize("tap", range(3))
    @pytest.mark.parametrize("accuracy", ["exact", "fast"])
    def test_a_lost_tap_is_told(self, accuracy: Accuracy, tap: int) -> None:
        """One tap of one channel and filter, in a transform too."""
        right = trial(WIDE, accuracy)
        kernel = _Changed(right, lambda kernel: kernel.__setitem__((tap, 5, 7), 0))
        assert not all(found.ok for found in verify.compare(replace(right, kernel=kernel), normal(WIDE)))
        assert not given_by(replace(right, kernel=kernel), normal(WIDE)).ok


@dataclass(frozen=True)
class _Changed:
    """A trial's kernel that packs other weights than it is given."""

    trial: verify.Trial
    change: Callable[[np.ndarray], None]

    @property
    def plan(self) -> KernelPlan:
        return self.trial.kernel.plan

    def pack(self, kernel: np.ndarray) -> np.ndarray:
        other = kernel.copy()
        self.change(other)
        return self.trial.kernel.pack(other)

    def run(self, x: np.ndarray, y: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        self.trial.kernel.run(x, y, kernel, bias)


@dataclass(frozen=True)
class _Spoiled:
    """A trial's kernel that writes `value` into one output of the last filter."""

    trial: verify.Trial
    value: float

    @property
    def plan(self) -> KernelPlan:
        return self.trial.kernel.plan

    def pack(self, kernel: np.ndarray) -> np.ndarray:
        return self.trial.kernel.pack(kernel)

    def run(self, x: np.ndarray, y: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        self.trial.kernel.run(x, y, kernel, bias)
        y[1, 7, 3] = self.value


class TestTransforms:
    def test_what_roundings_leave_by_hand(self) -> None:
        """F(2,3): distances -1 to 2 leave 1, 1, 1 and 2 in the first output; 3/2 is the largest sum of |weights|."""
        found = worst(named("F(2,3)", 3))
        assert (found.products, found.weights, found.samples) == (5.0, 1.5, 2.0)
        assert found.from_samples == 0  # no product in its forward code

    @pytest.mark.parametrize(("name", "taps"), [("F(4,3)", 3), ("F(3,6)", 6), ("F(5,3)/2", 3), ("FFT16(12)", 5)])
    def test_no_rounding_of_the_codelets_leaves_more(self, name: str, taps: int) -> None:
        """Each statement's error alone, of random data, in exact arithmetic: their sum is within `linear`, not far."""
        transform, rng, largest = named(name, taps), np.random.default_rng(0), 0.0
        found = worst(transform)
        forward, inverse = transform.forward, transform.inverse
        into, back = noise.evaluate(forward), noise.evaluate(inverse)
        first, last = _rounded(forward), _rounded(inverse)
        onward, out = (np.array([_leaving(*each) for each in some]) for some in (first, last))
        for _ in range(200):
            x, w = rng.choice((-1.0, 0.0, 1.0), transform.inputs), rng.choice((-1.0, 0.0, 1.0), taps)
            weights = transform.weights @ w
            sums = (into @ x)[noise.results(forward)] * weights
            arriving = (onward * weights) @ back[noise.results(inverse)].T
            left = np.abs((into @ x)[[at for _, at in first]]) @ np.abs(arriving)
            left += np.abs((back @ sums)[[at for _, at in last]]) @ np.abs(out)
            outputs = np.convolve(np.abs(x), np.abs(w[::-1])).max()
            largest = max(largest, left.max() / outputs if outputs else 0)
        assert 0.1 * found.linear < largest <= found.linear

    @pytest.mark.in_turn(3)
    @pytest.mark.parametrize("name", ["F(2,3)", "F(3,3)", "F(4,3)"])
    def test_the_bound_is_nearly_filled(self, name: str) -> None:
        """Channels that are lost beside the first at every point: a quarter of the bound, and never all of it."""
        problem = ConvProblem(40, 64, bounds.FILTERS, 3, pad_left=1, pad_right=1, epilogue=Epilogue())
        request, rng = Request(problem, Ask(TARGET, "packed", "fast")), np.random.default_rng(0)
        plan = bounds.transforms(request)[f"winograd {name} x 1"]
        kernel = pipeline.compiled(request, plan.key)
        shares = []
        for _ in range(4):
            pair = bounds.absorbed(problem, bounds.schedules(plan)[0], rng)
            kernels = np.repeat(pair.w[..., None], bounds.FILTERS, axis=2).astype("f")
            shares.append(bounds.tried(kernel, request, pair.x[None], kernels).max())
        assert 0.25 < max(shares) <= 1

    def test_a_click_that_no_output_sees(self) -> None:
        """The last sample of a causal layer whose last tap is 0: tiles reach beyond the end, and the bound knows it."""
        spec = Conv1DSpec(name="stem", input_shape=(98, 40), filters=64, kernel_size=3, padding="causal")
        kernel, weights = trial(spec, "fast").kernel, normal(spec)
        x = np.random.default_rng(1).standard_normal((1, 98, 40)).astype("f")
        x[0, -1], weights["kernel"][-1] = 1e4, 0
        y, problem = np.empty((1, 98, 64), "f"), spec.lower()
        kernel.run(x, y, kernel.pack(weights["kernel"]), weights["bias"])
        arrays = (x, weights["kernel"], weights["bias"])
        error, seen = np.abs(y - reference.convolve(problem, *arrays)), reference.bound(problem, *arrays)
        assert (error > 2 * seen.max(axis=1, keepdims=True)).any()
        assert (error <= error_bounds.bound(kernel.plan, "fast", *arrays)).all()

    @pytest.mark.parametrize(("size", "promised"), [(1e30, True), (1e36, False)])
    def test_where_a_transform_may_overflow_there_is_no_promise(self, size: float, promised: bool) -> None:
        plan = trial(WIDE, "fast").kernel.plan
        x, weights = np.full((1, 50, 40), size, "f"), normal(WIDE)
        bound = error_bounds.bound(plan, "fast", x, weights["kernel"], weights["bias"])
        assert np.isfinite(bound).all() == promised
        assert np.isfinite(reference.bound(WIDE.lower(), x, weights["kernel"], weights["bias"])).all()

    def test_a_search_for_the_worst_data_finds_none_beyond(self) -> None:
        """A share of what `python -m tests.fuzz.bounds` does."""
        assert bounds.run(2, 9, rounds=8) == (2, [])


def _rounded(code: Code) -> list[tuple[Code, int]]:
    """Where the values of statements that round stand among all, each with its code."""
    return [(code, at) for at, s in enumerate(code.statements, code.inputs) if s.kind != "neg"]


def _leaving(code: Code, at: int) -> np.ndarray:
    """What an error of 1 at one value becomes in each result: the statements after it, on that error alone."""
    values = np.zeros(code.inputs + len(code.statements) + 1)
    values[at] = 1
    for later, s in enumerate(code.statements[at + 1 - code.inputs :], at + 1):
        left, right = noise.factors(s)
        values[later] = left * values[noise.row(code, s.operands[0])] + right * values[noise.row(code, s.operands[-1])]
    return values[noise.results(code)]


class TestSeparable:
    """The bound of both stages, from either side."""

    SPEC = SeparableConv1DSpec(name="both", input_shape=(40, 24), filters=4, kernel_size=9, use_bias=False)

    def test_sums_that_lose_every_term_fill_it(self) -> None:
        """Both stages lose all but their first term: 8 and 23 of 10 and 25 roundings."""
        problem = self.SPEC.lower()
        deep, wide = np.full((9, 24, 1), 2.0**-24, "f"), np.full((1, 24, 4), 2.0**-24, "f")
        deep[0], wide[0, 0] = 1, 1
        kernel, _ = self.SPEC.problem_weights({"depthwise_kernel": deep, "pointwise_kernel": wide})
        x, y = np.ones((1, 40, 24), "f"), np.empty((1, 32, 4), "f")
        compiled(problem).run(x, y, compiled(problem).pack(kernel), None)
        assert (y == 1).all()
        share = np.abs(y - reference.convolve(problem, x, kernel)) / reference.bound(problem, x, kernel)
        assert share.min() == share.max() == pytest.approx((8 + 23) / (10 + 25), rel=1e-5)

    @pytest.mark.parametrize("at", [(0, 0), (4, 11), (8, 23)])
    def test_a_lost_tap_of_the_first_stage_is_told(self, at: tuple[int, int]) -> None:
        self._told(lambda deep, wide: deep.__setitem__((at[0], 0, at[1]), 0))

    @pytest.mark.parametrize("at", [(0, 0), (11, 2), (23, 3)])
    def test_a_lost_weight_of_the_second_stage_is_told(self, at: tuple[int, int]) -> None:
        self._told(lambda deep, wide: wide.__setitem__((0, *at), 0))

    @pytest.mark.parametrize("stage", [0, 1])
    def test_a_wrong_bit_of_a_weight_is_told(self, stage: int) -> None:
        """Bit 11 of 23, 2**-12 of the weight: of 9 and 24 terms the roundings' bound is a tenth of what it moves."""

        def change(*stages: np.ndarray) -> None:
            stages[stage].reshape(-1).view(np.uint32)[5] ^= 1 << 14

        self._told(change)

    def _told(self, change: Callable[..., None]) -> None:
        right, problem = trial(self.SPEC, "exact"), self.SPEC.lower()
        other = _Changed(right, lambda kernel: change(*(taps for _, taps, _ in problem.stage_weights(kernel, None))))
        assert all(found.ok for found in verify.compare(right, normal(self.SPEC)))
        assert not given_by(replace(right, kernel=other), normal(self.SPEC)).ok
