"""Layers for several targets in one program: the same signature, and the bits of the target that is chosen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.cli import main
from codegen.problem.targets import TARGETS, runs_here
from tests.support.cprogram import program

SPECS = """\
conv1d fixed { input_shape = (50, 12), filters = 20, kernel_size = 5, padding = same, activation = tanh }
conv1d loose { input_shape = (None, 12), filters = 20, kernel_size = 9 }
conv1d_transpose up { input_shape = (40, 8), filters = 4, kernel_size = 7, strides = 4 }
"""
MAIN = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "all.h"
#define MOST 20000
static float x[MOST], y[2][MOST];
int main(int count, char **words)
{
    void *workspace = malloc(1 + FIXED_WORKSPACE_BYTES + LOOSE_WORKSPACE_BYTES + UP_WORKSPACE_BYTES);
    const int which = count > 1 ? atoi(words[1]) : 0;
    for (int i = 0; i < MOST; i++)
        x[i] = (float)(i * 7919 % 1000) / 500.0f - 1.0f;
    CALLS
    printf("%d %d\\n", which, memcmp(y[0], y[1], sizeof y[0]));
    return 0;
}
"""


def call(text: str, layer: str, row: int) -> str:
    """The call of a function that text declares, on row `row` of y."""
    declared = text.split(f"void {layer}(", 1)[1].split(");", 1)[0]
    names = [line.split(",")[0].split()[-1].strip("*") for line in declared.splitlines() if line.strip()]
    given = {"x": "x", "steps": "300", "y": f"y[{row}]", "workspace": "workspace"}
    return f"{layer}({', '.join(given[name] for name in names)});"


@pytest.mark.compiles
def test_each_way_has_the_bits_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[..., Any]
) -> None:
    compiler = need(program, "gcc", "gcc")
    monkeypatch.chdir(tmp_path)
    here = [name for name in ("avx512", "avx2", "sse2") if runs_here(TARGETS[name])]
    if not here:
        pytest.skip("no other target than scalar runs here")
    Path("net.conv").write_text(SPECS)
    targets = ",".join((*here, "scalar"))
    words = ["net.conv", "-q", "-o", ".", "--target", targets, "--init", "--seed", "4", "--header", "all.h"]
    assert main.main(words) == 0
    assert main.main([*words, "--check"]) == 0
    objects = []
    for path in sorted(Path().glob("*.c")):
        flags = next((TARGETS[name].flags for name in here if path.stem.endswith(f"_{name}")), ())
        plain = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=off", "-c", str(path)]
        subprocess.run([compiler, *plain, *flags], check=True)
        objects.append(f"{path.stem}.o")
    ways = {here[0]: "__builtin_cpu_supports(feature)", "scalar": "0"} | ({"sse2": "0"} if "sse2" in here else {})
    for wanted, macro in ways.items():
        if wanted == "scalar" and "sse2" in here:
            continue  # which each x86-64 has
        bodies = []
        for layer in ("fixed", "loose", "up"):
            own = f"{layer}_{wanted}"
            both = call(Path(f"{layer}.h").read_text(), layer, 0) + call(Path(f"{own}.h").read_text(), own, 1)
            bodies.append(both)
        Path("main.c").write_text(MAIN.replace("CALLS", "\n    ".join(bodies)))
        chosen = [f"{layer}.c" for layer in ("fixed", "loose", "up")]
        rest = [name for name in objects if name.removesuffix(".o") not in ("fixed", "loose", "up")]
        define = f"-DGENCONV_CPU_SUPPORTS(feature)={macro}"
        subprocess.run([compiler, "-O2", define, "main.c", *chosen, *rest, "-lm", "-o", "app"], check=True)
        assert subprocess.run(["./app"], capture_output=True, text=True, check=True).stdout == "0 0\n"
        other = "scalar" if wanted != "scalar" else here[0]
        assert Path(f"loose_{other}.c").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--target avx2,avx512", "scalar among them"),
        ("--target avx2,avx2,scalar", "different ones"),
        ("--target avx512,zen4,scalar", "a CPU that has `zen4` has `avx512`"),
        ("--target avx2,scalr", "unknown target `scalr`: did you mean `scalar`?"),
        ("--target cortex-m4,scalar", "expected different ones of hosts"),
        ("--target avx2,scalar --packed", "leave out --packed"),
        ("--target avx2,scalar --emit c,backward", "layers as C alone"),
    ],
)
def test_what_cannot_be_in_one_program(
    words: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.conv").write_text(SPECS)
    assert main.main(["net.conv", *words.split()]) == 2
    assert told in capsys.readouterr().err
    assert not Path("build").exists()
