"""Layers: Keras' signatures, what they take and return, and what they say when something does not fit."""

from __future__ import annotations

import inspect
import threading
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import Conv1D, DepthwiseConv1D, ShapeError, SpecError, SpecErrors, UsageError, WeightsError
from codegen.layers.layer import Layer
from codegen.layers.model import Model
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.problem import reference
from codegen.specs import quantised
from codegen.specs.kinds import KINDS

pytestmark = pytest.mark.compiles

RNG = np.random.default_rng(0)


def small(*arguments: Any, **options: Any) -> Conv1D:
    """Four channels in, eight filters, three taps: the layer of most tests, so that few kernels are compiled."""
    return Conv1D(8, 3, *arguments, **{"padding": "same", "activation": "relu"} | options)


def samples(*shape: int, dtype: str = "float32") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def expected(layer: Layer, x: np.ndarray) -> np.ndarray:
    kernel, bias = layer.spec.problem_weights(dict(zip(layer.spec.weight_shapes(), layer.weights, strict=True)))
    return reference.convolve(layer.spec.lower(), x, kernel, bias)


# The signature

KERAS_CONV1D = {
    "filters": inspect.Parameter.empty, "kernel_size": inspect.Parameter.empty, "strides": 1, "padding": "valid",
    "data_format": None, "dilation_rate": 1, "groups": 1, "activation": None, "use_bias": True,
    "kernel_initializer": "glorot_uniform", "bias_initializer": "zeros", "kernel_regularizer": None,
    "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
}  # fmt: skip
KERAS_DEPTHWISE = {
    "kernel_size": inspect.Parameter.empty, "strides": 1, "padding": "valid", "depth_multiplier": 1,
    "data_format": None, "dilation_rate": 1, "activation": None, "use_bias": True,
    "depthwise_initializer": "glorot_uniform", "bias_initializer": "zeros", "depthwise_regularizer": None,
    "bias_regularizer": None, "activity_regularizer": None, "depthwise_constraint": None, "bias_constraint": None,
}  # fmt: skip


@pytest.mark.parametrize(("cls", "keras"), [(Conv1D, KERAS_CONV1D), (DepthwiseConv1D, KERAS_DEPTHWISE)])
def test_the_signature_is_that_of_keras(cls: type[Layer], keras: dict[str, Any]) -> None:
    """As inspect.signature shows it for Keras 3.15; what Keras takes by **kwargs is keyword only here."""
    found = inspect.signature(cls).parameters
    by_place = {name: spot.default for name, spot in found.items() if spot.kind is spot.POSITIONAL_OR_KEYWORD}
    assert list(by_place.items()) == list(keras.items())
    by_name = {name for name, spot in found.items() if spot.kind is spot.KEYWORD_ONLY}
    ours = {"target", "accuracy", "rigor", "threads", "storage", "optimize", "specialize"}
    whole = {"rounding", *quantised.GRID, *quantised.SUMS}
    assert by_name == {"name", "dtype", "trainable", "input_shape", *whole, *ours}
    assert set(found) - ours == set(inspect.signature(cls.kind).parameters)


def test_every_kind_has_a_layer() -> None:
    from codegen.layers.kinds import LAYERS

    assert set(LAYERS) == set(KINDS.values())
    assert all(cls.kind is kind for kind, cls in LAYERS.items())


def test_layers_without_a_name_are_counted_as_in_keras() -> None:
    first, second = Conv1D(1, 1), Conv1D(1, 1)
    assert first.name.startswith("conv1d")
    number = int(first.name.partition("_")[2] or 0)
    assert second.name == f"conv1d_{number + 1}"
    assert DepthwiseConv1D(1).name.startswith("depthwise_conv1d")
    assert Conv1D(1, 1, name="stem").name == "stem"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"filters": 0}, "filters"),
        ({"filters": 6, "groups": 4}, "groups"),
        ({"kernel_size": (3, 3)}, "kernel_size"),
        ({"strides": 1.5}, "strides"),
        ({"padding": "full"}, "padding"),
        ({"kernel_initializer": "glorot"}, "did you mean `glorot_"),
        ({"activation": "rleu"}, "did you mean `relu`?"),
        ({"dtype": "float16"}, "dtype"),
        ({"input_shape": (10, None)}, "channels"),
    ],
)
def test_a_wrong_definition_is_a_spec_error(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises((SpecError, SpecErrors)) as caught:
        Conv1D(**{"filters": 8, "kernel_size": 3} | arguments)
    assert told in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_target_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="unknown target `avx3`"):
        Conv1D(1, 1, target="avx3")


# What comes out


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: small(), (2, 17, 4)),
        (lambda: Conv1D(6, 4, 3, "valid", "channels_first", activation="tanh"), (2, 4, 30)),
        (lambda: Conv1D(6, 5, padding="causal", dilation_rate=2, groups=2, use_bias=False), (1, 23, 4)),
        (lambda: Conv1D(5, 3, padding=(2, 0), strides=2, dilation_rate=2, dtype="float64"), (3, 12, 2)),
        (lambda: DepthwiseConv1D(3, depth_multiplier=2, padding="same", input_shape=(11, 5)), (2, 11, 5)),
        (lambda: DepthwiseConv1D((3,), (2,), "causal", activation="silu"), (2, 11, 3)),
    ],
)
def test_outputs_lie_within_the_bound(make: Any, shape: tuple[int, ...]) -> None:
    layer = make()
    layer.build((None, shape[1], shape[2]))
    layer.set_weights([samples(*array.shape) for array in layer.weights])
    x = samples(*shape, dtype=layer.dtype)
    y = layer(x)
    spec = layer.spec
    kernel, bias = spec.problem_weights(dict(zip(spec.weight_shapes(), layer.weights, strict=True)))
    assert y.dtype == layer.dtype
    assert y.shape == layer.compute_output_shape(shape)
    assert y.flags.c_contiguous
    exact = reference.convolve(spec.lower(), x, kernel, bias, dtype="float64" if y.itemsize == 4 else "longdouble")
    assert (abs(y - exact) <= reference.bound(spec.lower(), x, kernel, bias)).all()


@pytest.mark.parametrize("target", ["scalar", "native"])
def test_whole_numbers_are_exact(target: str) -> None:
    layer = small(target=target, kernel_initializer="ones", bias_initializer=codegen.initializers.Constant(-2))
    x = RNG.integers(-9, 9, (2, 31, 4)).astype(np.float32)
    assert (layer(x) == expected(layer, x)).all()


def test_one_free_kernel_serves_every_length_and_batch() -> None:
    layer = small()
    for batch, steps in [(1, 1), (3, 2), (1, 40), (2, 7), (1, 1)]:
        x = samples(batch, steps, 4)
        np.testing.assert_allclose(layer(x), expected(layer, x), atol=1e-5)


def test_many_shapes_are_remembered_only_so_far() -> None:
    from codegen.layers.layer import EASY_SHAPES

    layer = small()
    for steps in range(1, 3 * EASY_SHAPES):
        assert layer(np.zeros((1, steps, 4), np.float32)).shape == (1, steps, 8)
    assert layer._initial is not None
    assert 0 < len(layer._initial.easy) <= EASY_SHAPES


def test_an_empty_batch_gives_an_empty_result() -> None:
    y = small()(np.empty((0, 10, 4), np.float32))
    assert y.shape == (0, 10, 8)
    assert y.dtype == np.float32
    out = np.empty((0, 10, 8), np.float32)
    assert small()(np.empty((0, 10, 4), np.float32), out=out) is out


def test_nan_stays_where_its_taps_reach() -> None:
    x = samples(1, 12, 4)
    x[0, 5, 2] = np.nan
    broken = np.isnan(small(activation=None)(x)).any(axis=2)[0]
    assert broken.tolist() == [4 <= t <= 6 for t in range(12)]


# What goes in


class Exported:
    """An array that offers itself by DLPack alone."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def misaligned(x: np.ndarray) -> np.ndarray:
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


class Tagged(np.ndarray):
    """A subclass, as other libraries have."""


X = np.arange(-40, 40, dtype=np.float32).reshape(2, 10, 4)


@pytest.mark.parametrize(
    "x",
    [
        X.tolist(),
        memoryview(X),
        Exported(X),
        X.astype(np.float64),
        X.astype(np.float16),
        X.astype(np.int8),
        X.astype(">f4"),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[:, ::-1].copy()[:, ::-1],
        misaligned(X),
        X.view(Tagged),
        np.frombuffer(X.tobytes(), np.float32).reshape(X.shape),
    ],
    ids=["list", "buffer", "dlpack", "f64", "f16", "i8", ">f4", "F", "strided", "reversed", "odd", "subclass", "const"],
)
def test_whatever_holds_the_numbers(x: Any) -> None:
    layer = small(kernel_initializer="ones")
    y = layer(x)
    assert type(y) is np.ndarray
    assert y.dtype == np.float32
    assert (y == expected(layer, X)).all()
    assert (layer(x) == y).all(), "the second call takes the short way, where it may"


def test_a_float64_layer_casts_too() -> None:
    layer = small(dtype="float64", kernel_initializer="ones")
    assert (layer(X) == expected(layer, X)).all()
    assert layer(X).dtype == np.float64
    assert layer.kernel.dtype == np.float64


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (X.astype(np.float64), 'float64, expected contiguous float32 with copy="never"; pass numpy.ascontiguousarray'),
        (np.asfortranarray(X), "not contiguous"),
        (misaligned(X), "not aligned"),
        (X.astype(">f4"), ">f4"),
    ],
)
def test_copy_never_refuses_and_says_what_to_do(x: np.ndarray, told: str) -> None:
    with pytest.raises(ShapeError) as caught:
        small()(x, copy="never")
    assert told in str(caught.value)


def test_copy_never_takes_what_fits() -> None:
    assert small()(X, copy="never").shape == (2, 10, 8)
    with pytest.raises(ShapeError, match="copy: got 'always'"):
        small()(X, copy="always")


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (X[0], "got shape (10, 4) of 2 axes, expected (batch, steps, channels); one sample is a batch of one: x[None]"),
        (X[None], "got shape (1, 2, 10, 4) of 4 axes"),
        (np.float32(3), "got shape () of 0 axes"),
        (X.astype(complex), "got type complex128, expected float32"),
        (np.full((1, 3, 4), "a"), "got type <U1"),
        (np.full((1, 3, 4), None), "got type object"),
        ([[[1.0], [1.0, 2.0]]], "got list, which does not become an array"),
        (X.transpose(0, 2, 1), "x has 10 channels, expected 4; the axes are (batch, steps, channels): transpose x"),
        (X[:, :, :3], "x has 3 channels, expected 4"),
        (X[:, :, :1], "x has 1 channel, expected 4"),
        (None, "x: got None, expected (batch, steps, channels)"),
        (X[:, :0], "x has 0 steps: no output is left; give more steps"),
    ],
)
def test_an_input_that_does_not_fit(x: Any, told: str) -> None:
    layer = small()
    layer.build((None, None, 4))
    with pytest.raises(ShapeError) as caught:
        layer(x)
    assert told in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, codegen.GenConvError)


def test_an_input_shorter_than_the_kernel() -> None:
    layer = Conv1D(2, 5, dilation_rate=2)
    with pytest.raises(ShapeError, match="x has 8 steps, the kernel reaches over 9: no output is left"):
        layer(np.zeros((1, 8, 1)))
    assert layer(np.zeros((1, 9, 1))).shape == (1, 1, 2)


@pytest.mark.parametrize("padding", ["same", "causal", (3, 3)])
def test_an_input_without_a_step_is_not_told_of_the_padding(padding: Any) -> None:
    with pytest.raises(ShapeError, match="x has 0 steps: no output is left"):
        Conv1D(2, 3, padding=padding)(np.zeros((1, 0, 4)))
    with pytest.raises(ShapeError, match="x has 1 step and 1 zero of padding, the kernel reaches over 3"):
        Conv1D(2, 3, padding=(1, 0))(np.zeros((1, 1, 4)))


def test_a_fixed_length_is_held() -> None:
    layer = small(input_shape=(10, 4), kernel_initializer="ones")
    assert layer.spec.lower().steps == 10
    assert (layer(X) == small(kernel_initializer="ones")(X)).all()
    with pytest.raises(ShapeError, match=r"x has 9 steps, expected 10; input_shape = \(None, 4\) takes any number"):
        layer(X[:, :9])
    first = Conv1D(2, 3, data_format="channels_first", input_shape=(4, 10))
    with pytest.raises(ShapeError, match=r"x has 11 steps, expected 10; input_shape = \(4, None\)"):
        first(np.zeros((1, 4, 11)))


# out= and bind


def test_out_is_written_and_returned() -> None:
    layer = small()
    out = np.full((2, 10, 8), np.nan, np.float32)
    assert layer(X, out=out) is out
    assert (out == layer(X)).all()


@pytest.mark.parametrize(
    ("out", "told"),
    [
        (np.empty((2, 10, 7), np.float32), "got float32 of shape (2, 10, 7), expected a float32 array of shape"),
        (np.empty((2, 10, 8)), "got float64 of shape (2, 10, 8)"),
        (np.empty((2, 10, 8), ">f4"), "got >f4"),
        (np.empty((2, 8, 10), np.float32).transpose(0, 2, 1), "not C-contiguous"),
        (misaligned(np.empty((2, 10, 8), np.float32)), "not C-contiguous and aligned"),
        (np.frombuffer(bytes(640), np.float32).reshape(2, 10, 8), "got a read-only array"),
        ([0.0] * 160, "got list, expected a float32 array"),
    ],
)
def test_an_out_that_does_not_fit(out: Any, told: str) -> None:
    with pytest.raises(ShapeError) as caught:
        small()(X, out=out)
    assert told in str(caught.value)


def test_out_shares_no_memory_with_x() -> None:
    memory = np.zeros(2 * 10 * 8 + 8, np.float32)
    x, out = memory[:80].reshape(2, 10, 4), memory[8:].reshape(2, 10, 8)
    with pytest.raises(ShapeError, match="out: shares memory with x"):
        small()(x, out=out)
    apart = np.zeros(240, np.float32)
    assert small()(apart[:80].reshape(2, 10, 4), out=apart[80:].reshape(2, 10, 8)).base is apart


def test_bind_computes_what_x_then_holds() -> None:
    layer = small()
    x, out = X.copy(), np.empty((2, 10, 8), np.float32)
    run = layer.bind(x, out)
    assert run() is None
    assert (out == layer(X)).all()
    x += 1
    run()
    assert (out == layer(X + 1)).all()
    bound = layer.kernel
    layer.set_weights([bound * 2, np.ones(8)])
    run()
    assert (out != layer(x)).any(), "the weights are those of the binding"


@pytest.mark.parametrize(("x", "out"), [(X.astype(float), (2, 10, 8)), (X, (2, 10, 9)), (X[0], (2, 10, 8))])
def test_bind_takes_only_what_fits(x: np.ndarray, out: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        small().bind(x, np.empty(out, np.float32))


# Weights and shapes


def test_building_on_the_first_call() -> None:
    layer = small()
    assert not layer.built
    assert layer.weights == []
    assert "not built" in repr(layer)
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        layer.count_params()
    with pytest.raises(ShapeError, match=r"call it, or build\(\(None, None, C\)\)$"):
        layer.receptive_field  # noqa: B018  # a property that raises
    layer(X)
    assert layer.built
    assert layer.spec.input_shape == (None, 4)
    assert layer.count_params() == 3 * 4 * 8 + 8
    assert [array.shape for array in layer.weights] == [(3, 4, 8), (8,)]
    layer.build((None, 99, 4))
    with pytest.raises(ShapeError, match="got 5 channels, expected 4"):
        layer.build((None, 10, 5))


@pytest.mark.parametrize("shape", [(10, 4), (None, 10, None), (1, 2, 3, 4)])
def test_build_wants_a_batch_and_channels(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(ShapeError, match="build: got shape"):
        small().build(shape)


def test_a_failed_call_builds_nothing_wrong() -> None:
    layer = small(groups=2)
    with pytest.raises((SpecError, SpecErrors), match="groups"):
        layer(np.zeros((1, 5, 3)))
    assert not layer.built
    assert layer(X).shape == (2, 10, 8)


def test_initializers_make_the_weights() -> None:
    layer = small(kernel_initializer=codegen.initializers.HeNormal(seed=7), bias_initializer="ones")
    layer.build((None, None, 4))
    assert (layer.kernel == codegen.initializers.HeNormal(seed=7)((3, 4, 8))).all()
    assert (layer.bias == 1).all()
    plain = small(use_bias=False, bias_initializer=None, kernel_initializer=None)
    plain.build((None, None, 4))
    assert plain.bias is None
    assert len(plain.weights) == 1
    assert abs(plain.kernel).max() <= np.sqrt(6 / (3 * 4 + 3 * 8))


def test_an_initializer_of_ones_own() -> None:
    shapes = []

    def ramp(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        shapes.append((shape, dtype))
        return np.arange(np.prod(shape)).reshape(shape)

    layer = DepthwiseConv1D(3, depth_multiplier=2, depthwise_initializer=ramp, dtype="float64")
    layer.build((None, None, 4))
    assert layer.kernel.ravel().tolist() == list(range(24))
    assert shapes == [((3, 4, 2), "float64")]
    broken = Conv1D(2, 3, kernel_initializer=lambda shape, dtype: np.zeros(5), name="broken")
    broken.build((None, None, 4))
    with pytest.raises(WeightsError, match=r"`broken/kernel`: its initializer made shape \(5,\), expected \(3, 4, 2\)"):
        broken.kernel  # noqa: B018  # looked up for its error


def test_weights_are_read_only_and_replaced() -> None:
    layer = small()
    before = layer(X)
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[0, 0, 0] = 1
    kernel, bias = layer.get_weights()
    kernel[...], bias[...] = 1, 2  # copies
    assert (layer(X) == before).all()
    layer.set_weights([kernel, bias])
    assert (layer(X) == expected(layer, X)).all()
    assert (layer(X) != before).any()
    kernel[...] = 5
    assert (layer.kernel == 1).all(), "the layer holds a copy"
    layer.set_weights([np.ones((3, 4, 8), int), [0] * 8])
    assert layer.kernel.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([np.zeros((3, 4, 8))], "got 1 array, expected 2: kernel, bias"),
        ([np.zeros((3, 4, 8)), np.zeros(9)], "array `stem/bias`: got shape (9,), expected (8,)"),
        ([np.zeros((8, 4, 3)), np.zeros(8)], "this looks like PyTorch's (filters, channels, taps)"),
        ([np.zeros((3, 4, 8), complex), np.zeros(8)], "`stem/kernel`: got type complex128"),
    ],
)
def test_weights_that_do_not_fit(given: list[np.ndarray], told: str) -> None:
    layer = small(name="stem")
    layer.build((None, None, 4))
    before = layer.kernel
    with pytest.raises(WeightsError) as caught:
        layer.set_weights(given)
    assert told in str(caught.value)
    assert layer.kernel is before


@pytest.mark.parametrize(
    ("layer", "given", "shape"),
    [
        (Conv1D(8, 3), (None, 10, 4), (None, 8, 8)),
        (Conv1D(8, 3, 2, "same"), (5, 7, 4), (5, 4, 8)),
        (Conv1D(8, 3, 2, "causal"), (5, 6, 4), (5, 3, 8)),
        (Conv1D(8, 3, dilation_rate=3), (1, 7, 4), (1, 1, 8)),
        (Conv1D(8, 3), (None, None, 4), (None, None, 8)),
        (Conv1D(8, 3, data_format="channels_first"), (2, 4, 10), (2, 8, 8)),
        (DepthwiseConv1D(3, depth_multiplier=5), (2, 10, 4), (2, 8, 20)),
    ],
    ids=repr,
)
def test_output_shapes_without_building(layer: Layer, given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    assert layer.compute_output_shape(given) == shape
    assert not layer.built


def test_output_shapes_that_cannot_be() -> None:
    with pytest.raises(ShapeError, match="no output is left"):
        Conv1D(8, 3).compute_output_shape((1, 2, 4))
    with pytest.raises(ShapeError, match=r"expected \(batch, steps, channels\) with known channels"):
        Conv1D(8, 3).compute_output_shape((10, 4))
    with pytest.raises(ShapeError, match="got 5 channels, expected 4"):
        small(input_shape=(10, 4)).compute_output_shape((1, 10, 5))


# Threads


def test_threads_may_meet_in_a_first_call() -> None:
    layer = small(kernel_initializer="he_normal")
    gate, outputs = threading.Barrier(8), []

    def call() -> None:
        gate.wait()
        for _ in range(50):
            outputs.append(layer(X))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 400
    np.testing.assert_allclose(outputs[0], expected(layer, X), atol=1e-4)
    assert all((output == outputs[0]).all() for output in outputs)


def test_a_call_sees_the_weights_before_or_after_and_no_mixture() -> None:
    layer = small(activation=None, kernel_initializer="zeros", bias_initializer="zeros")
    layer(X)
    stop, mixed = threading.Event(), []

    def call() -> None:
        while not stop.is_set():
            values = np.unique(layer(X))
            if len(values) != 1:
                mixed.append(values)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for value in range(200):
        layer.set_weights([np.zeros((3, 4, 8)), np.full(8, value)])
        assert (layer(X) == value).all()
    stop.set()
    for thread in threads:
        thread.join()
    assert not mixed


def test_figures_follow_from_the_definition() -> None:
    layer = Conv1D(6, 3, strides=2, dilation_rate=1, padding="causal", input_shape=(11, 4))
    assert (layer.receptive_field, layer.macs_per_step, layer.macs) == (3, 3 * 4 * 6, 6 * 3 * 4 * 6)
    assert [layer.output_steps(11)] == [layer(np.zeros((1, 11, 4))).shape[1]] == [6]
    free = Conv1D(6, 3, dilation_rate=5)
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        _ = free.receptive_field
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        _ = free.plan
    free.build((None, None, 4))
    assert (free.receptive_field, free.macs) == (11, None)
    assert [free.output_steps(n) for n in (11, 12, 100)] == [1, 2, 90]
    with pytest.raises(ShapeError, match="no output is left"):
        free.output_steps(10)
    for wrong in (True, 2.0, "11", -1):
        with pytest.raises(ShapeError, match="expected a number of input steps"):
            free.output_steps(wrong)  # type: ignore[arg-type]


@pytest.mark.compiles
@pytest.mark.parametrize("accuracy", ["exact", "fast"])
def test_the_plan_is_the_compiled_kernels(accuracy: str) -> None:
    layer = Conv1D(16, 5, input_shape=(300, 16), accuracy=accuracy)
    assert layer.plan == layer._kernel.plan
    assert {layer.plan.algorithm.name} | {name for name, _ in layer.plan.rejected} == set(ALGORITHMS)


def test_a_notebook_shows_layers_and_models() -> None:
    model = codegen.load("conv1d a { input_shape = (9, 2), filters = 3, kernel_size = 2 }")
    model = Model({"a": model.a, "b": Conv1D(2, 1, name="b")}, "two")
    shown = model._repr_html_()
    tree = ElementTree.fromstring(shown)
    rows = [[cell.text for cell in row] for row in tree.iter("tr")]
    assert rows[1][:6] == ["a", "conv1d", "(9, 2)", "(8, 3)", "15", f"{8 * 2 * 2 * 3}"]
    assert rows[2][:3] == ["b", "conv1d", "not built"]
    assert rows[3][:5] == ["2 layers", None, None, None, "15"]
    told = dict([cell.text for cell in row] for row in ElementTree.fromstring(model.a._repr_html_()).iter("tr"))
    assert (told["output"], told["receptive field"], told["plan"]) == ("(8, 3)", "2 steps", model.a.plan.describe())
    assert told["not separable"] == dict(model.a.plan.rejected)["separable"]
    assert "not built" in model.b._repr_html_()
