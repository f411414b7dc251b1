"""A fresh stream against NumPy on whole numbers, and its bits in other blocks: before a compiler's work is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from codegen.errors import ToolchainError
from codegen.machine import self_test
from codegen.planning.streams import StreamPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler
    from codegen.machine.self_test_inputs import Trial

    Array = NDArray[Any]

__all__ = ["Fresh", "prove", "streamed"]

SAMPLES = 2  # side by side
BLOCKS = (1, 3, 7)  # steps, in turn, beside the block that is made for


class Fresh(Protocol):
    """What is asked of a stream here."""

    @property
    def plan(self) -> StreamPlan: ...
    @property
    def axis(self) -> int: ...
    def states(self, batch: int) -> Array: ...
    def pack(self, kernel: Array) -> Array: ...
    def begun(self, states: Array, kernel: Array, operands: Sequence[Array | None]) -> Any: ...


def prove(stream: Fresh, compiler: Compiler) -> None:
    """Compare a fresh stream with NumPy, and all its blocks with one. Raises ToolchainError where they differ."""
    from codegen.machine import self_test_inputs  # late: a stream from the cache needs nothing of it

    plan = stream.plan
    weights = self_test_inputs.Weights.of(plan.inner)
    packed = self_test_inputs.between_margins(stream.pack(weights.kernel))
    for tried in _trials(plan, weights):
        states = self_test_inputs.between_margins(stream.states(len(tried.x)))
        block, found = stream.begun(states, packed, tried.operands), []
        for blocks in _splits(plan, tried.steps):
            block.reset()
            outs = streamed(stream, block, tried.x, blocks)
            found.append(outs if plan.problem.channels_last else outs.swapaxes(1, 2))
        if any(each.tobytes() != found[0].tobytes() for each in found):
            raise self_test.refusal(f"{tried.steps} steps have other bits in other blocks", compiler)
        if found[0].shape[1] != len(tried.at) + plan.delay or found[0][:, : plan.delay].any():
            raise self_test.refusal(f"{tried.steps} steps give {found[0].shape[1]} outputs", compiler)
        self_test.same(found[0][:, plan.delay :], self_test.expected(plan.problem, tried, weights), tried, compiler)
        if not self_test_inputs.margins_are_whole(states):
            raise self_test.refusal(f"it writes beside its states, given {tried.steps} steps", compiler)


def prove_codes(arrays: Sequence[Array | None], stream: Fresh, compiler: Compiler) -> None:
    """Compare a fresh stream of whole numbers, whose weights are `arrays`, with its definition, in all blocks.

    Raises ToolchainError where a code differs.
    """
    from codegen.machine import self_test_inputs
    from codegen.problem import reference

    plan, p, (first, *operands) = stream.plan, stream.plan.problem, arrays
    assert first is not None
    for steps in _lengths(plan):
        x = np.random.default_rng(steps).integers(-128, 128, p.in_shape(SAMPLES, steps)).astype(np.int8)
        y = reference.convolve(p, x, first, *operands, dtype="int64")
        late = np.full_like(y.take([0] * plan.delay, stream.axis), plan.silence[1] or 0)
        expected, states = (
            np.concatenate([late, y], stream.axis),
            self_test_inputs.between_margins(stream.states(SAMPLES)),
        )
        block = stream.begun(states, np.zeros(1, np.int8), [None] * len(operands))
        for blocks in _splits(plan, steps):
            block.reset()
            found = streamed(stream, block, x, blocks)
            if found.shape != expected.shape or (found != expected).any():
                raise self_test.refusal(f"{steps} steps in blocks such as {blocks[0]} have other codes", compiler)
        if not self_test_inputs.margins_are_whole(states):
            raise self_test.refusal(f"it writes beside its states, given {steps} steps", compiler)


def streamed(stream: Fresh, block: Any, x: Array, blocks: Sequence[int]) -> Array:
    """All outputs of x in these blocks, and the flush. Raises ToolchainError for a block that writes beside y."""
    from codegen.machine import self_test_inputs

    plan, found = stream.plan, []
    p = plan.problem

    def room(outs: int) -> Array:
        shape = (len(x), outs, p.out_filters) if p.channels_last else (len(x), p.out_filters, outs)
        return self_test_inputs.array(shape, p.dtype)

    def taken(y: Array, outs: int) -> Array:
        if not self_test_inputs.margins_are_whole(y):
            raise ToolchainError("a stream writes beside its outputs")
        return y[:, :outs] if p.channels_last else y[:, :, :outs]

    for part in np.split(x, np.cumsum(blocks)[:-1], axis=stream.axis):
        y = room(plan.most(part.shape[stream.axis]))
        found.append(taken(y, block.process(np.ascontiguousarray(part), y)))
    y = room(plan.most_flushed)
    found.append(taken(y, block.flush(y)))
    return np.concatenate(found, axis=stream.axis)


def _trials(plan: StreamPlan, weights: Any) -> Iterator[Trial]:
    """A few steps, more than the reach, and more than the ring: whole numbers, a sample of each scale."""
    from codegen.machine import self_test_inputs

    for steps in _lengths(plan):
        yield self_test_inputs.trial(plan.problem, steps, weights)


def _lengths(plan: StreamPlan) -> list[int]:
    p = plan.problem
    return [steps for steps in sorted({2, p.receptive_field + 5, plan.rows + plan.ring + 3}) if p.out_steps(steps)]


def _splits(plan: StreamPlan, steps: int) -> Iterator[list[int]]:
    """All at once; in the blocks that it is made for; in uneven ones, the first of them steps alone."""
    yield [steps]
    size = plan.blocks.block
    yield [size] * (steps // size) + [steps % size]
    if plan.promised:
        twos = steps // size // 2
        yield [*([2 * size] * twos), steps - 2 * size * twos]
        return
    uneven: list[int] = []
    while sum(uneven) < steps:
        uneven.append(min(BLOCKS[len(uneven) % len(BLOCKS)] if len(uneven) % 5 else 1, steps - sum(uneven)))
    yield uneven
