"""The first lengths, each by a plan that knows it: so few steps take less time than finding out how few they are.

Such a plan reads the packed kernel of the one that serves short inputs of any length, and sums in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codegen.errors import PlanError
from codegen.planning.plan import AnyPlan, BestOfEach, Request

__all__ = ["plans"]

MOST = 16  # lengths


def plans(
    request: Request, short: AnyPlan, first: int, other: Callable[[int], float], best_of_each: BestOfEach
) -> tuple[AnyPlan, ...]:
    """For inputs of `first` steps, of one more, and so on, as many as the core's budget has room for.

    `short` is the plan for any length that these have the bits of; `other(steps)` are the cycles by a plan that is
    neither: where it takes fewer, they end.
    """
    from codegen.planning.footprint import estimate

    room = request.target.core.budget.lengths
    found: list[AnyPlan] = []
    if request.weights != "packed" or not room:
        return ()
    for steps in range(first, first + MOST):
        plan = _knowing(request, short, steps, best_of_each)
        if plan is None or plan.cost.cycles > other(steps):
            break
        room -= estimate.code_bytes(plan)
        if room < 0:
            break
        found.append(plan)
    return tuple(found)


def _knowing(request: Request, short: AnyPlan, steps: int, best_of_each: BestOfEach) -> AnyPlan | None:
    """The cheapest plan of that length with the bits and the packed kernel of `short`; None where there is none."""
    known = replace(request.of_part(request.problem, request.against), problem=replace(request.problem, steps=steps))
    try:
        offered = short.algorithm.candidates(known, best_of_each) if not short.algorithm.why_not(known) else []
    except PlanError:
        return None
    alike = (plan for plan in offered if plan.order == short.order and plan.layout == short.layout)
    return min((plan for plan in alike if plan.pads == short.pads), key=lambda plan: plan.cost.cycles, default=None)
