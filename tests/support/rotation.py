"""Long sweeps in turn: each commit runs another share of one, `--whole` runs all of it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


@cache
def number() -> int:
    """Of this commit, the same in every process of a run; without git, of the day."""
    words = ("git", "rev-parse", "--short=7", "HEAD")
    try:
        told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20).stdout
        return int(told.strip(), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return date.today().toordinal()


def share(items: Sequence[T], parts: int, turn: int) -> Sequence[T]:
    """Every `parts`th of the items, those whose turn it is; all shares together have each item once."""
    return items[turn % parts :: parts]
