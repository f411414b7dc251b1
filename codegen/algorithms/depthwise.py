"""Depthwise convolution, a filter a channel: vectors across the channels, no number broadcast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.algorithms import cost, direct_filters
from codegen.algorithms.direct_filters import Schedule
from codegen.plan import KernelPlan, Request
from codegen.problem import ConvProblem

if TYPE_CHECKING:
    import numpy as np

NAME = "depthwise"
MOST_ROWS, LEAST_ROWS = 12, 4  # output steps of a tile whose weights stay in registers


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.groups != problem.channels or problem.groups == 1:
        return "an output sums over more than one channel"
    if problem.filters != problem.channels:
        return f"each channel has {problem.group_filters} filters, not one"
    if not problem.channels_last:
        return "its vectors run across the channels, which lie apart in channels_first"
    return None


def candidates(request: Request) -> list[KernelPlan]:
    """The plans of direct_filters for one group with one channel to sum over, walking the full rows of the input.

    Where the weights of a vector of channels fit into registers beside some accumulators, they stay there (`sliding`).
    """
    problem, target = request.problem, request.target
    rows = min(MOST_ROWS, target.registers - problem.kernel_size - 2)
    row_bytes = problem.channels * problem.item_bytes
    while rows > LEAST_ROWS and cost.crowding(2 * rows + problem.kernel_size - 1, row_bytes) > 1:
        rows -= 1  # the rows that are read and those that are written share the cache's sets
    sliding = rows >= LEAST_ROWS
    plans = []
    for plan in direct_filters.candidates(replace(request, problem=_as_one_group(problem)), rows if sliding else 4):
        schedule, total = plan.schedule, plan.cost
        assert isinstance(schedule, Schedule)
        if sliding:
            if any(len(block.panel.offsets) > 1 for block in schedule.blocks):
                continue
            schedule = replace(schedule, form="sliding")
            total = _cycles(request, rows) * sum(block.panel.count for block in schedule.blocks)
        elif schedule.form == "fused":  # one channel's taps lie a row of all channels apart
            schedule = replace(schedule, form="nested")
        plans.append(replace(plan, problem=problem, algorithm=NAME, schedule=schedule, cost=total))
    return plans


def _cycles(request: Request, rows: int) -> float:
    """Cycles of a vector of channels over all output steps: multiply-adds, or loads, or stores."""
    p = request.problem
    products = rows * p.kernel_size * (1 if request.target.fma else 2)
    loads = p.kernel_size + (rows - 1) * min(p.stride, p.kernel_size) + p.kernel_size
    tile = cost.CALL + max(products / 2, loads / 2, rows)
    return -(-p.out_steps(p.steps or cost.FREE_STEPS) // rows) * tile


def _as_one_group(problem: ConvProblem) -> ConvProblem:
    return replace(problem, channels=1, groups=1)


def describe(plan: KernelPlan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return direct_filters.describe(plan)


def pack(plan: KernelPlan, kernel: np.ndarray) -> np.ndarray:
    """`kernel` (kernel_size, 1, filters) as the blocks read it: flat, [block][tap][lane]."""
    return direct_filters.pack(replace(plan, problem=_as_one_group(plan.problem)), kernel)
