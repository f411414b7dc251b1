"""What answers where no compiler works: NumPy behind the interface of a compiled kernel; and what both look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import GenConvError, ShapeError
from codegen.planning.plan import KernelPlan
from codegen.problem import reference
from codegen.problem.problem import Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["ReferenceKernel", "check", "steps_of"]


@dataclass(frozen=True, eq=False)
class ReferenceKernel:
    """The same interface without a compiler: float64 NumPy, rounded to the dtype. Right, and slow."""

    plan: KernelPlan
    path: None = None
    held: tuple[Array | None, ...] = ()  # the kernel and operands of a plan whose C has them as tables

    def serving(self, steps: int | None) -> None:
        return None

    def pack(self, kernel: Array, out: Array | None = None, part: None = None) -> Array:
        kernel = np.ascontiguousarray(kernel, self.plan.problem.dtype)
        return self.plan.kernel_format.encode(kernel)

    def run(self, x: Array, y: Array, kernel: Array | None, *operands: Array | None) -> None:
        if kernel is None and self.held:
            kernel, *operands = self.held  # type: ignore[assignment]  # the rest is a list now
        if kernel is None:
            raise GenConvError(
                "without a compiler the weights are needed here: the C that has them baked in cannot run"
            )
        taps = self.plan.kernel_format.decode(kernel)
        y[...] = reference.convolve(self.plan.problem, x, taps, *operands)

    def with_weights(
        self, kernel: Array | None, *operands: Array | None, place: int = 0
    ) -> Callable[[Array, Array], None]:
        return lambda x, y: self.run(x, y, kernel, *operands)

    def check(self, x: Array, y: Array, kernel: Array | None, *operands: Array | None, place: int = 0) -> None:
        check(self.plan, x, y, kernel, operands, math.prod(self.plan.problem.kernel_shape))

    def bind(
        self, x: Array, y: Array, kernel: Array | None, *operands: Array | None, place: int = 0
    ) -> Callable[[], None]:
        self.check(x, y, kernel, *operands)
        return lambda: self.run(x, y, kernel, *operands)


def steps_of(p: Problem, x: Array) -> int:
    """The steps of an array of inputs."""
    return int(x.shape[1 if p.channels_last else 2])


def check(
    plan: KernelPlan, x: Array, y: Array, weights: Array | None, operands: Sequence[Array | None], numbers: int
) -> None:
    """Raise ShapeError unless all arrays are what the C code takes them to be, the weights of so many numbers.

    `operands` are the epilogue's in its order; None for one that is not there.
    """
    p = plan.problem
    steps = (steps_of(p, x) if x.ndim == 3 else 0) if p.steps is None else p.steps
    wanted: list[tuple[str, Array | None, tuple[int, ...]]] = [
        ("x", x, p.in_shape(len(x), steps)),
        ("y", y, p.out_shape(len(x), steps)),
    ]
    read = () if p.format.whole else p.epilogue.operands  # those of whole numbers are tables of the text
    for operand, array in zip_longest(read, operands):
        if operand is not None:
            wanted.append((operand.name, array, p.operand_shape(operand, len(x), steps)))
        elif array is not None:
            raise ShapeError(f"got {len(operands)} arrays for the epilogue, which reads {len(p.epilogue.operands)}")
    for name, array, shape in wanted:
        if array is None or array.shape != shape or array.dtype != p.dtype or not array.flags.c_contiguous:
            got = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ShapeError(f"`{name}`: got {got}, expected contiguous {p.dtype} {shape}")
    stored = plan.kernel_format.array
    if weights is not None and (weights.dtype != stored or weights.size != numbers):
        raise ShapeError(
            f"`kernel`: got {weights.dtype} {weights.shape}, expected what `pack` makes of {p.kernel_shape}"
        )
    if not y.flags.writeable:
        raise ShapeError("`y`: got a read-only array, expected one to write to")
