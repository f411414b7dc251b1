"""Whole numbers of transposed layers in vectors: all outputs between two input steps are filters of one convolution.

The rows of codegen.planning.algorithms.output_rows are computed by `dots`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.planning.algorithms import dots, integer, output_rows
from codegen.planning.algorithms.dots import Schedule
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Request
from codegen.problem.conv_problem import ConvProblem

if TYPE_CHECKING:
    import numpy as np

Plan = KernelPlan[Schedule, ConvProblem]


def why_not(request: Request[ConvProblem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p = request.problem
    if p.up == 1:
        return "no zeros lie between the input's steps"
    return output_rows.why_not(p) or dots.why_not(_of_rows(request))


def _of_rows(request: Request[ConvProblem]) -> Request[ConvProblem]:
    rows = output_rows.of(request.problem)
    assert rows is not None
    return replace(request, problem=rows)


def candidates(request: Request[ConvProblem], best_of_each: BestOfEach) -> list[Plan]:
    """The plan of `dots` for the rows."""
    found = dots.candidates(_of_rows(request), best_of_each)
    return [KernelPlan(request.problem, request.ask, ALGORITHM, one.schedule, one.cost) for one in found]


def of_rows(plan: Plan) -> dots.Plan:
    """The plan of the rows."""
    rows = output_rows.of(plan.problem)
    assert rows is not None
    return KernelPlan(rows, plan.ask, dots.ALGORITHM, plan.schedule, plan.cost)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return f"{plan.algorithm.name}: rows of {plan.problem.up} outputs by {of_rows(plan).describe()}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """As `dots` packs the kernel of the rows."""
    return dots.pack(of_rows(plan), output_rows.turned(plan.problem, kernel))


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return dots.packed_numbers(of_rows(plan))


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The rows of a tile, and of a copy."""
    return dots.turns(schedule)


ALGORITHM: Algorithm[Schedule, ConvProblem] = Algorithm(
    name="dots_phases",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=dots.key,
    turns=turns,
    order=integer.no_order,
    serves_upsampling=True,
    whole=True,
)
