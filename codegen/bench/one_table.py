"""A contest of one table: the peers that are there, a row a case, and the machine's peak in the same rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from codegen.bench.contest import Settings
from codegen.bench.machine import Machine
from codegen.bench.results import Report, Row
from codegen.errors import GenConvError
from codegen.problem.targets import target_named

__all__ = ["report"]

C = TypeVar("C")


def report(
    cases: Iterable[C],
    peers: tuple[str, ...],
    loaded: Callable[[str], Any],
    settings: Settings,
    row: Callable[[C, list[Any], Settings, Machine], tuple[Row, float]],
    tell: Callable[[Row], None],
) -> Report:
    """Time all cases beside those of `peers` that are asked for; `tell` hears of each row when it is there.

    `loaded` imports a peer's module. `row` gives a case's row, and the least seconds of the machine's own loop in
    the same rounds.
    """
    machine = Machine(target_named(settings.how.target))
    there, versions, missing = _roll_call(peers, loaded, settings)
    rows, seconds = [], []
    for case in cases:
        made, peak = row(case, there, settings, machine)
        rows.append(made)
        seconds.append(peak)
        tell(made)
    shown = (settings.how.target, settings.how.threads, settings.rounds, machine.flops / min(seconds))
    return Report(*shown, (), versions, missing, tuple(rows))


def _roll_call(
    peers: tuple[str, ...], loaded: Callable[[str], Any], settings: Settings
) -> tuple[list[Any], dict[str, str], dict[str, str]]:
    """(the peers that are there, their versions, how to get the others)."""
    there, versions, missing = [], {}, {}
    for word in peers:
        if word not in settings.peers:
            continue
        peer = loaded(word)
        try:
            versions[peer.NAME] = peer.version()
            there.append(peer)
        except (ImportError, OSError, GenConvError):
            missing[peer.NAME] = peer.PACKAGE
    return there, versions, missing
