"""Our kernels as contestants: the bound call from Python, and the library's own entry from a loop in C."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from codegen import pipeline
from codegen.bench.case import ALIGNED
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.drivers import address, empty, from_c
from codegen.errors import ToolchainError
from codegen.planning.ask import rigor_named

if TYPE_CHECKING:
    from codegen.bench.case import Case
    from codegen.layers.how import How
    from codegen.machine.loader import CompiledKernel

NAME = "gen-conv"


class Call(ctypes.Structure):
    """genconv_call_v1 of templates/abi.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "kernel", "bias", "y", "workspace")),
        *((name, ctypes.c_ssize_t) for name in ("batch", "steps", "slice", "slices")),
    )


def kernel(case: Case, how: How) -> CompiledKernel:
    """The kernel of `case`, as a layer has it.

    Raises ToolchainError where only the NumPy reference could answer.
    """
    found = pipeline.kernel_for(case.told, how.ask, rigor_named(how.rigor), how.threads)
    if found.path is None:
        raise ToolchainError("no C compiler works here, so there is nothing to time: `gen-conv doctor` has details")
    return found


def python(case: Case, kernel: CompiledKernel) -> Contestant:
    """`kernel.bind`: a function of no arguments on prepared pointers."""
    y, weights = empty(case), kernel.pack(case.kernel)
    call = kernel.bind(case.x, y, weights, case.bias)
    return Contestant(kernel.plan.algorithm.name, from_python(call), lambda: y, case.problem.channels_last, call)


def c(case: Case, kernel: CompiledKernel) -> Contestant:
    """genconv_run_v1 of the same library, called as a C program would."""
    y, weights = empty(case), kernel.pack(case.kernel)
    space = np.zeros(kernel.plan.workspace(case.steps) + ALIGNED, np.uint8)
    workspace = space.ctypes.data + -space.ctypes.data % ALIGNED
    arrays = (address(case.x), address(weights), address(case.bias), address(y), workspace)
    block = Call(*arrays, case.batch, case.steps, 0, 1)
    library = ctypes.CDLL(str(kernel.path))
    keeps = (library, block, y, weights, space, case)
    loop = from_c(library.genconv_run_v1, ctypes.addressof(block))
    return Contestant(kernel.plan.algorithm.name, loop, lambda: y, case.problem.channels_last, keeps)
