"""The reference against Keras' golden vectors, Keras' and ONNX' recorded answers, and laws that a convolution obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.reference import bound, convolve
from tests.support import recorded, strategies
from tests.support.strategies import Layer

SAME_ONES = (  # (steps, kernel_size, strides, dilation_rate): all-ones kernel on all-ones input
    ((5, 2, 1, 1), [2, 2, 2, 2, 1]),
    ((5, 4, 1, 1), [3, 4, 4, 3, 2]),
    ((6, 3, 2, 1), [3, 3, 2]),
    ((7, 3, 2, 1), [2, 3, 3, 2]),
    ((6, 3, 1, 2), [2, 2, 3, 3, 2, 2]),
    ((5, 2, 3, 1), [2, 2]),
    ((5, 4, 1, 3), [1, 2, 2, 1, 2]),
    ((2, 5, 4, 1), [2]),
)
RAMPS = (  # all-ones kernel on 1, 2, 3 …
    ("causal", (6, 3, 2, 1), [1, 6, 12]),
    ("causal", (9, 2, 3, 1), [1, 7, 13]),
    ("valid", (9, 3, 2, 2), [9, 15, 21]),
    ("same", (9, 3, 2, 2), [4, 9, 15, 21, 16]),
)


def answer(layer: Layer, given_: strategies.Data, of: str = "float32", **options: Any) -> np.ndarray:
    spec = layer.spec(dtype=of)
    return convolve(spec.lower(), given_.x, *spec.problem_weights(given_.weights), **options)


def ones(padding: str, size: tuple[int, int, int, int], x: Any, free: bool) -> list[float]:
    steps, taps, stride, dilation = size
    arguments = {"filters": 1, "kernel_size": taps, "strides": stride, "dilation_rate": dilation, "padding": padding}
    layer = Layer("conv1d", 1, steps, arguments | {"use_bias": False}, free=free)
    data = strategies.Data(np.asarray(x, np.float64).reshape(1, steps, 1), np.ones((taps, 1, 1)), None)
    return list(answer(layer, data).ravel())


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("size", "expected"), SAME_ONES)
def test_same_padding_puts_the_odd_zero_on_the_right(size: Any, expected: list[float], free: bool) -> None:
    assert ones("same", size, np.ones(size[0]), free) == expected


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("padding", "size", "expected"), RAMPS)
def test_strides_and_dilation(padding: str, size: Any, expected: list[float], free: bool) -> None:
    assert ones(padding, size, np.arange(1, size[0] + 1), free) == expected


def test_all_of_keras_recorded_answers() -> None:
    for case in recorded.keras():
        y = answer(case.layer, case.given, "float32" if case.whole else "float64")
        assert y.shape == case.y.shape, case.layer
        if case.whole:
            assert (y == case.y).all(), case.layer
        else:
            np.testing.assert_allclose(y, case.y, rtol=1e-12, atol=1e-13, err_msg=str(case.layer))


def test_keras_answers_cover_what_matters() -> None:
    layers = [case.layer for case in recorded.keras()]
    said = {(key, str(value)) for layer in layers for key, value in layer.arguments.items()}
    for padding in ("valid", "same", "causal"):
        assert ("padding", padding) in said
    assert ("data_format", "channels_first") in said
    assert sum(layer.origin != "random" for layer in layers) == 17
    assert any(
        layer.steps < layer.arguments["dilation_rate"] * (layer.arguments["kernel_size"] - 1) + 1
        for layer in layers
        if layer.origin == "random"
    )
    names = {name for name, _ in (*strategies.EXACT, *strategies.CURVED)}
    assert {layer.activation[0] for layer in layers} | {told.activation[0] for told in recorded.family()} >= names


@pytest.mark.parametrize("case", list(recorded.onnx()), ids=lambda case: case.layer.origin)
def test_onnx_cases(case: recorded.Answer) -> None:
    spec = case.layer.spec()
    kernel, bias = spec.problem_weights(case.given.weights)
    y = convolve(spec.lower(), case.given.x, kernel, bias)
    assert y.shape == case.y.shape
    assert (np.abs(y - case.y) <= bound(spec.lower(), case.given.x, kernel, bias)).all()


@pytest.mark.long
@given(layer=strategies.layers(curved=False, small=True), seed=strategies.seeds)
@settings(max_examples=80, deadline=None)
def test_whole_numbers_are_exact_in_every_arithmetic(layer: Layer, seed: int) -> None:
    data = strategies.data(layer, seed, whole=True, batch=2)
    if layer.activation[0] not in ("linear", "relu"):
        layer = Layer(layer.kind, layer.channels, layer.steps, layer.arguments, free=layer.free)
    exact = answer(layer, data, dtype="int64")
    assert exact.dtype == np.int64
    assert (answer(layer, data) == exact).all()
    assert (answer(layer, data, dtype="longdouble") == exact).all()


@pytest.mark.long
@given(layer=strategies.layers(small=True), seed=strategies.seeds)
@settings(max_examples=80, deadline=None)
def test_a_free_length_means_the_same_as_a_fixed_one(layer: Layer, seed: int) -> None:
    data = strategies.data(layer, seed, whole=True)
    free, fixed = (Layer(layer.kind, layer.channels, layer.steps, layer.arguments, free=free) for free in (True, False))
    assert (answer(free, data) == answer(fixed, data)).all()


@pytest.mark.long
@given(layer=strategies.layers(curved=False), seed=strategies.seeds)
@settings(max_examples=60, deadline=None)
def test_written_out_as_sums(layer: Layer, seed: int) -> None:
    """One output after another, number by number, straight from the equation in problem.py."""
    layer = Layer(layer.kind, layer.channels, layer.steps, layer.arguments, free=layer.free)
    data = strategies.data(layer, seed, whole=True)
    spec = layer.spec()
    p, (kernel, bias) = spec.lower(), spec.problem_weights(data.weights)
    y = answer(layer, data)[0]
    x, y = (data.x[0], y) if p.channels_last else (data.x[0].T, y.T)
    rng = np.random.default_rng(seed)
    assert y.shape == (p.out_steps(layer.steps), p.filters)
    for _ in range(8 if y.size else 0):
        t, f = rng.integers(len(y)), rng.integers(p.filters)
        first = f // p.group_filters * p.group_channels
        total = 0.0 if bias is None else bias[f]
        for k in range(p.kernel_size):
            at = t * p.stride + k * p.dilation - p.pads(layer.steps)[0]
            if 0 <= at < layer.steps:
                total += sum(kernel[k, c, f] * x[at, first + c] for c in range(p.group_channels))
        assert y[t, f] == total


def test_a_tap_outside_is_skipped_not_multiplied() -> None:
    problem = ConvProblem(3, 1, 1, 3, pad_left=1, pad_right=1, epilogue=Epilogue())
    x, kernel = np.ones((1, 3, 1)), np.array([np.inf, 1, np.nan]).reshape(3, 1, 1)
    assert np.isnan(convolve(problem, x, kernel)[0, 0, 0])
    assert np.isinf(convolve(problem, x, kernel)[0, 2, 0])


def test_an_infinite_or_missing_number_stays_in_its_receptive_field() -> None:
    problem = ConvProblem(8, 2, 3, 3, dilation=2, pad_left=4, epilogue=Epilogue())
    x = np.zeros((1, 8, 2))
    x[0, 2, 1] = np.nan
    reached = np.isnan(convolve(problem, x, np.ones((3, 2, 3))))[0]
    assert [t for t in range(8) if reached[t].all()] == [2, 4, 6]
    assert reached.sum() == 9


def test_an_empty_batch_and_a_length_that_does_not_fit() -> None:
    problem = ConvProblem(None, 2, 3, 4)
    assert convolve(problem, np.zeros((0, 9, 2)), np.zeros((4, 2, 3))).shape == (0, 6, 3)
    assert convolve(problem, np.zeros((2, 3, 2)), np.zeros((4, 2, 3))).shape == (2, 0, 3)
    assert convolve(problem, np.zeros((2, 0, 2)), np.zeros((4, 2, 3))).shape == (2, 0, 3)


def test_the_bound_is_the_stated_one() -> None:
    problem = ConvProblem(4, 2, 1, 2)
    x = np.array([[1, -2], [3, -4], [5, -6], [7, -8]], float)[None]
    kernel, bias = np.array([1.0, -1, -1, 1]).reshape(2, 2, 1), np.array([-3.0])
    n, u = 5, 2.0**-24
    expected = n * u / (1 - n * u) * (3 + np.array([10, 18, 26]))
    np.testing.assert_allclose(bound(problem, x, kernel, bias)[0, :, 0], expected, rtol=1e-14)


@pytest.mark.long
@given(layer=strategies.layers(small=True), seed=strategies.seeds)
@settings(max_examples=60, deadline=None)
def test_a_float32_computation_stays_within_the_bound_and_the_bound_is_not_loose(layer: Layer, seed: int) -> None:
    layer = Layer(layer.kind, layer.channels, layer.steps, layer.arguments, free=layer.free)
    data = strategies.data(layer, seed, whole=False)
    spec = layer.spec()
    weights = spec.problem_weights(data.weights)
    rough = convolve(spec.lower(), data.x, *weights, dtype="float32")
    allowed = bound(spec.lower(), data.x, *weights)
    assert (np.abs(rough - convolve(spec.lower(), data.x, *weights)) <= allowed).all()
    assert (allowed <= 1e-3).all()
