"""The planner: each algorithm says why it cannot serve a problem or offers plans; the cheapest estimate is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, Protocol, cast

from codegen.errors import PlanError
from codegen.functions.activations import row
from codegen.numbers.storage import AS_COMPUTED, HALVES
from codegen.planning.plan import Accuracy, KernelPlan, Request, Weights
from codegen.problem.conv_problem import MOST_TABLE, ConvProblem
from codegen.problem.targets import Target

if TYPE_CHECKING:
    import numpy as np

ALGORITHMS = (
    *("direct_filters", "direct_steps", "depthwise", "winograd", "fft"),
    *(
        "signal_as_channels",
        "relayout",
        "strides_as_channels",
        "upsampled",
        "separable",
        "row_activation",
    ),  # rewritten to others' problems
)
READING = ("direct_filters", "direct_steps", "depthwise")  # those that read each weight where it lies, however stored
TRANSFORMING = ("winograd", "fft")
STAGING = ("separable", "relayout", "row_activation")  # those that serve two stages
UPSAMPLING = ("upsampled", "row_activation")  # those that serve zeros between the input's steps
MOST_GROWN = 2  # times a kernel's numbers that its const table may always hold: direct tiles may overlap


class Algorithm(Protocol):
    """What a module of codegen.planning.algorithms that is named in ALGORITHMS offers."""

    NAME: str

    def why_not(self, request: Request) -> str | None: ...
    def candidates(self, request: Request) -> list[KernelPlan]: ...
    def describe(self, plan: KernelPlan) -> str: ...
    def pack(self, plan: KernelPlan, kernel: np.ndarray) -> np.ndarray: ...
    def packed_numbers(self, plan: KernelPlan) -> int: ...


@dataclass(frozen=True)
class Survey:
    """All that can be had: `found` plans, cheapest first, and the algorithms that serve not, each with its reason."""

    found: tuple[KernelPlan, ...]
    refused: tuple[tuple[str, str], ...]

    def named(self, key: str) -> KernelPlan | None:
        """The plan of that key; None if there is none such, whoever asks for it."""
        name = key.partition("-")[0]
        return next((plan for plan in self.found if plan.algorithm == name and plan.key == key), None)


def algorithm(name: str) -> Algorithm:
    """The module codegen.planning.algorithms.NAME."""
    return cast(Algorithm, import_module(f"codegen.planning.algorithms.{name}"))


@lru_cache(maxsize=256)
def survey(request: Request) -> Survey:
    """Ask every algorithm. Raises PlanError where none has a plan."""
    found: list[KernelPlan] = []
    refused: list[tuple[str, str]] = []
    for name in ALGORITHMS:
        reason = why_not(name, request)
        offered = [] if reason else _stored(algorithm(name).candidates(request), request.storage)
        plans = _of_bounded_tables(offered, request)
        found += plans
        if not plans:
            refused.append((name, reason or _none(name, request, bool(offered))))
    if not found:
        raise PlanError("no algorithm serves this layer: " + "; ".join(f"{name}: {why}" for name, why in refused))
    return Survey(tuple(sorted(found, key=lambda plan: plan.cost)), tuple(refused))


def _of_bounded_tables(plans: list[KernelPlan], request: Request) -> list[KernelPlan]:
    """Those of `plans` whose packed kernel is no larger than what a const table may hold, where it is to be one."""
    if request.weights != "baked":
        return plans
    most = max(MOST_TABLE, MOST_GROWN * prod(request.problem.kernel_shape))
    return [plan for plan in plans if packed_numbers(plan) <= most]


def _none(name: str, request: Request, offered: bool) -> str:
    """Why an algorithm that could serve a request has no plan, or none of those that it `offered` is taken."""
    if offered:
        return f"the const table of its packed kernel would hold more than {MOST_TABLE:,} numbers"
    if name in TRANSFORMING:
        return f"none of its plans keeps to the roundings of `{request.accuracy}`"
    return "no algorithm serves what it rewrites the layer to"


def best_of_each(request: Request) -> list[KernelPlan]:
    """The cheapest plan of each `way`, cheapest first; none where no algorithm serves the request."""
    best: dict[tuple[str, frozenset[str]], KernelPlan] = {}
    try:
        found = survey(request).found
    except PlanError:
        return []
    for plan in found:
        best.setdefault(way(plan), plan)
    return list(best.values())


def way(plan: KernelPlan) -> tuple[str, frozenset[str]]:
    """The algorithm of a plan, and those that do its sums."""
    return plan.algorithm, frozenset(_innermost(plan))


def why_not(name: str, request: Request) -> str | None:
    """The reason why the algorithm of that name cannot serve the request, None if it can."""
    return _outside(name, request) or algorithm(name).why_not(request)


def _outside(name: str, request: Request) -> str | None:
    """The reason why a whole family of algorithms does not look at the request, None where they do."""
    if request.storage != AS_COMPUTED and name in TRANSFORMING:
        return f"it transforms its weights first, which would round them twice: not for {request.storage}"
    if row(request.problem.activation).rowwise and name != "row_activation":
        return "it ends with one number at a time, not with all filters of an output step"
    if request.problem.depth_multiplier and name not in STAGING:
        return "it knows one stage only, not channel by channel and then across"
    if request.problem.up > 1 and name not in UPSAMPLING:
        return "it knows no zeros between the input's steps"
    return None


def _stored(plans: list[KernelPlan], storage: str) -> list[KernelPlan]:
    """Those of `plans` that read each weight where it lies, told how it is stored there."""
    if storage == AS_COMPUTED:
        return plans
    return [_as_stored(plan, storage) for plan in plans if _innermost(plan) <= set(READING)]


def _innermost(plan: KernelPlan) -> set[str]:
    """The algorithms that do the sums."""
    return set().union(*map(_innermost, plan.parts)) if plan.parts else {plan.algorithm}


def _as_stored(plan: KernelPlan, storage: str) -> KernelPlan:
    """The plan with its weights stored so, to its innermost; on a target that has what widens them."""
    inner = _as_stored(plan.inner, storage) if plan.inner else None
    target = plan.target if HALVES[storage].shifts else plan.target.widening()
    others = tuple(_as_stored(part, storage) for part in plan.others)
    return replace(plan, storage=storage, target=target, inner=inner, others=others)


def packed_numbers(plan: KernelPlan) -> int:
    """Numbers in a kernel as the plan's `pack` lays it out, told without one."""
    return algorithm(plan.algorithm).packed_numbers(plan)


def plan(
    problem: ConvProblem,
    target: Target,
    weights: Weights = "argument",
    accuracy: Accuracy = "exact",
    choice: str | None = None,
) -> KernelPlan:
    """The answer to the request for these."""
    return answer(Request(problem, target, weights, accuracy), choice)


def answer(request: Request, choice: str | None = None) -> KernelPlan:
    """The plan with the lowest estimated cost, or the one whose key is `choice` where there is such a one.

    `rejected` tells of each other algorithm why it was not taken. Raises PlanError.
    """
    known = survey(request)
    return chosen(known, (known.named(choice) if choice else None) or known.found[0])


def chosen(known: Survey, taken: KernelPlan) -> KernelPlan:
    """`taken` with the reasons of all others in `rejected`, in the order of ALGORITHMS."""
    reasons = dict(known.refused)
    for other in known.found:
        if other.algorithm != taken.algorithm:
            reasons.setdefault(other.algorithm, _compared(other, taken))
    return replace(taken, rejected=tuple((name, reasons[name]) for name in ALGORITHMS if name in reasons))


def _compared(other: KernelPlan, taken: KernelPlan) -> str:
    return f"estimated at {other.cost / taken.cost:.2f} times the cycles, {other.cost:,.0f}"
