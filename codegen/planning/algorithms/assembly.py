"""Whole numbers on Arm's Cortex-M: kernels in assembly beside the portable C of `integer`, for the same sums.

The preprocessor decides which of the two is there, by what the compiler says of the core. A chain has a kernel for each
stage, of which each makes all of its outputs before the next one reads them, and a transposed layer one for its rows of
outputs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import integer, output_rows
from codegen.planning.assembly import cycles
from codegen.planning.assembly.shape import FILTERS, Shape, shape
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

FARTHEST = 4095  # steps of a stride or a dilation
WORD = 4  # bytes, as loads of several read them

MOST_BETWEEN = 1 << 14  # bytes between two stages
CALLS = 40, 16  # bytes of code and of stack that the calls of several stages take

Plan = KernelPlan["Schedule", Problem]


@dataclass(frozen=True)
class Schedule:
    """The kernel in assembly of each stage, and the portable ones beside them."""

    instructions: str
    shapes: tuple[Shape, ...]
    portable: integer.Schedule


def why_not(request: Request[Problem]) -> str | None:
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
    if any(between(stage) > MOST_BETWEEN for stage in p.stages[:-1]):
        return f"more than {MOST_BETWEEN:,} bytes lie between its stages"
    return next(filter(None, map(_stage_why_not, p.stages)), None) or integer.why_not(request)


def _stage_why_not(p: ConvProblem) -> str | None:
    if p.up > 1:
        return output_rows.why_not(p)
    return f"its steps are {FARTHEST:,} apart at most" if max(p.stride, p.dilation) > FARTHEST else None


def between(stage: ConvProblem) -> int:
    """Bytes of what a stage of a known length makes."""
    return stage.known_outs * stage.filters


def rows(p: ConvProblem) -> ConvProblem:
    """The convolution that computes a stage: itself, or that of a transposed layer's rows of outputs."""
    found = output_rows.of(p) if p.up > 1 else p
    assert found is not None
    return found


def candidates(request: Request[Problem], best_of_each: BestOfEach) -> list[Plan]:
    """One plan, whose portable twin is the one that `integer` offers."""
    p, target = request.problem, request.target
    shapes = tuple(shape(target.dialect.assembly, rows(stage)) for stage in p.stages)
    portable = integer.candidates(request, best_of_each)[0]
    schedule = Schedule(target.dialect.assembly, shapes, portable.schedule)
    cost = replace(portable.cost, cycles=sum(cycles.cost(over, target.core).cycles for over in shapes))
    room_ = max(room(schedule) + sum(map(between, p.stages[:-1])), portable.cost.workspace_bytes)
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, replace(cost, workspace_bytes=room_))]


def room(schedule: Schedule) -> int:
    """Bytes of the workspace that a kernel reads its rows in, before what lies between the stages."""
    return max(over.workspace for over in schedule.shapes)


def portable(plan: Plan) -> KernelPlan[integer.Schedule, Problem]:
    """The plan of the C that serves other cores."""
    return KernelPlan(plan.problem, plan.ask, integer.ALGORITHM, plan.schedule.portable, plan.cost)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    tiles = [
        f"{counted(over.positions, 'step')} x {counted(FILTERS[over.kernel], 'filter')}"
        for over in plan.schedule.shapes
    ]
    told = f"{', then '.join(tiles)} at once, in the .S"
    return f"{plan.algorithm.name} for {plan.target.name}: {told}; elsewhere {portable(plan).describe()}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """As the portable C reads it."""
    return integer.pack(portable(plan), kernel)


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return integer.packed_numbers(portable(plan))


def footprint(plan: Plan) -> tuple[int, int]:
    """Bytes of code and of stack in assembly, which no compiler changes."""
    each = [cycles.footprint(over) for over in plan.schedule.shapes]
    code, stack = CALLS if len(each) > 1 else (0, 0)
    return sum(one for one, _ in each) + code, max(one for _, one in each) + stack


def key(schedule: Schedule) -> Key:
    """All of the schedule that the problem leaves open."""
    return schedule.instructions, "+".join(over.kernel for over in schedule.shapes), integer.key(schedule.portable)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of the last stage's tile."""
    return (schedule.shapes[-1].positions,)


ALGORITHM: Algorithm[Schedule, Problem] = Algorithm(
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
    problems=(ConvProblem, Chain),
    serves_upsampling=True,
    whole=True,
    aligns=WORD,
)
