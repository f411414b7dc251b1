"""The pieces of sums of whole numbers: a function for each stage, the copy of a window, the walk over the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.numbers.rescaling import FIXED
from codegen.planning.algorithms import dots, dots_channels, dots_phases, dots_stages, integer
from codegen.planning.algorithms.integer import Schedule, Tile
from codegen.planning.footprint.pieces import NONE, Pieces
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Chain, Problem
from codegen.problem.requantise import Requantise
from codegen.records import dataclass

__all__ = ["of_channels", "of_dots", "of_integer", "of_phases", "of_stages"]

VECTORS = 4  # of a block of channels
CODES = 6  # instructions that make codes of a vector of sums
REQUANTISED, FROM_BITS = 5, 8  # products as large as a sum and its rounding: of whole numbers, of a float's bits


@dataclass(frozen=True)
class Share:
    """Of the pieces below, what gcc made of 42 layers of a rounding: in vectors, in C, in C for Thumb."""

    vectors: float
    plain: float
    thumb: float


SHARES = {"double": Share(2.1, 1.08, 0.7), "single": Share(2.3, 1.08, 0.76), "fp32": Share(1.28, 0.9, 0.58)}


def _share(p: Problem) -> Share:
    ending = p.stages[-1].epilogue.stages[-1]
    return SHARES[ending.rounding] if isinstance(ending, Requantise) else SHARES["double"]


def of_integer(plan: KernelPlan[Schedule, Problem]) -> Pieces:
    """All stages, and what calls them."""
    p = plan.problem
    total = NONE
    for stage, tile in zip(p.stages, plan.schedule.tiles, strict=True):
        total += _stage(stage, tile)
    copied = integer.gathers(p.stages[0])
    loops = 2 * int(copied) + int(copied or len(p.stages) > 1)
    share = _share(p)
    whole = total + Pieces(loops=loops, frees=int(p.steps is None))
    return whole.scaled(share.thumb if plan.target.dialect.bare else share.plain)


def of_dots(plan: KernelPlan[dots.Schedule, ConvProblem]) -> Pieces:
    """Each kind of tile, the copy of the input, what makes codes of sums."""
    p, schedule = plan.problem, plan.schedule
    kinds = len(dict.fromkeys(dots.blocks(p, schedule))) + int(p.group_filters % schedule.lanes > 0)
    each = schedule.rows * schedule.vectors
    tile = Pieces(updates=2 * each, loads=schedule.vectors, broadcasts=schedule.rows, starts=each, loops=2)
    whole = tile.scaled(kinds) + Pieces(updates=each * CODES, copies=3, heads=2 * kinds, frees=int(p.steps is None))
    return whole.scaled(_share(p).vectors)


def of_phases(plan: KernelPlan[dots.Schedule, ConvProblem]) -> Pieces:
    """The tiles of rows of outputs."""
    return of_dots(dots_phases.of_rows(plan))


def of_stages(plan: KernelPlan[dots_stages.Schedule, Chain]) -> Pieces:
    """The tiles of each stage."""
    total = NONE
    for stage in dots_stages.stages(plan):
        total += OF_STAGES[stage.algorithm.name](stage)
    return total


def of_channels(plan: KernelPlan[dots_channels.Schedule, ConvProblem]) -> Pieces:
    """One block of four vectors, and the walk over steps and blocks."""
    sums = Pieces(updates=8 * VECTORS, loads=2 * VECTORS, starts=VECTORS)
    return sums + Pieces(updates=VECTORS * CODES, loops=5, pointers=4, frees=int(plan.problem.steps is None))


def _stage(p: ConvProblem, tile: Tile) -> Pieces:
    ending = p.epilogue.stages[-1]
    rounded = REQUANTISED if isinstance(ending, Requantise) and ending.rounding in FIXED else FROM_BITS
    split = p.groups > 1 and p.group_filters > 1
    nested = integer.taps(p) > 1 and p.group_channels > 1 and (p.groups > 1 or p.dilation > 1)
    return Pieces(
        loops=3 + int(split) + int(nested),
        single_updates=rounded * tile.rows * tile.filters,
        pointers=2 * tile.rows,
    )


OF_STAGES: dict[str, Callable[[Any], Pieces]] = {"dots": of_dots, "dots_channels": of_channels}
