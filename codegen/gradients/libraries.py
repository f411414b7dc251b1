"""Gradient plan → C text → machine code, proved on whole numbers when new; in NumPy where nothing can compile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.emission import render, vectors
from codegen.emission.heads import Head, slopes
from codegen.gradients import input as input_gradients
from codegen.gradients import kernel_text, output_rows, plan, proof, reference, repacked
from codegen.gradients.output_plan import OutputGradientPlan, output_plan
from codegen.gradients.plan import KernelGradientPlan
from codegen.installed import forgetful
from codegen.machine import gradient_library
from codegen.machine.gradient_library import GradientLibrary
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.reference import parted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.loader import Kernel

    Array = NDArray[Any]

__all__ = ["Backward"]

NAME = "gradient"


@forgetful
@lru_cache(maxsize=256)
class Backward:
    """The backward kernels of one problem of known length, each compiled when it is first needed; one for all calls.

    Arrays are contiguous, of the problem's dtype, batch first, in its layout.
    """

    def __init__(self, problem: ConvProblem, ask: Ask) -> None:
        self.problem, self.steps, self.ask = problem, problem.known_steps, replace(ask, weights="packed")
        self._rooms: dict[int, list[Array]] = {}  # for packed kernels, by who reads them: one a running call

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
        compiled.run(len(x), x=x, dz=dz, dkernel=dkernel)
        return dkernel

    def output_gradient(
        self, dy: Array, z: Array | None, *operands: Array | None
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """(dz, the gradients of what the epilogue's stages read, in their order), of dy and the sums z.

        dz is dy where nothing follows the sums, which then are not read.
        """
        if z is not None and self.problem.epilogue.rowwise:
            dy, *of_rows = self._row_by_row(dy, z, operands)
            before, found = self._before_rows(dy, z, operands)
            return before, (*found, *of_rows)
        return self._before_rows(dy, z, operands)

    def _before_rows(
        self, dy: Array, z: Array | None, operands: Sequence[Array | None]
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """The same of the stages that each sum goes through by itself."""
        made = self._output_plan
        p = made.problem
        if not p.epilogue.stages:
            return dy, ()
        operands = operands[: len(p.epilogue.operands)]
        library = self._output_library
        if library is None:
            dz, gradients = reference.output_gradient(p, dy, dy if z is None else z, *operands)
            return self._held(dz), tuple(None if one is None else self._held(one) for one in gradients)
        given = dict(zip((one.name for one in p.epilogue.operands), operands, strict=False))
        reads = {one.name: given.get(one.name) for stage in p.epilogue.later for one in stage.operands}
        shapes = {f"d{one.name}": p.operand_shape(one, len(dy), self.steps) for one in p.epilogue.operands}
        writes = {name: np.empty(shape, p.dtype) for name, shape in shapes.items()}
        dz = np.empty_like(dy) if made.curved else dy
        curve = {"z": z, "dz": dz} if made.curved else {}
        library.run(len(dy), dy=dy, **curve, **reads, **writes)
        return dz, tuple(writes.values())

    def _row_by_row(self, dy: Array, z: Array, operands: Sequence[Array | None]) -> tuple[Array, ...]:
        """The gradient before the stage that takes whole rows, from that after it, and its operands': in NumPy."""
        p = self.problem
        _, later = parted(p, operands, "float64")
        value = reference.rows(p, z).astype("float64")
        for stage, given in later[:-1]:
            value = stage.reference(value, given, p.format)
        stage, given = later[-1]
        before, *shares = stage.pulled(reference.rows(p, dy).astype("float64"), value, given, p.format)
        of_rows = [reference.gathered(p, one, share) for one, share in zip(stage.operands, shares, strict=True)]
        return tuple(map(self._held, (reference.rows(p, before), *of_rows)))

    def _held(self, array: Array) -> Array:
        """The same numbers as the problem has them."""
        return np.ascontiguousarray(array, self.problem.dtype)

    def input_gradient(self, kernel: Array, dz: Array) -> Array:
        """dx of the input's shape; `kernel` in the problem's. One sample alone has the plan that packs less."""
        dx = np.empty(self.problem.in_shape(len(dz), self.steps), self.problem.dtype)
        turned = input_gradients.turned(self.problem, self.steps, kernel)
        self._run(self.input_kernel(len(dz)), turned, dz, dx)
        return dx

    def _run(self, compiled: Kernel, kernel: Array, x: Array, y: Array, *operands: Array | None) -> None:
        """One call, with weights that are packed for it where those of an earlier one lay."""
        rooms = self._rooms.setdefault(id(compiled), [])
        packed = compiled.pack(kernel, rooms.pop() if rooms else None)
        compiled.check(x, y, packed, *operands)
        compiled.run(x, y, packed, *operands)
        rooms.append(packed)

    def forward(self, x: Array, kernel: Array, *operands: Array | None) -> Array:
        """The output before the activation, by the plan that takes least with its packing."""
        compiled = self.forward_kernel(len(x))
        z = np.empty(compiled.plan.problem.out_shape(len(x), self.steps), self.problem.dtype)
        self._run(compiled, kernel, x, z, *operands)
        return z

    @cached_property
    def _input_problem(self) -> ConvProblem:
        return input_gradients.input_problem(self.problem, self.steps)

    def input_kernel(self, samples: int) -> Kernel:
        """The kernel of the input's gradient, for so many samples with weights that are packed anew."""
        return self._input_kernel_of_one if samples == 1 else self._input_kernel

    def forward_kernel(self, samples: int) -> Kernel:
        """The kernel of the sums, likewise."""
        return self._forward_kernel_of_one if samples == 1 else self._forward_kernel

    @property
    def gradient_libraries(self) -> tuple[GradientLibrary | None, GradientLibrary | None]:
        """What computes dkernel, of a problem with zeros between its steps that of its input's; and dz, dbias.

        None where there is nothing to compute, or no compiler.
        """
        turned = Backward(self._input_problem, self.ask) if self.problem.up > 1 else self
        output = self._output_library if self._output_plan.problem.epilogue.stages else None
        return turned._kernel_library, output

    @cached_property
    def _input_kernel(self) -> Kernel:
        return self._compiled(self._input_problem)

    @cached_property
    def _input_kernel_of_one(self) -> Kernel:
        return self._compiled(self._input_problem, 1)

    @cached_property
    def _forward_kernel(self) -> Kernel:
        return self._compiled(self._sums)

    @cached_property
    def _forward_kernel_of_one(self) -> Kernel:
        return self._compiled(self._sums, 1)

    @property
    def _sums(self) -> ConvProblem:
        return replace(self.problem, epilogue=self.problem.epilogue.start)

    def _compiled(self, problem: ConvProblem, samples: int = repacked.SAMPLES) -> Kernel:
        """The kernel that takes least for so many samples together with its packing, which each call does."""
        asked = Request(problem, self.ask)
        return pipeline.compiled(asked, repacked.choice(asked, samples))

    @cached_property
    def _kernel_library(self) -> GradientLibrary | None:
        return gradient_library.load(plan.plan(self.problem, self.ask.target), _kernel_text, proof.kernel)

    @cached_property
    def _output_library(self) -> GradientLibrary | None:
        return gradient_library.load(self._output_plan, _output_text, proof.output)

    @cached_property
    def _output_plan(self) -> OutputGradientPlan:
        before = self.problem.with_epilogue(self.problem.epilogue.before_rows)
        return output_plan(before, self.ask.target)


def _kernel_text(made: KernelGradientPlan) -> str:
    """One C translation unit: the tiles, and the entry of the fixed signature around the samples of a batch."""
    view = kernel_text.view(made, NAME)
    body, names = vectors.finished(kernel_text.text(view))
    head = Head(made.target, made.problem.format, view["lanes"]).text(names)
    return render.fill("gradients/jit_kernel.c.j2", view | {"head": head, "body": body})


def _output_text(made: OutputGradientPlan) -> str:
    """The same for the way back through the epilogue."""
    view = output_rows.view(made, NAME)
    body, names = vectors.finished(render.piece("gradients/output.c.j2", view))
    declared = slopes(made.problem.epilogue.later)
    head = Head(made.target, made.problem.format, view["lanes"], functions=declared).text(names)
    return render.fill("gradients/jit_output.c.j2", view | {"head": head, "body": body})
