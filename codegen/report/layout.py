"""Where the boxes of a graph lie, and the ways between them: rank by rank from top to bottom, boxes never overlap.

A value that is read further down gets a lane beside the boxes, one for all of its readers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from codegen.records import dataclass

__all__ = ["Layout", "Way", "placed", "ranked"]

GAP, LANE, BETWEEN = 18.0, 10.0, 26.0  # between boxes of a rank, a lane's width, between ranks
SWEEPS = 12

Item: TypeAlias = "tuple[int, int]"  # (box, rank); a lane is its source's box at a rank further down
Way: TypeAlias = "tuple[tuple[float, float], ...]"


@dataclass(frozen=True)
class Layout:
    """`boxes` are (left, top) of each, `ways` the points from one to another that reads it; the size is that of all."""

    boxes: tuple[tuple[float, float], ...]
    ways: tuple[Way, ...]
    width: float
    height: float


@dataclass
class Drawing:
    """What grows: the items of each rank in their order, x of their middles, what is above and below each."""

    sizes: Sequence[tuple[float, float]]
    ranks: list[int]
    rows: list[list[Item]]
    above: dict[Item, list[Item]] = field(default_factory=dict)
    below: dict[Item, list[Item]] = field(default_factory=dict)
    x: dict[Item, float] = field(default_factory=dict)

    def is_lane(self, item: Item) -> bool:
        return self.ranks[item[0]] != item[1]

    def width(self, item: Item) -> float:
        return LANE if self.is_lane(item) else self.sizes[item[0]][0]

    def weight(self, item: Item) -> float:
        """How much it resists being moved: lanes stay straight."""
        return 4.0 if self.is_lane(item) else 1.0

    def join(self, upper: Item, lower: Item) -> None:
        self.below.setdefault(upper, []).append(lower)
        self.above.setdefault(lower, []).append(upper)


def placed(sizes: Sequence[tuple[float, float]], inputs: Sequence[Sequence[int]]) -> Layout:
    """The layout of boxes of (width, height), each below those that it reads, whose numbers are smaller."""
    drawing = _ranked(sizes, inputs)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        beside = drawing.above if down else drawing.below
        for row in drawing.rows if down else reversed(drawing.rows):
            _arrange(drawing, row, beside, sort=sweep < SWEEPS - 4)
    return _finished(drawing, inputs)


def ranked(inputs: Sequence[Sequence[int]]) -> list[int]:
    """The rank of each box: right below those that it reads; what reads one alone is right above its first reader."""
    ranks: list[int] = []
    for given in inputs:
        ranks.append(1 + max((ranks[one] for one in given), default=-1))
    first: dict[int, int] = {}
    for box in reversed(range(len(ranks))):
        if len(set(inputs[box])) == 1:
            ranks[box] = first.get(box, ranks[box] + 1) - 1
        for one in inputs[box]:
            first[one] = min(first.get(one, ranks[box]), ranks[box])
    return ranks


def _ranked(sizes: Sequence[tuple[float, float]], inputs: Sequence[Sequence[int]]) -> Drawing:
    ranks = ranked(inputs)
    drawing = Drawing(sizes, ranks, [[] for _ in range(max(ranks, default=0) + 1)])
    last = list(ranks)
    for box, given in enumerate(inputs):
        for one in given:
            last[one] = max(last[one], ranks[box] - 1)
    for box, rank in enumerate(ranks):
        for at in range(rank, last[box] + 1):
            drawing.rows[at].append((box, at))
            if at > rank:
                drawing.join((box, at - 1), (box, at))
    for box, given in enumerate(inputs):
        for one in dict.fromkeys(given):
            drawing.join((one, ranks[box] - 1), (box, ranks[box]))
    for row in drawing.rows:
        _spread(drawing, row, [0.0] * len(row))
    return drawing


def _arrange(drawing: Drawing, row: list[Item], beside: Mapping[Item, list[Item]], *, sort: bool) -> None:
    """Each item where its neighbours draw it, as far as there is room; `sort`: in the order that these give."""
    wanted = {}
    for item in row:
        near = beside.get(item) or [item]
        own = [drawing.x[one] for one in near if one[0] == item[0] or drawing.is_lane(item)]
        xs = own or [drawing.x[one] for one in near]
        wanted[item] = sum(xs) / len(xs)
    if sort:
        row.sort(key=lambda item: wanted[item])
    _spread(drawing, row, [wanted[item] for item in row])


def _spread(drawing: Drawing, row: Sequence[Item], wanted: Sequence[float]) -> None:
    """The places nearest to those wanted, by squares, at which nothing overlaps: neighbours that push are one block."""
    blocks: list[list[float]] = []  # the mean of what its items want, their weight, how many they are
    offsets, at = [0.0], 0.0
    for left, right in itertools.pairwise(row):
        at += (drawing.width(left) + drawing.width(right)) / 2 + GAP
        offsets.append(at)
    for item, want, offset in zip(row, wanted, offsets, strict=False):
        blocks.append([want - offset, drawing.weight(item), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, heavy, few), (other, light, more) = blocks[-2:]
            blocks[-2:] = [[(one * heavy + other * light) / (heavy + light), heavy + light, few + more]]
    means = [mean for mean, _, count in blocks for _ in range(int(count))]
    for item, mean, offset in zip(row, means, offsets, strict=False):
        drawing.x[item] = mean + offset


def _finished(drawing: Drawing, inputs: Sequence[Sequence[int]]) -> Layout:
    left = min(drawing.x[item] - drawing.width(item) / 2 for row in drawing.rows for item in row)
    right = max(drawing.x[item] + drawing.width(item) / 2 for row in drawing.rows for item in row)
    tops, heights, y = [], [], 0.0
    for row in drawing.rows:
        tops.append(y)
        heights.append(max(drawing.sizes[item[0]][1] for item in row if not drawing.is_lane(item)))
        y += heights[-1] + BETWEEN
    boxes = []
    for box, rank in enumerate(drawing.ranks):
        boxes.append((drawing.x[box, rank] - left - drawing.sizes[box][0] / 2, tops[rank]))

    def way(source: int, reader: int) -> Way:
        rank, to = drawing.ranks[source], drawing.ranks[reader]
        x = drawing.x[source, rank] - left
        points = [(x, tops[rank] + drawing.sizes[source][1]), (x, tops[rank] + heights[rank])]
        for at in range(rank + 1, to):
            x = drawing.x[source, at] - left
            points += [(x, tops[at]), (x, tops[at] + heights[at])]
        return (*points, (drawing.x[reader, to] - left, tops[to]))

    ways = tuple(way(one, box) for box, given in enumerate(inputs) for one in dict.fromkeys(given))
    return Layout(tuple(boxes), ways, right - left, y - BETWEEN)
