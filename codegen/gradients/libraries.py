"""Gradient plan → C text → machine code, proved on whole numbers when new; in NumPy where nothing can compile."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.emission import render, vectors
from codegen.emission.heads import Head, slopes
from codegen.errors import ShapeError
from codegen.functions import activations
from codegen.functions.activations import LINEAR
from codegen.gradients import input as input_gradients
from codegen.gradients import kernel_tiles, output_rows, plan, reference, rows
from codegen.gradients.plan import KernelGradientPlan, OutputGradientPlan
from codegen.installed import forgetful
from codegen.machine import loader, self_test, self_test_inputs
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.conv_problem import ConvProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler
    from codegen.machine.loader import CompiledKernel, Kernel

    Array = NDArray[Any]

__all__ = ["Backward"]

NAME = "gradient"
MOST, Z_UNIT = 15, 8  # of the self-test: whole numbers up to this; z are eighths of them, and multiples


@forgetful
@lru_cache(maxsize=256)
class Backward:
    """The backward kernels of one problem of known length, each compiled when it is first needed; one for all calls.

    Arrays are contiguous, of the problem's dtype, batch first, in its layout.
    """

    def __init__(self, problem: ConvProblem, ask: Ask) -> None:
        assert problem.steps is not None
        self.problem, self.steps, self.ask = problem, problem.steps, replace(ask, weights="packed")

    def kernel_gradient(self, x: Array, dz: Array) -> Array:
        """dkernel (kernel_size, channels/groups, filters), summed over the batch.

        A problem with zeros between its input's steps changes places with that of its input, whose stride these are.
        """
        p = self.problem
        if p.up > 1:
            other = Backward(self._input_problem, self.ask)
            return input_gradients.turned_back(p, self.steps, other.kernel_gradient(dz, x))
        compiled = self._kernel_library
        if compiled is None:
            return reference.kernel_gradient(p, x, dz).astype(p.dtype)
        dkernel = np.empty(p.kernel_shape, p.dtype)
        _run(compiled, x, dkernel, dz)
        return dkernel

    def output_gradient(self, dy: Array, z: Array | None) -> tuple[Array, Array | None]:
        """(dz = dy * f'(z), its sums over batch and outputs or None without a bias); dz is dy where f is linear."""
        p, curved = self.problem, self.problem.activation != LINEAR
        if not curved and not p.bias:
            return dy, None
        if z is not None and p.activation.name in rows.PULLS:
            dz = self._row_by_row(dy, z)
            return dz, reference.bias_gradient(p, dz).astype(p.dtype) if p.bias else None
        compiled = self._output_library
        if compiled is None:
            slopes = activations.derivative(p.activation, z.astype("float64"), p.dtype) if z is not None else 1.0
            dz = (dy * slopes).astype(p.dtype)
            return dz, reference.bias_gradient(p, dz).astype(p.dtype) if p.bias else None
        before = self._output_plan.bias_numbers
        both = np.empty(before + (dy.size if curved else 0), p.dtype)
        _run(compiled, dy, both, z if curved else None)
        dz = both[before:].reshape(dy.shape) if curved else dy
        return dz, both[: p.filters].copy() if p.bias else None

    def _row_by_row(self, dy: Array, z: Array) -> Array:
        """dz through an activation of whole rows, of all filters: in NumPy."""
        if self.problem.channels_last:
            return rows.dz(self.problem.activation, dy, z).astype(self.problem.dtype)
        turned = rows.dz(self.problem.activation, dy.swapaxes(1, 2), z.swapaxes(1, 2)).swapaxes(1, 2)
        return np.ascontiguousarray(turned, self.problem.dtype)

    def input_gradient(self, kernel: Array, dz: Array) -> Array:
        """dx of the input's shape; `kernel` in the problem's."""
        dx = np.empty(self.problem.in_shape(len(dz), self.steps), self.problem.dtype)
        compiled = self._input_kernel
        packed = compiled.pack(input_gradients.turned(self.problem, self.steps, kernel))
        compiled.check(dz, dx, packed)
        compiled.run(dz, dx, packed)
        return dx

    def forward(self, x: Array, kernel: Array, *operands: Array | None) -> Array:
        """The output before the activation."""
        compiled = self._forward_kernel
        z = np.empty(compiled.plan.problem.out_shape(len(x), self.steps), self.problem.dtype)
        packed = compiled.pack(kernel)
        compiled.check(x, z, packed, *operands)
        compiled.run(x, z, packed, *operands)
        return z

    @cached_property
    def _input_problem(self) -> ConvProblem:
        return input_gradients.input_problem(self.problem, self.steps)

    @cached_property
    def _input_kernel(self) -> Kernel:
        return pipeline.compiled(Request(self._input_problem, self.ask), None)

    @cached_property
    def _forward_kernel(self) -> Kernel:
        linear = replace(self.problem, epilogue=self.problem.epilogue.start)
        return pipeline.compiled(Request(linear, self.ask), None)

    @cached_property
    def _kernel_library(self) -> CompiledKernel | None:
        return loader.load_backward(plan.plan(self.problem, self.ask.target), _kernel_text, _prove_kernel)

    @cached_property
    def _output_library(self) -> CompiledKernel | None:
        return loader.load_backward(self._output_plan, _output_text, _prove_output)

    @cached_property
    def _output_plan(self) -> OutputGradientPlan:
        return plan.output_plan(self.problem, self.ask.target)


def _kernel_text(made: KernelGradientPlan) -> str:
    """One C translation unit: the tiles, and the entry of the fixed signature around the samples of a batch."""
    view = kernel_tiles.view(made, NAME)
    body, names = vectors.finished(kernel_tiles.text(view))
    head = Head(made.target, made.problem.format, view["lanes"]).text(names)
    return render.fill("gradients/jit_kernel.c.j2", view | {"head": head, "body": body})


def _output_text(made: OutputGradientPlan) -> str:
    """The same for the pass through the activation."""
    view = output_rows.view(made, NAME)
    body, names = vectors.finished(render.piece("gradients/output.c.j2", view))
    declared = slopes(made.problem.epilogue.later)
    head = Head(made.target, made.problem.format, view["lanes"], functions=declared).text(names)
    return render.fill("gradients/jit_output.c.j2", view | {"head": head, "body": body})


def _prove_kernel(kernel: CompiledKernel, compiler: Compiler) -> None:
    """Raises ToolchainError where a fresh kernel and NumPy differ on whole numbers, whose sums are exact."""
    p: ConvProblem = kernel.plan.problem  # a linear one: dz has all filters
    if self_test_inputs.too_large(p):
        return
    x, dz = _whole(p.in_shape(2, p.steps or 0), p, 1), _whole(p.out_shape(2, p.steps or 0), p, 2)
    found = self_test_inputs.array(p.kernel_shape, p.dtype)
    _run(kernel, x, found, dz)
    _same("a kernel's gradient", found, reference.kernel_gradient(p, x, dz, p.dtype), np.zeros(()), compiler)
    _alone(found, compiler)


def _prove_output(kernel: CompiledKernel, compiler: Compiler) -> None:
    """The same, where slopes change and farther out, within their stated error."""
    made: Any = kernel.plan
    p: ConvProblem = made.problem
    if self_test_inputs.too_large(p):
        return
    curved, unit = p.activation != LINEAR, p.format.unit
    scales = np.array(p.format.of_pair(self_test_inputs.SCALES) if curved else (1, 1))[:, None, None]
    shape = p.out_shape(len(scales), p.steps or 0)
    dy, z = (
        _whole(shape, p, 3),
        self_test_inputs.between_margins((_whole(shape, p, 4) * scales / Z_UNIT).astype(p.dtype)),
    )
    both = self_test_inputs.array((made.bias_numbers + (dy.size if curved else 0),), p.dtype)
    _run(kernel, dy, both, z if curved else None)
    dz, allowed = dy.astype("float64"), np.zeros(shape)
    if curved:
        slopes = activations.derivative(p.activation, z.astype("float64"), p.dtype)
        allowed = np.abs(dy) * (activations.derivative_error(p.activation, slopes, p.dtype) + 2 * unit * np.abs(slopes))
        dz = dz * slopes
        _same("a layer's dz", both[made.bias_numbers :].reshape(shape), dz, allowed, compiler)
    if p.bias:
        rounding = curved * (dz.size // p.filters + 1) * unit * reference.bias_gradient(p, np.abs(dz))
        off = reference.bias_gradient(p, allowed) + rounding
        _same("a bias' gradient", both[: p.filters], reference.bias_gradient(p, dz), off, compiler)
    _alone(both, compiler)


def _run(kernel: CompiledKernel, x: Array, y: Array, given: Array | None) -> None:
    """Call a gradient's library, to which arrays are bare pointers. Raises ShapeError for one of another size."""
    made: Any = kernel.plan
    arrays, dtype = (x, y, given), np.dtype(made.problem.dtype)
    for array, (name, size) in zip(arrays, made.sizes(len(x)).items(), strict=True):
        if (0 if array is None else array.size) != size or (array is not None and array.dtype != dtype):
            got = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ShapeError(f"`{name}`: got {got}, expected {size:,} numbers of {dtype}")
    kernel.run(x, y, given)


def _whole(shape: tuple[int, ...], p: ConvProblem, seed: int) -> Array:
    return self_test_inputs.between_margins(self_test_inputs.whole(shape, MOST, seed).astype(p.dtype))


def _same(what: str, found: Array, wanted: Array, allowed: Array, compiler: Compiler) -> None:
    wrong = ~(np.abs(found - wanted) <= allowed)
    if wrong.any():
        at = tuple(int(i[0]) for i in np.nonzero(wrong))
        raise self_test.refusal(f"number {at} of {what} is {found[at]}, should be {wanted[at]}", compiler)


def _alone(written: Array, compiler: Compiler) -> None:
    """Raises ToolchainError where something was written beside the array."""
    if not self_test_inputs.margins_are_whole(written):
        raise self_test.refusal("it writes beside a gradient", compiler)
