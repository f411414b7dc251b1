"""Stream: a layer on input that comes in blocks, with the bits of the whole in any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.errors import ShapeError
from codegen.errors.counting import counted
from codegen.layers import stream_arguments
from codegen.numbers import arrays
from codegen.planning import stream_states
from codegen.planning.ask import Ask, accuracy_named, clock_named
from codegen.planning.ask import Stream as Blocks
from codegen.records import dataclass
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Stream", "stream"]


@dataclass(frozen=True)
class Source:
    """What a stream is made of: a definition and its weights, what is asked, the samples that stream side by side."""

    spec: Spec
    weights: dict[str, Array]
    ask: Ask
    batch: int


class Stream:
    """A layer in blocks: a call takes a block and returns the outputs that it completes; `flush` returns the rest.

    It keeps the weights that the layer had when it was made. Only one thread may call it at a time.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._library = library = pipeline.stream_for(source.spec, source.ask, source.weights)
        kernel, *operands = source.spec.problem_arrays(source.weights)
        assert kernel is not None
        self._states = library.states(source.batch)
        self._block = library.begun(self._states, *library.given(kernel, *operands))
        self._axis = library.axis  # of the steps
        self._dtype = np.dtype(source.spec.dtype)
        self.reset()

    def __call__(self, x: Any) -> Array:
        """The outputs that the steps of x complete, batch first and in x's order of axes: none, or several.

        x (batch, steps, channels), or (batch, channels, steps) for channels_first, of any number of steps. Raises
        ShapeError.
        """
        x = self._taken(x, "auto")
        y = self._room(self.most(x.shape[self._axis]))
        return self._first(y, self._block.process(x, y))

    def flush(self) -> Array:
        """Return the outputs that are left, then reset."""
        y = self._room(self._library.plan.most_flushed)
        return self._first(y, self._block.flush(y))

    def reset(self) -> None:
        """Go back to before the first step: only zeros came before it, as in Keras."""
        self._block.reset()

    def prewarm(self) -> None:
        """Go to the state after endless silence."""
        self._block.prewarm()

    def bind(self, x: Array, y: Array) -> Callable[[], int]:
        """A function of no arguments that reads the present `x` and writes `y`: the cheapest way to call.

        It returns the number of output steps that it wrote. `y` must have `most(steps of x)` steps. Raises ShapeError.
        """
        x = self._taken(x, "never")
        shape = self._shape(self._library.plan.most(x.shape[self._axis]))
        y = arrays.fitting(y, shape, self._dtype, x)
        block = self._library.begun(self._states, *self._block.weights)
        return block.bound(x, y)

    def most(self, steps: int) -> int:
        """The most output steps that a block of `steps` steps may complete."""
        return self._library.plan.most(steps)

    @property
    def latency(self) -> int:
        """Input steps that an output waits for beyond its own."""
        return self._library.plan.state.latency

    @property
    def delay(self) -> int:
        """The number of zeros before the outputs: 0 with the clock `count`."""
        return self._library.plan.delay

    @property
    def state(self) -> bytes:
        """All that the stream keeps: the C struct of each sample in turn. Set it to continue from there.

        Raises UsageError for bytes that a stream of this layer, block and batch cannot have.
        """
        return self._states.tobytes()

    @state.setter
    def state(self, kept: bytes) -> None:
        plan = self._library.plan
        found = stream_arguments.taken(kept, self._states.size, self._source.batch)
        for one in found:
            stream_states.check(plan, one)
        self._states[...] = found.ravel()

    def __reduce__(self) -> tuple[Callable[..., Stream], tuple[Source, bytes]]:
        return _restored, (self._source, self.state)

    def __copy__(self) -> Stream:
        return _restored(self._source, self.state)

    def __deepcopy__(self, memo: object) -> Stream:
        return _restored(self._source, self.state)

    def __repr__(self) -> str:
        blocks, kept = self._source.ask.stream, self._library.state_bytes
        assert blocks is not None
        told = f"block={blocks.block}, batch={self._source.batch}, latency={self.latency}"
        return f"<stream of {self._source.spec.name}: {told}, {kept:,} bytes of state>"

    def _taken(self, given: Any, copy: str) -> Array:
        spec = self._source.spec
        axes = "(batch, steps, channels)" if spec.channels_last else "(batch, channels, steps)"
        x = arrays.taken(given, self._dtype, copy, axes, spec.name)
        wanted = (self._source.batch, spec.channels)
        if (len(x), x.shape[3 - self._axis]) != wanted:
            told = f"{axes} of {counted(wanted[0], 'sample')} and {counted(spec.problem.channels, 'channel')}"
            raise ShapeError(f"`{spec.name}`: a block has shape {x.shape}, expected {told}")
        return x

    def _shape(self, outs: int) -> tuple[int, int, int]:
        filters, batch = self._library.plan.problem.out_filters, self._source.batch
        return (batch, outs, filters) if self._axis == 1 else (batch, filters, outs)

    def _room(self, outs: int) -> Array:
        return np.empty(self._shape(outs), self._dtype)

    def _first(self, y: Array, outs: int) -> Array:
        """The first output steps of y."""
        return y[:, :outs] if self._axis == 1 else y[:, :, :outs]


def _restored(source: Source, state: bytes) -> Stream:
    found = Stream(source)
    found.state = state
    return found


def stream(
    spec: Spec, weights: dict[str, Array], ask: Ask, block: int, batch: int, clock: str, accuracy: str = "exact"
) -> Stream:
    """The stream of a layer. Raises UsageError for a wrong number or word, PlanError for what cannot stream."""
    stream_arguments.hold_batch(batch)
    blocks, held = Blocks(block, clock_named(clock)), accuracy_named(accuracy)
    asked = Ask(ask.target, "packed", held, ask.numbers, ask.objective, stream=blocks)
    return Stream(Source(spec, weights, asked, batch))
