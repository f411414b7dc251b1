"""The planner: each algorithm says why it cannot serve a problem or offers plans; the cheapest estimate is taken."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from codegen.errors import PlanError
from codegen.plan import Accuracy, KernelPlan, Request, Weights
from codegen.problem import ConvProblem
from codegen.targets import Target

if TYPE_CHECKING:
    import numpy as np

ALGORITHMS = ("direct_filters", "direct_steps", "depthwise", "winograd", "fft")


class Algorithm(Protocol):
    """What a module of codegen.algorithms that is named in ALGORITHMS offers."""

    NAME: str

    def why_not(self, request: Request) -> str | None: ...
    def candidates(self, request: Request) -> list[KernelPlan]: ...
    def describe(self, plan: KernelPlan) -> str: ...
    def pack(self, plan: KernelPlan, kernel: np.ndarray) -> np.ndarray: ...


def algorithm(name: str) -> Algorithm:
    """The module codegen.algorithms.NAME."""
    return cast(Algorithm, import_module(f"codegen.algorithms.{name}"))


def plan(
    problem: ConvProblem, target: Target, weights: Weights = "argument", accuracy: Accuracy = "exact"
) -> KernelPlan:
    """The plan with the lowest estimated cost; `rejected` tells why the others were not taken. Raises PlanError."""
    request = Request(problem, target, weights, accuracy)
    best: list[KernelPlan] = []
    rejected: list[tuple[str, str]] = []
    for name in ALGORITHMS:
        reason = algorithm(name).why_not(request)
        if reason:
            rejected.append((name, reason))
        else:
            best.extend(algorithm(name).candidates(request)[:1])
    if not best:
        raise PlanError("no algorithm serves this layer: " + "; ".join(f"{name}: {why}" for name, why in rejected))
    best.sort(key=lambda candidate: candidate.cost)
    for other in best[1:]:
        rejected.append((other.algorithm, f"estimated at {other.cost / best[0].cost:.2f} times the cycles"))
    return replace(best[0], rejected=tuple(rejected))
