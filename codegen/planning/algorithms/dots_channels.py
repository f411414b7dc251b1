"""Whole numbers of depthwise layers in vectors: four taps at a time of each of a vector's channels.

Four steps of the input are read where they lie and their bytes brought side by side, channel by channel; a step that is
not there is a row of the input's zero in the workspace. The last block of channels begins earlier, so that it is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, integer
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

WIDEST = 32  # bytes of a vector: bytes are brought side by side within 16 of them, and few targets have wider such

Plan = KernelPlan["Schedule", ConvProblem]


@dataclass(frozen=True)
class Schedule:
    """Four vectors of `lanes` channels at a time."""

    lanes: int

    @property
    def block(self) -> int:
        """Channels at a time."""
        return 4 * self.lanes


def why_not(request: Request[ConvProblem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p, target = request.problem, request.target
    if target.dialect.dots is None:
        return f"{target.name} has no sums of four products"
    if request.weights != "baked":
        return "int8 kernels have their weights as const tables: hand them over with the layer"
    if not p.groups == p.channels == p.filters:
        return "filters read one channel each, and each channel is read once, in none but depthwise layers"
    if p.up > 1 or not p.channels_last:
        return "the channels of a step lie apart, or steps do"
    if p.channels < 4 * _lanes(request):
        return f"vectors take {4 * _lanes(request)} channels at a time"
    return "its blocks take more bytes than plain loops" if counts_bytes(request.ask.objective) else None


def _lanes(request: Request[ConvProblem]) -> int:
    return min(request.target.vector_bytes, WIDEST) // 4


def candidates(request: Request[ConvProblem], best_of_each: BestOfEach) -> list[Plan]:
    """One plan."""
    p, schedule = request.problem, Schedule(_lanes(request))
    outs, core = p.out_steps(cost.steps_told(p, request.ask.likely)), request.target.core.pipeline
    each = 60 / core.issue + fours(p) * 30 / core.issue  # instructions of a block: its codes, and each four of taps
    cycles = outs * (len(starts(p, schedule)) * each + 4 * p.kernel_size / core.issue) + 100
    return [KernelPlan(p, request.ask, ALGORITHM, schedule, Cost(float(cycles), workspace_bytes=p.channels))]


def fours(p: ConvProblem) -> int:
    """Fours of taps."""
    return -(-p.kernel_size // 4)


def starts(p: ConvProblem, schedule: Schedule) -> list[int]:
    """The first channel of each block."""
    last = p.channels - schedule.block
    return [min(block * schedule.block, last) for block in range(-(-p.channels // schedule.block))]


def order(p: ConvProblem, schedule: Schedule) -> np.ndarray:
    """The channel of each lane, of four vectors a block: bytes come side by side within 16 bytes of a vector."""
    import numpy as np

    lane = np.arange(schedule.lanes)
    within = np.concatenate([16 * (lane // 4) + 4 * vector + lane % 4 for vector in range(4)])
    return np.concatenate([start + within for start in starts(p, schedule)])


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return f"{plan.algorithm.name} for {plan.target.name}: {counted(plan.schedule.block, 'channel')} at once"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """[block][four][lane][4], flat, 0 behind the last tap."""
    import numpy as np

    p, block = plan.problem, plan.schedule.block
    full = np.zeros((4 * fours(p), p.channels), kernel.dtype)
    full[: p.kernel_size] = kernel.reshape(p.kernel_size, p.channels)
    lanes = full[:, order(p, plan.schedule)].reshape(fours(p), 4, -1, block)
    return np.ascontiguousarray(lanes.transpose(2, 0, 3, 1)).ravel()


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    p, schedule = plan.problem, plan.schedule
    return 4 * fours(p) * schedule.block * len(starts(p, schedule))


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return (schedule.lanes,)


def turns(schedule: Schedule) -> tuple[int, ...]:
    """One output step."""
    return (1,)


ALGORITHM = Algorithm(
    name="dots_channels",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    order=integer.no_order,
    whole=True,
)
