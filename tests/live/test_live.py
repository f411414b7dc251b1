"""Random layers against the PyTorch and Keras that are installed; needs the `live` extra, torch==2.13.0 first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.problem import reference
from codegen.problem.targets import TARGETS
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Program
from tests.support.strategies import Data, Layer

pytestmark = pytest.mark.live

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

SHARE = 2  # random layers here for each of --specs: PyTorch is quick, only some are compiled


def by_torch(layer: Layer, given: Data, dtype: Any) -> np.ndarray:
    """The layer before its activation by torch.nn.functional.conv1d, float64 out; padding spelled as zeros."""
    problem = layer.spec().lower()
    kernel, bias = trials.split(layer, given)
    x = given.x.swapaxes(1, 2) if layer.channels_last else given.x
    x = np.pad(x, ((0, 0), (0, 0), problem.pads(layer.steps)))
    arrays = [torch.tensor(a, dtype=dtype) for a in (x, kernel.transpose(2, 1, 0))]
    y = torch.nn.functional.conv1d(
        *arrays,
        None if bias is None else torch.tensor(bias, dtype=dtype),
        stride=problem.stride,
        dilation=problem.dilation,
        groups=problem.groups,
    )
    y = y.numpy().astype(np.float64)
    return y.swapaxes(1, 2) if layer.channels_last else y


def linear(layer: Layer) -> Layer:
    return Layer(layer.kind, layer.channels, layer.steps, layer.arguments, free=layer.free)


def test_reference_against_torch(specs: int) -> None:
    """float64: equal to rounding; whole numbers in float32: 0 differing bits."""
    for number, layer in enumerate(strategies.random_layers(SHARE * specs, seed=11, curved=False)):
        layer, whole = linear(layer), number % 2 == 0
        given = strategies.data(layer, number, whole=whole, batch=number % 3)
        y = reference.convolve(layer.spec().lower(), given.x, *trials.split(layer, given))
        theirs = by_torch(layer, given, torch.float32 if whole else torch.float64)
        assert y.shape == theirs.shape, layer
        if whole:
            assert (y == theirs).all(), layer
        else:
            np.testing.assert_allclose(y, theirs, rtol=1e-11, atol=1e-11, err_msg=str(layer))


@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_compiled_against_torch(target: str, specs: int, need: Callable[..., Any], tmp_path: Path) -> None:
    """float32 against float32: both within the bound of the exact result, so within twice of each other."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = [linear(layer) for layer in strategies.random_layers(max(60, specs // 3), seed=12)]
    for start in range(0, specs, trials.PER_PROGRAM):
        folder = tmp_path / str(start)
        folder.mkdir()
        made = [
            trials.Kernel.of(layer, TARGETS[target], f"k{number}")
            for number, layer in enumerate(layers[start : start + trials.PER_PROGRAM])
        ]
        data = [strategies.data(kernel.layer, i, whole=False) for i, kernel in enumerate(made)]
        calls = [trials.Trial(kernel, data[i], False).call(i) for i, kernel in enumerate(made)]
        outputs = Program([kernel.source for kernel in made], tools, folder).run(calls)
        for kernel, given, y in zip(made, data, outputs, strict=True):
            problem, weights = kernel.source.plan.problem, trials.split(kernel.layer, given)
            theirs = by_torch(kernel.layer, given, torch.float32)[0].ravel()
            allowed = 2 * reference.bound(problem, given.x, *weights)[0].ravel()
            assert (np.abs(y - theirs) <= allowed).all(), problem


def test_reference_against_keras(specs: int) -> None:
    """Whatever Keras' layers compute, activations and both data formats, in float64; Keras as it is installed."""
    from tests.data.oracles.record_keras import keras_answer

    count = 0
    for number, layer in enumerate(strategies.random_layers(specs // 2, seed=13, keras=True)):
        given = strategies.data(layer, number, whole=False, batch=2)
        theirs = keras_answer(layer, given, "float64")
        y = reference.convolve(layer.spec(dtype="float64").lower(), given.x, *trials.split(layer, given))
        assert y.shape == theirs.shape, layer
        # torch's softplus is x itself from 20 on, which leaves out log1p(exp(-20)) = 2.1e-9
        least = 2.1e-9 if layer.activation[0] == "softplus" else 1e-11
        np.testing.assert_allclose(y, theirs, rtol=1e-10, atol=least, err_msg=str(layer))
        count += layer.activation[0] != "linear"
    assert count > specs // 8


@pytest.mark.parametrize("dilation", [2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [2, 3])
def test_strides_with_dilation_as_keras_ops_conv(padding: str, stride: int, dilation: int) -> None:
    """The layer refuses it, `keras.ops.conv` computes it; so do we."""
    for steps in range(2 * dilation + 1, 40):
        arguments = {"filters": 2, "kernel_size": 3, "strides": stride, "dilation_rate": dilation, "padding": padding}
        layer = Layer("conv1d", 3, steps, arguments | {"use_bias": False})
        given = strategies.data(layer, steps, whole=True)
        theirs = keras.ops.conv(given.x, given.kernel, stride, padding, dilation_rate=dilation)
        ours = reference.convolve(layer.spec().lower(), given.x, *trials.split(layer, given))
        assert np.array_equal(ours, keras.ops.convert_to_numpy(theirs)), steps


def test_recorded_answers_are_what_keras_says_now() -> None:
    from tests.data.oracles.record_keras import keras_answer
    from tests.support import recorded

    for case in recorded.keras()[::5]:
        now = keras_answer(case.layer, case.given, "float32" if case.whole else "float64")
        np.testing.assert_allclose(case.y, now, rtol=1e-12, atol=1e-13, err_msg=str(case.layer))


def test_onnx_cases_are_what_the_wheel_holds(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    from tests.data.oracles import record_onnx

    record_onnx.record(tmp_path / "onnx.npz")
    with (
        np.load(tmp_path / "onnx.npz") as now,
        np.load(record_onnx.__file__.replace("record_onnx.py", "onnx.npz")) as old,
    ):
        assert set(now) == set(old)
        assert all(np.array_equal(now[name], old[name]) for name in now)
