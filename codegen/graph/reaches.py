"""Reaches: which steps of a model's input a row of each value may read, and so its receptive field and its delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd, lcm
from typing import Any

from codegen.graph import channels, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input, Node
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.model_kinds import ModelSpec, Recurrent

__all__ = ["Reach", "reaches"]

MOST_ROWS = 1 << 12  # rows after which a reach repeats


@dataclass(frozen=True)
class Reach:
    """Row i of a value reads the input's steps from `first[i]` to `last[i]`; it repeats after the rows in these tuples.

    Then the input is `steps` further. `endless`: it reads all steps before, too, as a recurrent layer does.
    """

    steps: int = 1
    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)
    endless: bool = False

    @property
    def field(self) -> int | None:
        """Input steps from the first to the last that a row may read; None for any number."""
        if self.endless:
            return None
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    @property
    def delay(self) -> int:
        """Input steps that a row waits for at most beyond the one at which it lies."""
        rows = len(self.last)
        return max(0, *(last - row * self.steps // rows for row, last in enumerate(self.last)))

    def at(self, row: int) -> tuple[int, int]:
        """(first, last) of any row."""
        turns, place = divmod(row, len(self.first))
        return self.first[place] + turns * self.steps, self.last[place] + turns * self.steps

    def window(self, reach: int, stride: int = 1, left: int = 0, up: int = 1) -> Reach | None:
        """That of what reads `reach` samples, `stride` apart, of rows between which lie up - 1 zeros.

        Sample 0 of its row 0 lies `left` samples before the value. None for one that repeats too late.
        """
        turns = stride // gcd(stride, len(self.first) * up)
        rows = len(self.first) * turns * up // stride
        if rows > MOST_ROWS:
            return None
        found = []
        for row in range(rows):
            start = row * stride - left
            first, last = -(-start // up), (start + reach - 1) // up
            found.append((self.at(first)[0], self.at(max(first, last))[1]))
        starts, ends = zip(*found, strict=True)
        return Reach(self.steps * turns, starts, ends, self.endless)

    def repeated(self, size: int) -> Reach | None:
        """That of each row `size` times."""
        if size * len(self.first) > MOST_ROWS:
            return None
        first, last = (tuple(one for one in side for _ in range(size)) for side in (self.first, self.last))
        return Reach(self.steps, first, last, self.endless)

    def merged(self, other: Reach) -> Reach | None:
        """That of a row that reads the same row of both."""
        together = lcm(self.steps, other.steps)
        rows = len(self.first) * (together // self.steps)
        if rows > MOST_ROWS or rows * other.steps != len(other.first) * together:
            return None
        pairs = [(self.at(row), other.at(row)) for row in range(rows)]
        first, last = (tuple(choose(a[side], b[side]) for a, b in pairs) for side, choose in ((0, min), (1, max)))
        return Reach(together, first, last, self.endless or other.endless)


def reaches(graph: Graph) -> tuple[Reach | None, ...]:
    """The reach of each node's value; None for one that may read all of the input."""
    found: list[Reach | None] = []
    for node, shape in zip(graph.nodes, graph.shapes, strict=True):
        given = [(found[at], graph.shapes[at]) for at in node.inputs]
        found.append(_reach(node, shape, given))
    return tuple(found)


def _reach(node: Node, shape: Shape, given: Sequence[tuple[Reach | None, Shape]]) -> Reach | None:
    if isinstance(node.op, Input):
        return Reach()
    known = [reach for reach, of in given if not (of.is_one and len(given) > 1)] or [given[0][0]]
    reach = known[0]
    for other in known[1:]:
        reach = reach.merged(other) if reach and other else None
    within = shape.frames is not None and given[0][1].frames is not None
    if reach is None or within:  # a row of a frame reads no further than the frame
        return reach
    if isinstance(node.op, Call):
        return _called(node.op.layer, reach, given[0][1])
    rule = _RULES.get(type(node.op))
    return rule(node.op, reach, given[0][1]) if rule else reach


def _called(layer: Any, reach: Reach, given: Shape) -> Reach | None:
    if not isinstance(layer, ModelSpec):
        return _convolved(layer, reach, given)
    if layer.over_time or not getattr(layer, "return_sequences", True):
        return None
    return Reach(reach.steps, reach.first, reach.last, True) if isinstance(layer, Recurrent) else reach


def _convolved(layer: Any, reach: Reach, given: Shape) -> Reach | None:
    """Stage after stage; where the zeros before the input depend on its length, those of a long one."""
    steps, found = given.lengths[-1], reach
    for p in layer.problem.at_length(None).stages:
        made = found.window(p.reach, p.stride, p.pads(steps)[0], p.up)
        if made is None:
            return None
        steps, found = p.out_steps(steps), made
    return found


def _pooled(op: steps.Pool, reach: Reach, given: Shape) -> Reach | None:
    return reach.window(op.size, op.hop, op.pads(given.lengths[-1])[0])


def _all(op: object, reach: Reach, given: Shape) -> None:
    return None


def _shifted(op: steps.Padded, reach: Reach, given: Shape) -> Reach | None:
    return reach.window(1, left=op.left)


_RULES: dict[type, Callable[[Any, Reach, Shape], Reach | None]] = {
    steps.MaxPool: _pooled,
    steps.AveragePool: _pooled,
    **dict.fromkeys((steps.GlobalAveragePool, steps.GlobalMaxPool, steps.GlobalSumPool, steps.Last), _all),
    **dict.fromkeys((steps.Reverse, steps.Wrap), _all),
    **dict.fromkeys((channels.Flatten, channels.Reshape), _all),
    **dict.fromkeys((steps.Pad, steps.Reflect, steps.Replicate), _shifted),
    steps.Crop: lambda op, reach, given: reach.window(1, left=-op.left),
    steps.Upsample: lambda op, reach, given: reach.repeated(op.size),
    steps.Frames: lambda op, reach, given: reach.window(op.size, op.hop),
    steps.Join: lambda op, reach, given: reach.repeated(given.known_steps),
}
