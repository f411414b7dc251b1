"""conv1d_transpose, and all other problems with zeros between the input's steps, held to sums by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.emission.render import render
from codegen.errors import SpecError
from codegen.language import reader
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.machine.loader import load_plan
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import by_length, output_phases, upsampled
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyAlgorithm, AnyPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DTransposeSpec
from tests.support import cprogram, strategies, trials

pytestmark = pytest.mark.compiles

SPEC = Conv1DTransposeSpec(name="up", filters=3, kernel_size=4, strides=2, padding="same", input_shape=(5, 2))


def spread(spec: Conv1DTransposeSpec, given: strategies.Data) -> np.ndarray:
    """Each step's products added where they belong, then Keras' window of the whole; before the activation."""
    x = given.x if spec.channels_last else given.x.swapaxes(1, 2)
    batch, steps, _ = x.shape
    s, d, e, more = spec.strides, spec.dilation_rate, spec.reach, spec.output_padding
    whole = np.zeros((batch, (steps - 1) * s + e + s, spec.filters))  # what is past the last product is zero
    for i in range(steps):
        for k in range(spec.kernel_size):
            whole[:, i * s + k * d] += x[:, i] @ given.kernel[k].T
    if isinstance(spec.padding, tuple):
        first, outs = spec.padding[0], (steps - 1) * s + e - sum(spec.padding) + (more or 0)
    elif spec.padding == "valid":
        first, outs = 0, (steps - 1) * s + (max(e, s) if more is None else e + more)
    elif more is None:
        first, outs = max(0, e - s) // 2, steps * s
    else:
        first, outs = max(0, e - e % 2 - more) // 2, (steps - 1) * s + e % 2 + more
    y = whole[:, first : first + outs] + (0 if given.bias is None else given.bias)
    return y if spec.channels_last else y.swapaxes(1, 2)


def test_by_hand() -> None:
    """Two steps, a kernel of three taps, two outputs a step: 1 2 3 and 10 20 30 two outputs later."""
    problem = replace(SPEC, filters=1, kernel_size=3, padding="valid", use_bias=False, input_shape=(2, 1)).lower()
    kernel, _ = replace(SPEC, filters=1, kernel_size=3, use_bias=False, input_shape=(2, 1)).problem_weights(
        {"kernel": np.array([1.0, 2, 3]).reshape(3, 1, 1)}
    )
    y = reference.convolve(problem, np.array([1.0, 10]).reshape(1, 2, 1), kernel)
    assert y.ravel().tolist() == [1, 2, 3 + 10, 20, 30]


def test_the_definition_is_each_step_spread_out() -> None:
    for number, layer in enumerate(strategies.random_layers(60, 71, strategies.transposed, curved=False)):
        spec = layer.spec(activation=None)
        given = strategies.data(layer, number, whole=True, batch=2)
        y = reference.convolve(spec.lower(), given.x, *spec.problem_weights(given.weights))
        expected = spread(spec, given)
        assert y.shape == expected.shape, spec
        assert np.array_equal(y, expected), spec


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_random_layers_in_c(
    target: str, specs: int, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Arguments, packed and baked; whole, sliced; every awkward length of the free ones; between guard pages."""
    tools = need(cprogram.toolchain, TARGETS[target])
    drawn = list(strategies.random_layers(max(12, specs // 10), 72, strategies.transposed))
    made = trials.kernels(drawn, TARGETS[target])
    assert "upsampled" in {kernel.source.plan.algorithm.name for kernel in made}
    made += trials.one_of_each(share(drawn, 8), TARGETS[target], 73)
    trials.try_all(made, tools, tmp_path)


def test_the_last_chunk_of_rows(need: Callable[..., Any], tmp_path: Path) -> None:
    """Known lengths in several chunks, the last one with fewer rows than the others or as many; slices, guard pages."""
    arguments = {"filters": 16, "kernel_size": 8, "strides": 8, "dilation_rate": 1, "padding": "valid"}
    kinds = [strategies.Layer("conv1d_transpose", 4, steps, arguments) for steps in range(296, 302)]
    kinds += [replace(layer, arguments=arguments | {"padding": "same", "kernel_size": 16}) for layer in kinds]
    kinds += [replace(kinds[1], arguments=arguments | {"data_format": "channels_first"})]
    made = trials.kernels(kinds, TARGETS["avx2"]) + trials.one_of_each(kinds[::3], TARGETS["avx2"], 78)
    ragged = []
    assert {kernel.source.plan.algorithm.name for kernel in made} == {"upsampled", "rolled"}
    for kernel in made:
        problem, schedule = kernel.source.plan.problem, kernel.source.plan.schedule
        if kernel.source.plan.algorithm.name == "rolled":  # it has no chunks
            continue
        whole = schedule.rows.over(problem.out_steps(kernel.layer.steps))  # type: ignore[attr-defined]
        ragged.append(whole > schedule.chunk and whole % schedule.chunk > 0)  # type: ignore[attr-defined]
    assert sum(ragged) >= 4
    assert not all(ragged)
    trials.try_all(made, need(cprogram.toolchain, TARGETS["avx2"]), tmp_path)


def test_sanitizers(need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS["avx2"])
    drawn = list(strategies.random_layers(8, 74, strategies.transposed))
    made = trials.kernels(drawn[:5], TARGETS["avx2"]) + trials.one_of_each(drawn[5:], TARGETS["avx2"], 75)
    trials.try_all(share(made, 2), tools, tmp_path, flags=("-O0", *cprogram.SANITIZE), buffers="heap")


def test_packed_by_the_emitted_function(need: Callable[..., Any], tmp_path: Path) -> None:
    """What NAME_pack makes of a kernel is what the plan's `pack` makes of it, number by number."""
    tools = need(cprogram.toolchain, TARGETS["avx2"])
    drawn = list(strategies.random_layers(12, 76, strategies.transposed))
    made = [
        trials.Kernel(layer, pipeline.generate(layer.spec(f"k{i}"), "avx2", packed=True), None)
        for i, layer in enumerate(drawn)
    ]
    assert sum(upsampled.ALGORITHM in algorithms(kernel.source.plan) for kernel in made) > 6
    program = cprogram.Program([kernel.source for kernel in made], tools, tmp_path)
    tried = [(i, next(trials.trials(kernel, i))) for i, kernel in enumerate(made)]
    calls = [trial.call(i) for i, trial in tried]
    kernels = [trials.split(trial.kernel.layer, trial.given)[0] for _, trial in tried]
    packing = [
        replace(call, x=np.zeros(0), weights=kernel, bias=None, outs=call.weights.size, pack=True, slices=0)
        for call, kernel in zip(calls, kernels, strict=True)
        if call.weights is not None
    ]
    for call, packed in zip(calls, program.run(packing), strict=True):
        assert call.weights is not None
        assert np.array_equal(packed, call.weights.ravel())
    trials.run(program, tried)


def algorithms(plan: AnyPlan) -> set[AnyAlgorithm]:
    """That of the plan, and those of its parts by length."""
    return {plan.algorithm, *(part.algorithm for part in plan.parts if plan.algorithm.over_lengths)}


def problems(count: int, seed: int) -> list[ConvProblem]:
    """Problems with zeros between the steps that no layer has: strides, groups, other padding, dilation with `up`."""
    rng = np.random.default_rng(seed)

    def pick(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    found = []
    for _ in range(count):
        groups, taps, dilation = pick(1, 1, 2, 3), pick(1, 2, 3, 4, 5, 7, 16), pick(1, 1, 2, 3)
        reach = dilation * (taps - 1) + 1
        problem = ConvProblem(
            steps=pick(None, reach + pick(1, 5, 20)),
            channels=groups * pick(1, 2, 4, 9),
            filters=groups * pick(1, 2, 4, 9, 17),
            kernel_size=taps,
            stride=pick(1, 1, 2, 3),
            dilation=dilation,
            groups=groups,
            pad_left=pick(*range(reach + 2)),
            pad_right=pick(*range(reach + 3)),
            up=pick(2, 2, 3, 4, 8),
            channels_last=pick(True, True, False),
            epilogue=ending(pick(True, False)),
        )
        if any(part.taps for part in output_phases.rows_of(problem).parts):
            found.append(problem)
    return found


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cached")
def test_any_problem_with_zeros_between_the_steps() -> None:
    """Arguments and packed, exact and fast, on whole numbers: 0 difference where the sums are direct."""
    rng = np.random.default_rng(77)
    for number, problem in enumerate(problems(10, 77)):
        request = Request(
            problem, Ask(TARGETS["scalar"], ("argument", "packed")[number % 2], ("exact", "fast")[number // 2 % 2])
        )
        plan = planner.survey(request).found[0]
        kernel = load_plan(plan, lambda chosen: render(chosen, "conv1d"))
        steps = problem.steps or problem.reach + 40
        x, weights = (rng.integers(-4, 5, shape) for shape in (problem.in_shape(2, steps), problem.kernel_shape))
        bias = rng.integers(-4, 5, problem.filters).astype("f") if problem.bias else None
        y = np.full(problem.out_shape(2, steps), np.nan, "f")
        kernel.run(x.astype("f"), y, kernel.pack(weights.astype("f")), bias)
        expected = reference.convolve(problem, x, weights, bias, dtype="int64")
        assert error_bounds.is_transform(plan) or np.array_equal(y, expected), problem


def test_a_problem_that_reads_nothing_is_left_to_the_plain_loops() -> None:
    problem = ConvProblem(steps=9, channels=1, filters=1, kernel_size=1, stride=2, up=2, pad_left=1)
    found = planner.survey(Request(problem, Ask(TARGETS["scalar"])))
    assert dict(found.refused)["upsampled"] == "no output reads a step of the input"
    assert [plan.algorithm.name for plan in found.found] == ["rolled"]


def test_no_other_algorithm_but_the_plain_loops_looks_at_it() -> None:
    found = planner.survey(Request(SPEC.lower(), Ask(TARGETS["avx2"], "packed", "fast")))
    assert {plan.algorithm.name for plan in found.found} == {"upsampled", "rolled"}
    for name in ("direct_filters", "winograd", "strides_as_channels"):
        assert dict(found.refused)[name] == "it knows no zeros between the input's steps"


def products(plan: Any) -> int:
    """Multiply-adds of a row of outputs in the inner direct kernels."""
    inners = (plan.parts[i].problem for i in plan.schedule.inners if i is not None)
    return sum(inner.terms * inner.filters for inner in inners)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("taps", "strides"), [(16, 8), (4, 2), (3, 2), (5, 3), (2, 4), (7, 2)])
def test_no_product_is_with_a_zero(taps: int, strides: int, padding: str) -> None:
    """A row of `strides` outputs takes each tap, channel and filter once: none for the zeros, none for missing taps."""
    spec = replace(SPEC, kernel_size=taps, strides=strides, padding=padding, input_shape=(None, 8), filters=8)
    whole = planner.plan(spec.lower(), Ask(TARGETS["avx2"], "packed"))
    for plan in whole.parts if whole.algorithm is by_length.ALGORITHM else (whole,):
        assert plan.algorithm is upsampled.ALGORITHM
        assert products(plan) == taps * 8 * 8
        assert len(plan.schedule.rows.parts) <= 2


@pytest.mark.usefixtures("cached")
def test_nan_and_inf_stay_where_they_belong() -> None:
    """`exact` is exact: an odd kernel's phases have 2 taps and 1, and no sample meets a tap that its output has not."""
    for taps, strides in ((3, 2), (5, 3), (2, 4)):
        spec = replace(SPEC, kernel_size=taps, strides=strides, input_shape=(9, 2), filters=2, use_bias=False)
        layer = kinds.of(spec, How(target="scalar", accuracy="exact"))
        x = np.ones((1, 9, 2), "f")
        layer.set_weights([np.ones((taps, 2, 2), "f")])
        x[0, 4] = np.nan
        touched = np.flatnonzero(np.isnan(layer(x)[0, :, 0]))
        assert len(touched) == taps
        assert touched[-1] - touched[0] == taps - 1


@pytest.mark.usefixtures("cached")
def test_outputs_that_no_step_reaches_are_the_bias() -> None:
    layer = codegen.Conv1DTranspose(2, 1, 3, activation="relu", bias_initializer="ones", kernel_initializer="ones")
    y = layer(np.full((1, 2, 1), 4.0, "f"))
    assert y[0, :, 0].tolist() == [5, 1, 1, 5, 1, 1]


@pytest.mark.usefixtures("cached")
def test_the_face_of_the_layer() -> None:
    layer = codegen.Conv1DTranspose(6, 3, strides=2, padding="same", output_padding=1)
    assert layer.compute_output_shape((4, 10, 5)) == (4, 20, 6)
    assert codegen.Conv1DTranspose(6, 3, 2).compute_output_shape((None, None, 5)) == (None, None, 6)
    assert layer(np.ones((4, 10, 5), "f")).shape == (4, 20, 6)
    assert [array.shape for array in layer.weights] == [(3, 6, 5), (6,)]
    again = codegen.Conv1DTranspose.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


WRONG = (
    ({"output_padding": 2}, "E307", "strictly less than `strides`"),
    ({"padding": "causal"}, "E203", "one of {'valid', 'same'}"),
    ({"padding": (4, 0)}, "E205", "leave out at most 3"),
    ({"padding": (3, 3), "input_shape": (1, 2)}, "E303", "leave no output"),
    ({"output_padding": -1}, "E201", "from 0 on"),
    ({"kernel_size": 4, "padding": "same", "output_padding": 0, "input_shape": (1, 2)}, "E303", "leave no output"),
)


@pytest.mark.parametrize(("given", "code", "said"), WRONG)
def test_what_is_refused(given: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        replace(SPEC, **given)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_the_language() -> None:
    sizes = "input_shape = (None, 512), filters = 256, kernel_size = 16, strides = 8"
    (spec,) = reader.read(f"conv1d_transpose up {{ {sizes}, padding = same }}", "net.conv")
    assert isinstance(spec, Conv1DTransposeSpec)
    assert spec.weight_shapes() == {"kernel": (16, 256, 512), "bias": (256,)}
    problem = spec.lower()
    assert (problem.up, problem.out_steps(37), problem.terms) == (8, 296, 1024)
    assert "const ptrdiff_t room = 8 * steps - 1;" in pipeline.generate(spec).header
    both = replace(spec, strides=2, dilation_rate=2, padding=(1, 1))
    assert [error.code for error in both.refusals()] == ["E304", "E305"]


@pytest.mark.usefixtures("cached")
def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from codegen.cli.main import main

    path = tmp_path / "net.conv"
    path.write_text("conv1d_transpose up { input_shape = (20, 4), filters = 3, kernel_size = 4, strides = 2 }")
    assert main(["verify", str(path)]) == 0
    assert main(["show", str(path)]) == 0
    assert "upsampled" in capsys.readouterr().out
