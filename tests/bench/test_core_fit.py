"""A core's row is fitted to what plans take: what is told of a row follows from the cycles."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.bench import core_fit
from codegen.bench.core_fit import Observation
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.core_rows import CORES
from codegen.problem.cores import Core
from codegen.problem.targets import TARGETS, native

ROOT = Path(__file__).resolve().parents[2]
TURNED = ConvProblem(3000, 80, 96, 3, pad_left=1, pad_right=1, channels_last=False)
SHORT = ConvProblem(64, 8, 16, 3)


@pytest.fixture
def few_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a survey of each layer's plans."""
    monkeypatch.setattr(core_fit, "FACTORS", (0.5, 2.0))


def seen_on(core: Core) -> list[Observation]:
    """What would be measured of two layers on a machine that takes just what `core` says."""
    found = []
    for label, problem in (("turned", TURNED), ("short", SHORT)):
        request = Request(problem, Ask(TARGETS["avx2"], weights="packed", accuracy="fast"))
        for plan in planner.best_of_each(request):
            seen = Observation(label, request, plan, 1.0)
            found.append(replace(seen, cycles=core_fit.estimate(seen, core)))
    return found


@pytest.mark.long
@pytest.mark.usefixtures("few_factors")
def test_a_machine_that_keeps_to_its_row_needs_no_other() -> None:
    core = TARGETS["avx2"].core
    seen = seen_on(core)
    assert core_fit.ratios(seen, core) == [1.0] * len(seen)
    assert core_fit.error([1.0, 1.0]) == 1.0
    fitted, figures = core_fit.fit(seen, core)
    assert fitted is core
    assert [one.best for one in figures] == [one.value for one in figures]
    assert "estimate over cycles 1.00 in the median, 1.00 at worst, a factor of 1.00" in core_fit.summary(seen, core)


@pytest.mark.long
@pytest.mark.usefixtures("few_factors")
def test_the_figure_that_differs_is_found() -> None:
    core = TARGETS["avx2"].core
    slow = core_fit.changed(core, "moves", "transposed", 2 * core.moves.transposed)
    seen = seen_on(slow)
    assert max(core_fit.ratios(seen, core)) == pytest.approx(1.0)
    assert min(core_fit.ratios(seen, core)) < 0.95
    fitted, figures = core_fit.fit(seen, core)
    assert {one.name for one in figures if one.best != one.value} == {"moves.transposed"}
    assert fitted.moves.transposed == slow.moves.transposed
    assert figures[-1].error == pytest.approx(1.0)


def test_what_a_wrong_row_loses() -> None:
    """Where the fastest plan is not the one that the row takes for it."""
    core = TARGETS["avx2"].core
    short = [one for one in seen_on(core) if one.label == "short"]
    first = min(short, key=lambda one: one.cycles)
    others = [one for one in short if one is not first]
    assert core_fit.lost(short, core) == {"short": 1.0}
    slower = replace(first, cycles=3 * min(one.cycles for one in others))
    assert core_fit.lost([slower, *others], core) == {"short": pytest.approx(3.0)}


def test_every_figure_has_a_name() -> None:
    figures = core_fit.figures(CORES["any"])
    assert (figures["setup.tile"], figures["memory.line"]) == (12, 64)
    assert {f"{group}.{name}" for group, name in core_fit.FIGURES} <= set(figures)


@pytest.mark.compiles
def test_the_script_prints_the_row_and_the_plans() -> None:
    words = [sys.executable, "bench/fit_core.py", "--target", native().name, "--rounds", "1", "Q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    assert re.search(r", \d{4}-\d\d-\d\d\n", out)
    assert f"target {native().name}, core {native().core.name}: {native().core.source}\n" in out
    assert re.search(r"    setup\.tile +12\n", out)
    assert re.search(r"probe clock +1\.00 cycles each", out)
    assert re.search(r"Q  direct_filters-[0-9a-f]{12} +[\d,]+ cycles, estimated \d+\.\d\d times\n", out)
    assert re.search(r"\d+ plans of 1 layers?: estimate over cycles \d+\.\d\d in the median", out)
