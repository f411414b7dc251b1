"""A skip in CI fails the run, unless tests/allowed_skips.txt explains it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unexplained

ROOT = Path(__file__).parent.parent
ALLOWED = "needs a CPU with avx512f, avx512vl"


@pytest.mark.live
@pytest.mark.parametrize(
    ("ci", "reason", "code"),
    [("true", "no reason given", 1), ("true", ALLOWED, 0), ("false", "no reason given", 0)],
)
def test_a_run_with_a_skip(ci: str, reason: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        f"import pytest\ndef test_right(): pass\ndef test_left_out(): pytest.skip({reason!r})\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout
    assert ("SKIPPED IN CI" in done.stdout) == (code == 1)


def test_only_a_matching_line_allows_a_skip() -> None:
    found = [("tests/test_a.py::one", "needs a CPU with avx512f"), ("tests/test_b.py::two", "needs tcc")]
    assert unexplained(found, "# needs tcc\n\nneeds a CPU with avx512\n") == [("tests/test_b.py::two", "needs tcc")]
    assert unexplained(found, "") == found
