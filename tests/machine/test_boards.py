"""Microcontrollers: what is emitted for them runs in QEMU, right to the bit by any compiler and at any level."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli.commands import size
from codegen.cli.main import main
from codegen.cli.terminal import Terminal
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError, ToolchainError, UsageError
from codegen.language import reader
from codegen.machine import board_figures, boards, firmware
from codegen.machine.emitted import Head
from codegen.planning.ask import Ask, Limits
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Spec
from tests.cli.test_cli import document
from tests.support.cprogram import WARNINGS, compile_c, program
from tests.support.firmware import Case, run

CORES = tuple(boards.BOARDS)
GRID = "dtype = int8, input_scale = 0.05, input_zero_point = 3, output_scale = 0.1, output_zero_point = -5"
TEXT = f"""
conv1d pairs {{ input_shape = (40, 12), filters = 9, kernel_size = 3, padding = same, activation = relu, {GRID} }}
conv1d dilated {{ input_shape = (31, 5), filters = 6, kernel_size = 5, dilation_rate = 3, padding = causal,
    rounding = fp32, {GRID} }}
depthwise_conv1d line {{ input_shape = (50, 7), kernel_size = 9, padding = same, rounding = single, {GRID} }}
conv1d table {{ input_shape = (30, 4), filters = 4, kernel_size = 4, strides = 3, activation = tanh, sum_scale = 0.03,
    sum_zero_point = 2, {GRID} }}
conv1d first {{ input_shape = (8, 20), data_format = channels_first, filters = 3, kernel_size = 4, {GRID} }}
conv1d_transpose up {{ input_shape = (9, 4), filters = 3, kernel_size = 5, strides = 2, {GRID} }}
conv1d_transpose rows {{ input_shape = (9, 4), filters = 3, kernel_size = 5, strides = 2, padding = same,
    activation = relu, rounding = single, {GRID} }}
separable_conv1d both {{ input_shape = (20, 6), filters = 5, kernel_size = 3, depthwise_scale = 0.2,
    depthwise_zero_point = 1, {GRID} }}
separable_conv1d many {{ input_shape = (33, 8), filters = 12, kernel_size = 5, depth_multiplier = 2, strides = 2,
    padding = same, rounding = fp32, activation = relu, depthwise_scale = 0.2, depthwise_zero_point = -9, {GRID} }}
separable_conv1d bands {{ input_shape = (75, 40), filters = 3, kernel_size = 4, strides = 2, padding = same,
    depthwise_scale = 0.2, depthwise_zero_point = 4, {GRID} }}
"""
IN_ASSEMBLY = {"pairs", "dilated", "line", "table", "up", "rows", "both", "many", "bands"}


def specs() -> tuple[Spec, ...]:
    return reader.read(TEXT, "boards.conv")


def weights(spec: Spec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Codes, scales that spread the outputs, biases."""
    made = {"scale": lambda shape: rng.uniform(0.001, 0.004, shape).astype(np.float32)}
    made["bias"] = lambda shape: rng.integers(-900, 900, shape).astype(np.int32)
    codes = lambda shape: rng.integers(-127, 128, shape).astype(np.int8)  # noqa: E731  # as the others are
    return {name: made.get(name.rpartition("_")[2], codes)(shape) for name, shape in spec.weight_shapes().items()}


def sources(core: str) -> list[tuple[GeneratedSource, Case]]:
    """Each layer's files for the core, and a call of it."""
    rng, found = np.random.default_rng(11), []
    for spec in specs():
        arrays = weights(spec, rng)
        source = pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)
        found.append((source, board_figures.case(source, spec.problem_arrays(arrays))))
    return found


def wrong(found: dict[str, firmware.Outcome]) -> dict[str, tuple[int, int]]:
    return {name: (one.wrong, one.outside) for name, one in found.items() if one.wrong or one.outside}


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("core", CORES)
def test_each_core_computes_the_definition(core: str, need: Callable[..., Any]) -> None:
    """All kinds, both formats, three roundings, clamps and tables, in assembly where the core has it, else in C."""
    made = sources(core)
    in_assembly = {source.name for source, _ in made if source.files[-1][0].endswith(".S")}
    assert in_assembly == (IN_ASSEMBLY if TARGETS[core].dialect.assembly else set())
    found = need(run, core, [case for _, case in made])
    assert len(found) == len(made)
    assert wrong(found) == {}
    assert max(one.stack for one in found.values()) <= 256


LEVELS: tuple[tuple[str, Sequence[str], str], ...] = (
    ("cortex-m4", ("-std=gnu11", "-O0"), ""),
    ("cortex-m4", ("-std=gnu11", "-O3"), ""),
    ("cortex-m55", ("-Os", "-ffreestanding"), ""),
    ("cortex-m4", ("-Os", "-ffreestanding"), "clang"),
    ("cortex-m55", ("-O2",), "clang"),
    ("cortex-m0", ("-Os",), "clang"),
)


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize(("core", "flags", "compiler"), LEVELS, ids=lambda one: str(one))
def test_no_compiler_and_no_level_changes_a_bit(
    core: str, flags: Sequence[str], compiler: str, need: Callable[..., Any]
) -> None:
    made = [case for source, case in sources(core)]
    assert wrong(need(run, core, made, flags, compiler)) == {}


@pytest.mark.in_turn(3)
@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_as_much_is_executed_at_any_level(core: str, need: Callable[..., Any]) -> None:
    """In assembly to the instruction; of C what gcc makes with -O2, whatever the rest is built with."""
    made = sources(core)
    in_assembly = {source.name for source, _ in made if source.files[-1][0].endswith(".S")}
    cases = [case for _, case in made]
    fast, small = (need(run, core, cases, flags) for flags in (("-std=c99", "-O2"), ("-Os", "-ffreestanding")))
    grown = {name: small[name].instructions / fast[name].instructions for name in fast}
    assert {name: share for name, share in grown.items() if share > (1.001 if name in in_assembly else 1.1)} == {}


@pytest.mark.compiles
def test_figures_are_measured_where_the_tools_are(need: Callable[..., Any]) -> None:
    need(run, "cortex-m4", [sources("cortex-m4")[0][1]])
    source = sources("cortex-m4")[0][0]
    found, about = board_figures.figures(source), board_figures.estimated(source)
    assert found.measured
    assert found.instructions is not None
    assert 20_000 < found.instructions < 40_000
    assert 500 < found.flash_code < 1536
    assert found.flash_code == pytest.approx(about.flash_code, rel=0.5)
    assert found.ram == found.scratch + found.stack
    assert found.stack == about.stack == 88
    assert about.instructions is None


def test_what_is_not_installed_is_told_and_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    source, case = sources("cortex-m4")[0]
    with pytest.raises(ToolchainError, match="apt-get install gcc-arm-none-eabi"):
        firmware.run(TARGETS["cortex-m4"], [case])
    assert board_figures.figures(source) == board_figures.estimated(source)
    with pytest.raises(UsageError, match="no microcontroller"):
        boards.board(TARGETS["avx2"])


def test_limits_say_what_is_over_and_what_would_fit() -> None:
    spec, rng = specs()[0], np.random.default_rng(0)
    arrays = weights(spec, rng)
    ask = Ask(TARGETS["cortex-m4"], "baked", limits=Limits(ram=150))
    assert pipeline.emitted(spec, ask, arrays).plan.algorithm.name == "integer"  # its stack and workspace are less
    with pytest.raises(PlanError, match=r"\d more than the 100 allowed; --max-flash \d+ and --max-ram \d+ let it in"):
        pipeline.emitted(spec, Ask(TARGETS["cortex-m4"], "baked", limits=Limits(flash=100)), arrays)


def test_the_banner_tells_flash_ram_cycles_and_rounding() -> None:
    source = sources("cortex-m4")[0][0]
    facts = Head.of(source.code.encode())
    assert facts is not None
    assert facts.facts["flash"] == "about 1,600 bytes: 980 of code, 580 of tables"
    assert facts.facts["RAM"] == "about 230 bytes in a call: 144 of workspace, 88 of stack; 0 between calls"
    assert facts.facts["cycles"] == "about 24,000, estimated for cortex-m4"
    assert facts.facts["rounding"].startswith("double: ")
    assert int(facts.facts["sums"].partition(" ")[0].replace(",", "")) < 2**31
    assert "RAM" not in Head.of(pipeline.generate(float_layer()).code.encode()).facts  # type: ignore[union-attr]  # it has one


@pytest.mark.compiles
def test_the_head_tells_what_was_measured_if_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], need: Callable[..., Any], share: Callable[..., Any]
) -> None:
    """The same bytes at each run, those of a run without but for the head; what `size` tells."""
    need(run, "cortex-m4", [sources("cortex-m4")[0][1]])
    (tmp_path / "f.conv").write_text("\n".join(share(FLOATS.split("\n")[1:-1], 3)))
    words = [str(tmp_path / "f.conv"), "--init", "--seed", "1", "--target", "cortex-m4", "-o"]
    assert main([*words, str(tmp_path / "told"), "--measured"]) == 0
    assert main([*words, str(tmp_path / "plain")]) == 0
    assert main([*words, str(tmp_path / "told"), "--measured", "--check"]) == 0
    assert main([*words, str(tmp_path / "told"), "--check"]) == 1
    assert "made with --target cortex-m4 --weights FILE or --init --measured" in capsys.readouterr().out
    assert main(["size", *words[:-1], "--json"]) == 0
    for row in document(capsys.readouterr().out)["sizes"]:
        told, plain = ((tmp_path / name / f"{row['name']}.c").read_text() for name in ("told", "plain"))
        assert told.partition("*/")[2] == plain.partition("*/")[2]
        facts = Head.of(told.encode())
        assert facts is not None
        assert facts.facts["executes"] == f"{row['instructions']:,} instructions a call, counted on QEMU's mps2-an386"
        assert facts.facts["flash"].startswith(f"{row['flash_code'] + row['flash_tables']:,} bytes: ")
        assert re.search(r"of stack by arm-none-eabi-gcc [\d.]+ -std=c99 -O2$", facts.facts["size"])


def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f.conv").write_text("conv1d f { input_shape = (none, 4), filters = 4, kernel_size = 3 }")
    words = [str(tmp_path / "f.conv"), "--measured", "-o", str(tmp_path / "out"), "--target"]
    told = {
        ("cortex-m4",): "give --weights FILE or --init",
        ("avx2", "--init"): "`avx2` is no microcontroller",
        ("cortex-m4", "--stream"): "no --stream",
        ("cortex-m4,scalar",): "one --target",
    }
    for more, said in told.items():
        assert main([*words, *more, *(["--seed", "1"] if "--init" in more else [])]) == 2
        assert said in capsys.readouterr().err
    source = pipeline.emitted(*free_layer())
    monkeypatch.setattr(board_figures, "installed", lambda *_: "")
    with pytest.raises(UsageError, match="takes any length"):
        board_figures.measured(source)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match="apt-get install gcc-arm-none-eabi"):
        board_figures.measured(source)


def test_streams_are_verified_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.conv").write_text(TEXT)
    assert main(["verify", str(tmp_path / "f.conv"), "--stream", "--target", "cortex-m4"]) == 2
    assert "runs on this machine, and cortex-m4 in an emulator" in capsys.readouterr().err


def free_layer() -> tuple[Spec, Ask, dict[str, np.ndarray]]:
    """A layer of any length, what is asked of it, its weights."""
    (spec,) = reader.read("conv1d f { input_shape = (none, 4), filters = 4, kernel_size = 3 }", "f.conv")
    return spec, Ask(TARGETS["cortex-m4"], "baked"), weights(spec, np.random.default_rng(2))


def float_layer() -> Spec:
    return reader.read("conv1d f { input_shape = (9, 4), filters = 4, kernel_size = 3 }", "f.conv")[0]


def test_floats_without_a_unit_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.conv").write_text("conv1d f { input_shape = (9, 4), filters = 4, kernel_size = 3 }")
    for core, told in (("cortex-m3", True), ("cortex-m4", False)):
        assert main([str(tmp_path / "f.conv"), "--target", core, "-o", str(tmp_path / core)]) == 0
        assert ("f: cortex-m3 computes float32 in software" in capsys.readouterr().err) is told
        assert ("floats     cortex-m3 computes" in (tmp_path / core / "f.c").read_text()) is told


@pytest.mark.compiles
def test_the_same_files_compile_on_a_host_without_a_warning(tmp_path: Path, need: Callable[..., Any]) -> None:
    """There the assembly holds nothing and the C all."""
    gcc = need(program, "gcc", "gcc")
    for source, _ in sources("cortex-m55"):
        for name, text in source.files:
            (tmp_path / name).write_text(text)
    files = sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".c", ".S"))
    assert sum(name.endswith(".S") for name in files) == len(IN_ASSEMBLY)
    for name in files:
        compile_c((gcc, *WARNINGS, "-O1", "-c", name, "-o", f"{name}.o"), folder=tmp_path)
    told = subprocess.run(["nm", "-A", *(f"{name}.o" for name in files)], cwd=tmp_path, capture_output=True, text=True)
    defined = {line.split(":")[0] for line in told.stdout.splitlines() if " T " in line}
    assert defined == {f"{name}.o" for name in files if name.endswith(".c")}


@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_estimates_of_code_are_near_what_is_assembled(core: str, need: Callable[..., Any]) -> None:
    """Of all kinds, in C and in assembly."""
    need(program, "arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    for source, _ in sources(core):
        taken = firmware.sizes(TARGETS[core], source.files).code
        assert 0.6 < board_figures.estimated(source).flash_code / taken < 1.7, source.name


FIVE = """
conv1d kws { input_shape = (98, 40), filters = 64, kernel_size = 3, padding = same }
conv1d har { input_shape = (128, 9), filters = 64, kernel_size = 5 }
conv1d ecg { input_shape = (256, 32), filters = 32, kernel_size = 16, padding = same }
conv1d tcn { input_shape = (128, 25), filters = 25, kernel_size = 7, padding = causal, dilation_rate = 4 }
depthwise_conv1d depthwise { input_shape = (98, 64), kernel_size = 9, padding = same }
"""
COMPILED = {  # instructions of what arm-none-eabi-gcc 12.2 -O2 makes of C: float32, and codes without assembly
    ("cortex-m4", "float32"): {
        "kws": 1_882_225,
        "har": 924_285,
        "ecg": 10_822_940,
        "tcn": 1_333_820,
        "depthwise": 151_825,
    },
    ("cortex-m3", "int8"): {
        "kws": 3_134_665,
        "har": 1_290_605,
        "ecg": 17_118_540,
        "tcn": 2_209_460,
        "depthwise": 616_740,
    },
}


MOST_CODE = 1536  # bytes of a layer, its tables left out


@pytest.mark.compiles
@pytest.mark.parametrize(("core", "dtype"), COMPILED)
def test_compiled_layers_execute_no_more_than_before(core: str, dtype: str, need: Callable[..., Any]) -> None:
    compiler = need(program, "arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    version = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("12."):
        pytest.skip(f"the table is for arm-none-eabi-gcc 12, and this is {version.strip()}")
    text = FIVE if dtype == "float32" else FIVE.replace(" }", f", {GRID} }}")
    rng, cases = np.random.default_rng(1), []
    for spec in reader.read(text, "five"):
        arrays = weights(spec, rng)
        if dtype == "float32":
            arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        source = pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)
        cases.append(board_figures.counted(source))
    found = {name: one.instructions for name, one in need(run, core, cases, ("-std=c99", "-O2")).items()}
    assert {name: count for name, count in found.items() if count > 1.02 * COMPILED[core, dtype][name]} == {}
    if dtype == "float32":
        code = {case.name: firmware.sizes(TARGETS[core], case.files).code for case in cases}
        assert {name: taken for name, taken in code.items() if taken > MOST_CODE} == {}


STAGES = f"""
separable_conv1d separable {{ input_shape = (98, 64), filters = 64, kernel_size = 9, padding = same,
    depthwise_scale = 0.1, depthwise_zero_point = 2, {GRID} }}
conv1d_transpose transposed {{ input_shape = (64, 32), filters = 16, kernel_size = 8, strides = 4, padding = same,
    {GRID} }}
"""
IN_STAGES = {
    "cortex-m4": {"separable": 729_790, "transposed": 422_490},
    "cortex-m55": {"separable": 175_535, "transposed": 65_406},
}


@pytest.mark.compiles
@pytest.mark.parametrize("core", IN_STAGES)
def test_separable_and_transposed_layers_execute_no_more_than_before(core: str, need: Callable[..., Any]) -> None:
    """In assembly: a kernel for each stage, or for rows of outputs; right to the bit."""
    rng, cases = np.random.default_rng(0), []
    for spec in reader.read(STAGES, "stages"):
        arrays = weights(spec, rng)
        source = pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)
        cases.append(board_figures.case(source, spec.problem_arrays(arrays)))
    found = need(run, core, cases)
    assert wrong(found) == {}
    grown = {name: one.instructions / IN_STAGES[core][name] for name, one in found.items()}
    assert {name: share for name, share in grown.items() if share > 1.02} == {}
    assert {case.name: firmware.sizes(TARGETS[core], case.files).code > MOST_CODE for case in cases} == dict.fromkeys(
        found, False
    )
    assert max(case.workspace for case in cases) <= 1088  # what the C's window and its few outputs take


FREE = f"""
conv1d pairs {{ input_shape = (None, 12), filters = 9, kernel_size = 5, strides = 2, padding = same, {GRID} }}
conv1d phases {{ input_shape = (None, 5), filters = 6, kernel_size = 3, dilation_rate = 3, padding = causal,
    rounding = fp32, activation = relu, {GRID} }}
conv1d far {{ input_shape = (None, 8), filters = 64, kernel_size = 2, dilation_rate = 16, padding = causal, {GRID} }}
depthwise_conv1d line {{ input_shape = (None, 7), kernel_size = 9, padding = same, rounding = single, {GRID} }}
depthwise_conv1d apart {{ input_shape = (None, 6), kernel_size = 4, dilation_rate = 5, {GRID} }}
separable_conv1d bands {{ input_shape = (None, 40), filters = 3, kernel_size = 4, strides = 2, padding = same,
    depthwise_scale = 0.2, depthwise_zero_point = 4, {GRID} }}
"""
LENGTHS = 1, 2, 7, 16, 61, 138  # steps, of which the first give none or fewer outputs than a tile makes


@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_a_free_length_is_served_in_assembly(core: str, need: Callable[..., Any]) -> None:
    """Told the steps it computes the definition of any number of them, in as little code as a known length takes."""
    rng, cases, estimated = np.random.default_rng(4), [], {}
    for spec in reader.read(FREE, "free"):
        arrays = weights(spec, rng)
        source = pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)
        assert source.files[-1][0] == f"{spec.name}.S"
        assert source.plan.workspace_bytes <= 1024
        estimated[spec.name] = board_figures.estimated(source)
        given = [steps for steps in LENGTHS if spec.problem.out_steps(steps)]
        made = [board_figures.case(source, spec.problem_arrays(arrays), steps=steps) for steps in given]
        cases += [replace(one, files=one.files if one is made[0] else ()) for one in made]
    found = need(run, core, cases)
    assert wrong(found) == {}
    assert max(one.stack for one in found.values()) <= 256
    taken = {case.function: firmware.sizes(TARGETS[core], case.files) for case in cases if case.files}
    assert max(one.code for one in taken.values()) <= MOST_CODE
    assert {name: one.flash_tables for name, one in estimated.items()} == {n: one.tables for n, one in taken.items()}
    assert all(abs(estimated[name].flash_code / one.code - 1) < 0.25 for name, one in taken.items())


def test_what_assembly_does_not_serve_of_a_free_length_is_in_c() -> None:
    """Rows of outputs are cut for a known length; where a tile makes many outputs, fewer would take too much RAM."""
    for text, why in (
        ("conv1d_transpose up { input_shape = (None, 4), filters = 3, kernel_size = 5, strides = 2,", "known length"),
        ("depthwise_conv1d each { input_shape = (None, 64), kernel_size = 3, dilation_rate = 9,", "2,304 bytes"),
    ):
        (spec,) = reader.read(f"{text} {GRID} }}")
        source = pipeline.emitted(spec, Ask(TARGETS["cortex-m4"], "baked"), weights(spec, np.random.default_rng(0)))
        assert [name for name, _ in source.files] == [f"{spec.name}.c", f"{spec.name}.h"]
        assert why in dict(source.plan.rejected)["assembly"]


@pytest.mark.compiles
def test_a_free_length_is_verified_on_a_board(
    need: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the first length with an output, the next, and longer ones; it was an error before."""
    need(program, "qemu-system-arm", "qemu-system-arm")
    spec = reader.read(FREE, "free")[0]
    (tmp_path / "free.conv").write_text(FREE[: FREE.index("conv1d phases")])
    np.savez(tmp_path / "free.npz", **{f"pairs/{k}": v for k, v in weights(spec, np.random.default_rng(0)).items()})
    words = ["verify", str(tmp_path / "free.conv"), "--weights", str(tmp_path / "free.npz"), "--target", "cortex-m4"]
    assert main([*words, "--json"]) == 0
    found = document(capsys.readouterr().out)["findings"]
    told = [(one["steps"], one["outputs"], one["wrong"]) for one in found]
    assert told == [(1, 9, 0), (2, 9, 0), (7, 36, 0), (42, 189, 0)]


ENDED = """
conv1d nested { input_shape = (100, 2), filters = 4, kernel_size = 7, dilation_rate = 3, padding = (1, 4),
    activation = relu6 }
separable_conv1d stages { input_shape = (100, 2), filters = 4, kernel_size = 2, padding = causal, depth_multiplier = 3,
    dilation_rate = 2, activation = relu6 }
conv1d_transpose rows { input_shape = (31, 5), filters = 8, kernel_size = 16, strides = 3, padding = (2, 0),
    activation = relu }
"""


@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_code_of_activations_keeps_to_its_room(core: str, need: Callable[..., Any]) -> None:
    """Layers that took 1,552 to 2,000 bytes where the activation stood at each output of every tile."""
    need(program, "arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    rng, taken = np.random.default_rng(0), {}
    for spec in reader.read(ENDED, "ended"):
        arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in spec.weight_shapes().items()}
        source = pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)
        taken[spec.name] = firmware.sizes(TARGETS[core], source.files).code
    assert {name: code for name, code in taken.items() if code > MOST_CODE} == {}


FLOATS = """
conv1d wide { input_shape = (20, 6), filters = 8, kernel_size = 3, padding = same, activation = tanh }
depthwise_conv1d each { input_shape = (24, 5), kernel_size = 5, padding = same }
conv1d_transpose up { input_shape = (9, 4), filters = 3, kernel_size = 5, strides = 2 }
"""
WAYS = (
    (("-std=c99", "-O2"), ""),
    (("-std=gnu11", "-O3"), ""),
    (("-std=gnu11", "-Os"), ""),
    (("-O2", "-fno-vectorize", "-fno-slp-vectorize"), "clang"),
)
"""Clang 14 crashes where it makes vectors of floats for an M55."""


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_floats_are_the_same_bits_by_any_compiler_and_at_any_level(core: str, need: Callable[..., Any]) -> None:
    """Products and sums are rounded one by one, whatever contracts by default."""
    rng, cases = np.random.default_rng(3), []
    for spec in reader.read(FLOATS, "floats"):
        arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in spec.weight_shapes().items()}
        cases.append(board_figures.counted(pipeline.emitted(spec, Ask(TARGETS[core], "baked"), arrays)))
    made = [need(run, core, cases, flags, compiler) for flags, compiler in WAYS]
    hashes = [{name: one.hash for name, one in found.items()} for found in made]
    assert len(set(hashes[0].values())) == len(cases)
    assert all(found == hashes[0] for found in hashes)
    assert all(one.outside == 0 for found in made for one in found.values())


@pytest.mark.compiles
def test_size_tells_each_layer_and_the_totals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two cores in one run; as JSON the same figures, which are measured once here; on a terminal bars."""
    kept: dict[Any, board_figures.Figures] = {}
    own = board_figures.figures

    def figures(source: GeneratedSource) -> board_figures.Figures:
        if source.files not in kept:
            kept[source.files] = own(source)
        return kept[source.files]

    monkeypatch.setattr(board_figures, "figures", figures)
    (tmp_path / "f.conv").write_text(FLOATS)
    words = ["size", str(tmp_path / "f.conv"), "--init", "--seed", "1", "--target", "cortex-m0,cortex-m4"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    found = document(capsys.readouterr().out)["sizes"]
    assert [(one["name"], one["target"]) for one in found] == [
        (name, core) for core in ("cortex-m0", "cortex-m4") for name in ("wide", "each", "up")
    ]
    assert all(f"{one['flash_tables']:,}" in text and f"~{one['cycles']:,}" in text for one in found)
    assert found[0]["cycles"] > 20 * found[3]["cycles"]
    assert all(one["cycles"] >= (one["instructions"] or 0) for one in found)  # neither core issues two at once
    assert found[0]["macs"] == 20 * 8 * 3 * 6
    assert text.count("3 layers") == 2
    assert len(kept) == len(found)


def test_bars_are_as_long_as_what_they_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    made = [source for source, _ in sources("cortex-m4")[:2]]
    rows = [
        size.Row(one.name, "cortex-m4", 1000 * (i + 1), 1, board_figures.figures(one)) for i, one in enumerate(made)
    ]
    out = Screen()
    size.draw("cortex-m4", rows, Terminal(out, out))
    lines = out.getvalue().splitlines()
    assert lines[1].split() == list(size.HEADINGS)
    [first, second] = [re.findall("\u2588+", line)[-1] for line in lines if "\u2588" in line]
    assert (len(first), len(second)) == (size.BAR // 2, size.BAR)
    assert "estimated: no compiler" in lines[-1]


class Screen(io.StringIO):
    """A terminal that keeps what it is told."""

    def isatty(self) -> bool:
        return True
