"""The plain loops: every output by itself, over all taps, those outside the input passed over one by one.

One function of one loop nest, no copy, no workspace, the kernel as Keras lays it out, with zeros between the input's
steps or without: the fewest bytes of code and memory that a layer can have, and the most cycles. Sums run in the order
of the direct algorithms: the same bits.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, tiling
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """`lanes` filters at a time. `alone`: filter f reads channel f, no other; its lanes are those of the input."""

    lanes: int
    alone: bool


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """One plan: the widest vectors that neighbouring filters fill."""
    p = request.problem
    alone = p.channels_last and p.groups == p.channels == p.filters and p.groups > 1
    side_by_side = p.filters if alone else p.group_filters if p.channels_last else 1
    lanes = next(width for width in request.target.lanes(p.dtype) if width <= side_by_side)
    schedule = Schedule(lanes, alone)
    cycles = cost.outs_told(p, request.ask.likely) * _vectors(p, schedule) * _cycles(request, lanes)
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, Cost(cycles))]


def _vectors(p: ConvProblem, schedule: Schedule) -> int:
    """Vectors of an output step."""
    groups, filters = (1, p.filters) if schedule.alone else (p.groups, p.group_filters)
    return groups * -(-filters // schedule.lanes)


def _cycles(request: Request, lanes: int) -> float:
    """Cycles of one vector of an output step: its taps are found, then summed up."""
    p, setup = request.problem, request.target.core.setup
    found = setup.divided_tap if tests_steps(p) else setup.tap
    taps = p.kernel_size if tests_steps(p) else -(-p.kernel_size // p.up)
    step = cost.step_cycles(1, 1, request.target, lanes * p.item_bytes)
    return setup.tile + taps * found + p.terms * step


def tests_steps(p: ConvProblem) -> bool:
    """Whether each tap is asked if a step of the input lies there; otherwise the steps that a tap finds are counted."""
    return p.up > 1 and p.dilation > 1


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    filters = counted(plan.schedule.lanes, "filter")
    return f"{plan.algorithm.name} for {plan.target.name}: one output step of {filters} at a time, one loop nest"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` as it is, flat."""
    return kernel.ravel()


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in the kernel."""
    return prod(plan.problem.kernel_shape)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.lanes, schedule.alone


def layout(schedule: Schedule) -> Key:
    """There is one: that of the kernel as it is."""
    return ()


def turns(schedule: Schedule) -> tuple[int, ...]:
    """Every turn makes one output."""
    return (1,)


ALGORITHM = Algorithm(
    name="rolled",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    layout=layout,
    order=tiling.tap_by_tap,
    reads_stored=True,
    serves_upsampling=True,
    serves_outputs=True,
)
