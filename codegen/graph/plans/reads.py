"""What of its input each stage of a stream reads: its own clock, and the first row for an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codegen.graph.plans import clocks
from codegen.graph.plans.clocks import Clock
from codegen.graph.plans.stages import (
    Convolved,
    Each,
    Framed,
    Gathered,
    Joined,
    Normalized,
    Pooled,
    Raised,
    Recurrent,
    Stage,
    Summary,
)
from codegen.graph.plans.tile_stage import Tiled
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.state import StageState
from codegen.records import dataclass

__all__ = ["Reads", "reads", "started"]


@dataclass(frozen=True)
class Reads:
    """The `clock` of a stage's outputs, where 0 is that of its input.

    Output r reads rows from (r * times + plus) // over - back on. `last`: the end reads the last row again.
    """

    clock: Clock
    times: int = 1
    plus: int = 0
    over: int = 1
    back: int = 0
    last: bool = False


OWN = Reads(Clock("least", (0,)))  # each output its own row


def reads(stage: Stage) -> Reads:
    """What a stage reads. Raises PlanError for one that cannot stream."""
    return _READS[type(stage)](stage)


def started(problem: Problem) -> StageState:
    """The arithmetic of a problem's first stage alone in a stream."""
    walk = problem.walk
    assert walk is not None
    return StageState(walk)


def _windows(problem: Problem | ConvProblem, stage: Stage) -> Reads:
    clock = clocks.window(problem, 0, f"`{stage.told.partition(' = ')[0]}`")
    return Reads(clock, clock.stride, back=clock.left)


def _of_kernel(stage: Convolved) -> Reads:
    return OWN if stage.x.frames is not None else _windows(stage.of, stage)


def _raised(stage: Raised) -> Reads:
    state, clock = started(stage.of), _windows(stage.of, stage).clock
    return Reads(clock, 1, -1 - clock.room, clock.up, state.history)


def _of_pool(stage: Pooled) -> Reads:
    return OWN if stage.x.frames is not None else _windows(stage.window, stage)


def _gathered(stage: Gathered) -> Reads:
    if stage.x.frames is not None:
        return OWN
    if stage.word == "upsample":
        return Reads(clocks.times(stage.size, 0), over=stage.size)
    if stage.word == "crop":
        return Reads(Clock("window", (0,), 1 + stage.left + stage.right), back=-stage.left)
    padded = Clock("padded", (0,), left=stage.left, right=stage.right)
    return Reads(padded, back=stage.left, last=stage.word == "replicate" and stage.right > 0)


def _framed(stage: Framed) -> Reads:
    return Reads(Clock("window", (0,), stage.size, stage.hop), stage.hop)


def _joined(stage: Joined) -> Reads:
    return Reads(clocks.times(stage.size, 0), over=stage.size)


def _own(stage: Stage) -> Reads:
    return OWN


_READS: Mapping[type[Stage], Callable[[Any], Reads]] = {
    Convolved: _of_kernel,
    Raised: _raised,
    Pooled: _of_pool,
    Gathered: _gathered,
    Framed: _framed,
    Joined: _joined,
    Each: _own,
    Normalized: _own,
    Recurrent: _own,
    Summary: _own,
    Tiled: _own,
}
