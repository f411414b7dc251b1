"""No kernel reads or writes a byte that is not its own: guard pages on both sides, AddressSanitizer and UBSan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.planning import planner
from codegen.planning.algorithms import bilinear
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS, Target
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Program
from tests.support.strategies import Layer

pytestmark = pytest.mark.compiles

CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33)
PADDINGS = ("valid", "same", "causal", (2, 0), (0, 5))


def awkward_layers(seed: int) -> list[Layer]:
    """Every number of channels with every padding, at free lengths, the rest at random."""
    rng = np.random.default_rng(seed)
    layers = []
    for channels in CHANNELS:
        for padding in PADDINGS:
            depthwise = rng.integers(3) == 0
            arguments: dict[str, Any] = {
                "kernel_size": int(rng.choice([1, 2, 3, 5, 8])),
                "strides": int(rng.choice([1, 1, 2, 3])),
                "dilation_rate": int(rng.choice([1, 1, 2, 4])),
                "padding": padding,
                "data_format": str(rng.choice(["channels_last", "channels_first"])),
            }
            if depthwise:
                arguments["depth_multiplier"] = int(rng.choice([1, 1, 2]))
            else:
                arguments["filters"] = int(rng.choice(CHANNELS))
            layers.append(Layer("depthwise_conv1d" if depthwise else "conv1d", channels, 1, arguments, free=True))
    return layers


def vector_steps(target: Target) -> range:
    """0 … 3 vectors + 2 steps, a vector being 4 numbers at least."""
    return range(3 * max(4, target.vector_bytes // 4) + 3)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_every_length_up_to_three_vectors(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Guard pages around every buffer, each call at both ends of its pages; the numbers are checked, too."""
    tools = need(cprogram.toolchain, TARGETS[target])
    made = trials.kernels(share(awkward_layers(seed=4), 4), TARGETS[target])
    program = Program([kernel.source for kernel in made], tools, tmp_path)
    tried = []
    for number, kernel in enumerate(made):
        for steps in vector_steps(TARGETS[target]):
            given = strategies.data(kernel.layer, number + steps, whole=True, steps=steps)
            if kernel.baked:
                given = replace(kernel.baked, x=given.x)
            tried.append((number, trials.Trial(kernel, given, True)))
    trials.run(program, tried)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_every_length_of_every_algorithm(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """As above for a random plan of each; known lengths, too, for those that serve no other. A workspace of NaN."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = [replace(layer, free=layer.arguments["strides"] == 1) for layer in rewritten(20, seed=41)]
    strided = next(layer for layer in layers if not layer.free and layer.kind == "conv1d")
    layers += [replace(strided, steps=strided.steps + more) for more in range(9)]
    made, tried = trials.one_of_each(share(layers, 6), TARGETS[target], seed=41), []
    for number, kernel in enumerate(made):
        arguments, steps = kernel.layer.arguments, [kernel.layer.steps]
        if kernel.layer.free:
            before = arguments["dilation_rate"] * (arguments["kernel_size"] - 1)
            steps = [0, 1, 2, *(before + more for more in vector_steps(TARGETS[target]))]
        for length in steps:
            given = strategies.data(kernel.layer, number + length, whole=True, steps=length)
            if kernel.baked:
                given = replace(kernel.baked, x=given.x)
            tried.append((number, trials.Trial(kernel, given, True)))
    assert len({kernel.source.plan.algorithm.name for kernel in made}) > 5
    trials.run(Program([kernel.source for kernel in made], tools, tmp_path), tried)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_products_point_by_point(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """What layers of 256 channels have, on layers of few: several blocks, the next weights fetched ahead."""
    tools = need(cprogram.toolchain, TARGETS[target])
    made = point_by_point(small(TARGETS[target]))
    assert {kernel.source.plan.algorithm.name for kernel in made} == {"winograd", "fft"}
    schedules = [kernel.source.plan.schedule for kernel in made]
    assert all(isinstance(each, bilinear.Schedule) and each.by_points for each in schedules)
    several = [each.panels[0] for each in schedules if isinstance(each, bilinear.Schedule)]
    assert any(panel.count > 1 and not panel.even for panel in several)
    trials.try_all(made, tools, tmp_path, seed=61)


def small(target: Target) -> Target:
    """The target on a core to which all weights are far, and whose large blocks are small ones."""
    rooms = replace(target.core.rooms, far_weights=0, large_blocks=(2 << 10, 6 << 10))
    return replace(
        target, core=replace(target.core, rooms=rooms, memory=replace(target.core.memory, outer=0, fetched=1))
    )


def point_by_point(target: Target) -> list[trials.Kernel]:
    """For layers that differ in all that these kernels look at, a plan by points of each algorithm that has one."""
    made = []
    for number, (taps, channels, filters, dilation, groups, free) in enumerate(BY_POINTS):
        arguments = {
            "filters": filters,
            "kernel_size": taps,
            "dilation_rate": dilation,
            "groups": groups,
            "padding": ("same", "valid", "causal")[number % 3],
            "use_bias": number % 4 != 1,
        }
        layer = Layer("conv1d", channels, dilation * (taps - 1) + 70 + number, arguments, free=free)
        weights = ("packed", "baked")[number % 2]
        problem = layer.spec(dtype="float64" if number == 3 else "float32").lower()
        taken: dict[str, KernelPlan] = {}
        for plan in planner.survey(Request(problem, Ask(target, weights, "wide"))).found:  # type: ignore[arg-type]  # a word
            if getattr(plan.schedule, "by_points", False) and not plan.parts:
                taken.setdefault(plan.algorithm.name, plan)
        for algorithm, plan in taken.items():
            plan = plan.asked(sliced=number % 3 == 0)
            made.append(trials.Kernel.planned(layer, plan, f"points{number}_{algorithm}", "wide"))
    return made


BY_POINTS = (  # (taps, channels, filters, dilation, groups, of a free length)
    (3, 8, 40, 1, 1, False),
    (2, 5, 70, 1, 1, True),
    (5, 12, 37, 2, 1, False),
    (4, 8, 33, 1, 1, False),
    (3, 16, 96, 1, 2, True),
    (9, 8, 36, 1, 1, False),
    (16, 9, 68, 3, 1, True),
    (33, 6, 41, 1, 1, False),
)


def rewritten(count: int, seed: int) -> list[Layer]:
    return list(strategies.random_layers(count, seed, strategies.rewritten))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_address_and_undefined_behaviour_sanitizers(
    target: str, specs: int, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = share(list(strategies.random_layers(max(40, specs // 5), seed=5)), 8)
    flags = (*cprogram.LIGHT, *cprogram.SANITIZE)
    trials.run_all(layers, TARGETS[target], tools, tmp_path, flags=flags, buffers="heap")
    layers = rewritten(max(10, specs // 30), seed=42)
    layers += [
        *strategies.random_layers(4, seed=45, make=strategies.separable),
        *strategies.random_layers(8, seed=46, make=strategies.rowwise),
    ]
    made = trials.one_of_each(share(layers, 8), TARGETS[target], seed=42)
    flags = ("-O0", *cprogram.SANITIZE)  # instrumented codelets of a thousand statements are slow to optimise
    trials.try_all(made, tools, tmp_path, flags=flags, buffers="heap")


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_slices_in_threads_race_for_nothing(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """ThreadSanitizer watches four slices at the same time, each with a workspace of its own: no report."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = rewritten(10, seed=43) + list(strategies.random_layers(6, seed=44))
    layers += [
        *strategies.random_layers(3, seed=47, make=strategies.separable),
        *strategies.random_layers(3, seed=48, make=strategies.rowwise),
    ]
    drawn = trials.one_of_each(share(layers, 2), TARGETS[target], seed=43)
    made = [kernel for kernel in drawn if kernel.source.plan.sliced]
    assert len({kernel.source.plan.algorithm.name for kernel in made}) > 5
    flags = (*cprogram.LIGHT, *cprogram.THREADS)
    program = Program([kernel.source for kernel in made], tools, tmp_path, flags=flags, buffers="threads")
    tried = [next(trials.trials(kernel, i)) for i, kernel in enumerate(made)]
    outputs = program.run([replace(trial.call(i), slices=4) for i, trial in enumerate(tried)])
    for trial, y in zip(tried, outputs, strict=True):
        trial.check(y)


def test_a_tile_that_overlaps_its_neighbour_is_in_the_slice_of_it(need: Callable[..., Any], tmp_path: Path) -> None:
    """ThreadSanitizer again: of a free length the last tile is moved back to end with the outputs, one a slice."""
    tools = need(cprogram.toolchain, TARGETS["avx2"])
    arguments = {"filters": 32, "kernel_size": 3, "dilation_rate": 1, "data_format": "channels_last"}
    layer = Layer("conv1d", 32, 25, arguments, free=True)
    plan = planner.plan(layer.spec("lapped").lower(), Ask(TARGETS["avx2"], "packed", sliced=True))
    kernel = trials.Kernel.planned(layer, plan, "lapped", "exact")
    assert "and one more that overlaps" in kernel.source.code
    program = Program([kernel.source], tools, tmp_path, flags=(*cprogram.LIGHT, *cprogram.THREADS), buffers="threads")
    tried = [one for one in trials.trials(kernel, 1) if one.steps == 25]
    for trial, y in zip(tried, program.run([replace(one.call(0), slices=4) for one in tried]), strict=True):
        trial.check(y)


SLICED_FAULTS = (  # the same for a slice of it
    ("guard", ("-O1",), "if (t % slices == slice) y[t] = (float)slices;", "the outputs depend on the slices"),
    ("threads", ("-O1", *cprogram.THREADS), "y[t] = x[t];", "data race"),
)


@pytest.mark.parametrize(("buffers", "flags", "body", "said"), SLICED_FAULTS)
def test_the_harness_catches_what_is_planted_in_slices(
    buffers: str, flags: tuple[str, ...], body: str, said: str, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS["scalar"])
    layer = Layer("conv1d", 1, 8, {"filters": 1, "kernel_size": 1, "data_format": "channels_last"})
    plan = trials.Kernel.of(layer, TARGETS["scalar"], "planted").source.plan.asked(sliced=True)
    kernel = trials.Kernel.planned(layer, plan, "planted", "exact")
    code = (
        '#include "planted.h"\nvoid planted_slice(const float *x, const float *kernel, const float *bias, float *y, '
        "ptrdiff_t slice, ptrdiff_t slices)\n"
        f"{{ (void)x, (void)kernel, (void)bias; for (ptrdiff_t t = 0; t < 8; ++t) {{ {body} }} }}\n"
        "void planted(const float *x, const float *kernel, const float *bias, float *y)\n"
        "{ planted_slice(x, kernel, bias, y, 0, 1); }\n"
    )
    planted = type(kernel.source)("planted", plan, (("planted.c", code), kernel.source.files[1]))
    program = Program([planted], tools, tmp_path, flags=flags, buffers=buffers)
    trial = trials.Trial(kernel, strategies.data(layer, 6, whole=True), True)
    with pytest.raises(AssertionError, match=said):
        program.run([replace(trial.call(0), slices=4)])


FAULTS = (  # how the buffers lie, a kernel of one filter over 8 samples, and what must be said of it
    ("guard", "y[t] = x[t] + x[t + 1];", "touched x at byte 32 of 32"),
    ("guard", "y[t] = x[t] + x[t - 1];", "touched x at byte -4 of 32"),
    ("guard", "y[t + (t == 7)] = x[t];", "touched y at byte 32 of 32"),
    ("guard", "y[t - (t == 0)] = x[t];", "wrote y at byte -4 of 32"),
    ("guard", "y[t] = x[t] + bias[1];", "touched bias at byte 4 of 4"),
    ("guard", "y[t] = x[t]; ((float *)x)[t] = 0;", "touched x at byte 0 of 32"),
    ("guard", "y[t] = (float)((size_t)y / 4 % 64);", "the outputs depend on where the buffers lie"),
    ("heap", "y[t] = x[t] + x[t + 1];", "heap-buffer-overflow"),
    ("heap", "y[t - (t == 0)] = x[t];", "heap-buffer-overflow"),
    ("heap", "y[t] = (float)((x != 0) * 2147483647 + (int)t);", "signed integer overflow"),
)


@pytest.mark.parametrize(("buffers", "body", "said"), FAULTS)
def test_the_harness_catches_what_is_planted(
    buffers: str, body: str, said: str, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS["scalar"])
    layer = Layer("conv1d", 1, 8, {"filters": 1, "kernel_size": 1, "data_format": "channels_last"})
    kernel = trials.Kernel.of(layer, TARGETS["scalar"], "planted")
    code = (
        '#include "planted.h"\nvoid planted(const float *x, const float *kernel, const float *bias, float *y)\n'
        f"{{ (void)kernel, (void)bias; for (ptrdiff_t t = 0; t < 8; ++t) {{ {body} }} }}\n"
    )
    planted = type(kernel.source)("planted", kernel.source.plan, (("planted.c", code), kernel.source.files[1]))
    flags = ("-O1",) if buffers == "guard" else ("-O1", *cprogram.SANITIZE)
    program = Program([planted], tools, tmp_path, flags=flags, buffers=buffers)
    trial = trials.Trial(kernel, strategies.data(layer, 6, whole=True), True)
    with pytest.raises(AssertionError, match=said):
        program.run([trial.call(0)])


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_the_least_alignment_is_enough(target: str, dtype: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Every buffer, the workspace too, aligned as one number is and to no more: no access asks for more."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = [*strategies.random_layers(10, 71, strategies.rewritten), *strategies.random_layers(3, 72)]
    layers += [
        *strategies.random_layers(3, 73, strategies.separable),
        *strategies.random_layers(3, 74, strategies.rowwise),
    ]
    made = [one for one in trials.one_of_each(layers, TARGETS[target], 75) if one.source.plan.problem.dtype == dtype]
    item = made[0].source.plan.problem.item_bytes
    checked = (*cprogram.LIGHT, "-fsanitize=alignment", "-fno-sanitize-recover=all")
    program = Program([one.source for one in made], tools, tmp_path, checked, buffers=f"least{item}")
    trials.run(program, [(number, next(trials.trials(one, number))) for number, one in enumerate(made)])
    assert sum(one.source.plan.has_workspace for one in made) > 2
    assert all(
        f"aligned to {item}, as a {'float' if item == 4 else 'double'} is */" in one.source.header
        for one in made
        if one.source.plan.has_workspace
    )


@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_an_input_without_an_output_is_not_read(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Tiles of one step and padding on the left alone: the border has no output either. Guard pages around all."""
    arguments = {"filters": 6, "kernel_size": 7, "strides": 4, "padding": (3, 0)}
    layer = Layer("conv1d", 22, 26, arguments, free=True)
    kernels = trials.kernels([layer], TARGETS[target], 0)
    program = Program([one.source for one in kernels], need(cprogram.toolchain, TARGETS[target]), tmp_path)
    tried = [
        (number, trials.Trial(one, strategies.data(layer, steps, whole=True, steps=steps), True))
        for number, one in enumerate(kernels)
        for steps in (0, 1, 2, 3, 4, 5, 26)
    ]
    trials.run(program, tried)
