"""Shape: which kernel in assembly serves a problem, its tile, and what lies in its buffer; decided by the shape alone.

Weights and scales decide nothing here, so that a plan can be made without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codegen.planning.assembly.walk import Walk
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

__all__ = ["FILTERS", "INSTRUCTIONS", "LANES", "MOST_UNROLLED", "Shape", "shape"]

FARTHEST = 4095  # bytes from a register that a load or store reaches
LANES = 16  # bytes of a vector of Helium
FILTERS = {"dsp_pairs": 2, "dsp_line": 1, "helium_quads": 4, "helium_line": 1}  # of a tile
ROOM = 1008  # bytes of a line, where the windows of a tile are no longer
APART = 1024  # bytes of windows that share no row, where two of them take no more
FEW = 1 << 10  # bytes of outputs in the workspace, where a free length has fewer than a tile makes
ROLLED = 16  # bytes at a time as rows roll to the front of the buffer
MOST_TAPS = 64  # that are unrolled over neighbours, each with its place in a register
MOST_STEPS = 8  # of a window in a turn of a loop
MOST_UNROLLED = 11  # steps of vectors that are written out without a loop


@dataclass(frozen=True)
class Shape:
    """A `kernel` by its word, over the positions of `walk`.

    A tile has `positions`; the rows of `held` positions lie in the buffer at a time, `item` bytes a number, with
    `slack` bytes behind them that are read or written. A window is `steps` steps of numbers, `each` of which a turn of
    the loop makes. `neighbours`: each position of a line reads the next sample of one channel. `small`: the filters of
    a tile go through the same code as their sums become int8.
    """

    kernel: str
    walk: Walk
    positions: int
    held: int
    item: int
    slack: int
    each: int
    steps: int
    neighbours: bool = False
    small: bool = False

    @property
    def problem(self) -> ConvProblem:
        return self.walk.problem

    @property
    def buffer_bytes(self) -> int:
        """Bytes of the rows."""
        return self.walk.rows(self.held) * self.problem.group_channels * self.item

    @property
    def workspace(self) -> int:
        """Bytes of workspace, whole words."""
        return -(-(self.buffer_bytes + self.slack) // 4) * 4

    @property
    def least(self) -> int:
        """The fewest outputs that a call makes, where their number is told when it runs; else 0."""
        return self.walk.phases * self.positions if self.walk.counted else 0

    @property
    def written(self) -> int:
        """Steps of a window that are written out: those of a turn, or all of a line of vectors that are not many."""
        return self.steps if self.kernel == "helium_line" and self.steps <= MOST_UNROLLED else self.each

    @property
    def filter_tiles(self) -> int:
        """Tiles side by side, of all groups; the last one of a group may overlap its neighbour."""
        return -(-self.problem.group_filters // FILTERS[self.kernel]) * self.problem.groups

    @property
    def blocks(self) -> int:
        """Tiles one after the other, of all phases."""
        walk, long = self.walk, self.walk.cut or self.walk.phases
        return long * -(-walk.most // self.positions) + (walk.phases - long) * -(-walk.least // self.positions)


def _turns(steps: int, most: int, step: int, turn: int) -> tuple[int, int]:
    """(steps of a turn, steps in all with those of weights 0): the fewest instructions, so many a step and a turn."""
    tries = [(each, -(-steps // each) * each) for each in range(1, most + 1)]
    return min(tries, key=lambda one: step * one[1] + turn * (one[1] // one[0]))


def _alone(p: ConvProblem) -> bool:
    """Whether a channel is read by the filters of its group alone, of which each has no other."""
    return p.group_channels == 1 < p.groups


def _held(walk: Walk, count: int, room: int) -> int:
    """Positions of a line, no more than a room holds where that is a tile: the fewest parts of a phase, all alike.

    The last part overlaps the one before it, so that parts that are not alike would be computed twice.
    """
    parts = -(-walk.most // min(walk.least, max(count, room)))
    return max(count, -(-walk.most // parts))


def _walk(p: ConvProblem, positions: int, band: int) -> Walk:
    """The walk of tiles of several filters: of a free length with windows alone, where a phase needs many outputs."""
    walk = Walk(p, positions, band=band)
    return replace(walk, alone=True) if few(walk, positions) > FEW else walk


def few(walk: Walk, positions: int) -> int:
    """Bytes of the fewest outputs that tiles of so many positions make, which fewer are cut from; 0 for none."""
    return walk.phases * min(positions, walk.positions) * walk.problem.filters if walk.counted else 0


def _beyond(walk: Walk, count: int) -> int:
    """Bytes behind the rows that are read as those which stay roll to the front, by 16 where they are fewer."""
    row = 2 * walk.problem.group_channels
    behind = [positions - count for positions in (walk.most, walk.least) if positions > count]
    rolls = {min(left, count) for more in behind for left in (more, more % count or count)}
    if walk.counted:
        rolls = set(range(1, count + 1))
    return max((-(walk.rows(count) - rolled * walk.stride) * row % ROLLED for rolled in rolls), default=0)


def _dsp_pairs(p: ConvProblem, band: int, most: int) -> Shape:
    walk = _walk(p, 4, band)
    count = min(walk.positions, 1 + FARTHEST // max(2 * walk.pitch, p.filters * walk.phases))
    if walk.apart:
        count = min(count, max(2, APART // (2 * walk.run)))
    each, steps = _turns(-(-walk.run // 2), most, step=15, turn=3)
    slack = max(0 if walk.apart else _beyond(walk, count), 4 * steps - 2 * walk.run)
    return Shape("dsp_pairs", walk, count, count, 2, slack, each, steps)


def _dsp_line(p: ConvProblem, band: int, most: int) -> Shape:
    walk = Walk(p, 4, line=True, band=band)
    count = min(walk.positions, 1 + FARTHEST // max(2 * walk.pitch, p.filters * walk.phases))
    neighbours = walk.pitch == 1 and count == 4 and p.kernel_size <= MOST_TAPS * most // MOST_STEPS
    held = _held(walk, count, 1 + (ROOM // 2 - walk.run) // walk.pitch)
    each, steps = _turns(-(-walk.run // 4), min(most, 5), step=19, turn=2)
    slack = 4 if neighbours else 8 * steps - 2 * walk.run
    return Shape("dsp_line", walk, count, held, 2, slack, each, steps, neighbours)


def _helium_quads(p: ConvProblem, band: int, _: int) -> Shape:
    walk = _walk(p, 2, band)
    steps = -(-walk.run // LANES)
    each = steps if steps <= MOST_UNROLLED else min(range(4, 9), key=lambda one: (steps % one, -one))
    slack = max(LANES, LANES * steps - walk.run)
    return Shape("helium_quads", walk, walk.positions, walk.positions, 1, slack, each, steps)


def _helium_line(p: ConvProblem, band: int, _: int) -> Shape:
    walk = Walk(p, 8, line=True, band=band)
    count = walk.positions if walk.positions in (8, *range(5)) else 4
    steps = -(-walk.run // LANES)
    held = _held(walk, count, 1 + (ROOM - LANES * steps) // walk.pitch)
    return Shape("helium_line", walk, count, held, 1, LANES * steps - walk.run, 1, steps)


def _dsp(p: ConvProblem, band: int, most: int) -> Shape:
    return _dsp_line(p, band, most) if p.group_filters == 1 or _alone(p) else _dsp_pairs(p, band, most)


def _helium(p: ConvProblem, band: int, most: int) -> Shape:
    alone = p.group_filters < FILTERS["helium_quads"] or _alone(p)
    return _helium_line(p, band, most) if alone else _helium_quads(p, band, most)


INSTRUCTIONS: dict[str, Callable[[ConvProblem, int, int], Shape]] = {"dsp": _dsp, "helium": _helium}
"""The kernel for a problem, by the word of a dialect's instructions: Arm's DSP extension, Helium."""


def shape(instructions: str, p: ConvProblem, band: int = 0, most: int = MOST_STEPS) -> Shape:
    """How a problem is computed by these instructions, in calls of `band` outputs where told.

    Of the DSP extension a turn of a loop makes at most `most` steps of a window.
    """
    return INSTRUCTIONS[instructions](p, band, most)
