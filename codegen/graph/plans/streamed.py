"""StreamedModel: how a graph is computed on input that comes in blocks, with the same bits in any.

Each value has a clock, which tells its rows so far. A stage makes the rows that its inputs allow. A value that is read
again later, or later than it comes, is kept: its rows lie one behind the other in the state, and when their room ends,
what is still read goes to its front. All else is scratch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import PlanError
from codegen.graph import channels, elementwise, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input
from codegen.graph.plans import clocks, silence, workspace
from codegen.graph.plans.clocks import Clock, Clocks
from codegen.graph.plans.lowering import lowered
from codegen.graph.plans.place import LINE, Buffer, Length, Size
from codegen.graph.plans.silence import Late
from codegen.graph.plans.stages import Stage
from codegen.graph.plans.tabled import Tabled
from codegen.graph.plans.timing import Kept, Timing, zeros_behind
from codegen.planning.ask import Ask
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Kept", "StreamedModel", "planned"]

MOST_POSITION = 1 << 30  # more than a stream counts before it goes back
SAME = (
    channels.Slice,
    channels.Concat,
    channels.Widen,
    channels.Spread,
    elementwise.Arithmetic,
    elementwise.Activate,
    elementwise.Unary,
    steps.Upsample,
    steps.MaxPool,
    steps.AveragePool,
    steps.Pad,
    steps.Replicate,
    steps.Crop,
    steps.Frames,
    steps.Join,
    Input,
)
"""Ops that stream as they are."""


@dataclass(frozen=True)
class StreamedModel(Tabled):
    """`stages` over `buffers`, of which some are `kept` and the others lie in the scratch, `at` a number of it.

    `clocks` are all there are, `ticks` the clock of each buffer's rows, `period` the input's steps after which they
    repeat, with so many rows of each. Of n steps come at most n * `rate[0]` / `rate[1]` outputs, rounded up, and
    `rate[2]` more. `homes` are the buffers of the values of the graph's nodes, `worst` the most multiply-adds of a
    block. `silence` are the steps of it that stand for endless ones, `late` the zeros in front of the outputs.
    `lengths` are the numbers of steps in all, the input's first.
    """

    ask: Ask
    dtype: str
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    lengths: tuple[Length, ...]
    clocks: tuple[Clock, ...]
    ticks: tuple[int, ...]
    kept: tuple[Kept | None, ...]
    at: tuple[Size | None, ...]
    scratch: int
    period: tuple[int, ...]
    rate: tuple[int, int, int]
    most_flushed: int
    latency: int
    homes: tuple[int, ...]
    worst: int
    silence: int
    late: Late

    @property
    def block(self) -> int:
        """The steps of a block that buffers are made for."""
        assert self.ask.stream is not None
        return self.ask.stream.block

    @property
    def rows_kept(self) -> tuple[Kept, ...]:
        """What is kept of values, in its order in the state."""
        return tuple(one for one in self.kept if one is not None and not one.state)

    @property
    def kept_numbers(self) -> int:
        """The numbers of the state."""
        return max((one.at + one.numbers for one in self.kept if one is not None), default=0)

    @property
    def kept_room(self) -> int:
        """The same and what a line of the cache has room for: all that follows begins with one where the state does."""
        return -(-max(1, self.kept_numbers) // LINE) * LINE

    @property
    def scratch_room(self) -> int:
        """The numbers of the scratch in the same way."""
        return -(-max(1, self.scratch) // LINE) * LINE

    @property
    def moved_numbers(self) -> int:
        """The most numbers that a block moves to the front of what is kept: all that earlier steps left."""
        return sum(one.history * one.width for one in self.rows_kept)

    def kept_of(self, node: int) -> int:
        """The numbers that are kept of the value of a node of the graph, a recurrent layer's state among them."""
        home = self.homes[node]
        spares = [stage.spare for stage in self.stages if stage.spare is not None and stage.y.buffer == home]
        found = [self.kept[number] for number in (home, *spares)]
        return sum(one.numbers for one in found if one is not None)

    def most(self, steps: int) -> int:
        """The most outputs of a block of so many steps."""
        each, over, more = self.rate
        return (each * steps + over - 1) // over + more if steps > 0 else 0

    def most_of(self, steps: str) -> str:
        """The same in C, of a whole number."""
        each, over, more = self.rate
        total = f"{each} * {steps}" if each > 1 else steps
        total = f"({total} + {over - 1}) / {over}" if over > 1 else total
        return f"(n) > 0 ? {total}{f' + {more}' if more else ''} : 0"

    def is_possible(self, position: int, first: Sequence[int], delay: int = 0) -> bool:
        """Whether a state may have come so far, its kept values beginning with these rows, with so many late zeros."""
        if not (0 <= position < MOST_POSITION and 0 <= delay <= self.late.zeros):
            return False
        counts = clocks.so_far(self.clocks, position)
        held = [counts[one.clock] - start for one, start in zip(self.rows_kept, first, strict=False)]
        return all(one.history <= rows <= one.rows for one, rows in zip(self.rows_kept, held, strict=True))

    @cached_property
    def zeros(self) -> dict[int, int]:
        """For each buffer the rows of zeros that are read behind its last."""
        return zeros_behind(self.stages)


def planned(graph: Graph, ask: Ask) -> StreamedModel:
    """The stream of a graph, in blocks as `ask.stream` says. Raises PlanError for what cannot stream."""
    assert ask.stream is not None
    if ask.accuracy != "exact":
        raise PlanError("a stream has the same bits in any blocks, which transforms have not: leave accuracy at exact")
    graph = graph.alive()
    _hold_streamable(graph)
    walk = lowered(graph, replace(ask, weights="packed"))
    timing = Timing(Clocks(ask.stream.block), walk.stages, walk.buffers, walk.planes)
    buffers, kept = timing.settled()
    stages = workspace.shared(walk.stages, buffers)
    at, size = workspace.arranged(stages, buffers)
    known = timing.clocks
    outs = {timing.ticks[number] for number, one in enumerate(buffers) if one.kind == "output"}
    if len(outs) > 1:
        raise PlanError("the outputs come at different rates or delays: make a model of each")
    (out,) = outs
    period = lcm(*(rate.denominator for rate in known.rates))
    at_rate = ask.stream.clock == "rate"
    return StreamedModel(
        ask,
        graph.dtype,
        stages,
        tuple(buffers),
        tuple(walk.lengths),
        tuple(known.found),
        tuple(timing.ticks.get(number, 0) for number in range(len(buffers))),
        tuple(kept.get(number) for number in range(len(buffers))),
        at,
        size.numbers,
        (period, *(int(period * rate) for rate in known.rates)),
        known.rate(out),
        known.rest(out),
        known.latency(out),
        tuple(walk.places[node].buffer if node in walk.places else -1 for node in range(len(graph.nodes))),
        sum(stage.products * known.most(timing.ticks[stage.y.buffer]) for stage in stages),
        silence.settled(timing, kept, period),
        silence.late(timing, out, period, kept) if at_rate else Late(0, 0),
    )


def _hold_streamable(graph: Graph) -> None:
    """Raises PlanError for the first op that cannot stream."""
    for name, at in graph.inputs:
        if graph.shapes[at].steps is not None:
            raise PlanError(f"the input `{name}` has a number of steps: a stream takes any, write (None, channels)")
    for at, node in enumerate(graph.nodes):
        op, shapes = node.op, [graph.shapes[source] for source in node.inputs]
        if graph.shapes[at].frames is not None:  # each frame is a whole input by itself
            continue
        told = f"`{node.name or getattr(op, 'word', '')}`"
        if isinstance(op, Call):
            if len(shapes) > 1:
                way = "a stream keeps that by itself, from zeros on, or from what is set as its state"
                raise PlanError(f"`{op.layer.name}` begins with a state that is computed: {way}")
            if op.waits or op.layer.name in _whole(graph):
                raise PlanError(f"`{op.layer.name}` needs all of its input before its first output: it cannot stream")
        elif not isinstance(op, SAME):
            raise PlanError(f"{told} is `{op.word}`, which cannot stream in a model: take it out, or call the whole")
        if any(shape.is_one for shape in (*shapes, graph.shapes[at])):
            raise PlanError(f"{told} has one step for all of the input: it cannot stream")


def _whole(graph: Graph) -> set[str]:
    """The layers that give the last step alone."""
    return {name for name, layer in graph.layers.items() if not getattr(layer, "return_sequences", True)}
