"""Whole numbers on Arm's Cortex-M: a kernel in assembly beside the portable C of `integer`, for the same sums.

The preprocessor decides which of the two is there, by what the compiler says of the core.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import integer
from codegen.planning.assembly import cycles
from codegen.planning.assembly.shape import FILTERS, Shape, shape
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.problem import ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

FARTHEST = 4095  # steps of a stride or a dilation
WORD = 4  # bytes, as loads of several read them

Plan = KernelPlan["Schedule", ConvProblem]


@dataclass(frozen=True)
class Schedule:
    """The kernel in assembly, and the portable one beside it."""

    instructions: str
    shape: Shape
    portable: integer.Schedule


def why_not(request: Request[ConvProblem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p = request.problem
    if not request.target.dialect.assembly:
        return f"no kernel is written in assembly for {request.target.name}"
    if p.steps is None:
        return "it is for a length that is known"
    if p.out_steps(p.steps) < 1:
        return "there are no outputs"
    if request.ask.sliced:
        return "it makes all outputs, not a slice of them"
    if not (p.channels_last or p.channels == p.filters == 1):
        return "its rows are of all channels, which lie apart"
    if max(p.stride, p.dilation) > FARTHEST:
        return f"its steps are {FARTHEST:,} apart at most"
    return integer.why_not(request)


def candidates(request: Request[ConvProblem], best_of_each: BestOfEach) -> list[Plan]:
    """One plan, whose portable twin is the one that `integer` offers."""
    p, target = request.problem, request.target
    over = shape(target.dialect.assembly, p)
    portable = integer.candidates(request, best_of_each)[0]
    schedule = Schedule(target.dialect.assembly, over, portable.schedule)
    cost = cycles.cost(over, target.core)
    room = max(cost.workspace_bytes, portable.cost.workspace_bytes)
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, replace(cost, workspace_bytes=room))]


def portable(plan: Plan) -> KernelPlan[integer.Schedule, Problem]:
    """The plan of the C that serves other cores."""
    return KernelPlan(plan.problem, plan.ask, integer.ALGORITHM, plan.schedule.portable, plan.cost)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    over = plan.schedule.shape
    tile = f"{counted(over.positions, 'step')} x {counted(FILTERS[over.kernel], 'filter')}"
    elsewhere = portable(plan).describe()
    return f"{plan.algorithm.name} for {plan.target.name}: {tile} at once, in the .S; elsewhere {elsewhere}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """As the portable C reads it."""
    return integer.pack(portable(plan), kernel)


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return integer.packed_numbers(portable(plan))


def footprint(plan: Plan) -> tuple[int, int]:
    """Bytes of code and of stack in assembly, which no compiler changes."""
    return cycles.footprint(plan.schedule.shape)


def key(schedule: Schedule) -> Key:
    """All of the schedule that the problem leaves open."""
    return schedule.instructions, schedule.shape.kernel, integer.key(schedule.portable)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a tile."""
    return (schedule.shape.positions,)


ALGORITHM: Algorithm[Schedule, ConvProblem] = Algorithm(
    name="assembly",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    order=integer.no_order,
    footprint=footprint,
    whole=True,
    aligns=WORD,
)
