"""A contestant: one way to compute a case, ready to be timed, from Python or from C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

Loop = Callable[[int], None]
"""Computes the case a number of times."""


@dataclass(frozen=True, eq=False)
class Contestant:
    """`output()` is what the last call wrote, in the order that `channels_last` says; `keeps` must live as long.

    `context` is entered around a loop, and what entering costs is not counted.
    """

    variant: str
    loop: Loop
    output: Callable[[], Array]
    channels_last: bool
    keeps: object = None
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


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


def from_python(call: Callable[[], Any]) -> Loop:
    """Calls of a function of no arguments, by the loop that costs Python least."""

    def loop(calls: int) -> None:
        for _ in repeat(None, calls):
            call()

    return loop
