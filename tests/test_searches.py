"""The release script of the searches: a row for each on its page, and no search that ends the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import layers, release, sizes
from tests.support.cprogram import program


def row(name: str, tried: int) -> str:
    return f"| `{name}` | what | 1, 1 | {tried} | 0 | 1 |"


def test_each_search_writes_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "fuzzing.md"
    page.write_text("Before.\n\n<!-- the last run -->\nold\n<!-- end -->\nAfter.\n")
    monkeypatch.setattr(release, "PAGE", page)
    monkeypatch.setattr(release, "find", lambda: None)
    planner, guards, sanitized, *_ = (one for one in release.SEARCHES if one.module in ("planner", "guards"))
    for search, tried in ((guards, 1), (sanitized, 2), (planner, 3), (guards, 4)):
        release.written(search, row(search.name, tried))
    lines = page.read_text().splitlines()
    assert [line for line in lines if line.startswith("| `")] == [
        row("planner", 3), row("guards", 4), row("guards --sanitize", 2),
    ]  # fmt: skip
    assert (lines[0], lines[-1], "old" in lines) == ("Before.", "After.", False)


def test_an_error_that_ends_a_search_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(count: int, seed: int) -> None:
        raise AssertionError(f"{count} of {seed}")

    monkeypatch.setattr(sizes, "run", ends)
    (search,) = (one for one in release.SEARCHES if one.module == "sizes")
    tried, (finding,) = search.run(0.1, 7)
    assert tried == 0
    assert "AssertionError: 50 of 7" in finding


@pytest.mark.compiles
def test_layers_whose_properties_are_crossed(need: Callable[..., Any], share: Callable[..., Any]) -> None:
    """Each commit another one; more: python -m tests.fuzz.layers."""
    need(program, "gcc", "gcc")
    for seed in share(range(12), 12):
        assert layers.run(1, seed) == (1, [])
