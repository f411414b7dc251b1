"""A compiled CausalConvWithState: its call, as templates/causal/abi.h has it, proved on whole numbers when new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission import causal
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, NULL
from codegen.machine.compilers import Compiler
from codegen.machine.making import Making, known, loaded
from codegen.machine.self_test import refusal
from codegen.planning.causal import CausalPlan
from codegen.problem import reference
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CausalLibrary", "load"]

CALL = ffi.typeof("genconv_causal_call_v1 *")
ENTRY = "genconv_causal_v1"
LEAST, MOST = -8, 9  # whole numbers of the self-test: all its sums are exact
NEAR = 16.0  # units of the sums' size that an activation on them may be off


@dataclass(frozen=True, eq=False)
class CausalLibrary:
    """The function in machine code; `path` is its library. May be called by many threads at once; the GIL is released.

    Arrays are C-contiguous: x and y (batch, channels, steps), past and present (batch, channels, taps - 1), the kernel
    (channels, 1, taps); past None for zeros, present may be past itself.
    """

    plan: CausalPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code

    @classmethod
    def opened(cls, plan: CausalPlan, path: Path, library: Any, threads: int) -> CausalLibrary:
        """The function of an opened library."""
        return cls(plan, path, library)

    def run(self, x: Array, past: Array | None, kernel: Array, bias: Array | None, y: Array, present: Array) -> None:
        """Writes y and present. Shapes and dtypes are the caller's care."""
        self.bind(x, past, kernel, bias, y, present)()

    def bind(
        self, x: Array, past: Array | None, kernel: Array, bias: Array | None, y: Array, present: Array
    ) -> Callable[[], None]:
        """A function of no arguments that does so with what the arrays then hold; they must live as long."""
        block, buffer = ffi.new(CALL), ffi.from_buffer
        block.x, block.kernel = buffer(BYTES, x), buffer(BYTES, kernel)
        block.past = NULL if past is None else buffer(BYTES, past)
        block.bias = NULL if bias is None else buffer(BYTES, bias)
        block.y, block.present = buffer(BYTES, y, True), buffer(BYTES, present, True)
        block.batch, _, block.steps = x.shape
        return partial(self._library.genconv_causal_v1, block)


def load(plan: CausalPlan) -> CausalLibrary:
    """The library of `plan`, from the cache or compiled. Raises ToolchainError where nothing can compile it."""
    text = lru_cache(maxsize=1)(lambda: causal.written(plan))
    found = loaded(Making(plan, text, _prove, CausalLibrary.opened, ENTRY, alone=True), plan.target, 1, known)
    assert found is not None
    return found


def _prove(library: CausalLibrary, compiler: Compiler) -> None:
    """Compares the function with NumPy on whole numbers, and its bits in two calls with those in one."""
    plan, p = library.plan, library.plan.problem
    rng, shape = np.random.default_rng(1), (p.channels, 1, p.kernel_size)

    def whole(*size: int) -> Array:
        return rng.integers(LEAST, MOST, size).astype(p.dtype)

    kernel, bias = whole(*shape), whole(p.channels) if p.bias else None
    taps = np.ascontiguousarray(kernel.transpose(2, 1, 0))
    for steps in (1, 2, plan.least + 1, 3 * plan.lanes + plan.kept + 2):
        x, past = whole(2, p.channels, steps) / 64, whole(2, p.channels, plan.kept) / 64
        y, present = np.empty_like(x), np.full_like(past, np.nan)
        library.run(x, past, kernel, bias, y, present)
        joined = np.concatenate([past, x], axis=2)
        held = joined if p.channels_last is False else joined.swapaxes(1, 2)
        outs = reference.convolve(p, held, taps, bias, dtype=p.format.exact_in)
        outs = (outs if p.channels_last is False else outs.swapaxes(1, 2))[:, :, plan.kept :]
        off = NEAR * p.format.unit * (1 + np.abs(outs))
        if not (np.abs(y - outs) <= off).all() or not np.array_equal(present, joined[:, :, steps:]):
            raise refusal(f"a causal convolution of {steps} steps with state", compiler)
        parts, cut = [np.empty_like(x[:, :, :1]), np.empty_like(x[:, :, 1:])], past.copy()
        for part, made in zip(np.split(x, [1], axis=2), parts, strict=True):
            if part.size:
                library.run(np.ascontiguousarray(part), cut, kernel, bias, made, cut)
        if np.concatenate(parts, axis=2).tobytes() != y.tobytes():
            raise refusal(f"a causal convolution of {steps} steps has other bits in two calls", compiler)
