"""How near a core's row comes to this machine: plans are timed in cycles, and the row's figures are moved to meet them.

A cycle is what an addition takes: a chain of them runs in the same rounds, so that the clock that the plans meet is the
one they are told by. bench/fit_core.py prints all of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from math import exp, log
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.bench import ours
from codegen.bench.case import aligned
from codegen.bench.contestant import Contestant
from codegen.bench.drivers import from_c, library
from codegen.bench.results import geometric_mean
from codegen.bench.timing import Clock, alternate
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Case
    from codegen.planning.plan import AnyPlan, AnyRequest
    from codegen.problem.cores import Core
    from codegen.problem.targets import Target

TURNS = 2_000  # of a probe's loop in a call
EACH_TURN = 16  # additions, multiply-adds or loads in a turn
PROBES = ("clock", "latency", "loads")
CLOCK = "clock"
FACTORS = (0.5, 0.7, 0.85, 1.2, 1.4, 2.0)  # that a figure is tried at
WORTH = 0.01  # of the error, that another value must save to be told

FIGURES = (
    ("pipeline", "latency"),
    ("pipeline", "statements"),
    ("setup", "tile"),
    ("setup", "accumulator"),
    ("setup", "row"),
    ("moves", "copied"),
    ("moves", "in_order"),
    ("moves", "alone"),
    ("moves", "transposed"),
    ("moves", "gathered"),
    ("moves", "split"),
    ("moves", "scattered"),
    ("memory", "crowded"),
    ("memory", "feed"),
    ("memory", "crowded_feed"),
    ("memory", "store_run"),
    ("memory", "streamed"),
    ("memory", "refetched"),
)
"""The figures that plans are sensitive to, one number each; caches and rooms are the machine's sizes, not fitted."""


@dataclass(frozen=True)
class Observation:
    """A plan of a request, by its key, and the cycles that one sample took."""

    label: str
    request: AnyRequest
    plan: AnyPlan
    cycles: float


@dataclass(frozen=True)
class Fitted:
    """A figure as it is in the row, the value that meets the observations best, and the error with it."""

    name: str
    value: float
    best: float
    error: float


class Probes:
    """Micro-kernels of one target: (instructions a cycle) or, of the chains, (cycles an instruction)."""

    def __init__(self, target: Target) -> None:
        unvectorised = ("-fno-tree-vectorize", "-fno-tree-slp-vectorize")
        sizes = (f"-DLANES={target.lanes('float32')[0]}", f"-DTURNS={TURNS}")
        self._library = library("core", *target.flags, "-ffp-contract=fast", *unvectorised, *sizes)
        self._space = aligned(np.ones(20 * 16, np.float32))
        self.contestants = {name: self._contestant(name) for name in PROBES}

    def _contestant(self, name: str) -> Contestant:
        run: Any = getattr(self._library, f"core_{name}")
        loop = from_c(run, ctypes.c_void_p(self._space.ctypes.data))
        return Contestant(name, loop, lambda: self._space, channels_last=True, keeps=self)

    def cycles(self, rounds: int, clock: Clock) -> dict[str, float]:
        """Cycles of one addition (1 by definition), one dependent multiply-add, one load."""
        times = alternate(self.contestants, rounds, clock)
        return {name: times[name].least / times[CLOCK].least for name in PROBES}


def observe(cases: Iterable[Case], target: Target, rounds: int, clock: Clock) -> Iterator[Observation]:
    """The best plan of each algorithm and the second of the best one's, for each case, timed in turns."""
    ticking = Probes(target).contestants[CLOCK]
    for case in cases:
        request = Request(case.problem, Ask(target, weights="packed", accuracy="fast"))
        plans = {plan.key: plan for plan in _worth_a_look(request)}
        running = {}
        for key in plans:
            kernel = pipeline.compiled(request, key)
            running[key] = ours.c(case, kernel)  # type: ignore[arg-type]  # it has a library: it runs here
        times = alternate(running | {CLOCK: ticking}, rounds, clock)
        cycle = times[CLOCK].least / (TURNS * EACH_TURN)
        for key, plan in plans.items():
            yield Observation(case.label, request, plan, times[key].least / case.batch / cycle)


def _worth_a_look(request: AnyRequest) -> list[AnyPlan]:
    """The cheapest plan of each way, four at most, within eight times the least; of the first one's the next, too."""
    found = planner.survey(request).found
    best = [plan for plan in planner.best_of_each(request) if plan.cost.cycles < 8 * found[0].cost.cycles][:4]
    return best + [plan for plan in found[1:] if plan.way == found[0].way][:1]


def estimate(seen: Observation, core: Core) -> float:
    """The cycles that a core's row tells for the plan; for the nearest one of its way where it has other parts then."""
    ask = seen.request.ask
    asked = replace(seen.request, ask=replace(ask, target=replace(ask.target, core=core)))
    known = planner.survey(asked)
    plan = known.named(seen.plan.key) or next((one for one in known.found if one.way == seen.plan.way), seen.plan)
    return plan.cost.cycles


def ratios(observations: Iterable[Observation], core: Core) -> list[float]:
    """The estimate over the measurement, one for each."""
    return [estimate(seen, core) / seen.cycles for seen in observations]


def error(found: list[float]) -> float:
    """The typical factor by which ratios miss 1: exp of the mean absolute logarithm."""
    return exp(sum(abs(log(one)) for one in found) / len(found))


def lost(observations: Iterable[Observation], core: Core) -> dict[str, float]:
    """By label: cycles of the plan that the row takes for the best, over those of the fastest."""
    by_label: dict[str, list[Observation]] = {}
    for seen in observations:
        by_label.setdefault(seen.label, []).append(seen)
    return {
        label: min(group, key=lambda one: estimate(one, core)).cycles / min(one.cycles for one in group)
        for label, group in by_label.items()
    }


def fit(
    observations: list[Observation], core: Core, tell: Callable[[Fitted], None] = lambda one: None
) -> tuple[Core, list[Fitted]]:
    """The row with each figure, one after the other, at the value that lowers the error most; and all of these."""
    found = []
    least = error(ratios(observations, core))
    for group, name in FIGURES:
        value = getattr(getattr(core, group), name)
        tried = {value: least} | {
            value * factor: error(ratios(observations, changed(core, group, name, value * factor)))
            for factor in FACTORS
        }
        best = min(tried, key=lambda one: tried[one])
        if tried[best] < least - WORTH * (least - 1):
            core, least = changed(core, group, name, best), tried[best]
        else:
            best = value
        found.append(Fitted(f"{group}.{name}", value, best, least))
        tell(found[-1])
    return core, found


def changed(core: Core, group: str, name: str, value: float) -> Core:
    """The row with another value of one figure; its name tells, so that no table of plans takes it for the other."""
    part = replace(getattr(core, group), **{name: value})
    return replace(core, name=f"{core.name.partition(' ')[0]} {group}.{name}={value:g}", **{group: part})


def summary(observations: list[Observation], core: Core) -> str:
    """In words: median and worst of the estimates over the measurements, and what the choice lost."""
    found = ratios(observations, core)
    worst = max(found, key=lambda one: abs(log(one)))
    chosen = lost(observations, core)
    return (
        f"{len(found)} plans of {len(chosen)} layers: estimate over cycles {median(found):.2f} in the median, "
        f"{worst:.2f} at worst, a factor of {error(found):.2f} on average; the plan taken takes "
        f"{geometric_mean(chosen.values()):.3f} times as long as the fastest of them"
    )


def figures(core: Core) -> dict[str, Any]:
    """The row, flat: every figure by `group.name`."""
    parts = ("pipeline", "setup", "moves", "memory", "rooms", "budget")
    return {
        f"{part}.{one.name}": getattr(getattr(core, part), one.name)
        for part in parts
        for one in fields(getattr(core, part))
    }
