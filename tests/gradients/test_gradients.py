"""Gradients: the definition against finite differences, generated kernels against it, all of it against torch's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.bench import backward as bench
from codegen.bench import case as cases
from codegen.bench import training
from codegen.bench.contest import Settings
from codegen.bench.peers import pytorch
from codegen.functions import activations
from codegen.gradients import plan as planning
from codegen.gradients import reference as definition
from codegen.gradients import repacked
from codegen.gradients.input import input_problem, turned
from codegen.gradients.libraries import Backward
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.numbers.formats import COMPUTED
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native, runs_here
from tests.fuzz import gradients as fuzz
from tests.support import strategies
from tests.support.strategies import Layer

pytestmark = pytest.mark.compiles

SHARE = 12  # one random layer here for so many of --specs: 24000 of them are 2,000 layers here


def problems(count: int, seed: int) -> list[ConvProblem]:
    """Random problems, of lengths down to one output, with padding beyond the kernel's own reach among them."""
    rng = np.random.default_rng(seed)
    found: list[ConvProblem] = []
    while len(found) < count:
        groups = int(rng.choice([1, 1, 2, 3]))
        problem = ConvProblem(
            steps=int(rng.choice([1, 3, 9, 20, 50, 150, 700])),
            channels=groups * int(rng.choice([1, 2, 3, 7, 15, 16, 25])),
            filters=groups * int(rng.choice([1, 2, 3, 8, 15, 16, 25, 33])),
            kernel_size=int(rng.choice([1, 2, 3, 5, 16])),
            stride=int(rng.choice([1, 1, 2, 3])),
            up=int(rng.choice([1, 1, 1, 2, 3])),
            dilation=int(rng.integers(1, 4)),
            groups=groups,
            pad_left=int(rng.integers(0, 9)),
            pad_right=int(rng.integers(0, 9)),
            channels_last=bool(rng.integers(3)),
            dtype=str(rng.choice(["float32", "float64"])),
        )
        if problem.steps and problem.out_steps(problem.steps) and replace(problem, up=1).out_steps(problem.steps):
            found.append(problem)
    return found


def whole(shape: tuple[int, ...], seed: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def test_the_definition_is_the_adjoint_of_the_convolution() -> None:
    """<dz, conv(x, kernel)> = <dx, x> = <dkernel, kernel>: on whole numbers, to the last bit."""
    for seed, p in enumerate(problems(120, seed=1)):
        assert p.steps is not None
        x, kernel = whole(p.in_shape(2, p.steps), seed), whole(p.kernel_shape, seed + 1)
        dz = whole(p.out_shape(2, p.steps), seed + 2)
        product = (reference.convolve(p, x, kernel) * dz).sum()
        assert (definition.input_gradient(p, p.steps, kernel, dz) * x).sum() == product, p
        assert (definition.kernel_gradient(p, x, dz) * kernel).sum() == product, p


def test_the_input_s_gradient_is_a_convolution() -> None:
    for seed, p in enumerate(problems(120, seed=2)):
        assert p.steps is not None
        kernel, dz = whole(p.kernel_shape, seed), whole(p.out_shape(2, p.steps), seed + 2)
        rewritten = input_problem(p, p.steps)
        assert min(rewritten.pad_left, rewritten.pad_right) >= 0
        dx = reference.convolve(rewritten, dz, turned(p, p.steps, kernel))
        np.testing.assert_array_equal(dx, definition.input_gradient(p, p.steps, kernel, dz), err_msg=str(p))


LAYERS: dict[str, Callable[..., codegen.Layer]] = {
    "conv1d": lambda **options: codegen.Conv1D(4, 3, padding="same", dilation_rate=2, **options),
    "strided": lambda **options: codegen.Conv1D(4, 4, padding="same", strides=3, groups=2, **options),
    "depthwise": lambda **options: codegen.DepthwiseConv1D(3, strides=2, depth_multiplier=2, **options),
    "transpose": lambda **options: codegen.Conv1DTranspose(5, 4, strides=3, **options),
    "transpose_same": lambda **options: codegen.Conv1DTranspose(5, 2, strides=3, padding="same", **options),
    "separable": lambda **options: codegen.SeparableConv1D(6, 3, strides=2, depth_multiplier=2, **options),
}
CURVES = ("linear", "relu", "tanh", "silu", "gelu", "softplus")


ROWS = tuple(("conv1d", name) for name in ("softmax", "log_softmax", "sparsemax", "glu"))


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("kind", "activation"), [*zip(LAYERS, CURVES, strict=True), *ROWS])
def test_gradients_are_the_slopes_of_the_loss(kind: str, activation: str, data_format: str) -> None:
    """Central differences of loss = sum(dy * layer(x)) along a random direction of all arguments, in float64."""
    layer = LAYERS[kind](activation=activation, data_format=data_format, dtype="float64")
    rng = np.random.default_rng(3)
    x, dx = (rng.standard_normal((2, 11, 4) if data_format == "channels_last" else (2, 4, 11)) for _ in range(2))
    dy = rng.standard_normal(layer(x).shape)
    start = layer.get_weights()
    moves = [rng.standard_normal(array.shape) for array in start]
    found = layer.gradients(x, dy)
    assert {name: array.shape for name, array in found.weights.items()} == layer.spec.weight_shapes()
    predicted = (found.x * dx).sum() + sum((a * b).sum() for a, b in zip(found.weights.values(), moves, strict=True))

    def loss(step: float) -> float:
        layer.set_weights([array + step * move for array, move in zip(start, moves, strict=True)])
        return float((dy * layer(x + step * dx)).sum())

    assert (loss(1e-6) - loss(-1e-6)) / 2e-6 == pytest.approx(predicted, rel=1e-6)


@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if runs_here(target)])
def test_kernel_gradients_on_every_target(target: str) -> None:
    """Whole numbers: 0 differing bits. The others are in tests/gradients/test_backward_c.py."""
    for seed, p in enumerate(replace(p, up=1) for p in problems(8, seed=4)):
        assert p.steps is not None
        x, dz = whole(p.in_shape(3, p.steps), seed, p.dtype), whole(p.out_shape(3, p.steps), seed + 1, p.dtype)
        found = Backward(p, Ask(TARGETS[target], accuracy="exact")).kernel_gradient(x, dz)
        np.testing.assert_array_equal(found, definition.kernel_gradient(p, x, dz), err_msg=str(p))


ALONG = (
    ConvProblem(203, 3, 3, 11, dilation=5, groups=3, channels_last=False, pad_left=20, pad_right=20),
    ConvProblem(4200, 2, 4, 2, stride=2, groups=2, channels_last=False, pad_left=3, dtype="float64"),
    ConvProblem(9, 1, 1, 4, dilation=4, pad_left=8, pad_right=8),  # no output has all taps
)


@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if runs_here(target)])
def test_kernel_gradients_along_a_filter_s_outputs(target: str) -> None:
    """One channel to a filter, whose outputs lie side by side: whole numbers, 0 differing bits."""
    for seed, p in enumerate(ALONG):
        assert p.steps is not None
        assert planning._along_outputs(p, TARGETS[target]).across == "outputs"
        assert seed == 2 or planning.plan(p, TARGETS[target]).across == "outputs"
        x, dz = whole(p.in_shape(3, p.steps), seed, p.dtype), whole(p.out_shape(3, p.steps), seed + 1, p.dtype)
        found = Backward(p, Ask(TARGETS[target], accuracy="exact")).kernel_gradient(x, dz)
        np.testing.assert_array_equal(found, definition.kernel_gradient(p, x, dz), err_msg=str(p))


GLU: dict[str, Callable[..., codegen.Layer]] = {
    "conv1d": lambda **options: codegen.Conv1D(6, 3, padding="same", **options),
    "grouped": lambda **options: codegen.Conv1D(12, 3, groups=2, **options),
    "depthwise": lambda **options: codegen.DepthwiseConv1D(3, depth_multiplier=2, **options),
    "transpose": lambda **options: codegen.Conv1DTranspose(6, 4, strides=2, **options),
    "separable": lambda **options: codegen.SeparableConv1D(6, 3, **options),
}


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", GLU)
def test_glu_halves_the_filters_of_y_but_not_of_dz(kind: str, data_format: str, dtype: str) -> None:
    """With weights of 0 and a bias of 3 in the first half and 0 in the gates, y = 3/2, dz = dy/2 and dy * 3/4."""
    layer = GLU[kind](activation="glu", data_format=data_format, dtype=dtype)
    x = np.ones((2, 9, 4) if data_format == "channels_last" else (2, 4, 9), dtype)
    y = layer(x)
    filters = len(layer.get_weights()[-1])
    bias = np.where(np.arange(filters) < filters // 2, 3.0, 0.0)
    layer.set_weights([*(np.zeros_like(array) for array in layer.get_weights()[:-1]), bias])
    assert (layer(x) == 1.5).all()
    found = layer.gradients(x, np.ones_like(y))
    each = 2 * y.shape[1 if data_format == "channels_last" else 2]
    np.testing.assert_array_equal(found.bias, np.where(bias > 0, each * 0.5, each * 0.75))
    assert not found.x.any()


def test_gradients_of_random_layers_on_a_cold_cache(specs: int) -> None:
    count = max(7, specs // 300 * 7)  # one of each family, and two that end in a row's activation, glu first
    assert fuzz.run(count, seed=6) == (count, [])


def test_a_backward_library_is_handed_what_its_pointers_are_read_as() -> None:
    """The kernel's gradient reads dz of all filters, whatever the activation leaves of them."""
    glu = ConvProblem(steps=9, channels=4, filters=6, kernel_size=3, epilogue=ending(activation=activations.get("glu")))
    way = Backward(glu, Ask(TARGETS["scalar"]))
    x, halved = np.ones((2, 9, 4), "f"), np.ones((2, 7, 3), "f")
    with pytest.raises(codegen.ShapeError, match=r"`dz`: got float32 \(2, 7, 3\), expected 84 numbers of float32"):
        way.kernel_gradient(x, halved)
    with pytest.raises(codegen.ShapeError, match=r"`x`: got float64 \(2, 9, 4\), expected 72 numbers of float32"):
        way.kernel_gradient(x.astype("d"), np.ones((2, 7, 6), "f"))
    with pytest.raises(
        codegen.ShapeError, match=r"`x`: got float32 \(2, 7, 3\), expected contiguous float32 \(2, 7, 6\)"
    ):
        way.input_gradient(np.ones((3, 4, 6), "f"), halved)
    relu = Backward(replace(glu, epilogue=ending(glu.bias, activations.get("relu"))), Ask(TARGETS["scalar"]))
    with pytest.raises(codegen.ShapeError, match=r"`z`: got nothing, expected 84 numbers of float32"):
        relu.output_gradient(np.ones((2, 7, 6), "f"), None)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backward_kernels_round_no_more_than_sums_do(dtype: str) -> None:
    """Each output is a sum of n products: |error| <= (n + 1)·u/(1 - (n + 1)·u) times the sum of their sizes."""
    unit, wide, batch = COMPUTED[dtype].unit, {"float32": "float64", "float64": "longdouble"}[dtype], 3
    largest = dict.fromkeys(("dkernel", "dx", "dbias"), 0.0)
    for seed, drawn in enumerate(problems(8, seed=8)):
        p = replace(drawn, dtype=dtype, epilogue=ending(drawn.bias, activations.get("relu")))
        assert p.steps is not None
        rng, outs = np.random.default_rng(seed), p.out_steps(p.steps)
        x, dy, z = (
            rng.standard_normal(shape).astype(dtype)
            for shape in (p.in_shape(batch, p.steps), *2 * (p.out_shape(batch, p.steps),))
        )
        kernel = rng.standard_normal(p.kernel_shape).astype(dtype)
        way = Backward(p, Ask(native(), accuracy="exact"))
        dz, (dbias,) = way.output_gradient(dy, z)
        np.testing.assert_array_equal(dz, np.where(z > 0, dy, 0))
        assert dbias is not None
        back, turned_kernel = input_problem(p, p.steps), turned(p, p.steps, kernel)
        within = {
            "dkernel": (way.kernel_gradient(x, dz), definition.kernel_gradient(p, x, dz, wide)),
            "dx": (way.input_gradient(kernel, dz), reference.convolve(back, dz, turned_kernel, dtype=wide)),
            "dbias": (dbias, definition.bias_gradient(p, dz, wide)),
        }
        sizes = {
            "dkernel": definition.kernel_gradient(p, np.abs(x), np.abs(dz), wide),
            "dx": reference.convolve(back, np.abs(dz), np.abs(turned_kernel), dtype=wide),
            "dbias": definition.bias_gradient(p, np.abs(dz), wide),
        }
        counts = {"dkernel": batch * outs, "dx": back.kernel_size * back.group_channels, "dbias": batch * outs}
        for name, (got, exact) in within.items():
            n = counts[name] + 1
            share = np.abs(got - exact) / np.maximum(n * unit / (1 - n * unit) * sizes[name], 1e-300)
            assert share.max() <= 1, (name, p)
            largest[name] = max(largest[name], float(share.max()))
    assert min(largest.values()) > 1e-3, "bounds that nothing comes near say nothing"


def gradients(layer: Layer, given: strategies.Data, dy: np.ndarray, **options: Any) -> Any:
    """What `layer.gradients` answers in the dtype of the layer."""
    held = kinds.of(layer.spec(), How(**options))
    held.set_weights(list(given.weights.values()))
    return held.gradients(given.x, dy)


def expected(layer: Layer, given: strategies.Data, dy: np.ndarray) -> tuple[ConvProblem, np.ndarray, np.ndarray]:
    """(the problem at the layer's length, the kernel in its shape, dz), in float64."""
    problem = layer.spec().lower().at_length(layer.steps)
    kernel = given.kernel.reshape(problem.kernel_shape)
    linear = problem.with_epilogue(problem.epilogue.start)
    z = reference.convolve(linear, given.x, kernel, given.bias)
    return problem, kernel, dy * activations.derivative(problem.activation, z, problem.dtype)


def test_whole_numbers_give_exactly_equal_gradients(specs: int, share: Callable[..., Any]) -> None:
    drawn = list(strategies.random_layers(max(1, specs // SHARE), seed=51, curved=False))
    for number, layer in share(list(enumerate(drawn)), 4):
        given = strategies.data(layer, number, whole=True, batch=number % 3 + 1)
        problem = layer.spec().lower()
        dy = whole(problem.out_shape(len(given.x), layer.steps), number)
        found = gradients(layer, given, dy, accuracy="exact")
        problem, kernel, dz = expected(layer, given, dy)
        np.testing.assert_array_equal(
            found.x, definition.input_gradient(problem, layer.steps, kernel, dz), err_msg=str(layer)
        )
        dkernel = definition.kernel_gradient(problem, given.x, dz).reshape(given.kernel.shape)
        np.testing.assert_array_equal(found.kernel, dkernel, err_msg=str(layer))
        if given.bias is not None:
            np.testing.assert_array_equal(found.bias, definition.bias_gradient(problem, dz), err_msg=str(layer))
        assert list(found.weights) == list(given.weights)


def test_curved_layers_stay_within_their_bounds(specs: int, share: Callable[..., Any]) -> None:
    """Each sum of n terms within n·u·sum|terms|, its factors dz with the slopes' error and that of z."""
    drawn = list(strategies.random_layers(max(1, specs // (2 * SHARE)), seed=52))
    for number, layer in share(list(enumerate(drawn)), 4):
        given = strategies.data(layer, number, whole=False, batch=2)
        dy = np.random.default_rng(number).standard_normal(layer.spec().lower().out_shape(2, layer.steps))
        dy = dy.astype(np.float32).astype(np.float64)
        problem, kernel, dz = expected(layer, given, dy)
        if problem.activation.name in ("relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_silu"):
            continue  # at a kink a rounding of z is as good as the other side's slope: whole numbers look at these
        found = gradients(layer, given, dy, accuracy="exact")
        size, unit = np.abs(dy) * 2, 2.0**-12  # of dz, whose z was rounded
        for got, wanted, magnitude in (
            (found.x, definition.input_gradient(problem, layer.steps, kernel, dz), np.abs(kernel)),
            (found.kernel.reshape(kernel.shape), definition.kernel_gradient(problem, given.x, dz), np.abs(given.x)),
        ):
            whose = got is found.x
            largest = (
                definition.input_gradient(problem, layer.steps, magnitude, size)
                if whose
                else definition.kernel_gradient(problem, magnitude, size)
            )
            assert (np.abs(got - wanted) <= unit * largest).all(), layer


@pytest.mark.live
def test_gradients_are_those_of_torch_s_autograd(specs: int) -> None:
    """Whole numbers, in float32 on both sides: 0 differing bits."""
    torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    words: dict[str, Any] = {
        "linear": lambda y, **options: y,
        "relu": lambda y, **options: torch.relu(y),
        "relu6": lambda y, **options: torch.nn.functional.relu6(y),
        "leaky_relu": lambda y, negative_slope: torch.nn.functional.leaky_relu(y, negative_slope),
    }
    for number, layer in enumerate(strategies.random_layers(max(1, specs // SHARE), seed=51, curved=False)):
        given = strategies.data(layer, number, whole=True, batch=2)
        p = layer.spec().lower().at_length(layer.steps)
        dy = whole(p.out_shape(2, layer.steps), number, "float32")
        first = given.x if not p.channels_last else given.x.swapaxes(1, 2)
        x = torch.tensor(first, dtype=torch.float32, requires_grad=True)
        taps = given.kernel.reshape(p.kernel_shape).transpose(2, 1, 0).copy()
        kernel = torch.tensor(taps, dtype=torch.float32, requires_grad=True)
        bias = torch.tensor(np.zeros(p.filters) if given.bias is None else given.bias, dtype=torch.float32)
        bias.requires_grad_(True)
        padded = torch.nn.functional.pad(x, p.pads(layer.steps))
        y = torch.nn.functional.conv1d(padded, kernel, bias, p.stride, 0, p.dilation, p.groups)
        name, options = layer.activation
        words[name](y, **options).backward(torch.tensor(dy if not p.channels_last else dy.swapaxes(1, 2).copy()))
        found = gradients(layer, given, dy, accuracy="exact")
        wanted = x.grad.numpy()
        np.testing.assert_array_equal(found.x, wanted if not p.channels_last else wanted.swapaxes(1, 2), str(layer))
        dkernel = kernel.grad.numpy().transpose(2, 1, 0).reshape(given.kernel.shape)
        np.testing.assert_array_equal(found.kernel, dkernel, str(layer))
        if given.bias is not None:
            np.testing.assert_array_equal(found.bias, bias.grad.numpy(), str(layer))


def test_a_given_z_is_used_and_shapes_are_held_to() -> None:
    layer = codegen.Conv1D(3, 2, activation="relu")
    x = np.ones((2, 5, 1), np.float32)
    dy = np.ones((2, 4, 3), np.float32)
    z = np.full((2, 4, 3), -1.0, np.float32)
    layer(x)
    assert not layer.gradients(x, dy, z=z).kernel.any()
    np.testing.assert_array_equal(layer.gradients(x, dy, z=-z).bias, [8, 8, 8])
    with pytest.raises(
        codegen.ShapeError, match=r"`dy`: got shape \(2, 5, 3\), expected that of the output, \(2, 4, 3\)"
    ):
        layer.gradients(x, np.ones((2, 5, 3)))
    with pytest.raises(codegen.ShapeError, match="`z`: got shape"):
        layer.gradients(x, dy, z=z[:1])
    with pytest.raises(AttributeError, match="no gradient `scale`; there are x, kernel, bias"):
        layer.gradients(x, dy).scale  # noqa: B018  # looked up for its error


def test_an_empty_batch_has_gradients_of_zero() -> None:
    layer = codegen.Conv1D(3, 2, activation="tanh", input_shape=(5, 1))
    found = layer.gradients(np.empty((0, 5, 1), np.float32), np.empty((0, 4, 3), np.float32))
    assert found.x.shape == (0, 5, 1)
    assert not found.kernel.any()
    assert not found.bias.any()


@pytest.mark.parametrize("name", ["scalar", "avx2", "avx512", "neon"])
def test_plans_fit_their_registers_and_add_up(name: str) -> None:
    for p in (replace(p, up=1) for p in problems(40, seed=6)):
        plan = planning.plan(p, TARGETS[name])
        vectors = max(panel.vectors for panel in plan.panels)
        across = {"filters": p.group_filters, "channels": p.channels, "outputs": 1}[plan.across]
        assert plan.taps * plan.channels * vectors + vectors <= TARGETS[name].registers
        assert sum(panel.count * panel.vectors for panel in plan.panels) * plan.lanes == plan.padded >= across
        even = plan.padded == across and not (plan.channelwise and plan.packed)
        assert plan.direct == (even or plan.across == "outputs")
        assert plan.workspace_bytes % COMPUTED[p.dtype].bytes == 0


@pytest.mark.parametrize("channels", [2**31 - 1, 2**30, 999_983])
def test_a_plan_of_very_many_channels_is_made_at_once(channels: int) -> None:
    for most in (1, 5, 28):
        shapes = list(planning._shapes(ConvProblem(8, channels, 1, 3), most))
        assert shapes[0][1] == most
        assert len(shapes) <= most
    wide = planning.plan(ConvProblem(8, channels, 1, 3), TARGETS["avx2"])
    assert wide.channels <= 28


def test_what_is_packed_in_each_call_counts_its_packing() -> None:
    """48→48 K16: points of FFT64 are 6 times the kernel's numbers, and each is a sum of 16 products."""
    asked = Request(ConvProblem(1024, 48, 48, 16, pad_left=7, pad_right=8), Ask(TARGETS["avx2"], "packed", "fast"))
    found = planner.survey(asked)
    first, taken = found.found[0], found.named(repacked.choice(asked))
    assert taken is not None
    assert taken.packed_numbers < first.packed_numbers
    total = [repacked.call_cycles(plan) for plan in found.found]
    assert repacked.call_cycles(taken) == min(total) < total[0]
    direct = replace(asked, ask=replace(asked.ask, accuracy="exact"))
    plain = planner.survey(direct).found[0]
    assert repacked.packing_cycles(plain) == repacked.MOVED * plain.packed_numbers


def test_a_small_layer_s_gradients_are_direct_sums_as_the_points_of_a_transform_drive_out_what_a_step_reads() -> None:
    """25→25 K7 d4: by FFT16 a call of 600 steps took 7 us less in a loop of its own, and 9 more in a step."""
    asked = Request(ConvProblem(600, 25, 25, 7, dilation=4, pad_left=24), Ask(TARGETS["avx512"], "packed", "fast"))
    found = planner.survey(asked)
    first, taken = found.found[0], found.named(repacked.choice(asked, 1))
    assert taken is not None
    assert (first.algorithm.name, taken.algorithm.name) == ("fft", "direct_filters")
    touched = 4 * taken.packed_numbers + taken.workspace_bytes
    total = taken.cost.cycles + repacked.packing_cycles(taken) + repacked.TOUCHED * touched
    assert repacked.call_cycles(taken, 1) == total


def test_shares_of_channels_are_even() -> None:
    def one_by_one(group: int, most: int) -> list[int]:
        found = []
        for parts in range(1, group + 1):
            channels = -(-group // parts)
            if channels <= most and channels not in found:
                found.append(channels)
                if channels * 2 < most:
                    break
        return found

    for group in range(1, 80):
        for most in (1, 2, 7, 12, 28):
            shapes = planning._shapes(ConvProblem(8, group, 1, 3), most)
            assert [channels for _, channels in shapes] == one_by_one(group, most), (group, most)


def test_the_bench_of_gradients_needs_torch_and_holds_ours_to_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = cases.cases(["Q"])
    dy = np.random.default_rng(0).standard_normal(case.out_shape, np.float32)
    ours = bench._ours(case, dy, Settings(How(accuracy="exact")))
    exact = bench._exact(case, dy)
    assert bench._error(exact, ours) < 1e-6
    exact[1][0, 0, 0] += 10
    assert bench._error(exact, ours) > 0.1
    monkeypatch.setattr(pytorch, "version", lambda: (_ for _ in ()).throw(ImportError))
    with pytest.raises(codegen.UsageError, match="--backward is a comparison with PyTorch: pip install torch"):
        bench.run([case], Settings())


def test_the_bench_of_training_needs_torch_and_holds_ours_to_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = cases.cases(["Q"])
    dy = np.random.default_rng(0).standard_normal(case.out_shape, np.float32)
    exact = training._exact(case, dy)
    ours = training._ours(case, dy, How(accuracy="exact"))
    ours.loop(3)
    assert training._error(exact, ours) < 1e-4  # of one step, after others
    exact[1][0] += 10
    assert training._error(exact, ours) > 0.1
    monkeypatch.setattr(pytorch, "version", lambda: (_ for _ in ()).throw(ImportError))
    with pytest.raises(codegen.UsageError, match="--training is a comparison with PyTorch: pip install torch"):
        training.run([case], Settings())


def test_training_is_timed_at_the_layers_that_people_train() -> None:
    found = {one.label: one for one in training.shapes()}
    assert list(found) == [f"train{n}_k{k}" for k in (3, 16) for n in (64, 128, 256)] + list("AEHLNS")
    assert {found[name].batch for name in found if name.startswith("train")} == {4}
    assert (found["S"].batch, found["A"].batch) == (32, 1)
    assert {found[name].steps for name in found if name.startswith("train")} == {256}


def test_a_wide_kernels_gradient_does_not_fetch_x_again_for_each_vector_of_filters() -> None:
    for channels, taps in ((128, 3), (256, 3), (128, 16), (256, 16)):
        problem = codegen.Conv1D(channels, taps, padding="same", input_shape=(256, channels)).spec.problem
        found = planning.plan(problem, TARGETS["avx512"])
        assert {panel.vectors for panel in found.panels} <= {2, 3, 4}
