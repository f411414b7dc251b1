"""Outputs that do not stay in the second-level cache: whole rows are written, their lines fetched beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen import pipeline
from codegen.language.reader import read
from codegen.planning.algorithms import bilinear_schedule
from codegen.planning.algorithms.direct_filters import key
from codegen.planning.ask import Ask, Objective
from codegen.planning.plan import KernelPlan
from codegen.problem.targets import TARGETS, Target
from tests.support import cprogram, trials
from tests.support.strategies import Layer

ENCODER = "conv1d encoder {{ input_shape = ({steps}, 1), filters = 512, kernel_size = 10, strides = 5 }}"


def planned(steps: int | None, target: str, objective: Objective = "speed") -> KernelPlan:
    (spec,) = read(ENCODER.format(steps=steps), "encoder")
    return pipeline.plan(spec, Ask(TARGETS[target], objective=objective))


def near(target: Target) -> Target:
    """The target on a core whose second-level cache holds nothing: each output is far."""
    memory = replace(target.core.memory, outer=0)
    return replace(target, core=replace(target.core, memory=memory))


def test_the_planner_is_told_by_the_bytes_of_y() -> None:
    """512 filters of 4 bytes: 512 outputs are a megabyte, and stay in the second-level cache by the core's row."""
    assert TARGETS["avx512"].core.memory.outer == 512 * 512 * 4
    last_near, first_far = (planned(5 * (outs - 1) + 10, "avx512").schedule for outs in (512, 513))
    assert (last_near.ahead, last_near.chunk) == (False, 128)
    assert (first_far.ahead, first_far.chunk) == (True, 1)
    assert key(first_far) == (*key(replace(first_far, ahead=False)), "ahead")  # keys of other plans stay what they were
    assert not planned(16000, "scalar").schedule.ahead  # plain C fetches nothing
    assert not getattr(planned(16000, "avx512", "size").schedule, "ahead", False)


def test_a_tile_fetches_each_line_that_it_writes_once() -> None:
    """Wherever a line begins: the first number of each 64 bytes and the last one of a row; no place outside of y."""
    (spec,) = read(ENCODER.format(steps=16000), "encoder")
    text = pipeline.emitted(spec, Ask(TARGETS["avx512"])).code
    tile = text[text.index("encoder_6x64(") :]
    tile = tile[: tile.index("\n}\n")]
    fetched = [int(at or 0) for at in re.findall(r"__builtin_prefetch\(y(?: \+ (\d+))?, 1\);", tile)]
    assert fetched == [512 * row + at for row in range(6) for at in (0, 16, 32, 48, 63)]
    stored = [int(at or 0) for at in re.findall(r"v16_store\(y(?: \+ (\d+))?, ", tile)]
    for first in range(16):  # y may begin at any number of a line
        lines = {(first + at) // 16 for at in fetched}
        assert lines == {(first + at + lane) // 16 for at in stored for lane in range(16)}
    body = text[text.index("void encoder(") :]
    assert body.index("++t") < body.index("++j") < body.index("encoder_6x64(")  # whole rows, one after the other


LAYERS = [
    Layer("conv1d", channels, steps, {"dilation_rate": 1, "filters": filters, "kernel_size": taps, **more}, free=free)
    for channels, steps, filters, taps, free, more in (
        (1, 96, 40, 7, False, {"strides": 3}),
        (3, 61, 33, 3, False, {"padding": "same"}),
        (2, 70, 64, 5, True, {"padding": "causal", "dilation_rate": 2}),
        (4, 50, 15, 1, False, {}),
        (6, 75, 48, 4, True, {"groups": 2}),
        (16, 44, 16, 3, False, {"padding": "same"}),
    )
] + [Layer("depthwise_conv1d", 40, 90, {"dilation_rate": 1, "kernel_size": 4, "padding": "causal"})]


def test_a_transform_fetches_the_lines_of_a_later_tile() -> None:
    """48 lines on their way by the core's row: of F(4,2) 3 tiles of 4 rows x 4 lines; their row is looked at first."""
    (spec,) = read("conv1d a { input_shape = (16000, 32), filters = 64, kernel_size = 2, dilation_rate = 512 }", "a")
    plan = pipeline.plan(spec, Ask(TARGETS["avx512"], "packed", "fast"))
    assert (plan.algorithm.name, plan.schedule.transform, plan.schedule.written) == ("winograd", "F(4,2)", 3)
    assert bilinear_schedule.key(plan.schedule) == (*bilinear_schedule.key(replace(plan.schedule, written=0)), 3)
    text = pipeline.emitted(spec, Ask(TARGETS["avx512"], "packed", "fast")).code
    body = text[text.rindex("const ptrdiff_t at = t + 512 * o, later = at + 3;") :]
    found = re.findall(r"if \(later < (15488)\)|__builtin_prefetch\(y \+ 64 \* later(?: \+ (\d+))?, 1\);", body)
    assert found == [("15488", ""), ("", ""), ("", "16"), ("", "32"), ("", "48"), ("", "63")]


def transforms(target: Target) -> Iterator[tuple[Layer, KernelPlan, str]]:
    """Of small layers the plans that are transforms."""
    layers = [
        Layer("conv1d", 8, steps, {"dilation_rate": 1, "filters": 40, "kernel_size": taps, **more}, free=free)
        for steps, taps, free, more in (
            (61, 3, False, {"padding": "same"}),
            (90, 3, True, {"dilation_rate": 5}),
            (120, 9, False, {"dilation_rate": 2, "groups": 2}),
        )
    ]
    for layer, plan, name in trials.plans_of_each(layers, target, 12, "fast"):
        if plan.algorithm.name in ("winograd", "fft"):
            yield layer, plan, f"t{name}"


@pytest.mark.compiles
@pytest.mark.parametrize("target", ["avx2", "avx512"])
def test_small_layers_on_a_core_to_which_all_is_far(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """The numbers are right, at guard pages and of slices too, and some are fetched ahead."""
    tools = need(cprogram.toolchain, TARGETS[target])
    made = trials.one_of_each(LAYERS, near(TARGETS[target]), seed=12, accuracy="exact")
    made += [trials.Kernel.planned(*drawn, "fast") for drawn in transforms(near(TARGETS[target]))]
    ahead = [kernel for kernel in made if getattr(kernel.source.plan.schedule, "ahead", False)]
    assert len(ahead) >= len(LAYERS)
    ahead += [kernel for kernel in made if getattr(kernel.source.plan.schedule, "written", 0)]
    assert {kernel.source.plan.algorithm.name for kernel in ahead} >= {"direct_filters", "depthwise", "winograd", "fft"}
    assert all("__builtin_prefetch(y" in kernel.source.code for kernel in ahead)
    trials.try_all(made, tools, tmp_path, seed=12)
