"""Whole numbers on Arm's Cortex-M: kernels in assembly beside the portable C of `integer`, for the same sums.

The preprocessor decides which of the two is there, by what the compiler says of the core. A chain has a kernel for each
stage, which in turn make a band of outputs, and then the next band; a transposed layer has one for its rows of outputs.
Where the last row is cut, the last band is made in the workspace, and copied from there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import integer, output_rows
from codegen.planning.algorithms.cost import outs_told
from codegen.planning.assembly import cycles, tables
from codegen.planning.assembly.shape import FEW, FILTERS, MOST_STEPS, Shape, shape
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.cores import Core
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

FARTHEST = 4095  # steps of a stride or a dilation
WORD = 4  # bytes, as loads of several read them

ROOM = 1 << 10  # bytes of workspace that bands of a chain keep to, where they are of LEAST_BAND outputs or more
LEAST_BAND = 8
MOST_CODE = 1580  # bytes of a chain's kernels as they are estimated, of which 0.8 to 0.92 are theirs
CALLS = 40, 16  # bytes of code and of stack that the calls of several stages take
BANDS = 84, 32  # where there are several bands
LENGTHS = 120, 40  # where the length is free

Plan = KernelPlan["Schedule", Problem]


@dataclass(frozen=True)
class Schedule:
    """The kernel in assembly of each stage, and the portable ones beside them.

    Stages make `band` outputs in turn; 0 for all of them.
    """

    instructions: str
    shapes: tuple[Shape, ...]
    portable: integer.Schedule
    band: int = 0


def why_not(request: Request[Problem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p = request.problem
    if not request.target.dialect.assembly:
        return f"no kernel is written in assembly for {request.target.name}"
    if p.steps is None:
        return _free_why_not(request) or integer.why_not(request)
    if p.out_steps(p.steps) < 1:
        return "there are no outputs"
    return _any_why_not(request) or integer.why_not(request)


def _any_why_not(request: Request[Problem]) -> str | None:
    """The same, of what the length has no part in."""
    p = request.problem
    if request.ask.sliced:
        return "it makes all outputs, not a slice of them"
    if not (p.channels_last or p.channels == p.filters == 1):
        return "its rows are of all channels, which lie apart"
    return next(filter(None, map(_stage_why_not, p.stages)), None)


def _free_why_not(request: Request[Problem]) -> str | None:
    """The same for a free length."""
    p = request.problem
    if any(stage.up > 1 for stage in p.stages):
        return "where rows of outputs are cut is known of a known length alone"
    if found := _any_why_not(request):
        return found
    made = _few(p, request.target.dialect.assembly, 0) if len(p.stages) == 1 else 0
    return f"the fewest outputs that it makes take {made:,} bytes of workspace" if made > FEW else None


def _stage_why_not(p: ConvProblem) -> str | None:
    if p.up > 1:
        return output_rows.why_not(p, uneven=True)
    return f"its steps are {FARTHEST:,} apart at most" if max(p.stride, p.dilation) > FARTHEST else None


def between(stage: ConvProblem, band: int) -> int:
    """Bytes of what a stage makes at a time."""
    return (band or outs_told(stage)) * stage.filters


def cut(p: Problem) -> int:
    """Outputs of a transposed layer's last row, where that is not whole; else 0."""
    (first, *others) = p.stages
    return first.known_outs % first.up if first.up > 1 and not others else 0


def rows(p: ConvProblem) -> ConvProblem:
    """The convolution that computes a stage: itself, or that of a transposed layer's rows of outputs.

    Of one tap no dilation tells it from others.
    """
    found = output_rows.of(p) if p.up > 1 else p
    assert found is not None
    return replace(found, dilation=1) if found.kernel_size == 1 else found


def candidates(request: Request[Problem], best_of_each: BestOfEach) -> list[Plan]:
    """One plan, whose portable twin is the one that `integer` offers."""
    p, target = request.problem, request.target
    portable = integer.candidates(request, best_of_each)[0]
    instructions = target.dialect.assembly
    band = _band(p, instructions, target.core, max(ROOM, portable.cost.workspace_bytes))
    schedule = Schedule(instructions, _shapes(p, instructions, band), portable.schedule, band)
    cost = replace(
        portable.cost,
        cycles=_cycles(p, instructions, target.core, band) * outs_told(p, request.ask.likely) / max(1, outs_told(p)),
        workspace_bytes=max(_taken(p, instructions, band), portable.cost.workspace_bytes),
    )
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, cost)]


def _shapes(p: Problem, instructions: str, band: int) -> tuple[Shape, ...]:
    """The kernel of each stage; those behind the first one read a band as if it were all.

    Several stages have as little code as MOST_CODE asks of them.
    """
    first, *others = map(rows, p.stages)
    if not others:
        return (shape(instructions, first, band),)
    if band:
        others = [replace(stage, steps=band) for stage in others]
    for most in (MOST_STEPS, MOST_STEPS // 2, MOST_STEPS // 4):
        found = shape(instructions, first, band, most), *(shape(instructions, stage, 0, most) for stage in others)
        found = tuple(replace(over, small=over.kernel == "dsp_pairs") for over in found)
        if sum(cycles.footprint(over)[0] for over in found) <= MOST_CODE - (LENGTHS[0] if p.steps is None else 0):
            break
    return found


def _cycles(p: Problem, instructions: str, core: Core, band: int) -> float:
    bands = -(-outs_told(rows(p.stages[0])) // band) if band else 1
    return bands * sum(cycles.cost(over, core).cycles for over in _shapes(p, instructions, band))


def _band(p: Problem, instructions: str, core: Core, most_bytes: int) -> int:
    """The outputs that a chain's stages make in turn, the fastest within `most_bytes`; 0: all of them."""
    first, outs = p.stages[0], outs_told(p)
    if cut(p):
        return min(LEAST_BAND, rows(first).known_outs)
    if len(p.stages) == 1 or first.up > 1:
        return 0
    least = LEAST_BAND * shape(instructions, rows(first)).walk.phases
    if p.steps is not None and (outs <= least or _taken(p, instructions, 0) <= most_bytes):
        return 0
    some = range(least, min(outs, most_bytes // first.filters + 1))
    fits = [band for band in some if _taken(p, instructions, band) <= most_bytes]
    return min(fits, key=lambda band: _cycles(p, instructions, core, band), default=least)


def _taken(p: Problem, instructions: str, band: int) -> int:
    shapes = _shapes(p, instructions, band)
    last = band * rows(p.stages[0]).filters if cut(p) else _few(p, instructions, band)
    return max(over.workspace for over in shapes) + sum(between(stage, band) for stage in p.stages[:-1]) + last


def _few(p: Problem, instructions: str, band: int) -> int:
    """Bytes of the fewest outputs that a call makes of a free length, which fewer are copied from; else 0."""
    if p.steps is not None:
        return 0
    return (band or shape(instructions, rows(p.stages[0])).least) * p.out_filters


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
    bands = f", {counted(plan.schedule.band, 'output')} in turn" if plan.schedule.band else ""
    told = f"{', then '.join(tiles)} at once{bands}, in the .S"
    return f"{plan.algorithm.name} for {plan.target.name}: {told}; elsewhere {portable(plan).describe()}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """As the portable C reads it."""
    return integer.pack(portable(plan), kernel)


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return integer.packed_numbers(portable(plan))


def footprint(plan: Plan) -> tuple[int, int, int]:
    """Bytes of code, of stack and of tables in assembly, which no compiler changes."""
    each = [cycles.footprint(over) for over in plan.schedule.shapes]
    several = BANDS if plan.schedule.band else CALLS if len(each) > 1 else (0, 0)
    code, stack = LENGTHS if plan.problem.steps is None else several
    laid = sum(map(tables.bytes_of, plan.schedule.shapes))
    return sum(one for one, _ in each) + code, max(one for _, one in each) + stack, laid


def key(schedule: Schedule) -> Key:
    """All of the schedule that the problem leaves open."""
    band = (schedule.band,) if schedule.band else ()
    kernels = "+".join(over.kernel for over in schedule.shapes)
    return schedule.instructions, kernels, integer.key(schedule.portable), *band


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
