"""Alternating rounds: each contestant once a round, so that a change of clock or neighbour meets all of them alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter_ns, process_time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING

from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.contestant import Contestant

Clock = Callable[[], int]
WALL: Clock = perf_counter_ns
CLOCKS: dict[str, Clock] = {"wall": WALL, "cpu": process_time_ns}
LONG, FEW = 200e6, 3  # a call that takes longer than these nanoseconds has no more than these rounds
ONCE = 2e9  # one that takes longer than these is timed once, by its first call
COLD_BYTES = 96 << 20  # that are touched to empty the caches: beyond the last level of most machines
SLICE = 1e6  # nanoseconds of one turn: long against what reading a clock costs, short against the scheduler's turns


@dataclass(frozen=True)
class Times:
    """Seconds of one call: the least and the median over the rounds; `calls` were timed together each round."""

    least: float
    median: float
    calls: int
    rounds: int


def alternate(
    contestants: Mapping[str, Contestant],
    rounds: int,
    clock: Clock = WALL,
    cold: bool = False,
    firsts: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Times]:
    """Time all in turns, forwards and back, so that none always comes behind the same one, whose code it may share.

    Each turn starts with a call that is not timed, as the one before has cooled the caches.
    `cold`: a turn is one call, with the caches emptied before it. `firsts` are the nanoseconds of first calls that have
    been made already: where such a call is so long that it is timed once, no other is made.
    """
    trials = {name: _trial(one, clock, firsts.get(name)) for name, one in contestants.items()}
    calls = {name: 1 if cold else max(1, round(SLICE / nanoseconds)) for name, nanoseconds in trials.items()}
    prepare = _emptying() if cold else _warming
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            for name, one in list(contestants.items())[:: -1 if turn % 2 else 1]:
                if trials[name] > ONCE or (turn >= FEW and trials[name] > LONG):
                    continue
                with one.context():
                    prepare(one)
                    taken[name].append(1e-9 * _nanoseconds(one, calls[name], clock) / calls[name])
    finally:
        if collecting:
            gc.enable()
    taken = {name: found or [1e-9 * trials[name]] for name, found in taken.items()}
    return {name: Times(min(all), median(all), calls[name], len(all)) for name, all in taken.items()}


def _warming(one: Contestant) -> None:
    one.loop(1)


def _emptying() -> Callable[[Contestant], None]:
    """A function that fills the caches with other data; what a call reads and writes then lies in memory."""
    import numpy as np

    other = np.zeros(COLD_BYTES, np.uint8)

    def empty(one: Contestant) -> None:
        np.add(other, 1, out=other)

    return empty


def _trial(one: Contestant, clock: Clock, known: float | None) -> float:
    """Nanoseconds of one warm call, roughly; of the first one, where that is `known` or takes very long."""
    if known is not None and known > ONCE:
        return known
    with one.context():
        first = _nanoseconds(one, 1, clock)
        if first > ONCE:
            return first
        calls, taken = 1, _nanoseconds(one, 1, clock)
        while taken < SLICE / 4 and calls < 1 << 30:
            calls *= 2
            taken = _nanoseconds(one, calls, clock)
    return taken / calls


def first_call(one: Contestant, clock: Clock) -> float:
    """Nanoseconds of the first call, which fills `one.output()`."""
    with one.context():
        return _nanoseconds(one, 1, clock)


def _nanoseconds(one: Contestant, calls: int, clock: Clock) -> int:
    start = clock()
    one.loop(calls)
    return clock() - start
