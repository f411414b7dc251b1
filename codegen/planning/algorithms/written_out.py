"""What a tile may write out where code is dear: the steps of a turn of its loop, and an activation at its outputs."""

from __future__ import annotations

from math import inf

from codegen.planning.algorithms.cost import shared
from codegen.planning.algorithms.tiling import Span, Tile
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import AnyPlan
from codegen.problem.conv_problem import ConvProblem

ENDING = 1.75  # products written out that take as many bytes as an activation
# arm-none-eabi-gcc 12.2 -O2 for a Cortex-M4, a tile of 24 outputs: bytes that an activation takes at each, where it is
# written out there.
THUMB = {
    "hard_shrink": 27, "hard_sigmoid": 48, "hard_silu": 71, "hard_tanh": 32, "leaky_relu": 14, "relu": 14, "relu6": 33,
    "soft_shrink": 46, "softsign": 52, "sparse_plus": 44, "sparse_sigmoid": 48, "threshold": 14,
}  # fmt: skip
UNKNOWN = 60  # of an activation that is not among them
OPTIONS = 2  # times as much, where an activation has other options than its defaults


def activated(problem: ConvProblem) -> bool:
    """Whether more than a bias is done to a sum, in code of its own for each of a tile."""
    return any(not stage.begins for stage in problem.epilogue.stages)


def steps_of_turn(plan: AnyPlan, tile: Tile, span: Span, vectors: int) -> int:
    """Steps of a turn of the one loop over a run: as many as the core's budget has room for, in the tallest tile.

    The plan is of tiles across the filters, blocks of `vectors` each.
    """
    schedule = plan.schedule
    tallest = max(max(block.heights) for block in schedule.blocks)
    if schedule.form != "fused" or tile.rows < tallest or counts_bytes(plan.ask.objective):
        return 1
    run = (span.last - span.first) * plan.problem.group_channels
    budget, sums = plan.target.core.budget, tile.rows * vectors
    ending = ENDING * sums if budget.laps and activated(plan.problem) else 0
    most = int((shared(budget.turn, plan.ask) - ending) // sums)
    return max((each for each in range(1, most + 1) if run % each == 0), default=1)


def written_out(plan: AnyPlan) -> float:
    """The most vectors of sums of a tile at whose stores the ending stands: for more it stands once, in a loop."""
    p, most = plan.problem, plan.target.core.budget.endings
    if p.epilogue.is_long:
        return 1
    if most == inf or not p.epilogue.later:
        return inf
    each = shared(shared(int(most), plan.ask), plan.ask)  # what calls several kernels is code, too
    taken = THUMB.get(p.activation.name, UNKNOWN) * (1 if p.activation.is_plain else OPTIONS)
    return max(1, each // taken)
