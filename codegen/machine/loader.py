"""C text → a callable kernel: compiled or taken from the cache, opened by cffi, proved on whole numbers when new."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from codegen.emission.render import GeneratedSource, jit_text
from codegen.errors import ShapeError
from codegen.machine import linking, self_test, thread_pool
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, Block, Held, Holder, blocks, grown, holder, on_lines, point
from codegen.machine.making import Making, compiled, known, loaded
from codegen.machine.numpy_kernel import ReferenceKernel, check, steps_of
from codegen.planning.plan import KernelPlan
from codegen.planning.serving import Serving
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CompiledKernel", "Kernel", "ReferenceKernel", "load", "load_plan"]


@dataclass(frozen=True, eq=False)
class CompiledKernel:
    """A kernel in machine code; `path` is its library. May be called by many threads at once; the GIL is released."""

    plan: KernelPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    threads: int = 1  # that share a call; 1 unless the plan is sliced
    before: int = 0  # bytes of a bound workspace that come before the kernel's own
    _call: Callable[[Array, Array, Held], None] = field(init=False, repr=False)
    _hold: Holder = field(init=False, repr=False)
    _serving: dict[int, Serving] = field(default_factory=dict, init=False, repr=False)
    packs: bool = field(init=False)  # whether the library lays the kernel out itself; else NumPy does

    def __post_init__(self) -> None:
        object.__setattr__(self, "packs", linking.packs(self._library))
        object.__setattr__(self, "_hold", holder(self.plan))
        object.__setattr__(self, "_call", _caller(self._library, self.plan, self.threads))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a compiled kernel belongs to its process: pickle the layer, or the plan, which makes it again")

    def __copy__(self) -> CompiledKernel:
        return self  # nothing of it ever changes

    def __deepcopy__(self, memo: object) -> CompiledKernel:
        return self

    def serving(self, steps: int | None) -> Serving | None:
        """The part that computes inputs of so many steps, whose kernel alone then need be packed; None where all is."""
        of = self.plan.algorithm.serving if self.plan.weights == "packed" else None
        if of is None or steps is None:
            return None
        lengths = self.plan.algorithm.lengths(self.plan.schedule)
        place = sum(limit <= steps for limit in lengths)  # what serves lengths between two limits is found once
        if place not in self._serving:
            self._serving[place] = of(self.plan, steps)
        return self._serving[place]

    def pack(self, kernel: Array, out: Array | None = None, part: Serving | None = None) -> Array:
        """`kernel`, of the problem's shape, as `run` wants it; in `out` where the library packs. Raises ShapeError.

        With `part` it is that of the part alone, whose place comes before it for `with_weights` and `bind`.
        """
        kernel = np.ascontiguousarray(kernel, self.plan.problem.dtype)
        kernel = self.plan.kernel_format.encode(kernel)
        if self.plan.weights != "packed":
            return kernel
        own = part.plan if part else self.plan
        if not self.packs:
            made = own.pack(kernel)
            packed = on_lines(made.size, made.dtype, self.plan.target, np.empty)
            packed[...] = made.ravel()
            return packed
        if kernel.shape != self.plan.problem.kernel_shape:
            raise ShapeError(f"kernel: got shape {kernel.shape}, expected {self.plan.problem.kernel_shape}")
        if out is None:
            out = on_lines(own.packed_numbers, kernel.dtype, self.plan.target, np.empty)  # all of it is written
        packed = out
        arrays = ffi.from_buffer(BYTES, kernel), ffi.from_buffer(BYTES, packed, True)
        if part:
            self._library.genconv_pack_part_v1(*arrays, part.number)
        else:
            self._library.genconv_pack_v1(*arrays)
        return packed

    def run(self, x: Array, y: Array, kernel: Array | None, *operands: Array | None) -> None:
        """Compute `y` from `x`, batch first; `kernel` as `pack` made it, `operands` the epilogue's, such as a bias.

        Shapes and dtypes are the caller's care (`bind` looks). Raises for an array that is not C-contiguous or a `y`
        that is read-only.
        """
        self._call(x, y, self._hold(kernel, operands))

    def with_weights(
        self, kernel: Array | None, *operands: Array | None, place: int = 0
    ) -> Callable[[Array, Array], None]:
        """`run` with fixed weights, as a function of (x, y): a third of its cost is spared.

        With `place` the kernel is that of a part alone: all inputs must have lengths that the part serves.
        """
        pointers, call = self._pointers(kernel, operands, place), self._call

        def run(x: Array, y: Array) -> None:
            call(x, y, pointers)

        run.__dict__["keeps"] = kernel
        return run

    def _pointers(self, kernel: Array | None, operands: Sequence[Array | None], place: int) -> Held:
        """Where a call finds the kernel, which begins `place` numbers later than the plan's would, and the operands.

        With a place, the pointers do not keep the kernel.
        """
        first, *others = self._hold(kernel, operands)
        if place and kernel is not None:
            first = first - place * kernel.itemsize
        return (first, *others)

    def check(self, x: Array, y: Array, kernel: Array | None, *operands: Array | None, place: int = 0) -> None:
        """Raise ShapeError unless `run` could take these, of a `place` what serves the steps of x."""
        p = self.plan.problem
        numbers = self.plan.packed_numbers if self.plan.weights == "packed" else math.prod(p.kernel_shape)
        serving = self.serving(steps_of(p, x) if x.ndim == 3 else None)
        if serving and place == serving.place and kernel is not None and kernel.size != numbers:
            numbers = serving.plan.packed_numbers
        elif place:
            raise ShapeError(f"`kernel`: got one that is packed for inputs of other lengths than {x.shape}")
        check(self.plan, x, y, kernel, operands, numbers)

    def bind(
        self, x: Array, y: Array, kernel: Array | None, *operands: Array | None, place: int = 0
    ) -> Callable[[], None]:
        """A function of no arguments that computes `y` from what `x` then holds, as cheaply as Python can call C.

        It keeps the arrays alive. It has one workspace: threads that call at once bind each for itself.
        Raises ShapeError.
        """
        self.check(x, y, kernel, *operands, place=place)
        calls, kept, pointers = [], [], self._pointers(kernel, operands, place)
        for owner in blocks(self.plan, self.threads, steps_of(self.plan.problem, x)):
            block, _, workspace = owner
            point(owner, pointers)
            block.x, block.y = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True)
            block.batch, block.steps = len(x), steps_of(self.plan.problem, x)
            calls.append(partial(self._library.genconv_run_v1, block))
            if workspace is not None:
                block.workspace = workspace + self.before
                kept.append(ffi.buffer(workspace))
        call = calls[0] if self.threads == 1 else partial(thread_pool.run, calls)
        call.__dict__.update(keeps=(self, x, y, kernel, operands), workspaces=kept)
        return call


def _caller(library: Any, plan: KernelPlan, threads: int) -> Callable[[Array, Array, Held], None]:
    """`run` on pointers to what is held; a closure, as attribute look-ups would cost more than the call of C."""
    if threads > 1:
        return _sharing_caller(library, plan, threads)
    idle: list[Block] = []  # one block a running call: threads and signal handlers never share one
    take, give, buffer = idle.pop, idle.append, ffi.from_buffer
    axis, grows = 1 if plan.problem.channels_last else 2, bool(plan.workspace_step_bytes)

    def call(x: Array, y: Array, pointers: Held) -> None:
        try:
            owner = take()
        except IndexError:
            (owner,) = blocks(plan, 1, x.shape[axis])
        shape = x.shape
        if grows:
            owner = grown(owner, plan, shape[axis])
        block = owner[0]
        block.x, block.y = buffer(BYTES, x), buffer(BYTES, y, True)
        block.kernel, block.bias, others = pointers
        if others:
            owner[1][0 : len(others)] = others
        block.batch, block.steps = shape[0], shape[axis]
        library.genconv_run_v1(block)  # by the library, which this closure so keeps open
        give(owner)

    return call


def _sharing_caller(library: Any, plan: KernelPlan, threads: int) -> Callable[[Array, Array, Held], None]:
    """The same for a kernel whose slices run in `threads` threads."""
    idle: list[list[Block]] = []

    def call(x: Array, y: Array, pointers: Held) -> None:
        source, target, steps = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True), steps_of(plan.problem, x)
        try:
            owners = [grown(owner, plan, steps) for owner in idle.pop()]
        except IndexError:
            owners = blocks(plan, threads, steps)
        for owner in owners:
            block = owner[0]
            point(owner, pointers)
            block.x, block.y = source, target
            block.batch, block.steps = len(x), steps
        thread_pool.run([partial(library.genconv_run_v1, block) for block, *_ in owners])
        idle.append(owners)

    return call


Kernel = CompiledKernel | ReferenceKernel


def _opened(plan: KernelPlan, path: Path, library: Any, threads: int) -> CompiledKernel:
    return CompiledKernel(plan, path, library, threads)


def load(source: GeneratedSource, target: Target, threads: int = 1) -> Kernel:
    """The kernel of `source` on `target`, its plan's; a sliced one runs in `threads` threads, with the same bits.

    Compilers are tried in turn; if none can, the NumPy reference answers, with one warning. Raises ToolchainError if
    this CPU lacks what the target needs, or if the compiler that the user configured fails.
    """
    making = Making(source.plan, lru_cache(maxsize=1)(partial(jit_text, source)), self_test.prove, _opened)
    return loaded(making, target, threads, compiled) or ReferenceKernel(source.plan)


def load_plan(plan: KernelPlan, write: Callable[[KernelPlan], GeneratedSource], threads: int = 1) -> Kernel:
    """As `load`, of a plan: `write`, which renders it, is called only where something must be compiled.

    It must be one of this package's own functions that reads nothing but the plan: what it once wrote is known again
    by the plan and by the state of the package's files.
    """
    making = Making(plan, lru_cache(maxsize=1)(lambda: jit_text(write(plan))), self_test.prove, _opened)
    return loaded(making, plan.target, threads, known) or ReferenceKernel(plan)
