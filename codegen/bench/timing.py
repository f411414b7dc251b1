"""Alternating rounds: each contestant once a round, so that a change of clock or neighbour meets all of them alike."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen.bench.contestant import Timed

SLICE = 5e-4  # seconds of one turn: long against the clock's noise, short against the scheduler's


@dataclass(frozen=True)
class Times:
    """Seconds of one call: the least and the median over the rounds; `calls` were timed together each round."""

    least: float
    median: float
    calls: int
    rounds: int


def calls_in(timed: Timed, seconds: float) -> int:
    """Calls that take about `seconds`; at least 1."""
    calls, taken = 1, timed(1)
    while taken < seconds / 4 and calls < 1 << 30:
        calls *= 2
        taken = timed(calls)
    return max(1, round(calls * seconds / taken))


def alternate(contestants: Mapping[str, Timed], rounds: int, seconds: float = SLICE) -> dict[str, Times]:
    """Time all in turns. Each turn starts with a call that is not timed, as the one before has cooled the caches."""
    calls = {name: calls_in(timed, seconds) for name, timed in contestants.items()}
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, timed in contestants.items():
                timed(1)
                taken[name].append(timed(calls[name]) / calls[name])
    finally:
        if collecting:
            gc.enable()
    return {name: Times(min(all), median(all), calls[name], rounds) for name, all in taken.items()}
