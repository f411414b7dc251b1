"""The contest in whole numbers: ours in int8 and in float32, and the peers' int8, each code checked before timing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench import one_table, ours
from codegen.bench.contest import PEAK, TRIAL_ROUNDS, Settings
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Machine
from codegen.bench.results import EXACT, OURS, Entry, Report, Row
from codegen.bench.timing import alternate, first_call
from codegen.bench.whole.case import Whole, aligned
from codegen.errors import VerificationError
from codegen.layers import kinds

if TYPE_CHECKING:
    from codegen.bench.case import Case

__all__ = ["PEERS", "run"]

PEERS = ("onnxruntime", "openvino", "litert")
MOST_OFF = 1  # of a peer's codes: some round the product in two steps, or the sum as a float
ALONE = "exact"


def run(cases: Iterable[Case], settings: Settings, tell: Callable[[Row], None] = lambda row: None) -> Report:
    """Time all cases; `tell` hears of each row when it is there. Raises VerificationError for a wrong code."""
    return one_table.report(map(Whole, cases), PEERS, _loaded, settings, _row, tell)


def _loaded(word: str) -> Any:
    return import_module(f"codegen.bench.whole.{word}")


def _row(case: Whole, there: list[Any], settings: Settings, machine: Machine) -> tuple[Row, float]:
    """The row, and the least seconds of the machine's own loop in the same rounds."""
    one = _ours(case, settings)
    first = {OURS: first_call(one, settings.clock)}
    if off := case.off(one.output(), channels_last=case.problem.channels_last):
        raise VerificationError(f"{case.case.label}: a code of our own is off by {off}")
    how = replace(settings.how, accuracy=ALONE)
    floats = ours.python(case.case, ours.kernel(case.case, how))
    contestants, absent = {OURS: one, EXACT: floats}, {}
    for peer in there:
        try:
            contestants[peer.NAME], first[peer.NAME] = _fittest(case, peer, settings)
        except Exception as error:  # whatever a peer raises ends its part in this row, and no more
            absent[peer.NAME] = str(error).strip().partition("\n")[0] or type(error).__name__
    every = contestants | {PEAK: machine.contestant}
    times = alternate(every, settings.rounds, settings.clock, settings.cold, first)
    entries = {name: Entry(made.variant, times[name], 0.0) for name, made in contestants.items()}
    moved = sum(array.nbytes for array in (case.x, case.kernel, case.bias, case.exact))
    row = Row(case.case.label, case.spec.name, "python", case.case.flops, moved, entries, absent)
    return row, times[PEAK].least


def _ours(case: Whole, settings: Settings) -> Contestant:
    layer = kinds.of(case.spec, settings.how)
    layer.set_weights(case.weights)
    y = aligned(np.zeros(case.case.out_shape, np.int8))
    return Contestant("bind", from_python(layer.bind(case.x, y)), lambda: y, case.problem.channels_last, layer)


def _fittest(case: Whole, peer: Any, settings: Settings) -> tuple[Contestant, float]:
    """The fastest variant of a peer whose codes are near enough, and the nanoseconds of its first call."""
    right, first, wrong = dict[str, Contestant](), dict[str, float](), list[str]()
    for one in peer.contestants(case, settings.how.threads):
        first[one.variant] = first_call(one, settings.clock)
        off = case.off(one.output(), channels_last=one.channels_last)
        if off > MOST_OFF:
            wrong.append(f"{one.variant} is off by {off} codes")
        else:
            right[one.variant] = one
    if not right:
        raise ValueError("; ".join(wrong) or "does not serve this layer")
    times = alternate(right, TRIAL_ROUNDS, settings.clock, settings.cold, {name: first[name] for name in right})
    best = min(times, key=lambda name: times[name].least)
    return right[best], first[best]
