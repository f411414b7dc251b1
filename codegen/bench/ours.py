"""Our kernels as contestants: the bound call from Python, and the library's own entry from a loop in C."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.bench.case import ALIGNED
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.drivers import address, empty, from_c
from codegen.errors import ToolchainError, UsageError

if TYPE_CHECKING:
    from codegen.bench.case import Case
    from codegen.loader import CompiledKernel

NAME = "gen-conv"


class Call(ctypes.Structure):
    """genconv_call_v1 of templates/abi.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "kernel", "bias", "y", "workspace")),
        ("batch", ctypes.c_ssize_t),
        ("steps", ctypes.c_ssize_t),
    )


def kernel(case: Case, target: str, options: dict[str, Any]) -> CompiledKernel:
    """The kernel of `case`; raises ToolchainError where only the NumPy reference could answer.

    `options` (accuracy, threads) reach `pipeline.kernel_for` by name; raises UsageError for one that it does not take.
    """
    make: Callable[..., Any] = pipeline.kernel_for
    for name, value in options.items():
        if name not in inspect.signature(make).parameters:
            raise UsageError(f"--{name} {value}: kernels of this version have no such choice; leave it out")
    found = make(case.spec, target, **options)
    if found.path is None:
        raise ToolchainError("no C compiler works here, so there is nothing to time: `gen-conv doctor` tells more")
    compiled: CompiledKernel = found
    return compiled


def python(case: Case, kernel: CompiledKernel) -> Contestant:
    """`kernel.bind`: a function of no arguments on prepared pointers."""
    y, weights = empty(case), kernel.pack(case.kernel)
    call = kernel.bind(case.x, y, weights, case.bias)
    return Contestant(kernel.plan.algorithm, from_python(call), lambda: y, case.problem.channels_last, call)


def c(case: Case, kernel: CompiledKernel) -> Contestant:
    """genconv_run_v1 of the same library, called as a C program would."""
    y, weights = empty(case), kernel.pack(case.kernel)
    space = np.zeros(kernel.plan.workspace_bytes + ALIGNED, np.uint8)
    workspace = space.ctypes.data + -space.ctypes.data % ALIGNED
    arrays = (address(case.x), address(weights), address(case.bias), address(y), workspace)
    block = Call(*arrays, case.batch, case.steps)
    library = ctypes.CDLL(str(kernel.path))
    keeps = (library, block, y, weights, space, case)
    loop = from_c(library.genconv_run_v1, ctypes.addressof(block))
    return Contestant(kernel.plan.algorithm, loop, lambda: y, case.problem.channels_last, keeps)
