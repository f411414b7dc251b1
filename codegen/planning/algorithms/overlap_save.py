"""Long kernels over few channels: Fourier transforms of overlapping blocks, vectors across blocks and groups.

Overlap-save, partitioned: a block of N samples, half of them new, makes N/2 outputs. The kernel is cut into parts of
N/2 taps; a block's outputs are the sum over the parts of its weights' spectrum times that of the block so many later.
The signal's two halves are the real and the imaginary part of one complex signal, as the kernel is real.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import bilinear, bilinear_noise, cost
from codegen.planning.algorithms.bilinear_schedule import odd_lines
from codegen.planning.algorithms.overlap_save_schedule import Schedule, vectors_ahead
from codegen.planning.ask import MOST_NOISE
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.planning.transforms.complex_fourier import codelet
from codegen.planning.transforms.normwise import Blockwise, ratio
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.cores import Core
from codegen.problem.targets import Target

if TYPE_CHECKING:
    import numpy as np

SIZES = {64: 8, 128: 8, 256: 16, 512: 16, 1024: 32}  # samples of a block: those of a transform of the first level
LARGEST = 8  # times the kernel's length that a block may be, where a smaller one is long enough
COLUMNS = (1, 2, 4)
LEAST_TAPS = 16
MOST_PARTS = 64
MOST_SUMMED = 4  # channels of a group, times the stride's phases, and filters of a group
TURNED, MOVED = 4, 4  # statements to turn a complex number between the levels; to load and to store one
PRODUCTS, LOOP = 14, 16  # statements for two bins' products of a vector, loads counted; beside them for each two bins
TOGETHER = 0.2  # of what the first access to a page takes, for each of several pages at the same time
MOST_WORKSPACE = 8  # times what the second-level cache holds


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if request.accuracy == "exact":
        return "its sums are rounded otherwise than direct ones, and it mixes NaN and Inf within blocks: not `exact`"
    if request.weights == "argument":
        return "its weights are transformed first, so they must be known or packed"
    if problem.kernel_size < LEAST_TAPS * problem.stride:
        return f"fewer than {LEAST_TAPS} taps leave too little to save"
    if max(problem.group_channels * problem.stride, problem.group_filters) > MOST_SUMMED:
        return "so many channels of a group, or phases of a stride, pay better for products of matrices"
    if len(problem.epilogue.of_filters) > 1:
        return "its workspace holds one number for each filter, and the epilogue reads several"
    if problem.stride > 1 and problem.dilation > 1:
        return "its blocks are strided or dilated, not both"
    if problem.kernel_size > MOST_PARTS * max(SIZES) // 2 * problem.stride:
        return f"{problem.kernel_size} taps are more than {MOST_PARTS} parts of {max(SIZES) // 2}"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Plans for each size of a block and count of vectors that keep to the class and have room, cheapest first."""
    problem = request.problem
    most_noise = bilinear.MARGIN * MOST_NOISE[request.accuracy] / bilinear_noise.handicap(request)
    plans = []
    for size in (size for size in SIZES if size <= max(min(SIZES), LARGEST * problem.kernel_size // problem.stride)):
        for columns in COLUMNS:
            schedule = _schedule(request, size, columns)
            if schedule.parts > MOST_PARTS or ratio(transformed(schedule), problem.terms) > most_noise:
                continue
            plan = _plan(request, schedule)
            if plan.workspace_bytes <= MOST_WORKSPACE * request.target.core.memory.outer:
                plans.append(plan)
    return sorted(plans, key=lambda plan: plan.cost.cycles)


def _schedule(request: Request, size: int, columns: int) -> Schedule:
    problem, core = request.problem, request.target.core
    lanes = request.target.lanes(problem.dtype)[0]
    width = min(lanes, 1 << (problem.groups - 1).bit_length())
    taps = -(-problem.kernel_size // problem.stride)
    parts, sources = -(-taps // (size // 2)), problem.group_channels * problem.stride
    pitches = (odd_lines((columns + ahead) * lanes, core) for ahead in (vectors_ahead(parts, width, lanes), 0))
    return Schedule(size, SIZES[size], lanes, width, columns, parts, sources, -(-problem.groups // width), *pitches)


def _plan(request: Request, schedule: Schedule) -> KernelPlan[Schedule]:
    problem, memory = request.problem, sum(schedule.numbers) * request.problem.item_bytes
    outs = cost.outs_told(problem, request.ask.likely)
    total = Cost(cycles(request.target, problem, schedule, outs), workspace_bytes=memory)
    return KernelPlan(problem, request.ask, ALGORITHM, schedule, total)


def cycles(target: Target, problem: ConvProblem, schedule: Schedule, outs: int) -> float:
    """The estimate for so many outputs of one sample, for which the schedule need not have been made."""
    return target.core.setup.transform + schedule.chunks * _cycles(target, problem, schedule, outs)


def _cycles(target: Target, problem: ConvProblem, schedule: Schedule, outs: int) -> float:
    """Cycles of one chunk of the channels."""
    core, item = target.core, problem.item_bytes
    phases, blocks = min(problem.dilation, max(1, outs)), -(-outs // (problem.dilation * schedule.hop))
    half, filters, sums = (blocks + 1) // 2, problem.group_filters, schedule.sources * schedule.parts
    rounds, vectors = -(-half // schedule.blocks), -(-half // schedule.held)
    into, back = _statements(target, schedule)
    products = schedule.bins * (LOOP + sums * PRODUCTS)
    speed = core.pipeline.statements * cost.multiply_adds(core, schedule.lanes * item)
    run = max(core.moves.alone, schedule.width * core.moves.in_order)  # of the neighbouring groups of a sample
    moved = 2 * schedule.hop * run
    inputs = schedule.sources * (into / speed + (schedule.held + 1) * moved)
    outputs = filters * ((products + back) / speed + schedule.held * moved)
    weights = filters * sums * schedule.bins * 2 * schedule.weight_lanes * item
    read = [weights, *(filters * numbers * item for numbers in schedule.numbers[:2])]
    traffic = sum(size * cost.far(core, size) for size in read)
    code = 1 + bilinear.CODE * (into + back) / schedule.size * (schedule.rows + schedule.across) / 2
    total = (vectors + schedule.ahead) * inputs + vectors * outputs + rounds * traffic
    return phases * code * total + _pages(core, problem, schedule, outs)


def _pages(core: Core, problem: ConvProblem, schedule: Schedule, outs: int) -> float:
    """Cycles for the first access to each page of input and output by a chunk of the channels that is a part of a row.

    None where rows are no longer than a vector or all of them are near.
    """
    rows = (outs * problem.stride, problem.channels * problem.item_bytes), (outs, problem.filters * problem.item_bytes)
    size = sum(count * row for count, row in rows)
    far = schedule.chunks > 1 and problem.channels_last and size > core.memory.outer
    pages = sum(count * min(row / core.memory.page, TOGETHER) for count, row in rows)
    return core.setup.page * pages if far else 0.0


def _statements(target: Target, schedule: Schedule) -> tuple[float, float]:
    """Those of a transform of a vector, and of one back, with their loads and stores; more where values are spilled."""
    spilled = cost.spilling(target, 2 * schedule.rows)
    first, second = (len(codelet(size).statements) for size in (schedule.rows, schedule.across))
    last = len(codelet(schedule.rows, schedule.rows // 2).statements)
    beside = schedule.size * (TURNED + 2 * MOVED)
    levels = schedule.rows * second * cost.spilling(target, 2 * schedule.across) + beside
    return schedule.across * first * spilled + levels, schedule.across * last * spilled + levels


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    rounding = ratio(transformed(schedule), plan.problem.terms)
    across = f"{counted(schedule.held, 'block')} of {counted(schedule.width, 'group')}"
    return (
        f"{plan.algorithm.name} FFT{schedule.size} for {plan.target.name}: "
        f"{counted(schedule.hop, 'output')} a block, {counted(schedule.parts, 'part')} of the kernel, "
        f"vectors of {across}, {counted(schedule.columns, 'vector')} at a time, "
        f"{rounding:.1f} times direct's rounding error"
    )


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as spectra over N: [chunk][filter][bin][source][part][re, im][lane]."""
    import numpy as np

    problem, schedule = plan.problem, plan.schedule
    stride, groups, filters = problem.stride, problem.groups, problem.group_filters
    whole = np.zeros((schedule.parts * schedule.hop * stride, problem.group_channels, problem.filters))
    whole[: problem.kernel_size] = kernel
    shape = schedule.parts, schedule.hop, stride, problem.group_channels, groups, filters
    with np.errstate(over="ignore", invalid="ignore"):  # an infinity spoils its filter
        spectra = np.conj(np.fft.rfft(whole.reshape(shape), schedule.size, axis=1)) / schedule.size
    parts = np.stack([spectra.real, spectra.imag], axis=-1).astype(kernel.dtype)
    lanes = np.arange(schedule.weight_lanes) % schedule.width
    packed = np.zeros((schedule.chunks, *_packed_shape(plan)), kernel.dtype)
    for chunk, first in enumerate(starts(schedule, groups)):
        live = first + lanes < groups
        some = parts[..., np.minimum(first + lanes, groups - 1), :, :] * live[:, None, None]
        # (part, bin, phase, channel, lane, filter, re/im)
        ordered = some.transpose(5, 1, 3, 2, 0, 6, 4)
        packed[chunk] = ordered.reshape(packed.shape[1:])
    return packed.ravel()


def starts(schedule: Schedule, groups: int) -> tuple[int, ...]:
    """The first group of each chunk."""
    return tuple(min(i * schedule.width, max(0, groups - schedule.width)) for i in range(schedule.chunks))


def _packed_shape(plan: KernelPlan[Schedule]) -> tuple[int, ...]:
    schedule = plan.schedule
    inner = schedule.sources, schedule.parts, 2, schedule.weight_lanes
    return plan.problem.group_filters, schedule.bins, *inner


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return plan.schedule.chunks * prod(_packed_shape(plan))


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    vectors = schedule.lanes, schedule.width, schedule.columns
    pitches = schedule.pitch, schedule.sums_pitch
    return schedule.size, schedule.rows, *vectors, schedule.parts, schedule.sources, schedule.chunks, *pitches


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a block, of a vector's blocks and of a round's."""
    return schedule.hop, schedule.hop * schedule.held, schedule.hop * schedule.blocks


def transformed(schedule: Schedule) -> Blockwise:
    """The transforms that the sums go through."""
    return Blockwise(schedule.size, schedule.parts, schedule.sources)


ALGORITHM = Algorithm(
    name="overlap_save",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    transformed=transformed,
)
