"""Whole numbers of separable layers in vectors: all of the first stage, then all of the second on what it has made.

Each stage is planned as a layer of its own, by `dots_channels` or `dots`; what lies between them is in the workspace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen.planning.algorithms import dots, dots_channels, integer
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, AnyPlan, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Chain
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

MOST_BETWEEN = 1 << 20  # bytes
STAGES: dict[type, Algorithm[Any, ConvProblem]] = {
    dots_channels.Schedule: dots_channels.ALGORITHM,
    dots.Schedule: dots.ALGORITHM,
}


@dataclass(frozen=True)
class Schedule:
    """That of each stage."""

    stages: tuple[dots.Schedule | dots_channels.Schedule, ...]


Plan = KernelPlan[Schedule, Chain]


def why_not(request: Request[Chain]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p = request.problem
    if p.steps is None:
        return "it is for a length that is known"
    if request.ask.sliced:
        return "a slice of the second stage needs all of the first"
    if any(between(stage) > MOST_BETWEEN for stage in p.stages[:-1]):
        return f"more than {MOST_BETWEEN:,} bytes lie between its stages"
    for stage in p.stages:
        reasons = [each.why_not(_of(request, stage)) for each in STAGES.values()]
        if all(reasons):
            return reasons[-1]
    return None


def between(stage: ConvProblem) -> int:
    """Bytes of what a stage makes."""
    return stage.known_outs * stage.filters


def _of(request: Request[Chain], stage: ConvProblem) -> Request[ConvProblem]:
    return Request(stage, request.ask)


def candidates(request: Request[Chain], best_of_each: BestOfEach) -> list[Plan]:
    """One plan: of each stage the first algorithm that serves it."""
    found = []
    for stage in request.problem.stages:
        asked = _of(request, stage)
        serving = next(each for each in STAGES.values() if not each.why_not(asked))
        found.append(serving.candidates(asked, best_of_each)[0])
    cost = Cost(sum(one.cost.cycles for one in found), workspace_bytes=_room(found) + _betweens(request.problem))
    schedule = Schedule(tuple(one.schedule for one in found))
    return [KernelPlan(request.problem, request.ask, ALGORITHM, schedule, cost)]


def _room(stages: list[AnyPlan]) -> int:
    return max(one.cost.workspace_bytes for one in stages)


def _betweens(p: Chain) -> int:
    return sum(between(stage) for stage in p.stages[:-1])


def stages(plan: Plan) -> tuple[KernelPlan[Any, ConvProblem], ...]:
    """The plan of each stage, by itself."""
    every = zip(plan.problem.stages, plan.schedule.stages, strict=True)
    return tuple(KernelPlan(p, plan.ask, STAGES[type(one)], one, plan.cost) for p, one in every)


def room(plan: Plan) -> int:
    """Bytes of the workspace before what lies between the stages."""
    return plan.cost.workspace_bytes - _betweens(plan.problem)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return f"{plan.algorithm.name}: {', then '.join(one.describe() for one in stages(plan))}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """The kernels as each stage packs its own, one after the other."""
    import numpy as np

    parts = plan.problem.stage_weights(kernel)
    packed = (one.algorithm.pack(one, taps) for one, (_, taps, _) in zip(stages(plan), parts, strict=True))
    return np.concatenate([np.ravel(one) for one in packed])


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return sum(one.algorithm.packed_numbers(one) for one in stages(plan))


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return tuple((STAGES[type(one)].name, *STAGES[type(one)].key(one)) for one in schedule.stages)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a tile of the last stage."""
    last = schedule.stages[-1]
    return STAGES[type(last)].turns(last)


ALGORITHM: Algorithm[Schedule, Chain] = Algorithm(
    name="dots_stages",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    order=integer.no_order,
    problems=(Chain,),
    whole=True,
)
