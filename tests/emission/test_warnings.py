"""What a file holds follows from what it uses: no function without a call, no compiler's warning."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli import main
from codegen.emission import render, vectors
from codegen.emission.heads import Head
from codegen.language import reader
from codegen.numbers.formats import COMPUTED, STORED, Format
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.targets import TARGETS
from tests.fuzz import warnings
from tests.support import cprogram

STRICT = (*cprogram.WARNINGS, "-O1", "-ffp-contract=off", "-fsyntax-only")


@pytest.mark.compiles
def test_random_files_are_free_of_warnings(need: Callable[..., Any], share: Callable[..., Any]) -> None:
    """A share of the fuzzer: every kind, target, storage and class, and backward files, through gcc and clang."""
    wanted = len(share(range(96), 6))
    tried, findings = need(warnings.run, wanted, 19)
    assert tried == wanted
    assert findings == []


UNUSED = (  # in the first two the bits of single numbers, in the others x and the weights
    "input_shape = (9, 3), filters = 5, kernel_size = 1, activation = sparsemax",
    "input_shape = (9, 1), filters = 17, kernel_size = 2, activation = sparsemax, dtype = float64",
    "input_shape = (20, 4), filters = 4, kernel_size = 3, padding = (7, 7)",
    "input_shape = (20, 4), filters = 4, kernel_size = 3, padding = (7, 7), activation = gelu, use_bias = false",
)


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_warning_of_what_is_not_used(target: str, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target], compiler, run=False)
    for spec in reader.read("\n".join(f"conv1d odd_{i} {{ {entries} }}" for i, entries in enumerate(UNUSED))):
        for name, text in pipeline.generate(spec, target).files:
            (tmp_path / name).write_text(text)
    sysroot = ("-I/usr/aarch64-linux-gnu/include",) if "--target=aarch64-linux-gnu" in tools.compiler else ()
    files = [f"odd_{i}.c" for i in range(len(UNUSED))]
    cprogram.compile_c((*tools.compiler, *sysroot, *STRICT, *files), folder=tmp_path)


@pytest.mark.compiles
@pytest.mark.parametrize("target", ["sse2", "avx2", "avx512"])
def test_intrinsics_are_declared_ahead_of_what_holds_for_all_functions(
    target: str, need: Callable[..., Any], tmp_path: Path
) -> None:
    """The stream of a transposed int8 layer, by clang, which refuses that of a function that it only declares."""
    tools = need(cprogram.toolchain, TARGETS[target], "clang", run=False)
    spec, weights, out = tmp_path / "up.conv", tmp_path / "up.npz", tmp_path / "build"
    spec.write_text(
        "conv1d_transpose up { input_shape = (16, 8), kernel_size = 9, strides = 2, filters = 1, dtype = int8, "
        "input_scale = 0.02, input_zero_point = -128, output_scale = 0.05, output_zero_point = -5, rounding = fp32 }"
    )
    given = {"kernel": np.ones((9, 1, 8), np.int8), "kernel_scale": np.float32(0.01), "bias": np.zeros(1, np.int32)}
    np.savez(weights, **{f"up/{name}": array for name, array in given.items()})
    words = (str(spec), "--weights", str(weights), "--stream", "--target", target, "-o", str(out))
    assert main.main(words) == 0
    assert "_mm" in (out / "up.c").read_text("utf-8")
    cprogram.compile_c((*tools.compiler, *STRICT, "up.c"), folder=out)


def test_an_int8_layer_of_one_filter_is_not_told_how_many_outputs_there_are() -> None:
    """They lie between the filters of an output, of any length and in channels_first."""
    for filters in (1, 2):
        (spec,) = reader.read(
            f"conv1d one {{ input_shape = (3, None), filters = {filters}, kernel_size = 4, padding = causal, "
            "dtype = int8, data_format = channels_first, input_scale = 0.5, input_zero_point = 0, output_scale = 1.5, "
            "output_zero_point = 0 }"
        )
        arrays = {name: np.ones(shape, spec.weight_dtype(name)) for name, shape in spec.weight_shapes().items()}
        for target in ("scalar", "cortex-m33"):
            code = pipeline.emitted(spec, Ask(TARGETS[target], weights="baked"), arrays).code
            assert ("ptrdiff_t count, ptrdiff_t outs" in code) == (filters > 1), code


def words(text: str) -> frozenset[str]:
    """The identifiers of a text, those of its comments left out."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))


@pytest.mark.long
@pytest.mark.parametrize("half", [None, *STORED.values()], ids=lambda half: half.name if half else "plain")
@pytest.mark.parametrize("target", TARGETS)
def test_a_head_has_what_is_named_and_what_that_stands_on(target: str, half: Format | None) -> None:
    """Word by word and width by width: each name that a head of it uses is declared in it, and used by it or wanted."""
    row = TARGETS[target]
    for n in row.lanes("float32"):
        for word in vectors.SEVERAL if n > 1 else vectors.ONE:
            if word.endswith("_half") and half is None:
                continue
            if word in vectors.HALVES and n // 2 not in row.lanes("float32"):
                continue
            text = Head(row, COMPUTED["float32"], row.lanes("float32"), half).text([f"v{n}{word}"])
            defined = set(
                re.findall(
                    r"^#define (\w+)|^static inline \w+ (\w+)\(|^ *typedef [^;]*?(\w+)(?: __att[^;]*)?;", text, re.M
                )
            )
            names = {name for found in defined for name in found if name}
            assert f"v{n}{word}" in names, text
            used = {name for name in words(text) if re.match(r"v\d", name) and not name.startswith("vec")}
            assert used <= names, text
            for name in names - {f"v{n}{word}", f"v{n}", f"v{n // 2}"}:
                assert len(re.findall(rf"\b{name}\b", text)) > 1, (name, text)


@pytest.mark.compiles
@pytest.mark.parametrize(
    ("kind", "entries", "steps", "outs"),
    [
        ("conv1d_transpose", "filters = 8, kernel_size = 3, strides = 2", 20, 41),
        ("conv1d", "filters = 8, kernel_size = 5", 20, 16),
        ("separable_conv1d", "filters = 8, kernel_size = 3, strides = 3", 20, 6),
    ],
)
def test_the_header_sizes_y_by_its_own_function(
    kind: str, entries: str, steps: int, outs: int, need: Callable[..., Any], tmp_path: Path
) -> None:
    """Who allocates y by the expression in its comment has room for every output: a canary behind it stays."""
    tools = need(cprogram.toolchain, TARGETS["scalar"])
    (spec,) = reader.read(f"{kind} up {{ input_shape = (None, 4), {entries} }}")
    source = pipeline.generate(spec)
    shape = re.search(r"\*y[,)].*/\* \((.*), 8\): output steps, filters \*/", source.header)
    assert shape
    assert shape[1] == "up_out_steps(steps)"
    for name, text in source.files:
        (tmp_path / name).write_text(text)
    kernels = re.findall(r"const float \*(\w*kernel|bias)", source.header)
    workspace = ", space" if "void *workspace" in source.header else ""
    room = re.search(r"#define up_WORKSPACE_BYTES\(steps\)", source.header)
    bytes_ = "up_WORKSPACE_BYTES(STEPS)" if room else "up_WORKSPACE_BYTES"
    (tmp_path / "main.c").write_text(
        f"""
        #include "up.h"
        #include <stdio.h>
        enum {{ STEPS = {steps} }};
        static float x[STEPS * 4], weights[4096], space[{bytes_} / sizeof(float) + 1];
        int main(void)
        {{
            const ptrdiff_t steps = STEPS, numbers = {shape[1]} * up_FILTERS;
            float y[8192];
            (void)space;
            for (int i = 0; i < 8192; ++i) y[i] = -7;
            up(x, STEPS, {", ".join("weights" for _ in kernels)}, y{workspace});
            ptrdiff_t written = 0;
            for (ptrdiff_t i = 0; i < 8192; ++i) written += y[i] == 0;
            printf("%td %td %g\\n", {shape[1]}, written - numbers, (double)y[numbers]);
            return 0;
        }}
        """
    )
    cprogram.compile_c((*tools.compiler, "-std=c99", "-O1", "main.c", "up.c", "-o", "main"), folder=tmp_path)
    told = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(outs), "0", "-7"]


def test_tiles_of_one_output_leave_none_over() -> None:
    """Where no output reads beyond the end of the input either, nothing comes after them."""
    (spec,) = reader.read(
        "conv1d one { input_shape = (15, None), data_format = channels_first, filters = 12, groups = 3, "
        "kernel_size = 2, dilation_rate = 2, padding = causal }"
    )
    found = planner.survey(Request(spec.problem, Ask(TARGETS["cortex-m3"], "packed"))).found
    plans = [plan for plan in found if plan.algorithm.name == "direct_steps" and plan.schedule.width == 1]
    assert plans
    assert not any("to < to" in render.render(plan, "one").code for plan in plans)


def test_loops_of_int8_end_on_lines_of_their_own() -> None:
    """Over blocks of 8 filters, and the 5 that are left."""
    (spec,) = reader.read(
        "conv1d one { input_shape = (9, 12), filters = 21, kernel_size = 4, padding = causal, dtype = int8, "
        "input_scale = 0.5, input_zero_point = 0, output_scale = 1.5, output_zero_point = 0 }"
    )
    arrays = {name: np.ones(shape, spec.weight_dtype(name)) for name, shape in spec.weight_shapes().items()}
    for target in ("sse2", "avx2", "avx512", "neon"):
        code = pipeline.emitted(spec, Ask(TARGETS[target], weights="baked"), arrays).code
        assert "one_panel(x, t - 3, whole + 3, panel);" in code or target != "sse2"
        assert not re.search(r"^ *\} {2,}\S", code, re.MULTILINE), code
