"""Layers of any size: a plan, its size and its text cost what is counted, not what the numbers in the layer are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli import main
from codegen.emission import banner, render
from codegen.emission.packing import packs
from codegen.errors import PlanError, SpecErrors
from codegen.language import elaborate, evaluate, reader
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms import cost, output_phases, tiling
from codegen.planning.ask import Accuracy, Ask
from codegen.planning.plan import Request
from codegen.problem.chain import separable
from codegen.problem.conv_problem import MOST_TABLE, ConvProblem
from codegen.problem.targets import TARGETS, target_named
from codegen.specs import rules
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec
from tests.fuzz import planner as planner_fuzz
from tests.fuzz import sizes as sizes_fuzz
from tests.support import strategies

AVX2 = TARGETS["avx2"]
HUGE = 2**31 - 1
MAKERS = (
    strategies.layer,
    strategies.separable,
    strategies.transposed,
    strategies.rowwise,
    strategies.rewritten,
    strategies.wide,
)


def asked(problem: ConvProblem, weights: Any = "packed", accuracy: Accuracy = "fast") -> planner.Survey:
    return planner.survey(Request(problem, Ask(AVX2, weights, accuracy)))


@pytest.mark.long
def test_fuzzed_layers_have_plans() -> None:
    tried, findings = planner_fuzz.run(250, seed=3)
    assert (tried, findings) == (250, [])


@pytest.mark.live
def test_fuzzed_layers_are_shown_and_emitted_within_limits(share: Callable[..., Any]) -> None:
    wanted = len(share(range(24), 3))
    assert sizes_fuzz.run(wanted, seed=3) == (wanted, [])


@pytest.mark.parametrize(
    ("arguments", "channels"),
    [
        ({"filters": 1, "kernel_size": 1, "strides": HUGE, "padding": "causal"}, 1),
        ({"filters": 10**6, "kernel_size": 3}, 2),
        ({"filters": 10**6, "kernel_size": 3, "data_format": "channels_first"}, 2),
        ({"filters": 10**6, "kernel_size": 3, "groups": 5 * 10**5}, 10**6),
        ({"filters": 8, "kernel_size": 10**6, "padding": "same"}, 4),
        ({"filters": 1, "kernel_size": 1}, HUGE),
    ],
)
def test_a_plan_has_few_pieces_whatever_the_sizes(arguments: dict[str, Any], channels: int) -> None:
    first = arguments.get("data_format") == "channels_first"
    for steps in (None, 2000):
        if steps and channels == HUGE:
            continue  # more numbers than an input may have
        spec = Conv1DSpec(input_shape=(channels, steps) if first else (steps, channels), **arguments)
        for accuracy in ("exact", "fast"):
            for weights in ("argument", "packed"):
                found = asked(spec.lower(), weights, accuracy).found  # type: ignore[arg-type]  # a word of the class
                assert len(found) < 500
                assert all(plan.cost.cycles > 0 for plan in found)
                assert max(map(planner_fuzz.pieces, found)) < 5_000


def test_a_transposed_layer_of_a_large_stride_is_planned_by_its_parts() -> None:
    for kernel_size in (3, 10**6, 3 * 10**6):
        spec = Conv1DTransposeSpec(input_shape=(50, 2), filters=2, kernel_size=kernel_size, strides=10**6)
        assert len(output_phases.rows_of(spec.lower()).parts) <= 3
        assert asked(spec.lower()).found[0].cost.cycles > 0


def test_one_tap_is_not_padded_to_as_many_phases_as_the_stride() -> None:
    spec = Conv1DTransposeSpec(input_shape=(2, 8), filters=4, kernel_size=1, strides=2**26, dilation_rate=4)
    assert output_phases.padded_phases(spec.lower()) == 2**24
    assert all(planner_fuzz.pieces(plan) < 1000 for plan in asked(spec.lower(), "packed", "wide").found)


def test_phases_are_those_that_each_output_has() -> None:
    """Taps and samples of every output, by the parts and by the definition."""
    rng = np.random.default_rng(8)
    for _ in range(300):
        taps, up, dilation, stride = (int(rng.integers(1, most)) for most in (20, 14, 8, 4))
        p = ConvProblem(9, 1, 1, taps, stride=stride, dilation=dilation, up=up + 1, pad_left=int(rng.integers(0, 30)))
        for padded in (False, True):
            rows = output_phases.rows_of(p, padded=padded)
            assert sum(part.phases for part in rows.parts) == rows.count
            for part in rows.parts:
                for i in range(part.phases):
                    at = (part.first + i - rows.shift) * p.stride - p.pad_left
                    own = [k for k in range(taps) if (at + k * dilation) % p.up == 0]
                    told = [part.tap + i * part.step + j * rows.tap_step for j in range(part.taps)]
                    samples = [part.start + j * rows.dilation for j in range(part.taps)]
                    assert [k for k in told if k < taps] == own
                    assert all((at + k * dilation) == s * p.up for k, s in zip(told, samples, strict=True))


@pytest.mark.long
@pytest.mark.parametrize("make", MAKERS)
def test_packed_numbers_are_those_that_pack_makes(make: Any) -> None:
    for number, layer in enumerate(strategies.random_layers(12, seed=71, make=make)):
        problem = layer.spec().lower()
        accuracy = ("exact", "fast", "wide")[number % 3]
        for plan in asked(problem, "packed", accuracy).found[:10]:  # type: ignore[arg-type]  # a word of the class
            kernel = np.ones(problem.kernel_shape, problem.dtype)
            packed = plan.pack(kernel)
            assert plan.packed_numbers == packed.size, plan.key
            each = problem.bias * problem.filters * problem.item_bytes
            assert banner.weight_bytes(plan) == packed.nbytes + each


def test_starts_and_panels_cover_every_lane_once_in_order() -> None:
    for size in range(1, 90):
        for rows in range(1, min(8, size) + 1):
            starts = tiling.Starts.of(size, rows)
            told = tuple(min(at, size - rows) for at in range(0, size, rows))
            assert (tuple(starts), len(starts), starts[-1]) == (told, len(told), told[-1])
        for lanes in (1, 4, 8):
            for vectors in range(1, 5):
                if size < lanes or vectors > -(-size // lanes):
                    continue
                count = -(-size // (vectors * lanes))
                (panel,) = tiling.panels(size, (lanes,), ((vectors, count),))
                covered = {s + o + lane for s in panel.starts for o in panel.offsets for lane in range(lanes)}
                assert covered == set(range(size))


@pytest.mark.long
@pytest.mark.parametrize("reach", [513, 514, 1024, 1025, 1537, 2000, 2**20])
def test_a_free_length_is_told_for_steps_that_leave_outputs(reach: int) -> None:
    for problem in (
        ConvProblem(None, 4, 16, 2, dilation=reach - 1),
        ConvProblem(None, 1, 1, reach),
        ConvProblem(None, 4, 4, reach, channels_last=False, stride=3),
        separable(ConvProblem(None, 4, 8, 2, dilation=reach - 1), 1),
        ConvProblem(None, 4, 8, 5, dilation=reach // 2, up=2, pad_left=reach),
    ):
        assert cost.outs_told(problem) >= 512 // problem.stride
        for accuracy in ("exact", "fast"):
            found = asked(problem, "packed", accuracy).found  # type: ignore[arg-type]  # a word of the class
            assert all(plan.cost.cycles > 0 for plan in found)


def test_a_short_reach_is_told_for_1024_steps() -> None:
    assert {cost.steps_told(ConvProblem(None, 3, 5, taps)) for taps in (1, 3, 64, 513)} == {1024}
    assert cost.steps_told(ConvProblem(None, 3, 5, 514)) == 1024 + 514
    assert cost.steps_told(ConvProblem(77, 3, 5, 9)) == 77


@pytest.mark.long
def test_every_transposed_layer_has_weights_that_c_packs() -> None:
    """Where phases differ, the plan whose first one is a transform was all that was offered."""
    (spec,) = reader.read(
        "conv1d_transpose up { input_shape=(100,16), filters=8, kernel_size=5, strides=2, dilation_rate=3 }"
    )
    assert packs(pipeline.packed_plan(spec, Ask(TARGETS["avx2"], accuracy="fast")))
    for number, layer in enumerate(strategies.random_layers(60, seed=12, make=strategies.transposed)):
        target = tuple(TARGETS)[number % len(TARGETS)]
        for accuracy in ("fast", "wide"):
            assert packs(pipeline.packed_plan(layer.spec(), Ask(target_named(target), accuracy=accuracy)))  # type: ignore[arg-type]  # its word


def test_a_layer_whose_weights_no_function_packs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = reader.read("conv1d one { input_shape=(100,16), filters=8, kernel_size=5 }")
    monkeypatch.setattr(pipeline, "packs", lambda plan: ())
    with pytest.raises(PlanError, match=r"^`one`: no function in C packs the weights .* leave --packed out"):
        pipeline.generate(spec, packed=True)


def test_a_rewritten_problem_without_a_plan_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inner survey that finds nothing leaves the other algorithms' plans."""
    monkeypatch.setattr(planner, "best_of_each", lambda request: [])
    planner.survey.cache_clear()
    known = asked(ConvProblem(300, 16, 32, 9, stride=3, channels_last=False))
    planner.survey.cache_clear()
    assert {plan.algorithm.name for plan in known.found} == {"direct_steps", "rolled"}
    assert dict(known.refused)["relayout"] == "no algorithm serves what it rewrites the layer to"


class TestTables:
    def test_a_kernel_beyond_the_most_is_refused_where_it_stands(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Before any weight is made: this one would be 8 GB."""
        path = tmp_path / "big.conv"
        path.write_text(f"conv1d big {{ input_shape = (None, {HUGE}), filters = 1, kernel_size = 1 }}\n")
        for command in ([str(path), "-o", "-"], ["show", "--why", str(path)]):
            assert main.main([*command, "--init", "--seed", "1"]) == 1
            told = capsys.readouterr().err
            assert told.startswith(f"error[E411]: the kernel's {HUGE:,} numbers would be 34,359,738,352 bytes of C")
            assert f" --> {path}:1:" in told
            assert main.main([*command, "--packed"]) == 0
            assert f"{HUGE:,}" in capsys.readouterr().out

    def test_a_table_does_not_grow_beyond_the_most_by_packing(self) -> None:
        """A long stride's zeros, or a transform's points, are not worth a table of their own size."""
        problem = ConvProblem(200, 512, 512, 4)  # 2**20 numbers: a transform of them has more
        packed, baked = asked(problem, "packed"), asked(problem, "baked")
        assert max(plan.packed_numbers for plan in packed.found) > 2 * MOST_TABLE
        assert max(plan.packed_numbers for plan in baked.found) <= 2 * MOST_TABLE
        assert not any(error_bounds.is_transform(plan) for plan in baked.found)
        assert "const table" in " ".join(reason for _, reason in baked.refused)

    def test_a_table_of_int8_is_counted_with_its_zeros(self) -> None:
        """As it is packed: a stride of 2**16 and few taps, each in a row of its own."""
        grid = "dtype = int8, input_scale = 1, input_zero_point = 0, output_scale = 1, output_zero_point = 0"
        text = "conv1d_transpose l {{ input_shape = (None, 9), filters = 9, kernel_size = 4, strides = {}, {} }}"
        with pytest.raises(SpecErrors, match=r"(?s)E411.*the kernel's 5,308,416 numbers .* take smaller strides"):
            reader.read(text.format(2**16, grid))
        for stride in (2**13, 2**15):  # what is no error of the layer has a plan
            (spec,) = reader.read(text.format(stride, grid))
            plan = planner.answer(pipeline.request(spec, Ask(TARGETS["scalar"], "baked")))
            assert plan.packed_numbers == stride * 81
        assert [each.code for each in rules.tables(replace(spec, strides=2**16).problem)] == ["E411"]

    def test_a_large_table_is_not_there_twice(self) -> None:
        """At a free length each of several plans would lay the weights out in its own way."""
        told = [dict(asked(ConvProblem(None, 64, 64, taps, groups=64), "baked").refused) for taps in (4096, 16384)]
        assert ["a const table of its own" in each.get("by_length", "") for each in told] == [False, True]

    def test_show_tells_the_text_before_it_is_written(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "one.conv"
        path.write_text("conv1d one { input_shape = (20, 8), filters = 16, kernel_size = 3 }\n")
        assert main.main(["show", "--why", str(path), "--init", "--seed", "1"]) == 0
        told = capsys.readouterr().out
        assert "1,600 bytes, as const tables some 6,400 bytes of C" in told
        assert main.main([str(path), "--init", "--seed", "1", "-o", "-"]) == 0
        code = capsys.readouterr().out
        table = code[code.index("one_kernel[") : code.index("};", code.index("one_bias["))]
        assert 0.5 < len(table) / 6400 < 1.2


def test_packing_groups_of_two_block_shapes_is_one_loop() -> None:
    problem = ConvProblem(60, 4 * 4000, 20 * 4000, 3, groups=4000)
    plan = next(
        plan for plan in asked(problem, "packed", "exact").found if len(getattr(plan.schedule, "blocks", ())) > 1
    )
    (pack,) = packs(plan)
    assert (pack.packing.groups, len(pack.packing.moves)) == (4000, len(plan.schedule.blocks))  # type: ignore[attr-defined]
    assert len(render.render(plan, "many", with_pack=True).code) < 100_000


def test_a_suggestion_is_asked_for_once_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []

    def closest(word: str, *_: Any) -> None:
        asked_for.append(word)

    monkeypatch.setattr(elaborate, "closest", closest)
    monkeypatch.setattr(evaluate, "closest", closest)
    entries = "".join(f" wrong{i} = 1, filters = wrod{i} + 1 " for i in range(3))
    with pytest.raises(SpecErrors):
        reader.read(f"for i in range(400) {{ conv1d x[i] {{ {entries} }} conv1dd y[i] {{ }} }}")
    assert sorted(asked_for) == sorted([*(f"wrong{i}" for i in range(3)), *(f"wrod{i}" for i in range(3)), "conv1dd"])


def test_show_tells_the_plan_that_python_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "far.conv"
    path.write_text("conv1d far { input_shape = (None, 1), filters = 1, kernel_size = 2000 }\n")
    (spec,) = reader.read(path.read_text())
    python = planner.answer(pipeline.request(spec, Ask(TARGETS["avx2"], "packed", "fast")))
    assert not packs(python)
    assert main.main(["show", "--why", str(path), "--target", "avx2", "--packed", "--accuracy", "fast"]) == 0
    rows = dict(line.strip().split("  ", 1) for line in capsys.readouterr().out.splitlines()[1:] if line.strip())
    assert rows["plan"].strip() == python.describe()
    factors = [float(reason.split()[2]) for _, reason in python.rejected if reason.startswith("estimated at")]
    assert factors
    assert min(factors) >= 1
    in_c = pipeline.packed_plan(spec, Ask(TARGETS["avx2"], accuracy="fast"))
    assert rows["packed in C"].strip().startswith(in_c.describe())
    short = replace(spec, kernel_size=3)
    assert (
        pipeline.packed_plan(short, Ask(TARGETS["avx2"], accuracy="fast")).key
        == pipeline.plan(short, Ask(TARGETS["avx2"], "packed", "fast")).key
    )
