"""separable_conv1d: both stages in Python and in C on every target, held to the definition and to Keras itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import SpecError
from codegen.language import reader
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import SeparableConv1DSpec
from tests.support import cprogram, strategies, trials

pytestmark = pytest.mark.compiles

SPEC = SeparableConv1DSpec(name="stem", filters=3, kernel_size=2, input_shape=(5, 2), depth_multiplier=2)


def test_both_stages_by_hand() -> None:
    """Two channels, two kernels each, mixed: written out as loops over numbers."""
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (1, 5, 2)).astype(float)
    deep, wide, bias = (rng.integers(-4, 5, shape).astype(float) for shape in ((2, 2, 2), (1, 4, 3), (3,)))
    kernel, _ = SPEC.problem_weights({"depthwise_kernel": deep, "pointwise_kernel": wide, "bias": bias})
    expected = np.zeros((1, 4, 3))
    for t in range(4):
        between = [sum(x[0, t + k, c] * deep[k, c, m] for k in range(2)) for c in range(2) for m in range(2)]
        for f in range(3):
            expected[0, t, f] = bias[f] + sum(value * wide[0, i, f] for i, value in enumerate(between))
    assert np.array_equal(reference.convolve(SPEC.lower(), x, kernel, bias), expected)


def test_the_bound_covers_what_both_stages_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums rounded to float32 after every product stay within it, and a tenth of it is passed: it is not slack."""
    problem = replace(SPEC, input_shape=(400, 40), filters=30, kernel_size=9, depth_multiplier=1).lower()
    rng = np.random.default_rng(1)
    x, kernel, bias = (rng.standard_normal(shape).astype("f") for shape in ((1, 400, 40), problem.kernel_shape, 30))
    exact, allowed = reference.convolve(problem, x, kernel, bias), reference.bound(problem, x, kernel, bias)
    (each, deep, _), (_, wide, _) = problem.stage_weights(kernel, bias)
    between = np.zeros((392, 40), np.float32)
    for k in range(9):
        between += x[0, k : k + 392] * deep[k, 0]
    y = np.broadcast_to(bias, (392, 30)).copy()
    for c in range(each.filters):
        y += between[:, c, None] * wide[0, c]
    assert y.dtype == np.float32
    share = np.abs(y - exact[0]) / allowed[0]
    assert 0.01 < share.max() < 1


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_random_layers_in_c(target: str, specs: int, need: Callable[..., Any], tmp_path: Path) -> None:
    """Arguments, packed by the emitted functions, baked; whole, sliced; between guard pages."""
    tools = need(cprogram.toolchain, TARGETS[target])
    drawn = list(strategies.random_layers(max(12, specs // 25), 61, strategies.separable))
    made = trials.kernels(drawn, TARGETS[target])
    names = {kernel.source.plan.algorithm.name for kernel in made}
    assert {"separable", "relayout"} <= names <= {"separable", "relayout", "by_length"}  # of any length by several
    made += trials.one_of_each(drawn[::4], TARGETS[target], 62)
    trials.try_all(made, tools, tmp_path)


def test_packed_by_the_emitted_functions(need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS["scalar"])
    drawn = list(strategies.random_layers(12, 63, strategies.separable))
    made = [
        trials.Kernel(layer, pipeline.generate(layer.spec(f"k{i}"), packed=True), None) for i, layer in enumerate(drawn)
    ]
    tried = [(i, next(trials.trials(kernel, i))) for i, kernel in enumerate(made)]
    program = cprogram.Program([kernel.source for kernel in made], tools, tmp_path)
    kernels = [trials.split(trial.kernel.layer, trial.given)[0] for _, trial in tried]
    calls = [trial.call(i) for i, trial in tried]
    packing = [
        replace(call, x=np.zeros(0), weights=kernel, bias=None, outs=len(call.weights), pack=True, slices=0)
        for call, kernel in zip(calls, kernels, strict=True)
        if call.weights is not None
    ]
    for call, packed in zip(calls, program.run(packing), strict=True):
        assert call.weights is not None
        assert np.array_equal(packed, call.weights.ravel())
    trials.run(program, tried)
    assert "k0_pack_depthwise_kernel(const float *kernel, float *packed)" in made[0].source.header
    assert "#define k0_POINTWISE_KERNEL_NUMBERS" in made[0].source.header


def test_the_emitted_function_takes_both_kernels() -> None:
    header = pipeline.generate(SPEC).header
    assert "const float *depthwise_kernel, /* (2, 1, 4): taps, channels of a group, filters */" in header
    assert "const float *pointwise_kernel, /* (1, 4, 3): taps, channels of a group, filters */" in header


def test_chunks_are_taken_for_long_inputs_and_share_their_workspace() -> None:
    """The workspace of a long input is that of a chunk; a short one is one chunk without a panel."""
    long = replace(SPEC, input_shape=(1_000_000, 64), filters=64, padding="same").lower()
    plan = planner.plan(long, Ask(TARGETS["avx2"], "packed"))
    assert plan.algorithm.name == "separable"
    assert plan.workspace_bytes < 1 << 20
    assert planner.plan(SPEC.lower(), Ask(TARGETS["avx2"], "packed")).schedule.whole  # type: ignore[attr-defined]


def test_every_chunk_size_gives_the_same_numbers(need: Callable[..., Any], tmp_path: Path) -> None:
    """Every plan of one layer whose length leaves a rest in the last chunk."""
    layer = strategies.Layer(
        "separable_conv1d",
        33,
        1999,
        {"filters": 5, "kernel_size": 7, "strides": 2, "dilation_rate": 1, "padding": "same"},
        free=True,
    )
    found = planner.survey(Request(layer.spec().lower(), Ask(TARGETS["scalar"], "packed"))).found
    made = [trials.Kernel.planned(layer, plan, f"k{i}", "exact") for i, plan in enumerate(found)]
    assert len({plan.schedule for plan in found}) >= 3
    trials.try_all(made, need(cprogram.toolchain, TARGETS["scalar"]), tmp_path)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cached")
def test_layers_in_python() -> None:
    """The JIT's way, in one and in three threads, with what the layer itself holds."""
    for number, drawn in enumerate(strategies.random_layers(10, 64, strategies.separable)):
        layer = kinds.of(drawn.spec(), How(threads=1 + 2 * (number % 2)))
        given = strategies.data(drawn, number, whole=False, batch=2)
        layer.set_weights(list(given.weights.values()))
        problem, (kernel, bias) = layer.spec.lower(), trials.split(drawn, given)
        error = np.abs(layer(given.x) - reference.convolve(problem, given.x, kernel, bias))
        assert (error <= reference.bound(problem, given.x, kernel, bias)).all(), drawn


@pytest.mark.usefixtures("cached")
def test_the_face_of_the_layer() -> None:
    layer = codegen.SeparableConv1D(
        6, 3, depth_multiplier=2, depthwise_initializer="ones", pointwise_initializer="ones"
    )
    assert layer.compute_output_shape((4, 10, 5)) == (4, 8, 6)
    assert layer(np.ones((4, 10, 5), "f")).tolist() == np.full((4, 8, 6), 30.0).tolist()
    assert [array.shape for array in layer.weights] == [(3, 5, 2), (1, 10, 6), (6,)]
    assert layer.count_params() == 30 + 60 + 6
    config = layer.get_config()
    assert (config["depth_multiplier"], config["depthwise_initializer"]["class_name"]) == (2, "Ones")
    again = codegen.SeparableConv1D.from_config(config)
    assert again.get_config() == config


def test_regularizers_and_constraints_of_both_kernels() -> None:
    layer = codegen.SeparableConv1D(
        2,
        3,
        depthwise_regularizer={"class_name": "L2", "config": {"l2": 0.5}},
        pointwise_regularizer="l1",
        depthwise_initializer="ones",
        pointwise_initializer="ones",
    )
    layer.build((None, None, 4))
    assert np.allclose(sorted(map(float, layer.losses)), sorted([0.5 * 12, 0.01 * 8]))


def test_the_language(tmp_path: Path) -> None:
    (spec,) = reader.read(
        "separable_conv1d stem {\n  input_shape = (98, 40), filters = 8, kernel_size = 3\n"
        "  pointwise_initializer = he_normal\n}",
        "net.conv",
    )
    assert isinstance(spec, SeparableConv1DSpec)
    assert spec.weight_shapes() == {"depthwise_kernel": (3, 40, 1), "pointwise_kernel": (1, 40, 8), "bias": (8,)}
    refused = [error.code for error in replace(spec, padding="causal").refusals()]
    assert refused == ["E305"]
    with pytest.raises(SpecError, match="`depth_multiplier` must be a whole number greater than 0"):
        replace(spec, depth_multiplier=0)


@pytest.mark.usefixtures("cached")
def test_files_of_weights_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from codegen.cli.main import main

    path = tmp_path / "net.conv"
    path.write_text("separable_conv1d stem { input_shape = (98, 40), filters = 8, kernel_size = 3, padding = same }")
    layer = codegen.load(path)["stem"]
    arrays = {f"stem/{name}": array for name, array in zip(layer.spec.weight_shapes(), layer.weights, strict=True)}
    np.savez(tmp_path / "net.npz", **arrays)  # type: ignore[arg-type]  # numpy's own types: a bool behind **
    x = np.random.default_rng(0).standard_normal((2, 98, 40)).astype("f")
    assert np.array_equal(codegen.load(path, tmp_path / "net.npz")["stem"](x), layer(x))
    assert main(["verify", str(path)]) == 0
    assert main([str(path), "--weights", str(tmp_path / "net.npz"), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "stem.c").read_text()
    assert "stem_depthwise_kernel[120] = {" in text
    capsys.readouterr()
    assert main(["show", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][0]["macs"] == 98 * (40 * 3 + 40 * 8)


@pytest.mark.live
@pytest.mark.usefixtures("cached")
def test_keras_gives_the_same(specs: int) -> None:
    keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    for number, drawn in enumerate(
        strategies.random_layers(max(12, specs // 20), 65, strategies.separable, keras=True)
    ):
        given = strategies.data(drawn, number, whole=True, batch=2)
        name, options = drawn.activation
        if options or name in ("softplus", "hard_silu"):
            continue
        x = given.x if drawn.channels_last else given.x.swapaxes(1, 2)
        theirs = keras.layers.SeparableConv1D(**drawn.arguments | {"data_format": "channels_last"}, activation=name)
        theirs.build(x.shape)
        theirs.set_weights(list(given.weights.values()))
        y = theirs(x.astype("f")).detach().numpy()
        problem, (kernel, bias) = drawn.spec().lower(), trials.split(drawn, given)
        ours = reference.convolve(problem, given.x, kernel, bias)
        np.testing.assert_allclose(ours if drawn.channels_last else ours.swapaxes(1, 2), y, rtol=1e-4, atol=1e-3)
