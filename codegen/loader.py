"""C text → a callable kernel: compiled or taken from the cache, opened by cffi, proved on whole numbers when new."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import __version__, alias, cache, crew, proof, reference, toolchain
from codegen._abi import ffi
from codegen.errors import GenConvError, ShapeError, ToolchainError
from codegen.plan import KernelPlan
from codegen.planner import algorithm
from codegen.problem import ConvProblem
from codegen.render import GeneratedSource, jit_text
from codegen.targets import Target, runs_here

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CompiledKernel", "Kernel", "ReferenceKernel", "load", "load_plan"]

CALL, BYTES, NULL = ffi.typeof("genconv_call_v1 *"), ffi.typeof("char[]"), ffi.NULL
Block = tuple[Any, Any]  # an argument block and what must live as long
CACHE_LINE = 64


@dataclass(frozen=True, eq=False)
class CompiledKernel:
    """A kernel in machine code; `path` is its library. May be called by many threads at once; the GIL is released."""

    plan: KernelPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    threads: int = 1  # that share a call; 1 unless the plan is sliced
    _call: Callable[[Array, Array, Any, Any], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_call", _caller(self._library, self.plan, self.threads))

    def pack(self, kernel: Array) -> Array:
        """`kernel` (kernel_size, channels/groups, filters) as `run` wants it."""
        kernel = np.ascontiguousarray(kernel, self.plan.problem.dtype)
        if self.plan.weights != "packed":
            return kernel
        return np.ascontiguousarray(algorithm(self.plan.algorithm).pack(self.plan, kernel))

    def run(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> None:
        """Compute `y` from `x`, batch first; `kernel` as `pack` made it.

        Shapes and dtypes are the caller's care (`bind` looks). Raises for an array that is not C-contiguous or a `y`
        that is read-only.
        """
        self._call(x, y, _pointer(kernel), _pointer(bias))

    def with_weights(self, kernel: Array | None, bias: Array | None = None) -> Callable[[Array, Array], None]:
        """`run` with fixed weights, as a function of (x, y): a third of its cost is spared."""
        kernel_pointer, bias_pointer, call = _pointer(kernel), _pointer(bias), self._call

        def run(x: Array, y: Array) -> None:
            call(x, y, kernel_pointer, bias_pointer)

        return run

    def bind(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> Callable[[], None]:
        """A function of no arguments that computes `y` from what `x` then holds, as cheaply as Python can call C.

        It keeps the arrays alive. It has one workspace: threads that call at once bind each for itself.
        Raises ShapeError.
        """
        _check(self, x, y, kernel, bias)
        calls, kept = [], []
        for block, workspace in _blocks(self.plan, self.threads):
            block.x, block.y = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True)
            block.kernel, block.bias = _pointer(kernel), _pointer(bias)
            block.batch, block.steps = len(x), _steps(self.plan.problem, x)
            calls.append(partial(self._library.genconv_run_v1, block))
            kept.append(workspace)
        call = calls[0] if self.threads == 1 else partial(crew.run, calls)
        call.__dict__["keeps"] = (self, x, y, kernel, bias, kept)
        return call


def _caller(library: Any, plan: KernelPlan, threads: int) -> Callable[[Array, Array, Any, Any], None]:
    """`run` on pointers to the weights; a closure, as attribute look-ups would cost more than the call of C."""
    if threads > 1:
        return _sharing_caller(library, plan, threads)
    idle: list[Block] = []  # one block a running call: threads and signal handlers never share one
    take, give, buffer = idle.pop, idle.append, ffi.from_buffer
    axis = 1 if plan.problem.channels_last else 2

    def call(x: Array, y: Array, kernel: Any, bias: Any) -> None:
        try:
            owner = take()
        except IndexError:
            (owner,) = _blocks(plan, 1)
        block = owner[0]
        block.x, block.y, block.kernel, block.bias = buffer(BYTES, x), buffer(BYTES, y, True), kernel, bias
        shape = x.shape
        block.batch, block.steps = shape[0], shape[axis]
        library.genconv_run_v1(block)  # by the library, which this closure so keeps open
        give(owner)

    return call


def _sharing_caller(library: Any, plan: KernelPlan, threads: int) -> Callable[[Array, Array, Any, Any], None]:
    """The same for a kernel whose slices run in `threads` threads."""
    idle: list[list[Block]] = []

    def call(x: Array, y: Array, kernel: Any, bias: Any) -> None:
        try:
            owners = idle.pop()
        except IndexError:
            owners = _blocks(plan, threads)
        source, target, steps = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True), _steps(plan.problem, x)
        for block, _ in owners:
            block.x, block.y, block.kernel, block.bias = source, target, kernel, bias
            block.batch, block.steps = len(x), steps
        crew.run([partial(library.genconv_run_v1, block) for block, _ in owners])
        idle.append(owners)

    return call


def _blocks(plan: KernelPlan, slices: int) -> list[Block]:
    """An argument block a slice, each with a workspace of its own."""
    blocks = [_block(plan) for _ in range(slices)]
    for number, (block, _) in enumerate(blocks):
        block.slice, block.slices = number, slices
    return blocks


def _block(plan: KernelPlan) -> Block:
    """A new argument block and the workspace that it points to."""
    block = ffi.new(CALL)
    if not plan.workspace_bytes:
        return block, None
    memory = np.empty(plan.workspace_bytes + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    block.workspace = workspace = ffi.from_buffer(BYTES, memory[start : start + plan.workspace_bytes])
    return block, workspace


@dataclass(frozen=True, eq=False)
class ReferenceKernel:
    """The same interface without a compiler: float64 NumPy, rounded to the dtype. Right, and slow."""

    plan: KernelPlan
    path: None = None

    def pack(self, kernel: Array) -> Array:
        return np.ascontiguousarray(kernel, self.plan.problem.dtype)

    def run(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> None:
        if kernel is None:
            raise GenConvError(
                "without a compiler the weights are needed here: the C that has them baked in cannot run"
            )
        y[...] = reference.convolve(self.plan.problem, x, kernel, bias)

    def with_weights(self, kernel: Array | None, bias: Array | None = None) -> Callable[[Array, Array], None]:
        return lambda x, y: self.run(x, y, kernel, bias)

    def bind(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> Callable[[], None]:
        _check(self, x, y, kernel, bias)
        return lambda: self.run(x, y, kernel, bias)


Kernel = CompiledKernel | ReferenceKernel


def load(source: GeneratedSource, target: Target, threads: int = 1) -> Kernel:
    """The kernel of `source` on `target`, its plan's; a sliced one runs in `threads` threads, with the same bits.

    Compilers are tried in turn; if none can, the NumPy reference answers, with one warning. Raises ToolchainError if
    this CPU lacks what the target needs, or if the compiler that the user configured fails.
    """
    text = lru_cache(maxsize=1)(partial(jit_text, source))
    return _loaded(source.plan, target, threads, partial(_compiled, source.plan, text))


def load_plan(plan: KernelPlan, write: Callable[[KernelPlan], GeneratedSource], threads: int = 1) -> Kernel:
    """As `load`, of a plan: `write`, which renders it, is called only where something must be compiled.

    It must be one of this package's own functions that reads nothing but the plan: what it once wrote is known again
    by the plan and by the state of the package's files.
    """
    text = lru_cache(maxsize=1)(lambda: jit_text(write(plan)))
    return _loaded(plan, plan.target, threads, partial(_known, plan, text))


Try = Callable[[toolchain.Compiler, int], CompiledKernel]  # with a compiler, for so many threads


def _loaded(plan: KernelPlan, target: Target, threads: int, attempt: Try) -> Kernel:
    """What `attempt` makes with the first compiler that can, else the reference."""
    if not runs_here(target):
        needs = ", ".join(target.cpu or target.machines)
        raise ToolchainError(f'this CPU cannot run `{target.name}` code, which needs {needs}; target="native" fits it')
    why = "no C compiler was found; install gcc or clang, or `pip install gen-conv[zig]`"
    for compiler in toolchain.chain():
        try:
            return attempt(compiler, threads if plan.sliced else 1)
        except ToolchainError as error:
            if compiler.configured:
                raise
            why = str(error)
        except OSError as error:
            why = f"no folder for compiled code can be had: {error}"
            break
    cache.warn_once(f"layers run in NumPy, slowly, as {why}")
    return ReferenceKernel(plan)


def _known(plan: KernelPlan, text: Callable[[], str], compiler: toolchain.Compiler, threads: int) -> CompiledKernel:
    """The kernel that the plan's alias names, without its text; else from the text, whose entry is then named."""
    name = alias.name(*_made_by(plan, compiler), repr(plan))
    key = alias.recall(name) if name else None
    if key and (found := cache.find(_recipe(key, plan, text, compiler, threads))):
        return CompiledKernel(plan, *found, threads)
    kernel = _compiled(plan, text, compiler, threads)
    if name:
        alias.remember(name, kernel.path)
    return kernel


def _compiled(plan: KernelPlan, text: Callable[[], str], compiler: toolchain.Compiler, threads: int) -> CompiledKernel:
    """The kernel from the cache or from `compiler`. Raises ToolchainError, or OSError where nothing can be written."""
    key = hashlib.sha256("\0".join((*_made_by(plan, compiler), text())).encode()).hexdigest()
    return CompiledKernel(plan, *cache.fetch(_recipe(key, plan, text, compiler, threads)), threads)


def _made_by(plan: KernelPlan, compiler: toolchain.Compiler) -> tuple[str, ...]:
    """All but the text that a library depends on."""
    return (__version__, plan.target.name, compiler.identity, *compiler.flags(plan.target))


def _recipe(
    key: str, plan: KernelPlan, text: Callable[[], str], compiler: toolchain.Compiler, threads: int
) -> cache.Recipe[Any]:
    return cache.Recipe(
        key,
        plan.target.name,
        build=lambda: compiler.shared(text(), plan.target),
        open=lambda path: ffi.dlopen(str(path)),
        check=lambda library: proof.prove(CompiledKernel(plan, Path(), library, threads), compiler),
    )


def _steps(p: ConvProblem, x: Array) -> int:
    return int(x.shape[1 if p.channels_last else 2])


def _pointer(array: Array | None) -> Any:
    return NULL if array is None else ffi.from_buffer(BYTES, array)


def _check(kernel: Kernel, x: Array, y: Array, weights: Array | None, bias: Array | None) -> None:
    """Raise ShapeError unless all arrays are what the C code takes them to be."""
    p = kernel.plan.problem
    steps = (_steps(p, x) if x.ndim == 3 else 0) if p.steps is None else p.steps
    wanted: list[tuple[str, Array | None, tuple[int, ...]]] = [
        ("x", x, p.in_shape(len(x), steps)),
        ("y", y, p.out_shape(len(x), steps)),
    ]
    if p.bias:
        wanted.append(("bias", bias, (p.filters,)))
    for name, array, shape in wanted:
        if array is None or array.shape != shape or array.dtype != p.dtype or not array.flags.c_contiguous:
            got = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ShapeError(f"`{name}`: got {got}, expected contiguous {p.dtype} {shape}")
    if weights is not None and (weights.dtype != p.dtype or weights.size < math.prod(p.kernel_shape)):
        raise ShapeError(
            f"`kernel`: got {weights.dtype} {weights.shape}, expected what `pack` makes of {p.kernel_shape}"
        )
    if not y.flags.writeable:
        raise ShapeError("`y`: got a read-only array, expected one to write to")
