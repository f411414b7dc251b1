"""A compiled stream: its call, as templates/stream/abi.h has it, on states that lie one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.machine import stream_self_test
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, NULL, POINTERS, on_lines
from codegen.machine.making import Making, compiled, known, loaded
from codegen.planning.streams import StreamPlan
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler

    Array = NDArray[Any]

__all__ = ["Block", "StreamLibrary", "load", "load_whole"]

CALL = ffi.typeof("genconv_stream_call_v1 *")
ENTRY = "genconv_process_v1"


class Block:
    """The arguments of a stream's calls: its states and weights, which it keeps; x and y change."""

    def __init__(self, library: StreamLibrary, states: Array, kernel: Array, operands: Sequence[Array | None]) -> None:
        names = [operand.name for operand in library.plan.problem.epilogue.operands]
        given = dict(zip(names, operands, strict=True))
        bias, behind = given.pop("bias", None), list(given.values())
        self._memory = np.zeros(ffi.sizeof(CALL.item) + len(behind) * ffi.sizeof(POINTERS.item), np.uint8)
        self.call = ffi.from_buffer(CALL, self._memory)
        pointers = ffi.from_buffer(POINTERS, self._memory[ffi.sizeof(CALL.item) :])
        for place, each in enumerate(behind):
            pointers[place] = NULL if each is None else ffi.from_buffer(BYTES, each)
        self.call.states = ffi.from_buffer(BYTES, states, True)
        self.call.kernel = ffi.from_buffer(BYTES, kernel)
        self.call.bias = NULL if bias is None else ffi.from_buffer(BYTES, bias)
        self.call.batch = states.size // library.state_bytes
        self._states, self.weights = states, (kernel, operands)
        self._library = library

    def reset(self) -> None:
        """As before the first step."""
        self._library.reset(self.call)

    def prewarm(self) -> None:
        """As after endless silence."""
        self._library.prewarm(self.call)

    def process(self, x: Array, y: Array) -> int:
        """The output steps of each sample of x, batch first, that are written to y; both C-contiguous."""
        self.hold(x, y)
        return self._library.process(self.call)

    def flush(self, y: Array) -> int:
        """The rest, and a reset."""
        call, axis = self.call, self._library.axis
        call.y, call.room = ffi.from_buffer(BYTES, y, True), y.shape[axis]
        return self._library.flush(call)

    def bound(self, x: Array, y: Array) -> Callable[[], int]:
        """`process` of these arrays, which it keeps, as cheaply as Python can call C."""
        self.hold(x, y)
        call, process = self.call, self._library.process

        def run() -> int:
            return process(call)

        run.__dict__["keeps"] = self, x, y
        return run

    def hold(self, x: Array, y: Array) -> None:
        """Let the calls read x and write y."""
        call, axis = self.call, self._library.axis
        call.x, call.y = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True)
        call.steps, call.room = x.shape[axis], y.shape[axis]


@dataclass(frozen=True, eq=False)
class StreamLibrary:
    """A stream in machine code; `path` is its library. Each state serves one call at a time; the GIL is released."""

    plan: StreamPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    state_bytes: int = field(init=False)
    axis: int = field(init=False)  # of the steps of x and y

    def __post_init__(self) -> None:
        call = ffi.new(CALL)  # of no sample: it tells the bytes
        self._library.genconv_reset_v1(call)
        object.__setattr__(self, "state_bytes", call.state_bytes)
        object.__setattr__(self, "axis", 1 if self.plan.problem.channels_last else 2)

    @classmethod
    def opened(cls, plan: StreamPlan, path: Path, library: Any, threads: int) -> StreamLibrary:
        """The stream of an opened library; one thread does its work."""
        return cls(plan, path, library)

    def begun(self, states: Array, kernel: Array, operands: Sequence[Array | None]) -> Block:
        """The calls on these states, with a kernel as `pack` made it and what the epilogue reads."""
        return Block(self, states, kernel, operands)

    def reset(self, call: Any) -> None:
        self._library.genconv_reset_v1(call)

    def prewarm(self, call: Any) -> None:
        self._library.genconv_prewarm_v1(call)

    def process(self, call: Any) -> int:
        self._library.genconv_process_v1(call)
        return int(call.outs)

    def flush(self, call: Any) -> int:
        call.outs = 0
        self._library.genconv_flush_v1(call)
        return int(call.outs)

    def states(self, batch: int) -> Array:
        """Bytes of so many states, of which nothing was reset."""
        return on_lines(batch * self.state_bytes, np.dtype(np.uint8), self.plan.target)

    def given(self, kernel: Array, *operands: Array | None) -> tuple[Array, tuple[Array | None, ...]]:
        """What calls are handed of the weights: the kernel as packed, and the others; nothing of those in the text."""
        if self.plan.ask.weights == "baked":
            return np.zeros(1, np.int8), (None,) * len(self.plan.problem.epilogue.operands)
        return self.pack(kernel), tuple(one for one in operands if one is not None)

    def pack(self, kernel: Array) -> Array:
        """`kernel`, of the problem's shape, as the calls read it."""
        inner = self.plan.inner
        kernel = inner.kernel_format.encode(np.ascontiguousarray(kernel, self.plan.problem.dtype))
        made = inner.pack(kernel)
        packed = on_lines(made.size, made.dtype, self.plan.target)
        packed[...] = made.ravel()
        return packed


def load(plan: StreamPlan, write: Callable[[StreamPlan], str]) -> StreamLibrary:
    """The stream of `plan`, whose C text `write` makes of nothing but the plan.

    Raises ToolchainError where nothing can compile it: there is none in NumPy.
    """
    text = lru_cache(maxsize=1)(lambda: write(plan))
    making = Making(plan, text, stream_self_test.prove, StreamLibrary.opened, ENTRY, alone=True)
    found = loaded(making, plan.target, 1, known)
    assert found is not None
    return found


def load_whole(plan: StreamPlan, text: str, arrays: Sequence[Array | None]) -> StreamLibrary:
    """The stream of whole numbers whose C is `text`, with `arrays` in it: the kernel, and what its epilogue reads.

    Raises ToolchainError where nothing can compile it.
    """

    def prove(stream: StreamLibrary, compiler: Compiler) -> None:
        stream_self_test.prove_codes(arrays, stream, compiler)

    making = Making(plan, lambda: text, prove, StreamLibrary.opened, ENTRY, alone=True)
    found = loaded(making, plan.target, 1, compiled)
    assert found is not None
    return found
