"""Cycles, bytes of code and of stack that a kernel in assembly takes: one row for each, estimated.

Instructions are counted in the templates; what each takes is the core's, codegen/problem/cortex.py with its sources.
"""

from __future__ import annotations

from codegen.planning.assembly.shape import FILTERS, LANES, Shape
from codegen.planning.cost import Cost
from codegen.problem.cores import Core
from codegen.records import dataclass

__all__ = ["RATES", "cost", "footprint"]


@dataclass(frozen=True)
class Code:
    """Bytes of a kernel's code: as such, for an instruction of a turn of its loop, and for a sum of a tile.

    A turn has `shared` instructions and `each` for a position, for each step that is written out. Fitted to 480 random
    layers, assembled by gcc 12.2; on 240 others all within 1.3 of the bytes, 96 of 100 within 1.15.
    """

    base: float
    instruction: float
    sum: float
    shared: int
    each: int


@dataclass(frozen=True)
class Rates:
    """What a kernel does, by its text: loads and other instructions, of which each is counted.

    `step_loads` and `position_loads` of a step of a window, for all positions and for each; `step` and `position` the
    others; `turn` those of a turn of its loop, `tile` and `output` those of a tile and of an output that is stored.
    Of vectors a product takes two cycles, which hide the load beside it. `stack` are the bytes that are pushed, `code`
    tells those of the text.
    """

    step_loads: float
    position_loads: float
    step: float
    position: float
    turn: float
    tile: float
    output: float
    stack: int
    code: Code


RATES: dict[str, Rates] = {
    "dsp_pairs": Rates(1, 1, 2, 2, 6, 25, 9, 88, Code(382, 4.1, 28, 3, 3)),
    "dsp_line": Rates(1, 2, 2, 2, 5, 16, 9, 96, Code(397, 2.8, 22, 3, 6)),
    "helium_quads": Rates(0, 0, 2, 8, 4, 40, 3, 144, Code(281, 4.2, 18, 4, 5)),
    "helium_line": Rates(0, 0, 3, 2, 4, 36, 3, 160, Code(435, 1.6, 13, 2, 2)),
}
NEIGHBOURS = Rates(2, 0, 1, 1, 0, 16, 9, 96, Code(415, 7, 22, 2, 0))  # of dsp_line, for each of two samples
PHASES, GROUPS = 55, 40  # bytes of the loops over them
PARTS = 60  # bytes of what tells the parts of a phase
ENTERED = 90  # cycles from a group to the next, and of a call: its first rows, its pointers
SMALL = 10  # cycles of a tile whose filters share their code
FILLED = 3.0  # cycles of a number that is brought into the buffer; a vector's are shared by its lanes


def cost(over: Shape, core: Core) -> Cost:
    """The estimate for a call: cycles, and the bytes of workspace."""
    p, rates = over.problem, _rates(over)
    steps = p.kernel_size // 2 + 2 if over.neighbours else over.steps
    loads = rates.step_loads + rates.position_loads * over.positions
    others = rates.step + rates.position * over.positions
    window = steps * (loads / core.pipeline.loads + others / core.pipeline.issue)
    turns = steps / over.each * rates.turn
    tiles, outputs = over.blocks * over.filter_tiles, over.walk.outs * p.filters
    filled = over.walk.read * p.channels * FILLED / (LANES if over.item == 1 else 4)
    beside = tiles * (turns + rates.tile + SMALL * over.small) + outputs * rates.output + filled
    beside += ENTERED * p.groups * over.walk.phases
    return Cost(tiles * window + beside / core.pipeline.issue, workspace_bytes=over.workspace)


def footprint(over: Shape) -> tuple[int, int]:
    """Bytes of code, tables left out, and of stack."""
    rates, code = _rates(over), _rates(over).code
    written = over.problem.kernel_size if over.neighbours else over.written
    total = code.base + code.sum * over.positions * (1 if over.small else FILTERS[over.kernel])
    total += code.instruction * written * (code.shared + code.each * over.positions)
    total += PARTS * (over.walk.counted and over.walk.line)
    return round(total + PHASES * (over.walk.phases > 1) + GROUPS * (over.problem.groups > 1)), rates.stack


def _rates(over: Shape) -> Rates:
    return NEIGHBOURS if over.neighbours else RATES[over.kernel]
