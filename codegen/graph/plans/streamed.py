"""StreamedModel: how a graph is computed on input that comes in blocks, with the same bits in any.

Each value has a clock, which tells its rows so far. A stage makes the rows that its inputs allow. A value that is read
again later, or later than it comes, is kept: its rows lie one behind the other in the state, and when their room ends,
what is still read goes to its front. All else is scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import PlanError
from codegen.graph import channels, elementwise, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input
from codegen.graph.plans import clocks, workspace
from codegen.graph.plans.clocks import Clock, Clocks
from codegen.graph.plans.lowering import lowered
from codegen.graph.plans.model_plan import Tabled
from codegen.graph.plans.place import Buffer, Size
from codegen.graph.plans.stages import Convolved, Each, Gathered, Pooled, Recurrent, Stage
from codegen.planning.ask import Ask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Kept", "StreamedModel", "planned"]

SLACK = 4  # blocks of rows that come before what is kept goes to the front
SAME = (
    channels.Slice,
    channels.Concat,
    channels.Widen,
    channels.Spread,
    elementwise.Arithmetic,
    elementwise.Activate,
    elementwise.Unary,
    steps.Upsample,
    Input,
)
"""Ops that stream as they are."""


@dataclass(frozen=True)
class Kept:
    """A buffer of the state from number `at` on: `rows` of `width` numbers, of which `history` are kept at least.

    `clock` is the number of its rows' clock; `state`: it holds no rows.
    """

    at: int
    rows: int
    width: int
    history: int
    clock: int
    state: bool = False

    @property
    def numbers(self) -> int:
        return self.rows * self.width


@dataclass(frozen=True)
class StreamedModel(Tabled):
    """`stages` over `buffers`, of which some are `kept` and the others lie in the scratch, `at` a number of it.

    `clocks` are all there are, `ticks` the clock of each buffer's rows, `period` the input's steps after which they
    repeat, with so many rows of each. Of n steps come at most n * `rate[0]` / `rate[1]` outputs, rounded up, and
    `rate[2]` more.
    """

    ask: Ask
    dtype: str
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    clocks: tuple[Clock, ...]
    ticks: tuple[int, ...]
    kept: tuple[Kept | None, ...]
    at: tuple[Size | None, ...]
    scratch: int
    period: tuple[int, ...]
    rate: tuple[int, int, int]
    most_flushed: int
    latency: int

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

    @cached_property
    def zeros(self) -> dict[int, int]:
        """For each buffer the rows of zeros that are read behind its last."""
        found: dict[int, int] = {}
        for stage in self.stages:
            if isinstance(stage, Convolved):
                right = clocks.window(stage.of, 0, "").right
                found[stage.x.buffer] = max(found.get(stage.x.buffer, 0), right)
        return {buffer: rows for buffer, rows in found.items() if rows}


def planned(graph: Graph, ask: Ask) -> StreamedModel:
    """The stream of a graph, in blocks as `ask.stream` says. Raises PlanError for what cannot stream."""
    assert ask.stream is not None
    if ask.accuracy != "exact":
        raise PlanError("a stream has the same bits in any blocks, which transforms have not: leave accuracy at exact")
    graph = graph.alive()
    _hold_streamable(graph)
    walk = lowered(graph, replace(ask, weights="packed"))
    timing = _Timing(Clocks(ask.stream.block), walk.stages, walk.buffers)
    buffers, kept = timing.settled()
    stages = workspace.shared(walk.stages, buffers)
    at, size = workspace.arranged(stages, buffers)
    known = timing.clocks
    outs = {timing.ticks[number] for number, one in enumerate(buffers) if one.kind == "output"}
    if len(outs) > 1:
        raise PlanError("the outputs come at different rates or delays: make a model of each")
    (out,) = outs
    period = lcm(*(rate.denominator for rate in known.rates))
    return StreamedModel(
        ask,
        graph.dtype,
        stages,
        tuple(buffers),
        tuple(known.found),
        tuple(timing.ticks.get(number, 0) for number in range(len(buffers))),
        tuple(kept.get(number) for number in range(len(buffers))),
        at,
        size.numbers,
        (period, *(int(period * rate) for rate in known.rates)),
        known.rate(out),
        known.rest(out),
        known.latency(out),
    )


def _hold_streamable(graph: Graph) -> None:
    """Raises PlanError for the first op that cannot stream."""
    for name, at in graph.inputs:
        if graph.shapes[at].steps is not None:
            raise PlanError(f"the input `{name}` has a number of steps: a stream takes any, write (None, channels)")
    for at, node in enumerate(graph.nodes):
        op, shapes = node.op, [graph.shapes[source] for source in node.inputs]
        told = f"`{node.name or getattr(op, 'word', '')}`"
        if isinstance(op, Call):
            if op.waits or op.layer.name in _whole(graph):
                raise PlanError(f"`{op.layer.name}` needs all of its input before its first output: it cannot stream")
        elif isinstance(op, steps.Pool):
            if op.padding not in ("valid", (0, 0)):
                raise PlanError(f"{told} is a pool with padding, which cannot stream in a model yet: make it valid")
        elif not isinstance(op, SAME):
            raise PlanError(f"{told} is `{op.word}`, which cannot stream in a model: take it out, or call the whole")
        if any(shape.is_one for shape in (*shapes, graph.shapes[at])):
            raise PlanError(f"{told} has one step for all of the input: it cannot stream")


def _whole(graph: Graph) -> set[str]:
    """The layers that give the last step alone."""
    return {name for name, layer in graph.layers.items() if not getattr(layer, "return_sequences", True)}


class _Timing:
    """The clock of each buffer, and what of it must be kept."""

    def __init__(self, known: Clocks, stages: Sequence[Stage], buffers: Sequence[Buffer]) -> None:
        self.clocks, self.stages, self.buffers = known, stages, buffers
        self.ticks = {number: 0 for number, buffer in enumerate(buffers) if buffer.kind == "input"}
        self.starts: dict[int, Array] = {}
        self.windows: dict[int, int] = {}  # the most rows that are read at a time
        for stage in stages:
            self._time(stage)

    def _time(self, stage: Stage) -> None:
        clock = self.clocks.number(self._clock(stage)) if not isinstance(stage, Each) else self._least(stage)
        self.ticks[stage.y.buffer] = clock
        outs = self.clocks.counts[clock]
        for place in stage.reads:
            found = _START.get(type(stage), _own)(stage, outs)
            known = self.starts.get(place.buffer)
            self.starts[place.buffer] = found if known is None else known - (known - found).clip(0)

    def _least(self, stage: Each) -> int:
        places = (*stage.reads, *stage.beside)
        return self.clocks.least([self.ticks[place.buffer] for place in places])

    def _clock(self, stage: Stage) -> Clock:
        (x,) = stage.reads[:1]
        of = self.ticks[x.buffer]
        if isinstance(stage, Convolved):
            return clocks.window(stage.of, of, f"`{stage.told.partition(' = ')[0]}`")
        if isinstance(stage, Pooled):
            return clocks.window(stage.window, of, f"`{stage.told.partition(' = ')[0]}`")
        if isinstance(stage, Gathered):
            return clocks.times(stage.size, of)
        return Clock("least", (of,))

    def settled(self) -> tuple[list[Buffer], dict[int, Kept]]:
        """The buffers with their sizes, those that are kept marked; and these."""
        found, kept, at = list(self.buffers), dict[int, Kept](), 0
        zeros = self._zeros()
        for number, buffer in enumerate(self.buffers):
            if buffer.kind != "own" or number not in self.ticks:
                continue
            clock = self.ticks[number]
            width = buffer.channels
            more = max(self.clocks.most(clock), self.clocks.rest(clock)) + zeros.get(number, 0)
            history = self.clocks.behind(clock, self.starts[number]) if number in self.starts else 0
            if history or zeros.get(number):
                rows = history + more + max(history, SLACK * self.clocks.most(clock))
                kept[number] = Kept(at, rows, width, history, clock)
                at += -(-kept[number].numbers // workspace.LINE) * workspace.LINE
                found[number] = replace(buffer, kind="kept")
            else:
                found[number] = replace(buffer, size=Size(more * width))
        for stage in self.stages:
            if stage.spare is None:
                continue
            if isinstance(stage, Recurrent):
                kept[stage.spare] = Kept(at, 1, self.buffers[stage.spare].size.numbers, 0, 0, state=True)
                at += -(-kept[stage.spare].numbers // workspace.LINE) * workspace.LINE
                found[stage.spare] = replace(found[stage.spare], kind="kept")
            elif isinstance(stage, Convolved):
                found[stage.spare] = replace(found[stage.spare], size=self._workspace(stage))
        return found, kept

    def _zeros(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for stage in self.stages:
            if isinstance(stage, Convolved):
                right = clocks.window(stage.of, 0, "").right
                found[stage.x.buffer] = max(found.get(stage.x.buffer, 0), right)
        return found

    def _workspace(self, stage: Convolved) -> Size:
        clock, p = self.ticks[stage.y.buffer], stage.of
        outs = max(self.clocks.most(clock), self.clocks.rest(clock))
        bytes_ = stage.plan.workspace((outs - 1) * p.stride + p.reach)
        return Size(-(-bytes_ // stage.plan.problem.item_bytes))


def _own(stage: Stage, outs: Array) -> Array:
    return outs


def _of_kernel(stage: Convolved, outs: Array) -> Array:
    known = clocks.window(stage.of, 0, "")
    return outs * known.stride - known.left


def _of_pool(stage: Pooled, outs: Array) -> Array:
    return outs * stage.window.stride


def _of_rows(stage: Gathered, outs: Array) -> Array:
    return outs // stage.size


_START: Mapping[type[Stage], Callable[[Any, Array], Array]] = {
    Convolved: _of_kernel,
    Pooled: _of_pool,
    Gathered: _of_rows,
}
