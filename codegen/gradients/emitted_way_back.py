"""NAME_backward as it is emitted, on trial: its functions on whole numbers beside the definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.cfunction import CFunction
from codegen.gradients import emit, proof, reference
from codegen.gradients.emit import BackwardPlan, Functions
from codegen.machine.emitted_kernel import EmittedLibrary
from codegen.planning.ask import Ask
from codegen.problem import reference as forward
from codegen.records import dataclass
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler

    Array = NDArray[Any]

__all__ = ["tried"]

SAMPLES, MOST = 2, 8


@dataclass(frozen=True)
class One:
    """One function in the shape of a library of gradients: `run` calls it for each sample, and gradients add up."""

    plan: Any
    function: CFunction
    library: EmittedLibrary
    workspace: Array

    def run(self, batch: int, **arrays: Array) -> None:
        """`arrays` by the arguments' names: those of a sample each, and gradients of weights, which begin at 0."""
        written = {one.name for one in self.function.parameters if not one.type.startswith("const ")} - {"workspace"}
        for name in written & set(arrays):
            arrays[name][...] = 0
        each = {name for name in arrays if name in ("x", "z", "dy", "dz", "dx")}
        for sample in range(batch):
            values = {name: array[sample] if name in each else array for name, array in arrays.items()}
            self.library.call(self.function, {**values, "workspace": self.workspace})


def tried(spec: Spec, ask: Ask, compiler: Compiler) -> Iterator[tuple[str, int, int]]:
    """(the function's result, how many of its numbers are wrong, of how many) for each of the functions.

    Raises ToolchainError where dz, dbias or dkernel are wrong; UsageError for a layer that has no such functions.
    """
    source = emit.emitted(spec, ask)
    parts = source.plan
    library, functions = EmittedLibrary(source, parts.target, compiler), Functions.of(parts, source.name)
    p, steps, space = parts.problem, parts.problem.known_steps, np.zeros(parts.workspace_bytes + 64, np.uint8)
    space = space[-space.ctypes.data % 64 :]
    linear = p.with_epilogue(p.epilogue.start)
    given = _drawn(parts)
    begun = {one.name: given[one.name] for one in linear.epilogue.operands}
    if parts.forward:
        z = np.empty(linear.out_shape(SAMPLES, steps), p.dtype)
        One(None, functions.z, library, space).run(SAMPLES, x=given["x"], kernel=given["kernel"], z=z, **begun)
        exact = forward.convolve(linear, given["x"], given["kernel"], *begun.values())
        yield "z", int(np.count_nonzero(z != exact)), z.size
    dx = np.empty_like(given["x"])
    One(None, functions.input, library, space).run(SAMPLES, dz=given["dz"], kernel=given["kernel"], dx=dx)
    exact = reference.input_gradient(p, steps, given["kernel"], given["dz"])
    yield "dx", int(np.count_nonzero(dx != exact)), dx.size
    proof.kernel(One(parts.kernel, functions.kernel, library, space), compiler)
    yield "dkernel", 0, int(np.prod(p.kernel_shape))
    if p.epilogue.stages:
        proof.output(One(parts.output, functions.output, library, space), compiler)
        yield "dz and dbias", 0, given["dz"].size


def _drawn(parts: BackwardPlan) -> Mapping[str, Array]:
    """Whole numbers for all that the functions read."""
    p, rng = parts.problem, np.random.default_rng(0)
    steps = p.known_steps
    shapes = {"x": p.in_shape(SAMPLES, steps), "dz": p.out_shape(SAMPLES, steps), "kernel": p.kernel_shape}
    shapes |= {one.name: (one.numbers(p.filters),) for one in p.epilogue.operands}
    return {name: rng.integers(-MOST, MOST + 1, shape).astype(p.dtype) for name, shape in shapes.items()}
