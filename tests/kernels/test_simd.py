"""The vector spelling: templates/simd/TARGET.h.j2 means the same on every target, for every width and dtype."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission import vectors
from codegen.numbers.formats import COMPUTED
from codegen.problem.targets import TARGETS, Target
from tests.support import cprogram
from tests.support.lanewise import Loop, header, run

pytestmark = pytest.mark.compiles

Need = Callable[..., Any]
COUNT = 512
targets = pytest.mark.parametrize("target", TARGETS)
compilers = pytest.mark.parametrize("compiler", ["gcc", "clang"])


def inputs(dtype: str) -> np.ndarray:
    """Random numbers of either sign and many sizes; among them zeros of both signs, infinity, NaN, a denormal."""
    random = np.random.default_rng(7)
    x = np.ldexp(random.uniform(-1, 1, COUNT), random.integers(-40, 41, COUNT)).astype(dtype)
    special = 0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal
    x[:6] = x[16:112:16] = special  # where a block of any width starts, too
    return x


def loops(target: Target) -> list[Loop]:
    """One loop for each word, width and dtype."""
    found = []
    for dtype in COMPUTED:
        c = COMPUTED[dtype].c
        counter = f"static {c} count_{c}(void)\n{{\n    static int n;\n    return ({c})++n;\n}}\n"
        for n in target.lanes(dtype):
            a, b, each = f"v{n}_load(x + i)", f"v{n}_load(x + {COUNT - n} - i)", f"v{n}_set1(count_{c}())"
            results = {
                "load": f"v{n}_load(x + (i + {n} < {COUNT} ? i + 1 : i))",
                "set1": f"v{n}_set1(x[i])",
                "strided": f"v{n}_strided(x + i / 8, 3)",
                "fma": f"v{n}_fma({a}, {b}, -({a} * {b}))",  # the product's rounding error where fused, else nothing
                "once": f"v{n}_fma({each}, {each}, {each})",
            }
            texts = {"once": counter if n == target.lanes(dtype)[0] else ""}
            found += [Loop(word, dtype, n, result, texts.get(word, "")) for word, result in results.items()]
    return found


def expected(word: str, dtype: str, n: int, fused: bool) -> np.ndarray:
    """What the loop of that word writes: at each place, `start` of its block and `lane` in it."""
    x, place = inputs(dtype), np.arange(COUNT)
    start, lane = place // n * n, place % n
    if word == "load":
        return x[np.where(start + n < COUNT, place + 1, place)]
    if word == "set1":
        return x[start]
    if word == "strided":
        return x[start // 8 + 3 * lane]
    errors = [excess(a, b) for a, b in zip(x, x[COUNT - n - start + lane], strict=True)]
    return np.array(errors if fused else np.multiply(errors, 0), dtype)


def excess(a: np.floating[Any], b: np.floating[Any]) -> float:
    """a·b less the rounded a·b, exactly; NaN where that is not a number."""
    if not np.isfinite(a) or not np.isfinite(b):
        return np.nan
    return float(Fraction(float(a)) * Fraction(float(b)) - Fraction(float(a * b)))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", cprogram.HOSTED)
@compilers
def test_the_words_mean_the_same_on_every_target(target: str, compiler: str, need: Need, tmp_path: Path) -> None:
    row = TARGETS[target]
    tools = need(cprogram.toolchain, row, compiler)
    found = loops(row)
    made = run(found, row, tools, tmp_path, {dtype: inputs(dtype) for dtype in COMPUTED})
    for loop, y in zip(found, made, strict=True):
        if loop.name == "once":
            assert_counted_once(y, loop.lanes)
            continue
        wanted = expected(loop.name, loop.dtype, loop.lanes, row.fma)
        np.testing.assert_array_equal(y, wanted, err_msg=str(loop))
        if loop.name != "fma":
            np.testing.assert_array_equal(np.signbit(y), np.signbit(wanted), err_msg=str(loop))


def assert_counted_once(y: np.ndarray, n: int) -> None:
    """Each block took three numbers that follow each other, in any order: one for each argument."""
    blocks = y[: COUNT // n * n].reshape(-1, n)[:8]
    assert np.all(blocks == blocks[:, :1])
    first = next(k for k in range(1, 3 * COUNT * 8) if blocks[0, 0] in turns(k))
    for block, value in enumerate(blocks[:, 0]):
        assert value in turns(first + 3 * block)


def turns(k: int) -> set[int]:
    """a·b + c of k, k + 1 and k + 2, in any order."""
    return {k * (k + 1) + k + 2, k * (k + 2) + k + 1, (k + 1) * (k + 2) + k}


@pytest.mark.in_turn(2)
@targets
@compilers
@pytest.mark.parametrize("dtype", COMPUTED)
def test_a_header_of_which_all_is_used_that_was_asked_for_draws_no_warning(
    target: str, compiler: str, dtype: str, need: Need, tmp_path: Path
) -> None:
    row = TARGETS[target]
    tools = need(cprogram.toolchain, row, compiler, run=False)
    source = tmp_path / "unused.c"
    text = header(row, dtype, *row.lanes(dtype))
    asked = {f"v{n}{word}" for n in row.lanes(dtype) for word in vectors.SEVERAL}
    used = sorted(asked & set(re.findall(r"^static inline \w+ (v\d+_\w+)\(", text, re.MULTILINE)))
    assert len(used) > 4
    uses = "".join(f"#ifndef {name}\n    (void (*)(void)){name},\n#endif\n" for name in used)  # to some a macro
    uses = f"extern void (*const uses[])(void);\nvoid (*const uses[])(void) = {{\n{uses}    0}};\n"
    source.write_text(f"#include <stddef.h>\n{text}{uses}")
    words = ("-O2", "-c", str(source), "-o", str(tmp_path / "unused.o"))
    cprogram.compile_c((*tools.compiler, *cprogram.WARNINGS, *words))


@pytest.mark.parametrize("target", ["avx2", "avx512", "neon"])
def test_a_compiler_without_the_instructions_is_told_which_flags_it_wants(
    target: str, need: Need, tmp_path: Path
) -> None:
    gcc = need(cprogram.program, "gcc", "gcc")
    source = tmp_path / "refused.c"
    row = TARGETS[target]
    source.write_text(header(row, "float32", *row.lanes("float32")))
    done = subprocess.run((gcc, "-fsyntax-only", str(source)), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"written for {target}: needs {' '.join(row.flags or row.macros)}" in done.stderr


def test_the_scalar_spelling_is_plain_c(need: Need, tmp_path: Path) -> None:
    text = header(TARGETS["scalar"], "float32", 1)
    assert not {"__attribute__", "__asm__", "__builtin", "__extension__"} & set(text.replace("(", " ").split())
    tools = cprogram.Toolchain((need(cprogram.program, "tcc", "tcc"),))
    row = TARGETS["scalar"]
    found = [loop for loop in loops(row) if loop.name != "once"]
    made = run(found, row, tools, tmp_path, {dtype: inputs(dtype) for dtype in COMPUTED})
    for loop, y in zip(found, made, strict=True):
        np.testing.assert_array_equal(y, expected(loop.name, loop.dtype, 1, False), err_msg=str(loop))


@compilers
def test_hold_keeps_loads_where_they_are(compiler: str, need: Need, tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS["avx2"], compiler, run=False)
    source, text = tmp_path / "hold.c", header(TARGETS["avx2"], "float32", 8, 1)
    for between, stores in (("hold();", 2), ("", 1)):
        body = f"void twice(float *y);\nvoid twice(float *y) {{ y[0] = 1.0f; {between} y[0] = 2.0f; }}\n"
        source.write_text("#include <stddef.h>\n" + text + body)
        assembly = tmp_path / "hold.s"
        cprogram.compile_c((*tools.compiler, "-O2", "-S", str(source), "-o", str(assembly)))
        assert assembly.read_text().count("(%rdi)") == stores
