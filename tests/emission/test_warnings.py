"""What a file holds follows from what it uses: no function without a call, no compiler's warning."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen import pipeline
from codegen.emission.unused import without_unused
from codegen.language import reader
from codegen.problem.targets import TARGETS
from tests.fuzz import warnings
from tests.support import cprogram

STRICT = (*cprogram.WARNINGS, "-O1", "-ffp-contract=off", "-fsyntax-only")


@pytest.mark.compiles
def test_random_files_are_free_of_warnings(need: Callable[..., Any]) -> None:
    """A share of the fuzzer: every kind, target, storage and class, and backward files, through gcc and clang."""
    tried, findings = need(warnings.run, 48, 19)
    assert tried == 48
    assert findings == []


UNUSED = (  # in the first two the bits of single numbers, in the others x and the weights
    "input_shape = (9, 3), filters = 5, kernel_size = 1, activation = sparsemax",
    "input_shape = (9, 1), filters = 17, kernel_size = 2, activation = sparsemax, dtype = float64",
    "input_shape = (20, 4), filters = 4, kernel_size = 3, padding = (7, 7)",
    "input_shape = (20, 4), filters = 4, kernel_size = 3, padding = (7, 7), activation = gelu, use_bias = false",
)


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


HELPERS = """\
#include <stddef.h>
#include <stdint.h>

/* The bits of a number. */
typedef uint32_t word;
static inline word bits(float x)
{
    const union { float x; word u; } both = {x};

    return both.u;
}
#define sign(x) (bits(x) >> 31)

/* Twice and thrice. */
static float twice(float x)
{
    return x + x;
}
static float thrice(float x)
{
    return x + twice(x);
}
#define TWICE(x) \\
    twice(x)

"""
NO_BITS = "#include <stddef.h>\n\n"
TWICE = """\
/* Twice and thrice. */
static float twice(float x)
{
    return x + x;
}
"""
CALLS = "#define TWICE(x) \\\n    twice(x)\n\n"


def entry(value: str) -> str:
    return f"/* The entry; bits() and thrice() in words only. */\nfloat layer(float x)\n{{\n    return {value};\n}}\n"


def test_what_is_used_stays_and_the_rest_goes() -> None:
    whole = HELPERS + entry("thrice(x) + (float)sign(x) + TWICE(x)")
    assert without_unused(whole) == whole
    assert without_unused(HELPERS + entry("twice(x)")) == NO_BITS + "\n" + TWICE + "\n" + entry("twice(x)")
    assert without_unused(HELPERS + entry("TWICE(x)")) == NO_BITS + "\n" + TWICE + CALLS + entry("TWICE(x)")
    assert without_unused(HELPERS + entry("x")) == NO_BITS + "\n\n" + entry("x")
    tables = "".join(f"static const float {name}[2] = {{\n    {name}.0f, 1.0f\n}};\n\n" for name in ("k1", "k2"))
    assert without_unused(HELPERS + tables + entry("x")) == NO_BITS + "\n\n" + tables + entry("x")


def test_types_macros_and_what_stands_around_them_go_too() -> None:
    choice = "/* Half of it. */\n#if defined(__clang__)\n#define HALF 0.5f\n#else\n#define HALF .5f\n#endif\n"
    text = f"typedef float number; /* one */\n{choice}\n"
    assert without_unused(text + entry("x")) == "\n" + entry("x")
    assert without_unused(text + entry("x * HALF")) == f"{choice}\n" + entry("x * HALF")
    assert without_unused(text + entry("(number)x")) == "typedef float number; /* one */\n\n" + entry("(number)x")


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
