"""Winograd's minimal filtering (Toom-Cook): short kernels from fewer multiplications."""

from __future__ import annotations

from codegen.algorithms import transformed
from codegen.algorithms.transformed import describe, pack
from codegen.plan import KernelPlan, Request
from codegen.transforms.toom_cook import toom_cook

NAME = "winograd"
SIZES = {2: (4, 6), 3: (2, 4, 6), 4: (4,), 5: (4,)}  # outputs a tile by taps: what stays within twice direct's error

__all__ = ["NAME", "candidates", "describe", "pack", "why_not"]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.problem.kernel_size > max(SIZES):
        return f"more than {max(SIZES)} taps lose too many digits in a polynomial transform"
    return transformed.why_not(request)


def candidates(request: Request) -> list[KernelPlan]:
    """Plans for each tile size, cheapest first."""
    taps = request.problem.kernel_size
    return transformed.plans(request, NAME, [toom_cook(outputs, taps) for outputs in SIZES[taps]])
