"""The planner: each algorithm says why it cannot serve a problem or offers plans; the cheapest estimate is taken."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod

from codegen.errors import PlanError
from codegen.installed import forgetful
from codegen.numbers.formats import STORED
from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import Ask, Limits
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import AnyAlgorithm, AnyPlan, AnyRequest, Request
from codegen.problem.conv_problem import MOST_CODES, MOST_TABLE
from codegen.problem.problem import Problem
from codegen.records import dataclass

__all__ = ["Survey", "answer", "best_of_each", "chosen", "plan", "survey", "why_not"]

MOST_GROWN = 2  # times a kernel's numbers that its const table may always hold: direct tiles may overlap


@dataclass(frozen=True)
class Survey:
    """All that can be had: `found` plans, cheapest first, and the algorithms that serve not, each with its reason."""

    found: tuple[AnyPlan, ...]
    refused: tuple[tuple[str, str], ...]

    def named(self, key: str) -> AnyPlan | None:
        """The plan of that key; None if there is none such, whoever asks for it."""
        name = key.partition("-")[0]
        return next((plan for plan in self.found if plan.algorithm.name == name and plan.key == key), None)


@forgetful
@lru_cache(maxsize=256)
def survey(request: AnyRequest) -> Survey:
    """Ask every algorithm. Raises PlanError where none has a plan, or none that keeps to the limits."""
    from codegen.planning.algorithms.table import ALGORITHMS
    from codegen.planning.footprint import estimate

    found: list[AnyPlan] = []
    refused: list[tuple[str, str]] = []
    for algorithm in ALGORITHMS.values():
        reason = why_not(algorithm, request)
        offered = [] if reason else _stored(_offered(algorithm, request), request.ask)
        plans = _of_bounded_tables(offered, request)
        found += plans
        if not plans:
            refused.append((algorithm.name, reason or _none(algorithm, request, bool(offered))))
    if not found:
        raise PlanError("no algorithm serves this layer: " + "; ".join(f"{name}: {why}" for name, why in refused))
    if counts_bytes(request.ask.objective) or _limits(request.ask) != Limits():
        found = [estimate.told(plan) for plan in found]
    cheapest = sorted(found, key=lambda plan: plan.cost.weighed(request.ask.objective))
    ordered = sorted(cheapest, key=lambda plan: not plan.algorithm.over_lengths)
    return _within(Survey(tuple(ordered), tuple(refused)), request.ask)


def _within(known: Survey, ask: Ask) -> Survey:
    """The plans that keep to what is asked for and to what the core has; the reason of each algorithm without such."""
    limits = _limits(ask)
    if limits == Limits():
        return known
    kept = [plan for plan in known.found if not plan.cost.refused(limits)]
    over = [plan for plan in known.found if plan.cost.refused(limits)]
    if not kept:
        nearest = min(over, key=lambda plan: plan.cost.beyond(limits))
        way = f"--max-flash {nearest.cost.code_bytes} and --max-ram {nearest.cost.ram} let it in"
        raise PlanError(f"no plan fits; of the nearest, {nearest.describe()}: {nearest.cost.refused(limits)}; {way}")
    reasons: dict[str, str] = {}
    for plan in sorted(over, key=lambda plan: plan.cost.beyond(limits)):
        reasons.setdefault(plan.algorithm.name, plan.cost.refused(limits) or "")
    fitting = {plan.algorithm.name for plan in kept}
    refused = [(name, why) for name, why in reasons.items() if name not in fitting]
    return Survey(tuple(kept), (*known.refused, *refused))


def _limits(ask: Ask) -> Limits:
    """What is asked for, and what the core has: the less of both."""
    budget = ask.target.core.budget
    return Limits(_least(ask.limits.flash, budget.flash), _least(ask.limits.ram, budget.ram))


def _least(*most: int | None) -> int | None:
    """The least of some limits, None if there is none."""
    return min((one for one in most if one is not None), default=None)


def _of_bounded_tables(plans: list[AnyPlan], request: AnyRequest) -> list[AnyPlan]:
    """Those of `plans` whose packed kernel is no larger than what a const table may hold, where it is to be one.

    A transform's points are no more than that; direct tiles, which may overlap, have twice the kernel's numbers.
    """
    if request.weights != "baked":
        return plans
    from codegen.planning.error_bounds import is_transform  # late: it needs NumPy, as weights do

    table = _most(request)
    most = max(table, MOST_GROWN * prod(request.problem.kernel_shape))
    return [plan for plan in plans if plan.packed_numbers <= (table if is_transform(plan) else most)]


def _most(request: AnyRequest) -> int:
    """The numbers of a const table."""
    return MOST_CODES if request.problem.format.whole else MOST_TABLE


def _none(algorithm: AnyAlgorithm, request: AnyRequest, offered: bool) -> str:
    """Why an algorithm that could serve a request has no plan, or none of those that it `offered` is taken."""
    if offered:
        return f"the const table of its packed kernel would hold more than {_most(request):,} numbers"
    if algorithm.transformed:
        return f"none of its plans keeps to the roundings of `{request.accuracy}`"
    if algorithm.over_lengths:
        return "one plan is good at all lengths"
    return "no algorithm serves what it rewrites the layer to"


def _offered(algorithm: AnyAlgorithm, request: AnyRequest) -> list[AnyPlan]:
    """The candidates of an algorithm; one that weighs lengths sees all plans of each."""
    return algorithm.candidates(request, every if algorithm.over_lengths else best_of_each)


def every(request: AnyRequest) -> list[AnyPlan]:
    """All plans, cheapest first; none where no algorithm serves the request."""
    try:
        return list(survey(request).found)
    except PlanError:
        return []


def best_of_each(request: AnyRequest) -> list[AnyPlan]:
    """The cheapest plan of each `way` by each transform, cheapest first; none where no algorithm serves the request."""
    best: dict[tuple[object, object], AnyPlan] = {}
    for plan in every(request):
        best.setdefault((plan.way, plan.transforms), plan)
    return list(best.values())


def why_not(algorithm: AnyAlgorithm, request: AnyRequest) -> str | None:
    """The reason why the algorithm cannot serve the request, None if it can."""
    return _outside(algorithm, request) or algorithm.why_not(request)


def _outside(algorithm: AnyAlgorithm, request: AnyRequest) -> str | None:
    """The reason why a whole family of algorithms does not look at the request, None where they do."""
    if request.problem.format.whole != algorithm.whole:
        words = "whole numbers", "floats"
        return f"it computes in {words[not algorithm.whole]}, not in {words[algorithm.whole]}"
    if request.ask.numbers != AS_COMPUTED and algorithm.transformed:
        return f"it transforms its weights first, which would round them twice: not for {request.ask.numbers}"
    if request.problem.epilogue.of_outputs and not algorithm.serves_outputs:
        names = ", ".join(f"`{operand.name}`" for operand in request.problem.epilogue.of_outputs)
        return f"its sums do not lie as those of y do, so that it cannot read {names} with them"
    if request.problem.epilogue.rowwise and not algorithm.serves_rows:
        return "it ends with one number at a time, not with all filters of an output step"
    if not isinstance(request.problem, algorithm.problems):
        served = " or ".join(kind.told for kind in algorithm.problems)
        return f"it serves {served}, not {request.problem.told}"
    if request.problem.up > 1 and not algorithm.serves_upsampling:
        return "it knows no zeros between the input's steps"
    return None


def _stored(plans: list[AnyPlan], ask: Ask) -> list[AnyPlan]:
    """Those of `plans` that read each weight where it lies, as it is stored there."""
    if ask.numbers == AS_COMPUTED:
        return plans
    reading = [plan for plan in plans if all(each.reads_stored for each in plan.innermost)]
    return [_widening(plan) for plan in reading] if STORED[ask.numbers].f16c else reading


def _widening(plan: AnyPlan) -> AnyPlan:
    """The plan, to its innermost, on a target that has what widens its weights."""
    return replace(plan.asked(target=plan.target.widening()), parts=tuple(map(_widening, plan.parts)))


def plan(problem: Problem, ask: Ask, choice: str | None = None) -> AnyPlan:
    """The answer to the request for these."""
    return answer(Request(problem, ask), choice)


def answer(request: AnyRequest, choice: str | None = None) -> AnyPlan:
    """The plan with the lowest estimated cost, or the one whose key is `choice` where there is such a one.

    `rejected` tells of each other algorithm why it was not taken. Raises PlanError.
    """
    known = survey(request)
    return chosen(known, (known.named(choice) if choice else None) or known.found[0])


def chosen(known: Survey, taken: AnyPlan) -> AnyPlan:
    """`taken` with its bytes of code and stack, and the reasons of all others in `rejected`, in the table's order."""
    from codegen.planning.algorithms.table import ALGORITHMS
    from codegen.planning.footprint import estimate

    reasons = dict(known.refused)
    for other in known.found:
        if other.algorithm != taken.algorithm:
            reasons.setdefault(other.algorithm.name, _compared(other, taken))
    return replace(
        estimate.told(taken), rejected=tuple((name, reasons[name]) for name in ALGORITHMS if name in reasons)
    )


def _compared(other: AnyPlan, taken: AnyPlan) -> str:
    """What another plan takes more: of what was asked to be little."""
    if counts_bytes(taken.ask.objective):
        return f"estimated at {other.cost.code_bytes:,} bytes of code and {other.cost.ram:,} of memory"
    ratio = other.cost.cycles / taken.cost.cycles if taken.cost.cycles else 1.0  # no output, no cycles
    return f"estimated at {ratio:.2f} times the cycles, {other.cost.cycles:,.0f}"
