"""Gradient plan → C text → machine code, proved on whole numbers when new; in NumPy where nothing can compile."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import loader, render
from codegen.errors import ToolchainError
from codegen.gradients import kernel_tiles, plan, reference
from codegen.gradients.plan import KernelGradientPlan
from codegen.problem import ConvProblem
from codegen.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.loader import CompiledKernel
    from codegen.toolchain import Compiler

    Array = NDArray[Any]

__all__ = ["kernel_gradient"]

NAME = "gradient"


def kernel_gradient(problem: ConvProblem, target: Target, x: Array, dz: Array) -> Array:
    """dkernel (kernel_size, channels/groups, filters), summed over the batch; x and dz contiguous, of the dtype."""
    compiled = _compiled(problem, target)
    if compiled is None:
        return reference.kernel_gradient(problem, x, dz).astype(problem.dtype)
    dkernel = np.empty(problem.kernel_shape, problem.dtype)
    compiled.run(x, dkernel, dz)
    return dkernel


@lru_cache(maxsize=256)
def _compiled(problem: ConvProblem, target: Target) -> CompiledKernel | None:
    return loader.load_backward(plan.plan(problem, target), text, _prove)


def text(made: KernelGradientPlan) -> str:
    """One C translation unit: the tiles, and the entry of the fixed signature around the samples of a batch."""
    return render.fill("gradients/jit_kernel.c.j2", kernel_tiles.view(made, NAME))


def _prove(kernel: CompiledKernel, compiler: Compiler) -> None:
    """Raises ToolchainError where a fresh kernel and NumPy differ on whole numbers, whose sums are exact."""
    p: ConvProblem = kernel.plan.problem
    assert p.steps is not None
    rng = np.random.default_rng(2)
    x, dz = (rng.integers(-3, 4, shape).astype(p.dtype) for shape in (p.in_shape(2, p.steps), p.out_shape(2, p.steps)))
    found = np.full(p.kernel_shape, np.nan, p.dtype)
    kernel.run(x, found, dz)
    wanted = reference.kernel_gradient(p, x, dz, p.dtype)
    if not np.array_equal(found, wanted):
        at = tuple(int(i[0]) for i in np.nonzero(found != wanted))
        place = f"number {at} of a kernel's gradient is {found[at]}, should be {wanted[at]}"
        who = f"{compiler.version} ({compiler.command[0]})"
        raise ToolchainError(f"{who} compiled a kernel that is wrong on whole numbers: {place}\n"
                             "Name another compiler in GENCONV_CC")
