"""The written figures of the transforms are those of the model, and they are all that planning needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codegen.planning import planner, transforms
from codegen.planning.algorithms import fft, winograd
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.planning.transforms import figures_build, fourier, phased, toom_cook
from codegen.planning.transforms.figures import FIGURES
from codegen.planning.transforms.transform import Transform
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS

ALL = list(figures_build.transforms())


def test_the_table_has_each_transform_once() -> None:
    """If this or the next fails: python -m codegen.planning.transforms.figures_build"""
    assert list(FIGURES) == [(transform.name, transform.taps) for transform in ALL]
    assert figures_build.SIZES == fft.SIZES
    assert figures_build.MOST_POINTS == winograd.MOST_POINTS


@pytest.mark.long
@pytest.mark.parametrize("transform", [*ALL[:28], *ALL[28::17], ALL[-1]], ids=lambda each: f"{each.name}-{each.taps}")
def test_the_figures_are_the_models(transform: Transform) -> None:
    """All small ones, some of the others: each length of code is what that many outputs leave of the whole."""
    forward, inverse, linear, products = FIGURES[transform.name, transform.taps]
    assert (forward, inverse) == (len(transform.forward.statements), len(transform.inverse.statements))
    found = figures_build.noise.propagated(transform)
    assert found == pytest.approx((linear, products), rel=1e-7)


MADE_BEFORE = (transforms.named, fourier.fourier, phased.phased, toom_cook.toom_cook, planner.survey)


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Transforms that refuse to make code, and none of them left in a cache afterwards."""

    def never(*size: int) -> Any:
        raise AssertionError(f"code was made for {size}")

    for module in (fourier, phased, toom_cook):
        monkeypatch.setattr(module, "_codelets", never)
    for cached in MADE_BEFORE:
        cached.cache_clear()
    yield
    for cached in MADE_BEFORE:
        cached.cache_clear()


@pytest.mark.long
@pytest.mark.usefixtures("no_code")
def test_planning_makes_no_code() -> None:
    seen = set()
    for taps in (*range(2, 130, 3), 200, 513, 1024):
        strided = ConvProblem(1100, 16, 16, taps, stride=2)
        for problem in (ConvProblem(1100, 16, 16, taps), ConvProblem(1100, 1, 1, taps), strided):
            found = planner.survey(Request(problem, Ask(TARGETS["avx2"], "packed", "wide"))).found
            seen |= {plan.algorithm.name for plan in found}
    assert {"winograd", "fft", "signal_as_channels"} <= seen
