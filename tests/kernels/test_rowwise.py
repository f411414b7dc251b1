"""Activations of a whole row: what they mean, what their C may be off by, and every layer that may end in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import SpecError
from codegen.functions import activations
from codegen.functions.activations import ROWWISE, rowwise
from codegen.functions.registry import Call
from codegen.numbers.formats import COMPUTED
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec
from tests.support import cprogram, strategies, trials

pytestmark = pytest.mark.compiles

NAMES = strategies.ROWS
DTYPE = {"float32": "float64", "float64": "longdouble"}


def row_of(name: str) -> activations.Row:
    return activations.row(activations.get(name))


def test_what_they_mean() -> None:
    assert tuple(row.name for row in ROWWISE) == NAMES
    z = np.random.default_rng(0).normal(size=(50, 7)) * 3
    assert np.allclose(rowwise.softmax(z).sum(axis=-1), 1)
    assert np.allclose(rowwise.softmax(z) * np.exp(z).sum(axis=-1, keepdims=True), np.exp(z))
    assert np.allclose(np.exp(rowwise.log_softmax(z)), rowwise.softmax(z))
    assert np.allclose(rowwise.glu(z[:, :6]), z[:, :3] / (1 + np.exp(-z[:, 3:6])))


def test_sparsemax_is_the_nearest_distribution() -> None:
    """Its sum is 1, and no other distribution, of many, is nearer; issue 23425 of Keras has the numbers of one row."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(40, 6))
    y = rowwise.sparsemax(z)
    assert np.allclose(y.sum(axis=-1), 1)
    assert (y >= 0).all()
    assert 1 < (y > 0).sum(axis=-1).mean() < 5
    others = rng.dirichlet(np.full(6, 0.5), (500, 40))
    near = np.minimum(1, np.maximum(0, y + (others - y) * rng.random((500, 40, 1)) * 0.1))  # on the way to each
    for tried in (others, near):
        assert (((tried - z) ** 2).sum(axis=-1) >= ((y - z) ** 2).sum(axis=-1) - 1e-12).all()
    assert np.allclose(rowwise.sparsemax(np.array([0.0, 0.5, 1.0])), [0, 0.25, 0.75])


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_random_layers_in_c(target: str, specs: int, need: Callable[..., Any], tmp_path: Path) -> None:
    """Arguments, packed and baked weights; whole and sliced; between guard pages; all warnings are errors."""
    tools = need(cprogram.toolchain, TARGETS[target])
    made = trials.kernels(list(strategies.random_layers(max(10, specs // 30), 71, strategies.rowwise)), TARGETS[target])
    assert {kernel.source.plan.algorithm.name for kernel in made} <= {"row_activation", "by_length"}
    made = [replace_sliced(kernel, number) for number, kernel in enumerate(made)]
    trials.try_all(made, tools, tmp_path, flags=("-O1", *cprogram.WARNINGS[2:]))


def growing(name: str, target: str) -> trials.Kernel:
    """A strided layer of any length, whose sums go by a plan that copies all of the input to the workspace."""
    arguments = {"filters": 4, "kernel_size": 9, "strides": 3, "dilation_rate": 1, "padding": "same"}
    layer = strategies.Layer("conv1d", 2, 900, arguments | {"data_format": "channels_first"}, (name, {}), free=True)
    found = planner.survey(Request(layer.spec().lower(), Ask(TARGETS[target], "packed", accuracy="fast"))).found
    plan = next(plan for plan in found if plan.inner.algorithm.name == "strides_as_channels")
    return trials.Kernel.planned(layer, plan, name, "fast")


@pytest.mark.parametrize("target", ["scalar", "sse2"])
def test_sums_that_take_workspace_for_each_step(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """The workspace holds what the plan of the sums takes for each step; behind it lie the sums of glu."""
    made = [growing(name, target) for name in ("softmax", "glu")]
    assert [kernel.source.plan.inner.workspace_step_bytes for kernel in made] == [8, 8]
    trials.try_all(made, need(cprogram.toolchain, TARGETS[target]), tmp_path, flags=cprogram.LIGHT)


def replace_sliced(kernel: trials.Kernel, number: int) -> trials.Kernel:
    """Every third kernel with a function for a slice of the work."""
    if number % 3 or kernel.baked:
        return kernel
    plan = kernel.source.plan.asked(sliced=True)
    return trials.Kernel.planned(kernel.layer, plan, kernel.source.name, kernel.accuracy)


def rows(name: str, dtype: str) -> np.ndarray:
    """Rows of 22 numbers of every size: flat ones, far ones, equal ones, one ahead of the others."""
    rng = np.random.default_rng(2)
    sizes = [0.0, 1e-30, 1e-3, 0.1, 1.0, 3.0, 10.0, 40.0, 300.0, 1e4, 1e30]
    made = [rng.standard_normal((7, 22)) * size for size in sizes]
    ahead = rng.standard_normal((7, 22)) * 0.05
    ahead[:, 3] += np.linspace(0.5, 150, 7)
    ties = rng.integers(0, 3, (7, 22)) / 4
    return np.concatenate([*made, ahead, ties]).astype(dtype)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_the_stated_error_of_the_text_alone(
    target: str, data_format: str, need: Callable[..., Any], tmp_path: Path
) -> None:
    """Sums that are exact, as the kernel is the identity: what is left is the activation's own error."""
    tools, sources, tried = need(cprogram.toolchain, TARGETS[target]), [], []
    for name in NAMES:
        for dtype in COMPUTED:
            z = rows(name, dtype)
            shape = z.shape if data_format == "channels_last" else z.T.shape
            spec = Conv1DSpec(
                name=f"{name}_{dtype}", filters=22, kernel_size=1, input_shape=shape, data_format=data_format,
                activation=activations.get(name), use_bias=False, dtype=dtype,
            )  # fmt: skip
            sources.append(pipeline.generate(spec, target))
            tried.append((name, dtype, z))
    program = cprogram.Program(sources, tools, tmp_path)
    calls = []
    for number, (_, dtype, z) in enumerate(tried):
        x = z if data_format == "channels_last" else z.T
        outs = sources[number].plan.problem.out_filters * len(z)
        calls.append(cprogram.Call(number, np.ascontiguousarray(x), np.eye(22, dtype=dtype), None, len(z), outs))
    for (name, dtype, z), flat in zip(tried, program.run(calls), strict=True):
        y = flat.reshape(len(z), -1) if data_format == "channels_last" else flat.reshape(-1, len(z)).T
        wide, known = z.astype(DTYPE[dtype]), row_of(name)
        assert known.bound is not None
        allowed = known.bound(wide, np.zeros_like(wide), COMPUTED[dtype].unit)
        share = np.abs(y - known.reference(wide)) / allowed
        assert share.max() <= 1, (name, dtype, np.unravel_index(share.argmax(), share.shape))
        assert share.max() > 0.004, f"{name}, {dtype}: the bound says nothing"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filters", [2, 6, 1000])
def test_long_and_short_rows_in_python(name: str, filters: int) -> None:
    """Numbers so near each other that sparsemax keeps many, and its threshold takes many turns."""
    layer = codegen.Conv1D(filters, 1, activation=name, use_bias=False)
    layer.build((None, None, filters))
    layer.set_weights([np.eye(filters, dtype="f")[None]])
    z = np.random.default_rng(3).standard_normal((1, 9, filters)).astype("f")
    for scale in (0.002, 1.0):
        x, known = z * np.float32(scale), row_of(name)
        assert known.bound is not None
        wide = x.astype(np.float64)
        allowed = known.bound(wide, np.zeros_like(wide), 2.0**-24)
        assert (np.abs(layer(x) - known.reference(wide)) <= allowed).all()


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_in_its_row(name: str, data_format: str) -> None:
    """Rows that are computed beside it, in other lanes, stay as they are: sparsemax goes on until each has its own."""
    layer = codegen.Conv1D(20, 1, groups=20, kernel_initializer="ones", activation=name, data_format=data_format)
    x = 2 * np.random.default_rng(4).standard_normal((1, 20, 32)).astype("f").swapaxes(1, 2)

    def rows(x: np.ndarray) -> np.ndarray:
        y: np.ndarray = layer((x if layer.spec.channels_last else x.swapaxes(1, 2)).copy())
        return y if layer.spec.channels_last else y.swapaxes(1, 2)

    clean = rows(x)
    x[0, 5, -1] = np.nan
    y = rows(x)
    assert np.isnan(y[0, 5]).any()
    np.testing.assert_allclose(np.delete(y, 5, axis=1), np.delete(clean, 5, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("cached")
def test_glu_halves_the_filters() -> None:
    layer = codegen.Conv1D(8, 3, activation="glu")
    assert layer.compute_output_shape((2, 10, 5)) == (2, 8, 4)
    assert layer(np.ones((2, 10, 5), "f")).shape == (2, 8, 4)
    header = pipeline.generate(
        Conv1DSpec(name="g", filters=8, kernel_size=3, input_shape=(None, 5), activation=activations.get("glu"))
    ).header
    assert "#define G_OUT_FILTERS 4" in header
    assert "#define G_WORKSPACE_BYTES(steps) (32 * (ptrdiff_t)(steps))" in header
    assert "_out_steps(steps), 4): output steps, filters" in header


@pytest.mark.usefixtures("cached")
def test_a_workspace_that_grows_serves_every_length() -> None:
    layer = codegen.Conv1D(6, 3, activation="glu", padding="same", strides=2)
    rng = np.random.default_rng(5)
    for steps in (1, 7, 4000, 30):
        x = rng.standard_normal((2, steps, 3)).astype("f")
        y, problem = layer(x), layer.spec.lower()
        kernel, bias = layer.spec.problem_weights(dict(zip(("kernel", "bias"), layer.weights, strict=True)))
        error = np.abs(y - reference.convolve(problem, x, kernel, bias))
        assert (error <= reference.bound(problem, x, kernel, bias)).all()


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(SpecError, match="7 are not even") as wrong:
        Conv1DSpec(filters=7, kernel_size=1, input_shape=(9, 2), activation=activations.get("glu"))
    assert wrong.value.code == "E308"
    with pytest.raises(SpecError, match="`axis` is 1: expected -1, the channels"):
        activations.get(Call("softmax", (), (("axis", 1),)))
    assert activations.get("softmax").option("axis") == -1


@pytest.mark.live
@pytest.mark.parametrize("name", NAMES)
def test_keras_gives_the_same(name: str) -> None:
    keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    z = np.random.default_rng(6).standard_normal((4, 9, 12)) * 2
    if name == "sparsemax":  # 3.15 sums the sums of a row's largest (issue 23425): right where one number is left
        z[..., 0] += 30
    theirs = np.asarray(keras.activations.get(name)(z))
    np.testing.assert_allclose(row_of(name).reference(z), theirs, rtol=1e-12, atol=1e-12)
