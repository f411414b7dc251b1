"""Whole numbers: int8 times int8, summed up in int32 and requantised; plain C99 that any compiler takes.

One body serves all outputs. Where a window lies inside the input it is read in place; at the ends, and where the
channels lie apart or zeros lie between steps, it is first copied to the workspace, what is missing filled with the
input's zero. A chain's later stages follow each few outputs of the first one.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, AnyPlan, BestOfEach, KernelPlan, Key, Request
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

BETWEEN = 512  # numbers between two stages of a chain, as far as that is two outputs or more
MOST_OUTPUTS = 16  # at a time there


@dataclass(frozen=True)
class Tile:
    """Output steps and filters whose sums are made at once."""

    rows: int
    filters: int


@dataclass(frozen=True)
class Schedule:
    """A tile for each stage; `outs` outputs go through all stages of a chain at a time, 0 for one stage alone."""

    tiles: tuple[Tile, ...]
    outs: int


def why_not(request: Request[Problem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.weights != "baked":
        return "int8 kernels have their weights as const tables: hand them over with the layer"
    p = request.problem
    if len(p.stages) > 1 and p.walk is not p.stages[0]:
        return "a stage behind the first one reads more than its output's own step"
    return None


def candidates(request: Request[Problem], best_of_each: BestOfEach) -> list[KernelPlan[Schedule, Problem]]:
    """One plan: tiles of four sums, or of one where bytes count."""
    p = request.problem
    small = counts_bytes(request.ask.objective)
    tiles = tuple(_tile(stage, small) for stage in p.stages)
    widest = max((stage.channels for stage in p.stages[1:]), default=0)
    outs = max(2, min(MOST_OUTPUTS, BETWEEN // widest)) if widest else 0
    schedule = Schedule(tiles, outs)
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, Cost(_cycles(request), workspace_bytes=room(p, schedule)))]


def _tile(p: ConvProblem, small: bool) -> Tile:
    if small:
        return Tile(1, 1)
    rows = 1 if gathers_all(p) else 2 if p.group_filters > 1 else 4
    return Tile(rows, 2 if p.group_filters > 1 else 1)


def _cycles(request: Request[Problem]) -> float:
    """A load and three instructions for each multiply-add, as tiles share loads, and what makes a code of a sum."""
    p, core = request.problem, request.target.core.pipeline
    steps, each = cost.steps_told(p, request.ask.likely), 1 / core.loads + 3 / core.issue
    codes = sum(stage.filters for stage in p.stages) * p.out_steps(steps)
    return each * p.macs(steps) + core.rescaled / core.issue * codes


def gathers_all(p: ConvProblem) -> bool:
    """Whether no window lies in x as it is read: its channels lie apart, or zeros between its steps."""
    return p.up > 1 or not (p.channels_last or p.channels == 1)


def gathers(p: ConvProblem) -> bool:
    """Whether some windows are copied."""
    return gathers_all(p) or bool(p.pad_left or p.pad_right)


def taps(p: ConvProblem) -> int:
    """Taps of a window: all, or with zeros between the steps the most that find a step."""
    return p.terms // p.group_channels


def residues(p: ConvProblem) -> tuple[int | None, ...]:
    """The first tap that finds a step of the input, for each sample of the first tap modulo `up`; None for no tap."""
    found = []
    for residue in range(p.up):
        hits = (k for k in range(p.kernel_size) if (residue + k * p.dilation) % p.up == 0)
        found.append(next(hits, None))
    return tuple(found)


def tap_step(p: ConvProblem) -> int:
    """Taps from one that finds a step to the next."""
    return p.up // gcd(p.up, p.dilation)


def room(p: Problem, schedule: Schedule) -> int:
    """Bytes of the window, and of what lies between the stages."""
    first, *others = p.stages
    window = taps(first) * first.channels if gathers(first) else 0
    return window + schedule.outs * sum(stage.channels for stage in others)


def describe(plan: KernelPlan[Schedule, Problem]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    told = [f"{counted(tile.rows, 'step')} x {counted(tile.filters, 'filter')}" for tile in plan.schedule.tiles]
    few = f", {counted(plan.schedule.outs, 'output')} at a time" if plan.schedule.outs else ""
    return f"{plan.algorithm.name} for {plan.target.name}: {', then '.join(told)} at once{few}"


def pack(plan: KernelPlan[Schedule, Problem], kernel: np.ndarray) -> np.ndarray:
    """All kernels, flat, [filter][tap][channel]; one after the other for each place between two steps."""
    import numpy as np

    return np.concatenate([packed(p, array).ravel() for p, array, _ in plan.problem.stage_weights(kernel)])


def packed(p: ConvProblem, kernel: np.ndarray) -> np.ndarray:
    """A stage's kernel, (residues, filters, taps, channels of a group), 0 where a residue has fewer taps."""
    import numpy as np

    found = np.zeros((p.up, p.filters, taps(p), p.group_channels), kernel.dtype)
    for residue, first in enumerate(residues(p)):
        if first is not None:
            part = kernel[first :: tap_step(p)]
            found[residue, :, : len(part)] = part.transpose(2, 0, 1)
    return found


def packed_numbers(plan: KernelPlan[Schedule, Problem]) -> int:
    """Numbers in what `pack` makes."""
    return sum(p.up * p.filters * p.terms for p in plan.problem.stages)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return tuple((tile.rows, tile.filters) for tile in schedule.tiles), schedule.outs


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a turn."""
    return (schedule.outs or schedule.tiles[0].rows,)


def no_order(plan: AnyPlan) -> Key:
    """Sums of whole numbers are the same in any order."""
    return ()


ALGORITHM = Algorithm(
    name="integer",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    order=no_order,
    problems=(ConvProblem, Chain),
    serves_upsampling=True,
    whole=True,
)
