"""Long sweeps in turn: each commit runs another share of one, `--whole` runs all of it.

A share is one of a test's own loop (the fixture `share`), or of its parameters: `@pytest.mark.in_turn(2)`. The quick
loop runs, of the tests that are `long`, another 24th with each commit.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
QUICK = 24  # of so many long tests the quick loop runs one


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


def quick(items: Sequence[pytest.Item], turn: int) -> list[pytest.Item]:
    """Without the long tests, or parameters of such, whose turn it is not."""
    return [
        item
        for item in items
        if not item.get_closest_marker("long") or (crc32(item.nodeid.encode()) + turn) % QUICK == 0
    ]


def in_turn(items: Sequence[pytest.Item], turn: int) -> list[pytest.Item]:
    """Without the parameters whose turn it is not. A test that is asked for with one parameter alone runs with it.

    In an order of chance, each test from a place of its own: a commit tries every target and every layout somewhere.
    At least one of each test. Those that share what they make of one have a place, the mark's second argument.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("in_turn"):
            groups.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left: set[pytest.Item] = set()
    for test, group in groups.items():
        marker = group[0].get_closest_marker("in_turn")
        if marker and len(group) > 1:
            parts, place = (*marker.args, test)[:2]
            mixed = sorted(group, key=lambda item: crc32(f"{place}[{item.nodeid.partition('[')[2]}".encode()))
            left |= set(group) - set(share(mixed, min(parts, len(group)), turn + crc32(place.encode())))
    return [item for item in items if item not in left]
