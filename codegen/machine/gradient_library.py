"""A compiled library of the way back: its call, as templates/gradients/abi.h has it, and its workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from codegen.errors import ShapeError
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, CACHE_LINE, NULL, POINTERS
from codegen.machine.compilers import Compiler
from codegen.machine.making import Making, known, loaded
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["GradientLibrary", "GradientPlan", "load"]


class GradientPlan(Protocol):
    """What is asked of a plan whose library computes a gradient."""

    @property
    def problem(self) -> ConvProblem: ...

    @property
    def target(self) -> Target: ...

    @property
    def workspace_bytes(self) -> int: ...

    @property
    def entry(self) -> str:
        """The name of its function; with `_call` before its version it is that of the block."""

    def sizes(self, batch: int) -> Mapping[str, int]:
        """The numbers of each array of a call by its name, 0 of one that is not there."""

    def fields(self) -> Mapping[str, Sequence[str]]:
        """Of each field that points to pointers the names of what these point to."""


@dataclass(frozen=True, eq=False)
class GradientLibrary:
    """A gradient in machine code; `path` is its library. May be called by many threads at once; the GIL is released."""

    plan: GradientPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    _idle: list[Any] = field(default_factory=list, init=False, repr=False)  # one workspace a running call
    _sizes: dict[int, dict[str, int]] = field(default_factory=dict, init=False, repr=False)  # of the last batch

    def run(self, batch: int, **arrays: Array | None) -> None:
        """Compute from arrays of so many samples, C-contiguous, by their names. Raises ShapeError for another size."""
        self._fit(batch, arrays)
        entry = self.plan.entry
        block, kept = ffi.new(f"{entry.removesuffix('_v1')}_call_v1 *"), list[Any]()
        pointers = {name: NULL if one is None else ffi.from_buffer(BYTES, one) for name, one in arrays.items()}
        for name, words in self._fields.items():
            kept.append(ffi.new(POINTERS, [pointers.pop(word, NULL) for word in words]))
            setattr(block, name, kept[-1])
        for name, pointer in pointers.items():
            setattr(block, name, pointer)
        block.batch = batch
        workspace = self._workspace()
        if workspace is not None:
            block.workspace = workspace
        getattr(self._library, entry)(block)
        if workspace is not None:
            self._idle.append(workspace)

    def _fit(self, batch: int, arrays: Mapping[str, Array | None]) -> None:
        """Raises ShapeError for an array of another size than the library reads or writes."""
        sizes = self._sizes.get(batch)
        if sizes is None:
            self._sizes.clear()  # batches are alike, mostly
            sizes = self._sizes[batch] = dict(self.plan.sizes(batch))
        for name, size in sizes.items():
            array = arrays.get(name)
            if (0 if array is None else array.size) != size or (array is not None and array.dtype != self._dtype):
                got = "nothing" if array is None else f"{array.dtype} {array.shape}"
                raise ShapeError(f"`{name}`: got {got}, expected {size:,} numbers of {self._dtype}")

    @cached_property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(self.plan.problem.dtype)

    @cached_property
    def _fields(self) -> Mapping[str, Sequence[str]]:
        return self.plan.fields()

    def _workspace(self) -> Any:
        size = self.plan.workspace_bytes
        if not size:
            return None
        try:
            return self._idle.pop()
        except IndexError:
            memory = np.empty(size + CACHE_LINE, np.uint8)
            start = -memory.ctypes.data % CACHE_LINE
            return ffi.from_buffer(BYTES, memory[start : start + size])


Made = TypeVar("Made", bound=GradientPlan)


def load(
    plan: Made, write: Callable[[Made], str], prove: Callable[[GradientLibrary, Compiler], None]
) -> GradientLibrary | None:
    """The library of `plan`, whose C text `write` makes of nothing but the plan; None where nothing can compile it.

    `prove` raises ToolchainError where a fresh one is wrong.
    """
    text = lru_cache(maxsize=1)(lambda: write(plan))
    return loaded(Making(plan, text, prove, _opened, plan.entry), plan.target, 1, known)


def _opened(plan: GradientPlan, path: Path, library: Any, threads: int) -> GradientLibrary:
    return GradientLibrary(plan, path, library)
