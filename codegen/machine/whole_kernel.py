"""Kernels of int8 layers: their weights are const tables of their text, so each layer has one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.render import GeneratedSource
from codegen.errors import ToolchainError
from codegen.machine import loader, self_test_inputs, self_test_lengths
from codegen.machine.numpy_kernel import ReferenceKernel
from codegen.problem import reference
from codegen.problem.problem import Problem
from codegen.problem.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.planning.plan import KernelPlan

    Array = NDArray[Any]

__all__ = ["lengths", "load", "prove", "tried", "wrong_codes"]

OUTPUTS = 1 << 13  # of a trial, about: so many that a weight, or an entry of a table, that is one off shows in one
MOST_SAMPLES = 256
PRODUCTS = 20_000_000  # of a sample of a length that is chosen here, at most


def load(source: GeneratedSource, arrays: Sequence[Array | None], target: Target, threads: int = 1) -> loader.Kernel:
    """The kernel of `source`, whose tables are `arrays`: the problem's kernel, and what its epilogue reads.

    It has given the integers of the definition on inputs of all codes. Raises ToolchainError where it does not, or as
    `loader.load` does; where no compiler works, NumPy answers.
    """
    kernel = loader.load(source, target, threads)
    if kernel.path is None:
        return ReferenceKernel(kernel.plan, held=tuple(arrays))
    if not self_test_inputs.too_large(kernel.plan.problem):
        prove(kernel, arrays)
    return kernel


def prove(kernel: loader.Kernel, arrays: Sequence[Array | None]) -> None:
    """Compare the kernel with the definition on inputs of all codes, to the last one. Raises ToolchainError."""
    p = kernel.plan.problem
    for steps in tried(kernel.plan):
        each = max(1, p.out_steps(steps) * p.out_filters)
        y, expected = _called(kernel, arrays, steps, max(2, min(MOST_SAMPLES, OUTPUTS // each)))
        wrong = int(np.count_nonzero(y != expected))
        told = f"{wrong} outputs of {steps} input steps differ from the definition" if wrong else ""
        if not self_test_inputs.margins_are_whole(y):
            told = f"it writes beside its outputs, given {steps} steps"
        if told:
            raise ToolchainError(f"the compiled kernel {kernel.path} is wrong: {told}; `gen-conv doctor` has details")


def lengths(p: Problem) -> list[int]:
    """The fixed length; of a free one a few, from the first that gives an output on."""
    if p.steps is not None:
        return [p.steps]
    shortest = next(steps for steps in range(1, p.reach + 2) if p.out_steps(steps) > 0)
    return sorted({shortest, shortest + 1, p.reach + p.stride, p.reach + 37})


def tried(plan: KernelPlan) -> list[int]:
    """The lengths of a self-test: those, and of a free one what runs each tile and two turns of each loop."""
    p, few = plan.problem, lengths(plan.problem)
    if p.steps is not None:
        return few
    looped = (*self_test_lengths.several(plan), *self_test_lengths.brief(plan))
    return sorted({*few, *(steps for steps in looped if steps >= few[0] and p.macs(steps) <= PRODUCTS)})


def wrong_codes(kernel: loader.Kernel, arrays: Sequence[Array | None], steps: int, samples: int = 1) -> int:
    """How many outputs for random codes differ from the definition's."""
    y, expected = _called(kernel, arrays, steps, samples)
    return int(np.count_nonzero(y != expected))


def _called(kernel: loader.Kernel, arrays: Sequence[Array | None], steps: int, samples: int) -> tuple[Array, Array]:
    """(the outputs, between margins, for random codes; what they are by the definition)."""
    p = kernel.plan.problem
    x = np.random.default_rng(steps).integers(-128, 128, p.in_shape(samples, steps)).astype(np.int8)
    first, *operands = arrays
    assert first is not None
    expected = reference.convolve(p, x, first, *operands, dtype="int64")
    y = self_test_inputs.array(expected.shape, "int8")
    kernel.run(x, y, None, *[None] * len(operands))
    return y, expected
