"""bench/advice.py: both ways of each advice compute the same, and docs/performance.md tells of each."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def advice() -> Any:
    """The script as a module."""
    found = importlib.util.spec_from_file_location("advice", ROOT / "bench" / "advice.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules["advice"] = module  # where dataclasses look for it
    found.loader.exec_module(module)
    return module


def test_the_page_has_a_row_for_each(advice: Any) -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    rows = re.findall(r"^\|.*\| `(\w+)` \| [\d,.]+ \| [\d,.]+ \| [\d.]+ \|$", page, re.M)
    assert sorted(rows) == sorted(advice.ADVICE)


def test_ways_that_differ_are_told(advice: Any) -> None:
    numbers = advice.data(3)
    ways = advice.Ways(lambda: None, lambda: None, lambda: (numbers, numbers + 1))
    with pytest.raises(ValueError, match="the two ways compute different numbers"):
        advice.measured(ways, 1, "cpu")


@pytest.mark.compiles
def test_the_script_prints_a_row_an_advice() -> None:
    words = [sys.executable, "bench/advice.py", "--rounds", "1", "--clock", "cpu", "bind", "batch", "length"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    rows = out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["bind", "batch", "length"]
    for row in rows:
        without, given, ratio = map(float, row.split()[1:])
        assert without > 0
        assert given > 0
        assert ratio == pytest.approx(without / given, abs=0.05 + 0.05 * ratio)
