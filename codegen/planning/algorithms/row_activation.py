"""Activations of a whole row: the sums by another plan, then all filters of one output step after the other, in place.

In channels_last vectors run along the row, in channels_first along time, so that each lane is a row of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.planning.algorithms import cost
from codegen.planning.algorithms.relayout import panel_bytes
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """`widths` are those of the vectors, widest first, the last for what is left over.

    `apart`: the sums lie in the workspace, as y has fewer filters.
    """

    widths: tuple[int, ...]
    apart: bool


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if not request.problem.epilogue.rowwise:
        return "the activation takes one number at a time"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """The best plan of each algorithm for the sums, cheapest first."""
    problem = request.problem
    asked = request.of_part(problem.with_epilogue(problem.epilogue.before_rows), request.against)
    return [_plan(request, inner) for inner in best_of_each(asked)]


def _plan(request: Request, inner: KernelPlan) -> KernelPlan[Schedule]:
    p, widths = request.problem, request.target.lanes(request.problem.dtype)
    along = p.out_filters if p.channels_last else p.out_steps(p.steps) if p.steps is not None else widths[0]
    schedule = Schedule(tuple(width for width in widths if width <= max(1, along)), p.out_filters != p.filters)
    numbers = cost.outs_told(p, request.ask.likely) * p.filters
    cycles = inner.cost.cycles + request.target.core.pipeline.row_pass * numbers / schedule.widths[0]
    total = Cost(cycles, workspace_bytes=inner.workspace_bytes, step_bytes=inner.workspace_step_bytes)
    plan = KernelPlan(p, request.ask, ALGORITHM, schedule, total, parts=(inner,))
    if not schedule.apart:
        return plan
    before, grows = (count * p.item_bytes for count in sums_at(plan))
    base, step = _sums(p) if p.steps is None else (numbers * p.item_bytes, 0)
    return replace(plan, cost=Cost(cycles, workspace_bytes=before + base, step_bytes=grows + step))


def sums_at(plan: KernelPlan[Schedule]) -> tuple[int, int]:
    """The numbers before the sums in the workspace, what the inner plan needs: always, and for each input step."""
    inner, item = plan.inner, plan.problem.item_bytes
    before = panel_bytes(-(-inner.workspace_bytes // item), plan.problem, plan.target.core)
    return before // item, -(-inner.workspace_step_bytes // item)


def _sums(p: Problem) -> tuple[int, int]:
    """Bytes that hold the sums of any number of steps: always, and a step."""
    each = p.filters * p.item_bytes
    return max(0, -(-each * p.past // p.stride)), -(-each * p.up // p.stride)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule, inner = plan.schedule, plan.inner
    along = "a row" if plan.problem.channels_last else "time"
    lanes = schedule.widths[0]
    vectors = f"in vectors of {lanes}" if lanes > 1 else "number by number"
    sums = inner.describe()
    return f"{sums}; then {plan.problem.epilogue.row_stage.function} {vectors} along {along}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` as the inner plan packs it."""
    return plan.inner.pack(kernel)


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.inner.packed_numbers


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.widths, schedule.apart


def order(plan: KernelPlan[Schedule]) -> Key:
    """That of the sums, and the vectors."""
    return plan.algorithm.name, plan.schedule.widths, plan.inner.order


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The rows that are taken side by side."""
    return (schedule.widths[0],)


ALGORITHM = Algorithm(
    name="row_activation",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    order=order,
    turns=turns,
    problems=(ConvProblem, Chain),
    serves_upsampling=True,
    serves_rows=True,
    serves_outputs=True,
)
