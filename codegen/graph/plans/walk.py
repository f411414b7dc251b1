"""Walk: what comes of a graph on the way to its stages: where each value lies, how its lengths are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from codegen.errors import PlanError
from codegen.graph import steps
from codegen.graph.elementwise import Arithmetic
from codegen.graph.graph import Graph
from codegen.graph.op import Op
from codegen.graph.plans import program
from codegen.graph.plans.groups import LEAST_LAYERS, groups, narrow
from codegen.graph.plans.joined import joined
from codegen.graph.plans.place import Buffer, Count, Length, Place, Size
from codegen.graph.plans.stages import Stage
from codegen.graph.shape import Shape
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan, AnyRequest

__all__ = ["Choose", "Walk"]

Choose: TypeAlias = "Callable[[AnyRequest], str | None]"
"""The key of the plan to take where one is known to be faster than the planner's first."""


class Walk:
    """One walk over a graph; `stages`, `buffers`, `lengths` are what comes of it. `choose` knows plans of kernels."""

    def __init__(self, graph: Graph, ask: Ask, choose: Choose | None = None) -> None:
        self.graph, self.ask, self.streams, self.choose = graph, ask, ask.stream is not None, choose
        self.stages: list[Stage] = []
        self.buffers: list[Buffer] = []
        self.lengths: list[Length] = []
        self.places: dict[int, Place] = {}
        thin = self.streams and narrow(graph, ask.target)
        self.planes = ask.target.lanes(graph.dtype)[0] if thin else 0
        self.groups = groups(graph, ask.target, 1 if thin else LEAST_LAYERS) if self.streams else ()
        tiled = {at for group in self.groups for at in group}
        self.joined = joined(graph, adds=ask.accuracy == "exact", apart=tiled)
        if self.streams:  # the parts of a concatenation may come at different times
            self.joined.within.clear()
        self._counts: dict[tuple[int, ...], Count] = {}
        self._outputs: dict[int, int] = {}
        self._names = [name for name, _, _ in graph.told()]

    def begin(self) -> None:
        """Makes the buffers of inputs and outputs."""
        for name, at in self.graph.inputs:
            shape = self.graph.shapes[at]
            if shape.steps is None:
                self._counts.setdefault(shape.lengths, Count(None, 0))
                self.lengths = self.lengths or [Length()]
            self.places[at] = self.dense(shape, self.buffer("input", shape, name))
            if self.streams:  # where earlier steps are, too
                kept = self.dense(shape, self.buffer("own", shape))
                self.stages.append(program.copied(self.places[at], kept, f"the steps of {name}"))
                self.places[at] = kept
        for name, at in self.graph.outputs:
            if self.graph.shapes[at].frames is not None:
                raise PlanError(f"the output `{name}` has frames, which have no C: end them with join(x)")
            self.settle(at)
            self._outputs.setdefault(at, self.buffer("output", self.graph.shapes[at], name))

    def deliver(self) -> None:
        """Copies what is not where an output is to lie."""
        buffers = [at for at, buffer in enumerate(self.buffers) if buffer.kind == "output"]
        for (name, at), number in zip(self.graph.outputs, buffers, strict=True):
            if self.places[at].buffer != number:
                y = self.dense(self.graph.shapes[at], number)
                self.stages.append(program.copied(self.places[at], y, f"{name} = {self._names[at]}"))

    # Lengths and places.

    def settle(self, at: int) -> None:
        """Knows how the lengths of a node's value are found, and those of what it is made of."""
        pending = [at]
        while pending:
            now = pending[-1]
            node, shape = self.graph.nodes[now], self.graph.shapes[now]
            missing = [one for one in node.inputs if not self._known(self.graph.shapes[one])]
            if self._known(shape) or not missing:
                pending.pop()
                if not self._known(shape):
                    self._add_lengths(node.op, shape, self.graph.shapes[node.inputs[0]])
            else:
                pending += missing

    def _known(self, shape: Shape) -> bool:
        wanted = [shape.lengths] if shape.frames is None else [shape.lengths, shape.frames]
        return all(len(set(one)) == 1 or one in self._counts for one in wanted)

    def _add_lengths(self, op: Op, shape: Shape, given: Shape) -> None:
        of = self.count(given.lengths if given.frames is None else given.frames)
        if isinstance(op, steps.Join):
            op = steps.Upsample(given.known_steps)
        self.lengths.append(Length(of.number, op))
        wanted = shape.lengths if shape.frames is None else shape.frames
        self._counts[wanted] = Count(None, len(self.lengths) - 1)

    def count(self, lengths: tuple[int, ...]) -> Count:
        """The steps that are so many for each of the input's lengths."""
        return Count(lengths[0]) if len(set(lengths)) == 1 else self._counts[lengths]

    def size(self, shape: Shape) -> Size:
        """The numbers of a value."""
        if shape.frames is None:
            return Size.bound(shape.lengths, shape.rate, shape.channels)
        return Size.bound(shape.frames, shape.rate, shape.channels * shape.known_steps)

    def buffer(self, kind: Any, shape: Shape, name: str = "") -> int:
        """A new buffer for a value."""
        rows = self.count(shape.lengths) if name else None
        framed = shape.frames is not None
        width = shape.channels * shape.known_steps if framed else shape.channels
        self.buffers.append(Buffer(kind, self.size(shape), name, rows, width, framed))
        return len(self.buffers) - 1

    def room(self, size: Size) -> int | None:
        """A new buffer that one stage alone uses; None for none."""
        if size == Size(0):
            return None
        self.buffers.append(Buffer("own", size))
        return len(self.buffers) - 1

    def dense(self, shape: Shape, buffer: int) -> Place:
        """The place of a value that fills a buffer."""
        rows = self.count(shape.lengths)
        if shape.frames is None:
            return Place(buffer, 0, shape.channels, shape.channels, rows)
        frame = shape.known_steps * shape.channels
        return Place(buffer, 0, shape.channels, shape.channels, rows, self.count(shape.frames), frame)

    def target(self, at: int) -> Place:
        """Where a node's value is to be written: an output, a part of a concatenation, or a buffer of its own."""
        shape = self.graph.shapes[at]
        if at in self._outputs and not (self.streams and self.graph.readers[at]):
            return self.dense(shape, self._outputs[at])
        if at in self.joined.within:
            return self._part(self.joined.within[at], at)
        return self.dense(shape, self.buffer("own", shape))

    def _part(self, concat: int, at: int) -> Place:
        if concat not in self.places:
            self.settle(concat)
            self.places[concat] = self.target(concat)
        first = 0
        for source in self.graph.nodes[concat].inputs:
            if source == at:
                break
            first += self.graph.shapes[source].channels
        return self.places[concat].part(first, self.graph.shapes[at].channels)

    def of(self, at: int) -> Place:
        """The place of an input of the node that is lowered."""
        return self.places[self.graph.nodes[at].inputs[0]]

    def in_rows(self, at: int) -> Place:
        """The input of a node with rows that lie one behind the other: a copy where they do not."""
        return self.lined_up(self.graph.nodes[at].inputs[0])

    def lined_up(self, source: int) -> Place:
        """A node's value in the same way."""
        place = self.places[source]
        if place.dense:
            return place
        shape = self.graph.shapes[source]
        y = self.dense(shape, self.buffer("own", shape))
        self.stages.append(program.copied(place, y, "its channels side by side"))
        return y

    def spare(self, at: int, plan: AnyPlan) -> int | None:
        """Room for the workspace of a plan that reads the input of a node."""
        shape, item = self.graph.shapes[self.graph.nodes[at].inputs[0]], plan.problem.item_bytes
        each = -(-plan.workspace_step_bytes // item)
        steps = Size.bound(shape.lengths, shape.rate, each) if shape.frames is None else Size(0)
        return self.room(steps + Size(-(-plan.workspace_bytes // item)))

    def told(self, at: int) -> str:
        """A node as its text has it, with what is computed in its loop written out."""
        return f"{self._names[at]} = {self._written_out(at)}"

    def _written_out(self, at: int) -> str:
        node, names = self.graph.nodes[at], list[str]()
        for one in node.inputs:
            text = self._written_out(one) if one in self.joined.inside else self._names[one]
            names.append(f"({text})" if " " in text and isinstance(node.op, Arithmetic) else text)
        return node.op.told(names)

    def each(self, at: int) -> Place:
        """The loop of a node that takes each number by itself."""
        y = self.target(at)
        self.stages.append(program.each(self.graph, at, self.places.__getitem__, self.joined.inside, y, self.told(at)))
        return y
