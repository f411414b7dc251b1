"""A model's compiled stream: its calls, as templates/stream/abi.h has them, on states that lie one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.models import stream
from codegen.graph.graph import Graph
from codegen.graph.plans.streamed import StreamedModel, planned
from codegen.installed import forgetful
from codegen.machine import model_library
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, NULL, POINTERS, on_lines
from codegen.machine.compilers import Compiler
from codegen.machine.making import Making, known, loaded
from codegen.planning.ask import Ask
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["ModelStream", "load", "running"]

CALL = ffi.typeof("genconv_stream_call_v1 *")
ENTRY = "genconv_process_v1"
NAME = "conv1d"  # of every stream compiled here: models that differ in their name alone share one cache entry
BLOCKS = (1, 3, 2, 17, 5)  # of the self-test


@dataclass(frozen=True, eq=False)
class ModelStream:
    """A model's stream in machine code. Each state serves one call at a time; the GIL is released."""

    plan: StreamedModel
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    state_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        call = ffi.new(CALL)  # of no sample: it tells the bytes
        self._library.genconv_reset_v1(call)
        object.__setattr__(self, "state_bytes", call.state_bytes)

    def states(self, batch: int) -> Array:
        """Bytes of so many states, reset."""
        found = on_lines(batch * self.state_bytes, np.dtype(np.uint8), self.plan.target)
        found[:] = 0
        self.reset(found)
        return found

    def pack(self, weights: Mapping[str, Mapping[str, Array]]) -> Array:
        """The array of all weights, of arrays by layer and parameter in Keras' shapes."""
        made = on_lines(self.plan.weight_numbers, np.dtype(self.plan.dtype), self.plan.target)
        self.plan.packed(weights, made)
        return made

    def reset(self, states: Array) -> None:
        """As before the first step."""
        self._library.genconv_reset_v1(self._call(states, None))

    def prewarm(self, states: Array, weights: Array) -> None:
        """As after endless silence."""
        self._library.genconv_prewarm_v1(self._call(states, weights))

    def process(self, states: Array, weights: Array, inputs: Sequence[Array], outputs: Sequence[Array]) -> int:
        """The output steps of each sample that are written; arrays are C-contiguous, batch first."""
        call, held = self._call(states, weights), (_pointers(inputs, False), _pointers(outputs, True))
        call.x, call.y = (ffi.cast("void *", one) for one in held)
        call.steps, call.room = inputs[0].shape[1], outputs[0].shape[1]
        self._library.genconv_process_v1(call)
        return int(call.outs)

    def bound(
        self, states: Array, weights: Array, inputs: Sequence[Array], outputs: Sequence[Array]
    ) -> Callable[[], int]:
        """`process` on these arrays, whatever they then hold."""
        call, held = self._call(states, weights), (_pointers(inputs, False), _pointers(outputs, True))
        call.x, call.y = (ffi.cast("void *", one) for one in held)
        call.steps, call.room = inputs[0].shape[1], outputs[0].shape[1]
        entry, kept = self._library.genconv_process_v1, (states, weights, inputs, outputs, held)

        def process() -> int:
            entry(call)
            return int(call.outs) if kept else 0

        return process

    def flush(self, states: Array, weights: Array, outputs: Sequence[Array]) -> int:
        """The rest, and a reset."""
        call, held = self._call(states, weights), _pointers(outputs, True)
        call.y, call.room = ffi.cast("void *", held), outputs[0].shape[1]
        self._library.genconv_flush_v1(call)
        return int(call.outs)

    def _call(self, states: Array, weights: Array | None) -> Any:
        call = ffi.new(CALL)
        call.states, call.batch = ffi.from_buffer(BYTES, states, True), states.size // self.state_bytes
        call.kernel = NULL if weights is None or not weights.size else ffi.from_buffer(BYTES, weights)
        return call


def _pointers(arrays: Sequence[Array], write: bool) -> Any:
    return ffi.new(POINTERS, [ffi.from_buffer(BYTES, one, write) for one in arrays])


@forgetful
@lru_cache(maxsize=64)
def running(graph: Graph, ask: Ask) -> ModelStream:
    """graph → plan of a stream → C text → machine code, in blocks as `ask.stream` says; weights are one packed array.

    Raises PlanError for what cannot stream, ToolchainError where nothing can compile it.
    """
    return load(graph, planned(graph, replace(ask, weights="packed")), _written)


def _written(chosen: StreamedModel) -> str:
    return stream.jit_text(stream.source(chosen, NAME))


def load(graph: Graph, plan: StreamedModel, write: Callable[[StreamedModel], str]) -> ModelStream:
    """The stream of a graph's plan, whose C text `write` makes of it. Raises ToolchainError where nothing compiles."""

    def prove(made: ModelStream, compiler: Compiler) -> None:
        _prove(graph, made, compiler)

    text = lru_cache(maxsize=1)(lambda: write(plan))
    found = loaded(Making(plan, text, prove, _opened, ENTRY, alone=True), plan.target, 1, known)
    assert found is not None
    return found


def _opened(plan: StreamedModel, path: Path, library: Any, threads: int) -> ModelStream:
    return ModelStream(plan, path, library)


def _prove(graph: Graph, made: ModelStream, compiler: Compiler) -> None:
    """Compare a fresh one, in blocks of several sizes, with NumPy on the whole. Raises ToolchainError."""
    widths = [graph.shapes[at].channels for _, at in graph.outputs]
    for given, weights, wide, narrow in model_library.trials(graph, made.plan.dtype):
        states, packed = made.states(len(next(iter(given.values())))), made.pack(weights)
        inputs = [given[name] for name, _ in graph.inputs]
        found = blockwise(made, states, packed, inputs, BLOCKS, widths)
        for (name, _), y in zip(graph.outputs, found, strict=True):
            late = y.shape[1] - wide[name].shape[1]  # zeros, at the rate of the input
            model_library.near(name, y[:, late:], wide[name], narrow[name], compiler)


def blockwise(
    made: ModelStream,
    states: Array,
    packed: Array,
    inputs: Sequence[Array],
    blocks: Sequence[int],
    widths: Sequence[int],
) -> list[Array]:
    """The outputs, of `widths` channels, of blocks of these sizes in turn, and of the flush."""
    parts: list[list[Array]] = [[] for _ in widths]
    steps, at, turn = inputs[0].shape[1], 0, 0
    while True:
        size = min(blocks[turn % len(blocks)], steps - at)
        most = made.plan.most(size) if size else made.plan.most_flushed
        room = [np.empty((len(inputs[0]), most, width), made.plan.dtype) for width in widths]
        block = [np.ascontiguousarray(x[:, at : at + size]) for x in inputs]
        outs = made.process(states, packed, block, room) if size else made.flush(states, packed, room)
        for part, one in zip(parts, room, strict=True):
            part.append(one[:, :outs])
        if not size:
            return [np.concatenate(part, axis=1) for part in parts]
        at, turn = at + size, turn + 1
