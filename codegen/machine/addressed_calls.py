"""Calls of compiled libraries for arrays of fixed sizes, given by their addresses: what a training step does each time.

A call has a block and a workspace of its own, so that one thread at a time may run it. Nothing is checked: addresses
are those of contiguous arrays of the plan's dtype, and of the sizes that the call was made for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, NULL, POINTERS, blocks, on_lines
from codegen.machine.gradient_library import GradientLibrary
from codegen.machine.loader import CompiledKernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["GradientCall", "KernelCall"]

ADDRESS = ffi.typeof("void *")


class KernelCall:
    """A kernel on `batch` inputs of `steps` steps. `kernel`, of the problem's shape, is read by `pack`."""

    def __init__(self, compiled: CompiledKernel, batch: int, steps: int) -> None:
        plan = compiled.plan
        self._library, self._owner = compiled._library, blocks(plan, 1, steps)[0]
        self._block = self._owner[0]
        self._block.batch, self._block.steps = batch, steps
        self.kernel = np.zeros(plan.problem.kernel_shape, plan.problem.dtype)
        self._packed = self.kernel
        if plan.weights == "packed":
            self._packed = on_lines(plan.packed_numbers, self.kernel.dtype, plan.target)
        taken, made = ffi.from_buffer(BYTES, self.kernel), ffi.from_buffer(BYTES, self._packed, True)
        self._block.kernel = made
        self._pack = partial(self._library.genconv_pack_v1, taken, made) if compiled.packs else partial(self._lay, plan)

    def _lay(self, plan: Any) -> None:
        """`pack` by NumPy."""
        if self._packed is not self.kernel:
            self._packed[...] = plan.pack(self.kernel).ravel()

    def pack(self) -> None:
        """Lay `kernel` out as `run` reads it."""
        self._pack()

    def run(self, x: int, y: int, bias: int = 0) -> None:
        """Compute y; `bias` 0 where there is none."""
        block = self._block
        block.x, block.y = ffi.cast(ADDRESS, x), ffi.cast(ADDRESS, y)
        block.bias = ffi.cast(ADDRESS, bias) if bias else NULL
        self._library.genconv_run_v1(block)


class GradientCall:
    """A gradient for `batch` samples. `run` takes an address for each of `names`: fields, or what one points to."""

    def __init__(self, compiled: GradientLibrary, batch: int, names: tuple[str, ...]) -> None:
        entry = compiled.plan.entry
        self._block = ffi.new(f"{entry.removesuffix('_v1')}_call_v1 *")
        self._block.batch = batch
        self._workspace = compiled._workspace()
        if self._workspace is not None:
            self._block.workspace = self._workspace
        self._run = partial(getattr(compiled._library, entry), self._block)
        self._kept = compiled
        self._lists: dict[str, Any] = {}
        behind: dict[str, tuple[Any, Any]] = {}
        for field, words in compiled.plan.fields().items():
            self._lists[field] = ffi.new(POINTERS, [NULL] * len(words))
            setattr(self._block, field, self._lists[field])
            behind |= {word: (self._lists[field], place) for place, word in enumerate(words)}
        self._places = [behind.get(name, (None, name)) for name in names]

    def run(self, *addresses: int) -> None:
        """Compute from arrays and into arrays at these addresses, in the order of the names."""
        for (pointers, place), address in zip(self._places, addresses, strict=True):
            if pointers is None:
                setattr(self._block, place, ffi.cast(ADDRESS, address))
            else:
                pointers[place] = ffi.cast(ADDRESS, address)
        self._run()
