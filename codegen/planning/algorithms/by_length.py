"""A free length by several plans: short, middle and long inputs each by the one that is good there, told by the steps.

What answers an input depends on its length alone, so that it has the same bits on every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from math import isqrt
from typing import TYPE_CHECKING

from codegen.installed import forgetful
from codegen.planning.algorithms import cost, depthwise, direct_filters, direct_steps, overlap_save, signal_as_channels
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem

if TYPE_CHECKING:
    import numpy as np

LENGTHS = (64, 256, 1024, 4096, 16384, 131072)  # outputs for which plans are compared
MOST_PLANS = 4
GOOD = 1.08  # times the best estimate of each length: fewer plans that keep within it are enough
LOOKED_AT = 64  # outputs whose taps are counted
LESS = 0.98  # of the best estimate at the length that a cost is told for, for what it gains at others
ALGORITHMS: tuple[Algorithm, ...] = tuple(
    room.ALGORITHM for room in (direct_filters, direct_steps, depthwise, signal_as_channels, overlap_save)
)


@dataclass(frozen=True)
class Schedule:
    """Part `turn[i]` computes inputs of fewer than `limits[i]` steps, the last of `turn` all longer ones."""

    limits: tuple[int, ...]
    turn: tuple[int, ...]


Known = tuple[KernelPlan, dict[int, float]]
"""A plan, and its estimates by the number of outputs."""


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.problem.steps is not None:
        return "the length is known"
    reason = overlap_save.why_not(request)
    if reason is not None:
        return f"the plans of all lengths are much alike where `overlap_save` does not serve: {reason}"
    if len(set(_taken(request))) < 2:
        return "one plan is good at all lengths"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """The one plan."""
    problem, taken = request.problem, _taken(request)
    parts = tuple(dict.fromkeys(taken))
    limits, turn = [], [parts.index(taken[0])]
    grid = _grid(request)
    for before, after in pairwise(range(len(grid))):
        if taken[before] != taken[after]:
            limits.append(isqrt(_steps(problem, grid[before]) * _steps(problem, grid[after])))
            turn.append(parts.index(taken[after]))
    told = min(costs[max(1, _told(request))] for _, costs in _known(request))
    total = Cost(LESS * told, workspace_bytes=max(part.workspace_bytes for part in parts))
    return [KernelPlan(problem, request.ask, ALGORITHM, Schedule(tuple(limits), tuple(turn)), total, parts)]


@forgetful
@lru_cache(maxsize=64)
def _taken(request: Request) -> tuple[KernelPlan, ...]:
    """The plan for each length of the grid: the best of the few that are together nearest to the best of all."""
    known, grid = _known(request), _grid(request)
    best = {outs: min(costs[outs] for _, costs in known) for outs in grid}
    wanted = [one for one in known if any(one[1][outs] == best[outs] for outs in grid)]
    some = [few for count in range(1, MOST_PLANS + 1) for few in combinations(wanted, count)]

    def worst(few: tuple[Known, ...]) -> float:
        return max(GOOD, *(min(costs[outs] for _, costs in few) / best[outs] for outs in grid))

    few = min(some, key=worst)
    return tuple(min(few, key=lambda one: one[1][outs])[0] for outs in grid)


@forgetful
@lru_cache(maxsize=64)
def _known(request: Request) -> tuple[Known, ...]:
    """The best plan of each algorithm at each length of the grid, each once, with its estimates for all of them."""
    grid = _grid(request)
    found: dict[str, Known] = {}
    for algorithm in ALGORITHMS:
        offered = {outs: _offered(algorithm, request, outs) for outs in grid}
        for plans in offered.values():
            for plan in plans[:1]:
                found.setdefault(plan.key, (plan, {outs: _at(plan, outs, offered[outs]) for outs in grid}))
    return tuple(found.values())


def _offered(algorithm: Algorithm, request: Request, outs: int) -> list[KernelPlan]:
    """The plans of an algorithm that has any, made for so many outputs."""
    asked = request.of_part(request.problem, request.against).likely(_steps(request.problem, outs))
    return algorithm.candidates(asked, lambda request: []) if algorithm.why_not(asked) is None else []


def _at(plan: KernelPlan, outs: int, offered: list[KernelPlan]) -> float:
    """The estimate for so many outputs, for which `offered` are the plans of the same algorithm."""
    if plan.algorithm is overlap_save.ALGORITHM:
        return overlap_save.cycles(plan.target, plan.problem, plan.schedule, outs)
    if plan.algorithm is signal_as_channels.ALGORITHM:
        way = plan.schedule, plan.inner.algorithm
        return min(one.cost.cycles for one in offered if (one.schedule, one.inner.algorithm) == way)
    return offered[0].cost.cycles * _inside(plan.problem, outs)


def _inside(problem: ConvProblem, outs: int) -> float:
    """The share of the taps that lie inside the input: direct sums leave the others out."""
    steps = _steps(problem, outs)
    some = range(0, outs, max(1, outs // LOOKED_AT))
    taps = sum(last - first for first, last in (problem.taps(t, steps) for t in some))
    return max(1, taps) / (len(some) * problem.kernel_size)


def _told(request: Request) -> int:
    """The outputs that a cost is told for."""
    return cost.outs_told(request.problem, request.ask.likely)


def _grid(request: Request) -> tuple[int, ...]:
    """Numbers of outputs, fewest first."""
    return tuple(sorted({*LENGTHS, max(1, _told(request))}))


def _steps(problem: ConvProblem, outs: int) -> int:
    """The least length of so many outputs, or nearly."""
    return max(1, (outs - 1) * problem.stride + problem.reach - problem.pad_left - problem.pad_right)


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    told = [
        f"below {limit:,} steps {plan.parts[i].describe()}"
        for limit, i in zip(schedule.limits, schedule.turn, strict=False)
    ]
    return f"{plan.algorithm.name}, {'; '.join(told)}; from there on {plan.parts[schedule.turn[-1]].describe()}"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` as each of the parts packs it, one after the other."""
    import numpy as np

    return np.concatenate([part.pack(kernel) for part in plan.parts])


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return sum(part.packed_numbers for part in plan.parts)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.limits, schedule.turn


def turns(schedule: Schedule) -> tuple[int, ...]:
    """It has no loop of its own over the outputs."""
    return ()


def lengths(schedule: Schedule) -> tuple[int, ...]:
    """The steps from which on another part serves."""
    return schedule.limits


ALGORITHM = Algorithm(
    name="by_length",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    lengths=lengths,
)
