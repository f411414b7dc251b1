"""Cycles, bytes of code and of stack that a kernel in assembly takes: one row for each, estimated.

Instructions are counted in the templates; what each takes is the core's, codegen/problem/cortex.py with its sources.
"""

from __future__ import annotations

from codegen.planning.assembly.shape import LANES, Shape
from codegen.planning.cost import Cost
from codegen.problem.cores import Core
from codegen.records import dataclass

__all__ = ["RATES", "cost", "footprint"]


@dataclass(frozen=True)
class Rates:
    """What a kernel does, by its text: loads and other instructions, of which each is counted.

    `step_loads` and `position_loads` of a step of a window, for all positions and for each; `step` and `position` the
    others; `turn` those of a turn of its loop, `tile` and `output` those of a tile and of an output that is stored.
    Of vectors a product takes two cycles, which hide the load beside it. `code` are bytes, as they were assembled for
    some ten layers each: within a third of them; `stack` those that are pushed.
    """

    step_loads: float
    position_loads: float
    step: float
    position: float
    turn: float
    tile: float
    output: float
    code: int
    stack: int


RATES: dict[str, Rates] = {
    "dsp_pairs": Rates(1, 1, 2, 2, 6, 25, 9, 1000, 88),
    "dsp_line": Rates(1, 2, 2, 2, 5, 16, 9, 800, 96),
    "helium_quads": Rates(0, 0, 2, 8, 4, 40, 3, 850, 144),
    "helium_line": Rates(0, 0, 3, 2, 4, 36, 3, 620, 160),
}
NEIGHBOURS = Rates(2, 0, 1, 1, 0, 16, 9, 620, 96)  # of dsp_line, for each of two samples
FILLED = 3.0  # cycles of a number that is brought into the buffer; a vector's are shared by its lanes


def cost(over: Shape, core: Core) -> Cost:
    """The estimate for a call: cycles, and the bytes of workspace."""
    p, rates = over.problem, _rates(over)
    steps = p.kernel_size // 2 + 2 if over.neighbours else over.steps
    loads = rates.step_loads + rates.position_loads * over.positions
    others = rates.step + rates.position * over.positions
    window = steps * (loads / core.pipeline.loads + others / core.pipeline.issue) + steps / over.each * rates.turn
    tiles, outputs = over.blocks * over.filter_tiles, over.walk.outs * p.filters
    filled = over.walk.steps * p.channels * FILLED / (LANES if over.item == 1 else 4)
    cycles = tiles * (window + rates.tile) + outputs * rates.output + filled
    return Cost(cycles, workspace_bytes=over.workspace)


def footprint(over: Shape) -> tuple[int, int]:
    """Bytes of code, tables left out, and of stack."""
    rates = _rates(over)
    return rates.code, rates.stack


def _rates(over: Shape) -> Rates:
    return NEIGHBOURS if over.neighbours else RATES[over.kernel]
