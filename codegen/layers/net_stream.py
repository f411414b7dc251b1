"""NetStream: a model on input that comes in blocks, with the bits of the whole in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError, UsageError
from codegen.graph.graph import Graph
from codegen.layers import stream_arguments
from codegen.machine import model_stream
from codegen.numbers import arrays
from codegen.planning.ask import Ask, clock_named
from codegen.planning.ask import Stream as Blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["NetStream", "stream"]


class NetStream:
    """A model in blocks: called on one it gives the outputs that come with it, `flush` gives the rest of the whole's.

    Several inputs are given in their order, as many steps of each; several outputs come as a dict by name. The weights
    are those of when it was made. One thread at a time calls it.
    """

    def __init__(self, graph: Graph, weights: dict[str, dict[str, Array]], ask: Ask, batch: int) -> None:
        self._graph, self._weights, self._ask, self._batch = graph, weights, ask, batch
        self._made = model_stream.running(graph, ask)
        self._packed, self._states = self._made.pack(weights), self._made.states(batch)

    def __call__(self, *inputs: Any) -> Any:
        """The outputs that come with the steps of a block, (batch, steps, channels): none, or several.

        Raises ShapeError.
        """
        if len(inputs) != len(self._graph.inputs):
            raise ShapeError(f"`{self._graph.name}`: got {len(inputs)} inputs, expected {len(self._graph.inputs)}")
        given = [self._taken(x, *port) for x, port in zip(inputs, self._graph.inputs, strict=True)]
        if len({x.shape[1] for x in given}) > 1:
            raise ShapeError(f"`{self._graph.name}`: got inputs of different steps, expected as many of each")
        room = self._room(self.most(given[0].shape[1]))
        return self._first(room, self._made.process(self._states, self._packed, given, list(room.values())))

    def bind(self, x: Any, out: Any) -> Callable[[], int]:
        """A function of no arguments: the next block is what `x` then holds, and its outputs go to `out`.

        It gives the output steps of each sample that are written; `out` has room for `most` of a block. Of a model with
        one input and one output; the cheapest way to call. Raises ShapeError.
        """
        if len(self._graph.inputs) > 1 or len(self._graph.outputs) > 1:
            raise ShapeError(f"`{self._graph.name}`: bind takes one input and one output, call the stream instead")
        given = self._taken(x, *self._graph.inputs[0])
        if not np.shares_memory(given, x):
            raise ShapeError(f"`{self._graph.name}`: bind takes a contiguous array of {self._graph.dtype}")
        (made,) = self._room(self.most(given.shape[1])).values()
        arrays.fitting(out, made.shape, made.dtype, given)
        return self._made.bound(self._states, self._packed, [given], [out])

    def flush(self) -> Any:
        """The outputs that the whole still has, and a reset."""
        room = self._room(self._made.plan.most_flushed)
        return self._first(room, self._made.flush(self._states, self._packed, list(room.values())))

    def reset(self) -> None:
        """As before the first step: zeros came before it, in each layer."""
        self._made.reset(self._states)

    def prewarm(self) -> None:
        """As after endless silence."""
        self._made.prewarm(self._states, self._packed)

    def most(self, steps: int) -> int:
        """The most output steps of a block of so many."""
        return self._made.plan.most(steps)

    @property
    def latency(self) -> int:
        """Input steps that an output waits for beyond its own."""
        return self._made.plan.latency

    @property
    def delay(self) -> int:
        """Zeros in front of the outputs: none with the clock `count`."""
        return self._made.plan.late.zeros

    @property
    def state(self) -> bytes:
        """All that is kept, a sample's C struct after the other: setting it goes on from there.

        Raises UsageError for bytes that no stream of this model, block and batch has.
        """
        return self._states.tobytes()

    @state.setter
    def state(self, kept: bytes) -> None:
        found = stream_arguments.taken(kept, self._states.size, self._batch)
        for one in found:
            fields = 1 + self._rings + (self.delay > 0)
            position, *first = np.frombuffer(one.tobytes()[: np.dtype(np.intp).itemsize * fields], np.intp).tolist()
            delay = first.pop(0) if self.delay else 0
            if not self._made.plan.is_possible(position, first, delay):
                raise UsageError("`state`: its counts are none that a stream of this model has")
        self._states[...] = found.ravel()

    @property
    def _rings(self) -> int:
        return max(1, len(self._made.plan.rows_kept))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._graph, self._weights, self._ask, self._batch, self.state)

    def __copy__(self) -> NetStream:
        return _restored(self._graph, self._weights, self._ask, self._batch, self.state)

    def __deepcopy__(self, memo: object) -> NetStream:
        return self.__copy__()

    def __repr__(self) -> str:
        told = f"block={self._made.plan.block}, batch={self._batch}, latency={self.latency}"
        return f"<stream of {self._graph.name}: {told}, {self._made.state_bytes:,} bytes of state>"

    def _taken(self, given: Any, name: str, at: int) -> Array:
        x = arrays.taken(given, np.dtype(self._graph.dtype), "auto", "(batch, steps, channels)", self._graph.name)
        wanted = (self._batch, self._graph.shapes[at].channels)
        if (len(x), x.shape[2]) != wanted:
            expected = f"({wanted[0]}, steps, {wanted[1]})"
            raise ShapeError(f"`{self._graph.name}`: a block of `{name}` has shape {x.shape}, expected {expected}")
        return np.ascontiguousarray(x)

    def _room(self, outs: int) -> dict[str, Array]:
        shapes = {name: (self._batch, outs, self._graph.shapes[at].channels) for name, at in self._graph.outputs}
        return {name: np.empty(shape, self._graph.dtype) for name, shape in shapes.items()}

    def _first(self, room: dict[str, Array], outs: int) -> Any:
        """The first output steps; a dict by name where there are several outputs."""
        found = {name: y[:, :outs] for name, y in room.items()}
        return next(iter(found.values())) if len(found) == 1 else found


def _restored(graph: Graph, weights: dict[str, dict[str, Array]], ask: Ask, batch: int, state: bytes) -> NetStream:
    found = NetStream(graph, weights, ask, batch)
    found.state = state
    return found


def stream(
    graph: Graph, weights: dict[str, dict[str, Array]], ask: Ask, block: int, batch: int, clock: str = "count"
) -> NetStream:
    """The stream of a model. Raises UsageError for a wrong option, PlanError for what cannot stream."""
    stream_arguments.hold_batch(batch)
    blocks = Blocks(block, clock_named(clock))
    return NetStream(graph, weights, Ask(ask.target, "packed", "exact", objective=ask.objective, stream=blocks), batch)
