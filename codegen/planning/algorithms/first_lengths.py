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
DOUBLED = (0, 1, 3, 7, 15)  # lengths behind the first: those that double come before all others, as users' blocks do


def plans(
    request: Request,
    shorts: tuple[AnyPlan, ...],
    first: int,
    other: Callable[[int, AnyPlan], float],
    best_of_each: BestOfEach,
) -> dict[int, AnyPlan]:
    """By their steps those for inputs of `first` steps and a few more, as many as the core's budget has room for.

    Each has the bits of one of `shorts`, plans for any length, and is the cheapest of these; `other(steps, short)` are
    the cycles by a plan that is not `short`: where it takes fewer, none is offered.
    """
    from codegen.planning.footprint import estimate

    room = request.target.core.budget.lengths
    found: dict[int, AnyPlan] = {}
    if request.weights != "packed" or not room:
        return found
    for lengths in (DOUBLED, [more for more in range(MOST) if more not in DOUBLED]):
        for steps in (first + more for more in lengths):
            known = [(short, _knowing(request, short, steps, best_of_each)) for short in shorts]
            offered = [plan for short, plan in known if plan is not None and plan.cost.cycles <= other(steps, short)]
            plan = min(offered, key=lambda plan: plan.cost.cycles, default=None)
            if plan is None:
                break
            size = estimate.code_bytes(plan)
            if size > room:
                break
            found[steps] = plan
            room -= size
    return dict(sorted(found.items()))


def _knowing(request: Request, short: AnyPlan, steps: int, best_of_each: BestOfEach) -> AnyPlan | None:
    """The cheapest plan of that length that sums as `short` and reads its packed kernel; None where there is none."""
    known = replace(request.of_part(request.problem, request.against), problem=request.problem.at_length(steps))
    try:
        offered = short.algorithm.candidates(known, best_of_each) if not short.algorithm.why_not(known) else []
    except PlanError:
        return None
    alike = (plan for plan in offered if plan.layout == short.layout and _sums_alike(request, plan, short))
    return min(alike, key=lambda plan: plan.cost.cycles, default=None)


def _sums_alike(request: Request, plan: AnyPlan, short: AnyPlan) -> bool:
    """Whether the plan has the bits of `short`, or leaves out products of a chain's padding that `short` makes."""
    if len(request.problem.kernel_names) > 1 and request.accuracy != "exact":
        return not plan.transforms
    return plan.order == short.order and plan.pads == short.pads
