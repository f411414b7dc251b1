"""Emitted files, compiled as they are and called by their public functions: what a program that has them would run."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.cfunction import CFunction
from codegen.emission.interface import kernels, whole
from codegen.emission.packing import function, packs
from codegen.emission.render import GeneratedSource
from codegen.errors import VerificationError
from codegen.machine import compilers, linking
from codegen.problem.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler

    Array = NDArray[Any]

__all__ = ["SLICES", "EmittedKernel", "EmittedLibrary", "aligned"]

SLICES = (1, 2, 3, 7)  # numbers of parts that the same work is cut into
LINE = 64  # bytes that workspaces are aligned to


class EmittedLibrary:
    """The .c and .h files of `source` as a shared library. Raises ToolchainError where the compiler refuses them.

    `beside` are further files of it, by name.
    """

    def __init__(
        self,
        source: GeneratedSource[Any],
        target: Target,
        compiler: Compiler,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        arguments = (*compilers.FLAGS, "-shared", "-fPIC", *target.flags, *compilers.LIBRARIES)
        built = compiler.build(dict(source.files) | dict(beside or {}), arguments, f"{source.name}{compilers.SUFFIX}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{source.name}{compilers.SUFFIX}"
            path.write_bytes(built)
            with linking.same_arithmetic(compiler):
                self._library = ctypes.CDLL(str(path))

    def call(self, function: CFunction, values: Mapping[str, Array | int | None]) -> int:
        """What it answers, if it does, called with these values for its arguments, by their names."""
        given = [values[one.name] for one in function.parameters]
        words = [ctypes.c_ssize_t(one) if isinstance(one, int) else _address(one) for one in given]
        entry = self._library[function.name]
        entry.restype = ctypes.c_ssize_t
        return int(entry(*words))


class EmittedKernel:
    """A layer's emitted functions in the shape of a compiled kernel: `pack`, and `run` sample by sample.

    A sliced source does its work whole and in parts, whose bits are compared.
    """

    def __init__(self, source: GeneratedSource, compiler: Compiler) -> None:
        self.source, self.plan = source, source.plan
        self.library = EmittedLibrary(source, source.plan.target, compiler)
        self.path = Path(f"{source.name}.c")

    def pack(self, kernel: Array) -> tuple[Array, ...]:
        """The kernels that the function takes, in order, of one in the problem's shape; none where it has its own."""
        plan = self.plan
        if plan.weights == "baked":
            return ()
        held = [taps for _, taps, _ in plan.problem.stage_weights(np.asarray(kernel, plan.problem.dtype))]
        given = [np.ascontiguousarray(plan.kernel_format.encode(taps)) for taps in held]
        if plan.weights == "argument":
            return tuple(given)
        made = []
        for pack, taps in zip(packs(plan), given, strict=True):
            packed = aligned(pack.count * taps.itemsize).view(taps.dtype)
            self.library.call(function(pack, self.source.name), {"kernel": taps, "packed": packed})
            made.append(packed)
        return tuple(made)

    def run(self, x: Array, y: Array, kernel: tuple[Array, ...] | None, *operands: Array | None) -> None:
        """Compute y from x, a sample a call. Raises VerificationError where slices have other bits than the whole."""
        plan, called = self.plan, whole(self.plan, self.source.name)
        steps = x.shape[1 if plan.problem.channels_last else 2]
        values: dict[str, Any] = {name: one for (name, _), one in zip(kernels(plan), kernel or (), strict=False)}
        values |= {one.name: array for one, array in zip(plan.problem.epilogue.operands, operands, strict=False)}
        values |= {"steps": steps, "workspace": aligned(plan.workspace(steps))}
        for sample, row in zip(x, y, strict=True):
            self.library.call(called, values | {"x": sample, "y": row})
            if plan.sliced:
                self._in_slices(values | {"x": sample}, row)

    def _in_slices(self, values: dict[str, Any], expected: Array) -> None:
        own = next(one for one in self.source.functions if one.name == f"{self.source.name}_slice")
        for slices in SLICES:
            y = np.full_like(expected, 77)
            for part in reversed(range(slices)):
                self.library.call(own, values | {"y": y, "slice": part, "slices": slices})
            if y.tobytes() != expected.tobytes():
                raise VerificationError(f"`{self.source.name}` in {slices} slices has other bits than in one call")


def _address(array: Array | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def aligned(count: int) -> Array:
    """So many bytes, from the begin of a cache line on."""
    memory = np.full(count + LINE, 0xAB, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + count]
