"""The C as a firmware reviewer reads it: what random files say, what in them runs, and what their heads tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen.emission import banner
from codegen.emission.render import GeneratedSource, render
from codegen.gradients import emit
from codegen.machine.self_test_lengths import brief
from codegen.machine.self_test_outputs import turns
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from tests.fuzz import review
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Program
from tests.support.trials import Kernel


@pytest.mark.long
def test_random_files_read_well(share: Callable[..., Any]) -> None:
    """English, constants, what nothing uses: a share of the fuzzer, every kind of file."""
    for seed in share((29, 30, 32, 33, 34, 35), 6):
        tried, findings = review.run(50, seed)
        assert tried == 50
        assert findings == []


FAULTS = (  # (what is wrong, as a .c might say it)
    ("several of one", "/* 1 taps x 4 channels */"),
    ("several of one", "/* tiles of 1 output steps */"),
    ("one of several", "/* 12 filter by 2 channels */"),
    ("one of several", "/* 2 output step */"),
    ("an ordinal", "/* every 2th sample, 11th and 21st */"),
    ("a sum with 0", "    y = x + 0;"),
    ("a product with 1", "    y = 1 * x;"),
    ("a product with 0", "    y = (j < 0 ? 0 * j : 0);"),
    ("a quotient by 1", "    n = (outs + 4) / 1;"),
    ("a sum of constants", "    n = steps + 9 - 9 + 1;"),
    ("a product of constants", "    for (int half = 4 / 2; half; half /= 2)"),
    ("minus a negative number", "    room = steps - -3;"),
    ("a name in brackets", "    y[outs * (f)] = 0;"),
    ("a macro that nothing uses", "#define HALF 0.5f"),
    ("a function that nothing uses", "static void unused(void)\n{\n}"),
    ("a type that nothing uses", "typedef float v8 __attribute__((vector_size(32)));"),
    ("two lines in one", "    a += b;            y[0] = a;"),
    ("a loop that turns once", "for (ptrdiff_t f = 0; f < 1; ++f)"),
    ("a loop that turns once", "for (int k = 8; k < 16; k += 8) {"),
    ("an argument in brackets", "    each(x, y, (n0 - m0));"),
    ("0 less a number", "    fit = at < 1 ? (0 - at) / 16 + 1 : 0;"),
    ("included twice", "#include <stdint.h>\n#include <stdint.h>"),
    ("a switch without a default", "    switch (now) {\n    case 2:\n        y = 0;\n        break;\n    }"),
    ("a condition around nothing", "#if defined(__clang__)\n#else\n#endif"),
)


@pytest.mark.parametrize(("kind", "text"), FAULTS, ids=[f"{i}-{kind}" for i, (kind, _) in enumerate(FAULTS)])
def test_the_review_sees_faults(kind: str, text: str) -> None:
    assert kind in {found for check in review.CHECKS for found, _ in check(f"{text}\n", "k0.c")}


def reviewed(code: str) -> list[str]:
    """What the review finds in a .c."""
    return [f"{kind}: {shown}" for check in review.CHECKS for kind, shown in check(code, "one.c")]


def layer(kind: str, channels: int, steps: int, **arguments: Any) -> strategies.Layer:
    return strategies.Layer(kind, channels, steps, {"strides": 1, "padding": "valid", **arguments})


def plans_of(made: strategies.Layer, target: str, algorithm: str, ask: Ask) -> list[KernelPlan]:
    found = planner.survey(Request(made.spec("one").lower(), replace(ask, target=TARGETS[target]))).found
    return [plan for plan in found if plan.algorithm.name == algorithm]


def test_slices_of_a_single_output_step_read_well() -> None:
    """A depthwise layer whose kernel is as long as its input, as the fewest bytes: the slices share one step."""
    (plan, *_) = plans_of(layer("depthwise_conv1d", 257, 4, kernel_size=4), "sse2", "rolled", Ask(TARGETS["sse2"]))
    code = render(plan.asked(sliced=True), "one").code
    assert "for (ptrdiff_t t = slice / slices; t < (slice + 1) / slices; ++t)" in code
    assert reviewed(code) == []


def test_chunks_of_one_row_of_sums_read_well() -> None:
    """Few steps that become many: the sums of channels_first lie a number apart."""
    arguments = {"filters": 17, "kernel_size": 3, "strides": 8, "dilation_rate": 2, "padding": "same"}
    made = layer("conv1d_transpose", 4, 10, **arguments, output_padding=7, data_format="channels_first")
    plans = plans_of(made, "cortex-m55", "upsampled", Ask(TARGETS["cortex-m55"], "packed", "wide"))
    texts = [render(plan, "one").code for plan in plans]
    assert any("sums[j + i]" in text for text in texts)
    assert [found for text in texts for found in reviewed(text)] == []


def test_phases_of_an_input_without_padding_read_well() -> None:
    made = layer("depthwise_conv1d", 20, 5, kernel_size=2, strides=3, padding="same", data_format="channels_first")
    (plan, *_) = plans_of(made, "neon", "strides_as_channels", Ask(TARGETS["neon"], "packed", "wide"))
    code = render(plan, "one").code
    assert "one_phase(x + 5 * c, phase, rows + 2 * (3 * c + phase));" in code
    assert reviewed(code) == []


def test_a_packed_kernel_of_one_number_reads_well() -> None:
    made = layer("conv1d", 1, 1, filters=1, kernel_size=1)
    (plan, *_) = plans_of(made, "scalar", "direct_filters", Ask(TARGETS["scalar"], "packed"))
    header = render(plan, "one", banner=banner.lines(made.spec("one"), plan), with_pack=True).header
    assert " * work       1 multiply-add a call\n" in header
    assert "Lays a kernel (1, 1, 1) out as one reads it: 1 number, once for all calls." in header
    assert list(review.english(header, "one.h")) == []


@pytest.mark.parametrize(
    ("made", "target", "line"),
    [
        (
            layer("conv1d", 1, 16, filters=1, kernel_size=8, padding=(1, 9), data_format="channels_first"),
            "cortex-m3",
            "        sums += k;\n",
        ),
        (layer("depthwise_conv1d", 264, 4, kernel_size=2, padding="same"), "cortex-m3", " room = 3 - k;\n"),
        (
            layer("depthwise_conv1d", 5, 7, kernel_size=7, strides=4, data_format="channels_first"),
            "neon",
            " = dz[f + t];\n",
        ),
    ],
)
def test_gradients_of_few_taps_and_channels_read_well(made: strategies.Layer, target: str, line: str) -> None:
    code = emit.emitted(made.spec("one"), Ask(TARGETS[target])).files[0][1]
    assert line in code
    assert reviewed(code) == []


def layers() -> list[strategies.Layer]:
    made = [*strategies.random_layers(30, 61), *strategies.random_layers(30, 62, strategies.rewritten)]
    made += strategies.random_layers(8, 63, strategies.separable)
    made += strategies.random_layers(8, 64, strategies.transposed)
    return [*made, *strategies.random_layers(8, 65, strategies.rowwise)]


TILE = re.compile(r"(?:(\d+) (filters?) x )?((?:\d+ and )*\d+) steps?(?: x (\d+) (filters?|channels?))?")


def tiles_told(plan: KernelPlan) -> list[str]:
    """The comments that the tiles must have which the plan's description tells of."""
    if plan.parts:
        return [words for part in plan.parts for words in tiles_told(part)]
    found = []
    words = plan.describe()
    for rows, first, heights, width, second in TILE.findall(words.partition("tiles of ")[2]):
        for height in map(int, heights.split(" and ")):
            steps = f"{height} output step{'s' * (height != 1)}"
            found.append(f"{rows} {first} x {steps}" if first else f"{steps} x {width} {second}")
    return found


@pytest.mark.long
@pytest.mark.in_turn(3)
@pytest.mark.parametrize("target", ["scalar", "avx2", "neon"])
def test_the_tile_in_the_banner_is_the_emitted_one(target: str, share: Callable[..., Any]) -> None:
    told = 0
    for kernel in trials.one_of_each(share(layers(), 3), TARGETS[target], seed=66):
        tiles = set(re.findall(r"^/\* (.*?) (?:at a border )?\*/$", kernel.source.code, re.MULTILINE))
        wanted = set(tiles_told(kernel.source.plan))
        assert wanted <= tiles, (kernel.source.plan, wanted, tiles)
        told += len(wanted)
        gemms = re.findall(r"GEMM tiles of ((?:\d+ and )*\d+) x (\d+)", _described(kernel.source.plan))
        for heights, width in gemms:
            for rows in heights.split(" and "):
                assert re.search(rf"static void \w+_gemm_{rows}x{width}\(", kernel.source.code)
    assert told > 20


def _described(plan: KernelPlan) -> str:
    return plan.describe()


RUNS = '{ static int ran; if (!ran) { ran = 1; fprintf(stderr, "ran %s\\n", __func__); } }'


def traced(source: GeneratedSource) -> GeneratedSource:
    """The same kernel; each of its own functions says once that it runs."""
    own = re.compile(rf"^(static (?!inline)[^\n;]*?\b{source.name}_\w+\([^;{{]*?\)\n\{{\n)", re.MULTILINE)
    (name, code), header = source.files
    told = own.sub(lambda found: f"{found[1]}    {RUNS}\n", code)
    return replace(source, files=((name, f"#include <stdio.h>\n{told}"), header))


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_every_function_runs(target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """Of a fixed length in its one call, of a free one at some length: no border, tile or helper is there in vain."""
    tools = need(cprogram.toolchain, TARGETS[target])
    drawn = trials.one_of_each(share(layers(), 3), TARGETS[target], seed=67)
    made = [one for one in drawn if one.source.plan.weights == "packed"]
    sources = [traced(replace_pack(one)) for one in made]
    program, calls, there = Program(sources, tools, tmp_path, flags=("-O0",)), [], set()
    for number, (one, source) in enumerate(zip(made, sources, strict=True)):
        there |= set(re.findall(rf"\b({source.name}_\w+)\([^;{{]*?\)\n\{{\n    \{{ static int ran", source.code))
        given = {trial.steps: trial for trial in trials.trials(one, 1)}
        for steps in {*given, *lengths(one)}:
            data = strategies.data(one.layer, steps, whole=True, steps=steps)
            calls.append(trials.Trial(one, data, True).call(number))
    ran = set(re.findall(r"^ran (\w+)$", program.said(calls), re.MULTILINE))
    assert len(there) > 60
    several = r"_(any|short|middle|long|longest)(_|$)|_rows_of_samples_gemm"  # for any length, called for some
    dead = {name for name in there - ran if not re.search(several, name)}
    assert not dead, [f"{name}: {one.layer}" for one in made for name in dead if name.startswith(f"{one.source.name}_")]


FEW = 16  # outputs that may be fewer than a register tile has


def lengths(kernel: Kernel) -> list[int]:
    """Of a free layer: all short lengths, those at which the first outputs have all their taps, some more.

    More: those whose last chunk is short or nearly whole, a few turns of its loops.
    """
    if not kernel.layer.free:
        return []
    plan = kernel.source.plan
    p, outs = plan.problem, getattr(plan.schedule, "outs", 0) * plan.problem.stride
    some = {(i * turn + more) * p.stride for turn in turns(plan) for i in range(1, 6) for more in (0, 1)}
    less = p.out_steps(1000) * p.stride - 1000  # that padding makes of so many steps, or the kernel takes
    loops = (max(1, steps - less) for steps in some if 60 < steps < 5000)
    few = range(p.reach, p.reach + FEW * p.stride)
    return [*range(1, 60), *few, 1500, 4000, *range(max(1, outs - 24), outs + 12), *loops, *brief(plan)]


def replace_pack(kernel: Kernel) -> GeneratedSource:
    """The kernel without its pack function, which no call here runs."""
    from codegen.emission.render import render

    return render(kernel.source.plan, kernel.source.name)
