"""What the tables of gradients and of training steps share: each case has a bias, and stands beside PyTorch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from codegen.bench.case import Case
from codegen.bench.contest import Settings
from codegen.bench.machine import Machine
from codegen.bench.peers import pytorch
from codegen.bench.results import Report, Row
from codegen.errors import UsageError
from codegen.problem.targets import target_named

__all__ = ["LETTERS", "report"]

LETTERS = ("A", "E", "H", "L", "N", "S")  # the shapes that people train

RowOf = Callable[[Case, Settings, Machine], tuple[Row, float]]
"""The row of a case, and the least seconds of the machine's own loop in the same rounds."""


def report(
    option: str, cases: Iterable[Case], settings: Settings, row_of: RowOf, tell: Callable[[Row], None]
) -> Report:
    """All cases, one thread; `tell` hears of each row when it is there. Raises UsageError without PyTorch."""
    try:
        version = pytorch.version()
    except ImportError:
        raise UsageError(f"{option} is a comparison with PyTorch: {pytorch.PACKAGE}") from None
    machine = Machine(target_named(settings.how.target))
    rows, seconds = [], []
    for case in cases:
        row, peak = row_of(replace(case, spec=replace(case.spec, use_bias=True)), settings, machine)
        rows.append(row)
        seconds.append(peak)
        tell(row)
    shown = (settings.how.target, 1, settings.rounds, machine.flops / min(seconds))
    return Report(*shown, (), {pytorch.NAME: version}, {}, tuple(rows))
