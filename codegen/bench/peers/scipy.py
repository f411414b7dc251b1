"""SciPy: fftconvolve and oaconvolve, for layers whose channels stand alone: others they would sum one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from codegen.bench.contestant import Contestant, from_python

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

NAME = "SciPy"
PACKAGE = "pip install scipy"


def version() -> str:
    import scipy

    return f"scipy {scipy.__version__}"


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    del threads  # both run on one
    p = case.problem
    if p.groups != p.channels or p.filters != p.channels or p.stride != 1:
        return
    from scipy import signal

    yield _contestant(case, "fftconvolve", signal.fftconvolve)
    yield _contestant(case, "oaconvolve", signal.oaconvolve)


def _contestant(case: Case, variant: str, convolve: Callable[..., Array]) -> Contestant:
    """A convolution turns the kernel round; dilation is zeros between the taps; `full` is cut to the padding."""
    p = case.problem
    kernel = np.zeros((p.reach, p.channels), np.float32)
    kernel[:: p.dilation] = case.kernel[::-1, 0]
    axis = 1 if p.channels_last else 2
    taps = kernel[None] if p.channels_last else np.ascontiguousarray(kernel.T[None])
    bias = case.bias if case.bias is None or p.channels_last else case.bias[:, None]
    start = p.reach - 1 - p.pads(case.steps)[0]
    cut = (slice(None),) * axis + (slice(start, start + case.outs),)
    full = partial(convolve, case.x, taps, mode="full", axes=axis)
    y = np.empty(0, np.float32)

    def call() -> None:
        nonlocal y
        y = full()[cut] if bias is None else full()[cut] + bias

    return Contestant(variant, from_python(call), lambda: y, p.channels_last)
