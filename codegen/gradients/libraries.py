"""Gradient plan → C text → machine code, proved on whole numbers when new; in NumPy where nothing can compile."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import activations, loader, pipeline, render
from codegen.activations import LINEAR
from codegen.errors import ToolchainError
from codegen.gradients import input as input_gradients
from codegen.gradients import kernel_tiles, output_rows, plan, reference
from codegen.gradients.plan import KernelGradientPlan, OutputGradientPlan
from codegen.plan import Accuracy, Request
from codegen.problem import ConvProblem
from codegen.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.loader import CompiledKernel
    from codegen.toolchain import Compiler

    Array = NDArray[Any]

__all__ = ["convolution", "input_gradient", "kernel_gradient", "output_gradient"]

NAME = "gradient"


def kernel_gradient(problem: ConvProblem, target: Target, x: Array, dz: Array) -> Array:
    """dkernel (kernel_size, channels/groups, filters), summed over the batch; x and dz contiguous, of the dtype.

    A problem with zeros between its input's steps changes places with that of its input, whose stride these are.
    """
    if problem.up > 1:
        assert problem.steps is not None
        other = input_gradients.input_problem(problem, problem.steps)
        return input_gradients.turned_back(problem, problem.steps, kernel_gradient(other, target, dz, x))
    compiled = _kernel_library(problem, target)
    if compiled is None:
        return reference.kernel_gradient(problem, x, dz).astype(problem.dtype)
    dkernel = np.empty(problem.kernel_shape, problem.dtype)
    compiled.run(x, dkernel, dz)
    return dkernel


def output_gradient(problem: ConvProblem, target: Target, dy: Array, z: Array | None) -> tuple[Array, Array | None]:
    """(dz = dy * f'(z), its sums over batch and outputs or None without a bias); dz is dy itself where f is linear."""
    curved = problem.activation != LINEAR
    if not curved and not problem.bias:
        return dy, None
    compiled = _output_library(problem, target)
    if compiled is None:
        slopes = activations.derivative(problem.activation, z.astype("float64")) if z is not None else 1.0
        dz = (dy * slopes).astype(problem.dtype)
        return dz, reference.bias_gradient(problem, dz).astype(problem.dtype) if problem.bias else None
    before = output_rows.bias_numbers(compiled.plan)  # type: ignore[arg-type]  # a plan of this package
    both = np.empty(before + (dy.size if curved else 0), problem.dtype)
    compiled.run(dy, both, z if curved else None)
    dz = both[before:].reshape(dy.shape) if curved else dy
    return dz, both[: problem.filters].copy() if problem.bias else None


def input_gradient(problem: ConvProblem, target: Target, accuracy: Accuracy, kernel: Array, dz: Array) -> Array:
    """dx in the layout of the input; `problem.steps` is known."""
    assert problem.steps is not None
    inner = input_gradients.input_problem(problem, problem.steps)
    return convolution(inner, target, accuracy, dz, input_gradients.turned(problem, problem.steps, kernel))


def convolution(
    problem: ConvProblem, target: Target, accuracy: Accuracy, x: Array, kernel: Array, bias: Array | None = None
) -> Array:
    """A problem's output, by the kernel that the planner takes for it."""
    compiled = pipeline.compiled(Request(problem, target, "packed", accuracy), None)
    y = np.empty(problem.out_shape(len(x), problem.steps or 0), problem.dtype)
    compiled.run(x, y, compiled.pack(kernel), bias)
    return y


@lru_cache(maxsize=256)
def _kernel_library(problem: ConvProblem, target: Target) -> CompiledKernel | None:
    return loader.load_backward(plan.plan(problem, target), _kernel_text, _prove_kernel)


@lru_cache(maxsize=256)
def _output_library(problem: ConvProblem, target: Target) -> CompiledKernel | None:
    return loader.load_backward(plan.output_plan(problem, target), _output_text, _prove_output)


def _kernel_text(made: KernelGradientPlan) -> str:
    """One C translation unit: the tiles, and the entry of the fixed signature around the samples of a batch."""
    return render.fill("gradients/jit_kernel.c.j2", kernel_tiles.view(made, NAME))


def _output_text(made: OutputGradientPlan) -> str:
    """The same for the pass through the activation."""
    return render.fill("gradients/jit_output.c.j2", output_rows.view(made, NAME))


def _prove_kernel(kernel: CompiledKernel, compiler: Compiler) -> None:
    """Raises ToolchainError where a fresh kernel and NumPy differ on whole numbers, whose sums are exact."""
    p: ConvProblem = kernel.plan.problem
    x, dz = _whole(p.in_shape(2, p.steps or 0), p, 2), _whole(p.out_shape(2, p.steps or 0), p, 3)
    found = np.full(p.kernel_shape, np.nan, p.dtype)
    kernel.run(x, found, dz)
    _same("a kernel's gradient", found, reference.kernel_gradient(p, x, dz, p.dtype), 0.0, compiler)


def _prove_output(kernel: CompiledKernel, compiler: Compiler) -> None:
    """The same, with what the slopes are allowed to be off."""
    p: ConvProblem = kernel.plan.problem
    dy, z = _whole(p.out_shape(2, p.steps or 0), p, 4), _whole(p.out_shape(2, p.steps or 0), p, 5)
    before = output_rows.bias_numbers(kernel.plan)  # type: ignore[arg-type]  # a plan of this package
    curved = p.activation != LINEAR
    both = np.full(before + (dy.size if curved else 0), np.nan, p.dtype)
    kernel.run(dy, both, z if curved else None)
    slopes = activations.derivative(p.activation, z.astype("float64"), p.dtype) if curved else np.ones(())
    dz = dy * slopes
    slack = 1e-5 if curved else 0.0
    if curved:
        _same("a layer's dz", both[before:].reshape(dy.shape), dz, slack, compiler)
    if p.bias:
        _same("a bias' gradient", both[: p.filters], reference.bias_gradient(p, dz), slack * dz.size, compiler)


def _whole(shape: tuple[int, ...], p: ConvProblem, seed: int) -> Array:
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(p.dtype)


def _same(what: str, found: Array, wanted: Array, slack: float, compiler: Compiler) -> None:
    wrong = ~(np.abs(found - wanted) <= slack)
    if wrong.any():
        at = tuple(int(i[0]) for i in np.nonzero(wrong))
        who = f"{compiler.version} ({compiler.command[0]}) compiled a kernel that is wrong on whole numbers"
        place = f"number {at} of {what} is {found[at]}, should be {wanted[at]}"
        raise ToolchainError(f"{who}: {place}\nName another compiler in GENCONV_CC")
