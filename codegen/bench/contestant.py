"""A contestant: one way to compute a case, ready to be timed, from Python or from C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

Timed = Callable[[int], float]
"""Runs a number of calls and returns the seconds that they took together."""


@dataclass(frozen=True, eq=False)
class Contestant:
    """`output()` is what the last call wrote, in the order that `channels_last` says; `keeps` must live as long."""

    variant: str
    timed: Timed
    output: Callable[[], Array]
    channels_last: bool
    keeps: object = None


class Peer(Protocol):
    """A module of codegen.bench.peers, or a C driver."""

    @property
    def NAME(self) -> str: ...
    @property
    def PACKAGE(self) -> str:
        """How to install it."""

    def version(self) -> str:
        """Raises ImportError, OSError or ToolchainError where the peer is not installed."""

    def contestants(self, case: Case, threads: int) -> Iterator[Contestant]:
        """Every setting that is worth a trial; the fastest stands for the peer. None where it cannot serve."""


def from_python(call: Callable[[], Any], context: Callable[[], AbstractContextManager[Any]] = nullcontext) -> Timed:
    """Times calls of a function of no arguments, inside `context`, whose cost is not counted."""

    def timed(calls: int) -> float:
        with context():
            turns = repeat(None, calls)
            start = perf_counter_ns()
            for _ in turns:
                call()
            return (perf_counter_ns() - start) * 1e-9

    return timed
