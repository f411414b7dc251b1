"""How gradients are computed. A kernel's is a matrix product whose long axis is time, tile by tile of the result:

dkernel[k, c, f] = sum over t of x[t*stride + k*dilation - left, c] * dz[t, f]. A register tile holds some rows (taps x
channels, numbers of x that are broadcast) times some vectors of filters, over a chunk of outputs; then it is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import ClassVar, Literal

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, tiling
from codegen.planning.algorithms.direct_filters import partitions
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["Across", "KernelGradientPlan", "Panels", "describe", "plan"]

Across = Literal["filters", "channels", "outputs"]

LEAST_ROWS = 16  # outputs in a channelwise chunk
LEAST_CHUNK, MOST_CHUNK = 64, 1024
MOST_ALONG = 4096  # outputs of a filter in a chunk
MOST_TAPS, MOST_GATHERED = 8, 3  # of a tile along the outputs, and where x is gathered number by number
GATHERED = 1.5  # loads that each of these numbers takes
SEVERAL_TAPS = 1.01  # of the cost: outputs that have some of a tile's taps only go through other tiles
FEW_TILES = 3  # row blocks up to which packing dz costs more than it saves


@dataclass(frozen=True)
class Panels:
    """`count` neighbouring blocks of `vectors` vectors of filters, from filter `first` of a group on."""

    first: int
    count: int
    vectors: int


@dataclass(frozen=True)
class KernelGradientPlan:
    """One way to compute the gradient of `problem`'s kernel on `target`; `problem.steps` is known.

    The problem is linear: dz is what comes before the activation, of all filters. A tile has `taps` x `channels` rows
    at most. `chunk` outputs are read by all tiles before the next. `packed`: dz's panel is copied first, its last
    vector filled with zeros. `direct`: tiles add to dkernel itself, as no lane is left over; else to sums in the
    workspace, whose rows are `padded` numbers long. Vectors run `across` the filters. Where each filter has a channel
    they run across the channels, and no number is broadcast; the last panel may overlap its neighbour. Or they run
    across the outputs of one filter, which lie side by side.
    """

    problem: ConvProblem
    target: Target
    lanes: int
    panels: tuple[Panels, ...]
    taps: int
    channels: int
    chunk: int
    packed: bool
    direct: bool
    cost: float
    across: Across = "filters"

    @property
    def channelwise(self) -> bool:
        """Whether vectors run across the channels."""
        return self.across == "channels"

    @property
    def padded(self) -> int:
        """Filters of a group (channelwise: channels), filled up to whole vectors."""
        return self.lanes * sum(panel.count * panel.vectors for panel in self.panels)

    @property
    def panel_numbers(self) -> int:
        """Numbers of a packed panel, up to a cache line."""
        widest = max(panel.vectors for panel in self.panels) * self.lanes
        return -(-self.chunk * widest // 16) * 16 if self.packed else 0

    @property
    def sum_numbers(self) -> int:
        sets = self.problem.group_filters if self.channelwise else self.problem.channels
        return 0 if self.direct else self.problem.kernel_size * sets * self.padded

    entry: ClassVar[str] = "genconv_dkernel_v1"  # of templates/gradients/abi.h

    @property
    def workspace_bytes(self) -> int:
        return (self.panel_numbers + self.sum_numbers) * self.problem.item_bytes

    def sizes(self, batch: int) -> dict[str, int]:
        """The numbers in the arrays of a call."""
        p, steps = self.problem, self.problem.known_steps
        return {
            "x": batch * steps * p.channels,
            "dkernel": prod(p.kernel_shape),
            "dz": batch * p.out_steps(steps) * p.filters,
        }

    def fields(self) -> dict[str, tuple[str, ...]]:
        """None of its arguments points to pointers."""
        return {}


def plan(problem: ConvProblem, target: Target) -> KernelGradientPlan:
    """The plan with the lowest estimate, whatever the activation is. The problem's steps must be known."""
    problem = replace(problem, epilogue=problem.epilogue.start)
    if problem.channels_last and problem.groups == problem.channels > 1:
        return min(_channelwise(problem, target), key=lambda one: one.cost)
    found = list(_candidates(problem, target))
    if problem.groups == problem.channels and (not problem.channels_last or problem.filters == 1):
        found.append(_along_outputs(problem, target))
    return min(found, key=lambda one: one.cost)


def _along_outputs(p: ConvProblem, target: Target) -> KernelGradientPlan:
    """Up to 8 taps, fewer where x is gathered, and vectors of a filter's outputs until their latency is hidden."""
    outs, core = p.known_outs, target.core
    lanes = next(width for width in target.lanes(p.dtype) if width <= max(1, outs))
    most = min(MOST_GATHERED if p.stride > 1 else MOST_TAPS, cost.rows_that_fit(1, target, lanes))
    tiles = tiling.split(p.kernel_size, max(1, most))
    taps = max(size for _, size in tiles)
    sums = core.pipeline.latency * cost.multiply_adds(core, lanes * p.item_bytes)
    fitting = [n for n in (1, 2, 4) if taps <= cost.rows_that_fit(n, target, lanes)] or [1]
    vectors = next((n for n in fitting if n * taps >= sums), fitting[-1])
    chunk = -(-outs // -(-outs // MOST_ALONG)) if outs else 1
    lines = 1 + lanes * p.item_bytes / core.memory.line  # that a vector of x touches, on average
    gathered = GATHERED * lanes if p.stride > 1 and lanes > 1 else lines
    turn = sum(n * (rows * gathered + 1) for n, rows in tiles) / core.pipeline.loads
    calls = sum(n * (core.setup.tile + core.setup.accumulator * rows * (vectors + lanes)) for n, rows in tiles)
    cycles = p.filters * (outs / lanes * turn + -(-outs // chunk) * calls)
    panels = (Panels(0, 1, vectors),)
    return KernelGradientPlan(p, target, lanes, panels, taps, 1, chunk, False, True, cycles, across="outputs")


def _channelwise(p: ConvProblem, target: Target) -> Iterator[KernelGradientPlan]:
    """One to four vectors of channels, as many taps as registers are left for; whole rows of x for a few outputs."""
    outs, lanes = p.known_outs, next(width for width in target.lanes(p.dtype) if width <= p.channels)
    pipe, setup = target.core.pipeline, target.core.setup
    chunk = max(LEAST_ROWS, min(MOST_CHUNK, target.core.rooms.x // (p.channels * p.item_bytes)))
    chunk = -(-outs // -(-outs // chunk)) if outs else 1
    for vectors in range(1, min(4, p.channels // lanes) + 1):
        taps, count = (
            min(p.kernel_size, max(1, cost.rows_that_fit(vectors, target, lanes))),
            -(-p.channels // (vectors * lanes)),
        )
        tiles = tiling.split(p.kernel_size, taps)
        step = sum(n * max(pipe.latency, (rows * vectors + vectors) / pipe.loads) for n, rows in tiles)
        calls = -(-outs // chunk) * sum(n * (setup.tile + setup.accumulator * rows * vectors) for n, rows in tiles)
        alone = p.group_filters == 1
        direct = alone and p.channels % (vectors * lanes) == 0
        cycles = p.group_filters * count * (outs * step + calls)
        panels = (Panels(0, count, vectors),)
        yield KernelGradientPlan(p, target, lanes, panels, taps, 1, chunk, not alone, direct, cycles, across="channels")


def _candidates(problem: ConvProblem, target: Target) -> Iterator[KernelGradientPlan]:
    for lanes in target.lanes(problem.dtype):
        if lanes == 1 and target.vector_bytes:
            continue  # numbers that stand alone waste less in the narrowest vector than outside of one
        for partition in partitions(-(-problem.group_filters // lanes), target):
            most = min(cost.rows_that_fit(vectors, target, lanes) for vectors, _ in partition)
            for taps, channels in _shapes(problem, most):
                yield _plan(problem, target, lanes, _panels(partition), taps, channels)


def _shapes(problem: ConvProblem, most: int) -> Iterator[tuple[int, int]]:
    """(taps, channels) of tiles with at most `most` rows: all channels of several taps, or a share of one tap's."""
    for channels in range(min(most, problem.group_channels), 0, -1):
        parts = -(-problem.group_channels // channels)
        if -(-problem.group_channels // parts) == channels:  # a share of all, evened out
            yield min(problem.kernel_size, most // channels), channels
            if channels * 2 < most:
                return


def _panels(partition: tiling.Partition) -> tuple[Panels, ...]:
    """A partition's blocks; `first` in vectors."""
    panels: list[Panels] = []
    at = 0
    for vectors, count in partition:
        panels.append(Panels(at, count, vectors))
        at += vectors * count
    return tuple(panels)


def _plan(
    p: ConvProblem, target: Target, lanes: int, blocks: tuple[Panels, ...], taps: int, channels: int
) -> KernelGradientPlan:
    setup = target.core.setup
    panels = tuple(Panels(block.first * lanes, block.count, block.vectors) for block in blocks)
    outs = p.known_outs
    widest = max(panel.vectors for panel in panels) * lanes
    chunk = min(outs, max(LEAST_CHUNK, min(MOST_CHUNK, target.core.rooms.dz // (widest * p.item_bytes))))
    chunk = -(-outs // -(-outs // chunk)) if outs else 1
    tiles = [
        (k_count * c_count, k_size * c_size)
        for k_count, k_size in tiling.split(p.kernel_size, taps)
        for c_count, c_size in tiling.split(p.group_channels, channels)
    ]
    direct = p.group_filters % lanes == 0
    alone = p.groups == 1 and sum(panel.count for panel in panels) == 1
    few = sum(count for count, _ in tiles) <= FEW_TILES
    packed = not (direct and p.channels_last and (alone or few))
    rows_apart = 0 if p.channels_last else p.known_steps * p.item_bytes
    crowding, cycles = cost.crowding(target.core, min(channels, p.group_channels), rows_apart), 0.0
    fetched = _fetched(p, target, taps, channels, chunk)
    for panel in panels:
        step = sum(count * cost.step_cycles(rows, panel.vectors, target, lanes * p.item_bytes) for count, rows in tiles)
        step *= crowding
        step += setup.accumulator * panel.vectors * packed + fetched
        calls = -(-outs // chunk) * sum(
            count * (setup.tile + setup.accumulator * rows * panel.vectors) for count, rows in tiles
        )
        cycles += panel.count * (outs * step + calls) * (1.0 if taps == 1 else SEVERAL_TAPS)
    return KernelGradientPlan(p, target, lanes, panels, taps, channels, chunk, packed, direct, float(p.groups * cycles))


def _fetched(p: ConvProblem, target: Target, taps: int, channels: int, chunk: int) -> float:
    """Cycles that the tiles of a panel take for their numbers of x, an output: each looks at whole cache lines."""
    core, item = target.core, p.item_bytes
    beside = core.memory.line - item if p.channels_last else 0
    runs = -(-p.kernel_size // taps) * sum(
        count * (size * item + beside) for count, size in tiling.split(p.group_channels, channels)
    )
    return runs * cost.far(core, chunk * p.channels * item)


def describe(plan: KernelGradientPlan) -> str:
    """The plan in words and figures, for the banner."""
    widest = max(panel.vectors for panel in plan.panels)
    p = plan.problem
    parts = ((p.kernel_size, plan.taps), (p.group_channels, plan.channels))
    taps, channels = (max(size for _, size in tiling.split(count, most)) for count, most in parts)
    across = counted(widest * plan.lanes, plan.across.removesuffix("s"))
    shape = f"{counted(taps, 'tap')} x " + f"{counted(channels, 'channel')} x " * (plan.across == "filters") + across
    held = tiling.held(taps * channels * widest, plan.lanes)
    return f"for {plan.target.name}: tiles of {shape}, {held}, {counted(plan.chunk, 'output')} at a time"
