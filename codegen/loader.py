"""C text → a callable kernel: compiled or taken from the cache, opened by cffi, proved on whole numbers when new."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import __version__, activations, cache, reference, toolchain
from codegen._abi import ffi
from codegen.activations import LINEAR
from codegen.errors import GenConvError, ShapeError, ToolchainError
from codegen.plan import KernelPlan
from codegen.planner import algorithm
from codegen.problem import ConvProblem
from codegen.render import GeneratedSource, jit_text
from codegen.targets import Target, runs_here

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CompiledKernel", "Kernel", "ReferenceKernel", "load"]

CALL, BYTES, NULL = ffi.typeof("genconv_call_v1 *"), ffi.typeof("char[]"), ffi.NULL
Block = tuple[Any, Any]  # an argument block and what must live as long
CACHE_LINE = 64
TRIAL_STEPS = 97  # outputs of the self-test for a free length: several tiles and a rest
TRIAL_PRODUCTS = 20_000_000  # that NumPy does in it


@dataclass(frozen=True, eq=False)
class CompiledKernel:
    """A kernel in machine code; `path` is its library. May be called by many threads at once; the GIL is released."""

    plan: KernelPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    _call: Callable[[Array, Array, Any, Any], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_call", _caller(self._library, self.plan))

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
        block, workspace = _block(self.plan)
        block.x, block.y = ffi.from_buffer(BYTES, x), ffi.from_buffer(BYTES, y, True)
        block.kernel, block.bias = _pointer(kernel), _pointer(bias)
        block.batch, block.steps = len(x), _steps(self.plan.problem, x)
        call = partial(self._library.genconv_run_v1, block)
        call.__dict__["keeps"] = (self, x, y, kernel, bias, workspace)
        return call


def _caller(library: Any, plan: KernelPlan) -> Callable[[Array, Array, Any, Any], None]:
    """`run` on pointers to the weights; a closure, as attribute look-ups would cost more than the call of C."""
    idle: list[Block] = []  # one block a running call: threads and signal handlers never share one
    take, give, buffer = idle.pop, idle.append, ffi.from_buffer
    axis = 1 if plan.problem.channels_last else 2

    def call(x: Array, y: Array, kernel: Any, bias: Any) -> None:
        try:
            owner = take()
        except IndexError:
            owner = _block(plan)
        block = owner[0]
        block.x, block.y, block.kernel, block.bias = buffer(BYTES, x), buffer(BYTES, y, True), kernel, bias
        shape = x.shape
        block.batch, block.steps = shape[0], shape[axis]
        library.genconv_run_v1(block)  # by the library, which this closure so keeps open
        give(owner)

    return call


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


def load(source: GeneratedSource, target: Target) -> Kernel:
    """The kernel of `source` on `target`, its plan's.

    Compilers are tried in turn; if none can, the NumPy reference answers, with one warning. Raises ToolchainError if
    this CPU lacks what the target needs, or if the compiler that the user configured fails.
    """
    if not runs_here(target):
        needs = ", ".join(target.cpu or target.machines)
        raise ToolchainError(f'this CPU cannot run `{target.name}` code, which needs {needs}; target="native" fits it')
    text = jit_text(source)
    why = "no C compiler was found; install gcc or clang, or `pip install gen-conv[zig]`"
    for compiler in toolchain.chain():
        try:
            return _compiled(source.plan, text, compiler)
        except ToolchainError as error:
            if compiler.configured:
                raise
            why = str(error)
        except OSError as error:
            why = f"no folder for compiled code can be had: {error}"
            break
    cache.warn_once(f"layers run in NumPy, slowly, as {why}")
    return ReferenceKernel(source.plan)


def _compiled(plan: KernelPlan, text: str, compiler: toolchain.Compiler) -> CompiledKernel:
    """The kernel from the cache or from `compiler`. Raises ToolchainError, or OSError where nothing can be written."""
    parts = (__version__, plan.target.name, compiler.identity, *compiler.flags(plan.target), text)
    recipe = cache.Recipe(
        key=hashlib.sha256("\0".join(parts).encode()).hexdigest(),
        target=plan.target.name,
        build=lambda: compiler.shared(text, plan.target),
        open=lambda path: ffi.dlopen(str(path)),
        check=lambda library: _prove(CompiledKernel(plan, Path(), library), compiler),
    )
    path, library = cache.fetch(recipe)
    return CompiledKernel(plan, path, library)


def _prove(kernel: CompiledKernel, compiler: toolchain.Compiler) -> None:
    """Compare a fresh kernel with NumPy on whole numbers, where any slip is plain. Raises ToolchainError."""
    p = kernel.plan.problem
    if kernel.plan.weights == "baked":
        return  # its weights are in the C text alone
    weights, bias = _whole(p.kernel_shape, p), _whole((p.filters,), p) if p.bias else None
    slack = min(0.25, 1e-3 + 2e-5 * p.terms)  # transforms round; a slip in whole numbers is 1 or more
    lengths = (p.reach + TRIAL_STEPS * p.stride, max(1, p.reach // 2)) if p.steps is None else (p.steps,)
    for steps in lengths:
        x = _whole(_shape(p, 2, steps, p.channels), p)
        y = np.full(_shape(p, 2, p.out_steps(steps), p.filters), np.nan, p.dtype)
        kernel.run(x, y, kernel.pack(weights), bias)
        rows = x if p.channels_last else x.swapaxes(1, 2)
        outs = y if p.channels_last else y.swapaxes(1, 2)
        for t in _trials(p, outs.shape[1]):
            wanted = _output(p, rows, weights, bias, t).astype(p.dtype)
            if not np.allclose(outs[:, t], wanted, rtol=2e-6, atol=slack):
                place = f"output {t} of {steps} steps is {outs[:, t].tolist()}, should be {wanted.tolist()}"
                raise ToolchainError(
                    f"{compiler.version} ({compiler.command[0]}) compiled a kernel that is wrong on whole numbers: "
                    f"{place[:400]}\nName another compiler in GENCONV_CC"
                )


def _trials(p: ConvProblem, outs: int) -> list[int]:
    """The output steps to look at: all of a few, or the ends and an even choice between."""
    count = max(8, TRIAL_PRODUCTS // max(1, p.terms * p.filters))
    return sorted({*range(min(outs, 3)), *range(0, outs, -(-outs // count) or 1), *range(max(0, outs - 3), outs)})


def _output(p: ConvProblem, x: Array, kernel: Array, bias: Array | None, t: int) -> Array:
    """Output step `t` of each sample, (batch, filters) in float64, by the formula of problem.py."""
    steps = x.shape[1]
    first, last = p.taps(t, steps)
    at = [t * p.stride + tap * p.dilation - p.pads(steps)[0] for tap in range(first, last)]
    window = x[:, at].reshape(len(x), last - first, p.groups, p.group_channels).astype(np.float64)
    taps = kernel[first:last].reshape(last - first, p.group_channels, p.groups, p.group_filters)
    sums = np.einsum("bkgc,kcgf->bgf", window, taps).reshape(len(x), p.filters)
    sums = sums if bias is None else sums + bias
    return sums if p.activation == LINEAR else np.asarray(activations.reference(p.activation, sums))


def _whole(shape: tuple[int, ...], p: ConvProblem) -> Array:
    """Whole numbers from -3 to 3 in no visible order."""
    pattern = np.arange(8191, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(16)
    return np.resize(pattern.astype(np.int64) % 7 - 3, shape).astype(p.dtype)


def _shape(p: ConvProblem, batch: int, steps: int, lanes: int) -> tuple[int, int, int]:
    return (batch, steps, lanes) if p.channels_last else (batch, lanes, steps)


def _steps(p: ConvProblem, x: Array) -> int:
    return int(x.shape[1 if p.channels_last else 2])


def _pointer(array: Array | None) -> Any:
    return NULL if array is None else ffi.from_buffer(BYTES, array)


def _check(kernel: Kernel, x: Array, y: Array, weights: Array | None, bias: Array | None) -> None:
    """Raise ShapeError unless all arrays are what the C code takes them to be."""
    p = kernel.plan.problem
    steps = (_steps(p, x) if x.ndim == 3 else 0) if p.steps is None else p.steps
    wanted: list[tuple[str, Array | None, tuple[int, ...]]] = [
        ("x", x, _shape(p, len(x), steps, p.channels)),
        ("y", y, _shape(p, len(x), p.out_steps(steps), p.filters)),
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
