"""MISRA C:2012 over what is emitted for microcontrollers, by cppcheck's addon: the page lists all that it finds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.language import reader
from codegen.planning.ask import Ask
from codegen.problem.targets import TARGETS
from tests.machine.test_boards import GRID, weights
from tests.support.cprogram import program

PAGE = Path(__file__).resolve().parents[2] / "docs" / "embedded.md"
TEXT = f"""
conv1d floats {{ input_shape = (12, 3), filters = 5, kernel_size = 3, padding = same, activation = relu }}
conv1d any_length {{ input_shape = (None, 3), filters = 4, kernel_size = 3, dilation_rate = 2, activation = tanh }}
conv1d codes {{ input_shape = (12, 3), filters = 5, kernel_size = 3, padding = same, activation = relu, {GRID} }}
conv1d once {{ input_shape = (12, 3), filters = 2, kernel_size = 2, rounding = single, {GRID} }}
conv1d nearest {{ input_shape = (12, 3), filters = 2, kernel_size = 2, rounding = fp32, {GRID} }}
"""


@pytest.mark.compiles
def test_each_deviation_is_listed_with_its_reason(tmp_path: Path, need: Callable[..., Any]) -> None:
    """In float32 and in codes, of known and free lengths, in three roundings; no rule is listed that is kept."""
    checker, rng = need(program, "cppcheck", "cppcheck"), np.random.default_rng(0)
    for spec in reader.read(TEXT, "misra"):
        arrays = weights(spec, rng)
        if not spec.problem.format.whole:
            arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        for name, text in pipeline.emitted(spec, Ask(TARGETS["cortex-m4"], "baked"), arrays).files:
            (tmp_path / name).write_text(text)
    files = sorted(path.name for path in tmp_path.glob("*.c"))
    words = (checker, "--addon=misra", "--std=c99", "--enable=style", "-q", *files)
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    if "misra.py" in done.stderr and "not found" in done.stderr:
        pytest.skip("needs cppcheck's addons: apt-get install cppcheck")
    found = set(re.findall(r"\[misra-c2012-([\d.]+)\]", done.stderr))
    rows = re.search(r"## MISRA C:2012\n.*?\n\n## ", PAGE.read_text("utf-8"), re.S)
    assert rows
    listed = {rule for row in re.findall(r"^\| ([\d., ]+) \|", rows[0], re.M) for rule in row.split(", ")}
    assert found == listed
