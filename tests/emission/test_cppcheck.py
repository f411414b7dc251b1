"""cppcheck reads the emitted C and has nothing to say: no variable without a value, no test that never fails."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen import pipeline
from codegen.gradients import emit
from codegen.language import reader
from codegen.planning.ask import Ask
from codegen.problem.targets import target_named
from tests.support import cprogram

ROWS = ("softmax", "log_softmax", "sparsemax", "glu")
LAYERS = (
    *(f"conv1d {name} {{ input_shape = (9, 2), filters = 18, kernel_size = 1, activation = {name} }}" for name in ROWS),
    *(
        f"conv1d first_{name} {{ input_shape = (2, None), filters = 18, kernel_size = 1, activation = {name}, "
        "data_format = channels_first }"
        for name in ROWS
    ),
    "conv1d same_free { input_shape = (None, 2), filters = 3, kernel_size = 7, strides = 3, padding = same }",
    "conv1d curved { input_shape = (None, 2), filters = 9, kernel_size = 3, padding = same, activation = gelu }",
    "conv1d_transpose up { input_shape = (None, 2), filters = 3, kernel_size = 5, strides = 2, padding = same }",
    "depthwise_conv1d each { input_shape = (40, 9), kernel_size = 3, padding = same, activation = tanh }",
    "separable_conv1d both { input_shape = (40, 4), filters = 5, kernel_size = 3, padding = same }",
    "conv1d far { input_shape = (40, 4), filters = 4, kernel_size = 3, padding = (7, 7) }",
)


def said(checker: str, folder: Path) -> list[str]:
    """What cppcheck says of the C files of a folder, a line a finding."""
    words = (
        checker,
        "-q",
        "--std=c99",
        "--enable=warning,performance,portability",
        "--template={file}: {id}: {message}",
    )
    done = subprocess.run([*words, "."], cwd=folder, capture_output=True, text=True, check=True, timeout=600)
    return done.stderr.splitlines()


@pytest.mark.compiles
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_cppcheck_has_nothing_to_say(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    checker = need(cprogram.program, "cppcheck", "cppcheck")
    specs = reader.read("\n".join(LAYERS))
    for spec in specs:
        for name, text in pipeline.generate(spec, target, accuracy="fast").files:
            (tmp_path / name).write_text(text)
    (far,) = (spec for spec in specs if spec.name == "far")
    for name, text in emit.emitted(far, Ask(target_named(target))).files:
        (tmp_path / name).write_text(text)
    assert len(list(tmp_path.glob("*.c"))) == len(LAYERS) + 1
    assert said(checker, tmp_path) == []


@pytest.mark.compiles
def test_cppcheck_sees_what_has_no_value(need: Callable[..., Any], tmp_path: Path) -> None:
    """The form that it could not read, as it stood in the row activations: the test above would fail with it."""
    checker = need(cprogram.program, "cppcheck", "cppcheck")
    (tmp_path / "lanes.c").write_text(
        "#define STORE(p, v) (*(double *)(p) = (v))\n"
        "float sum(double x)\n{\n    float lane[2];\n\n    STORE(lane, x);\n    return lane[0] + lane[1];\n}\n"
    )
    assert [line for line in said(checker, tmp_path) if "uninit" in line]
