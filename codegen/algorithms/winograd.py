"""Winograd's minimal filtering (Toom-Cook): short kernels from fewer multiplications."""

from __future__ import annotations

from codegen.algorithms import transformed
from codegen.algorithms.transformed import describe, pack
from codegen.plan import KernelPlan, Request
from codegen.transforms.toom_cook import toom_cook

NAME = "winograd"
MOST_POINTS = 8  # more lose too many digits
MOST_TAPS = 6

__all__ = ["NAME", "candidates", "describe", "pack", "why_not"]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.problem.kernel_size > MOST_TAPS:
        return f"more than {MOST_TAPS} taps lose too many digits in a polynomial transform"
    return transformed.why_not(request)


def candidates(request: Request) -> list[KernelPlan]:
    """Plans for each tile size that is accurate enough, cheapest first."""
    taps = request.problem.kernel_size
    return transformed.plans(request, NAME, [toom_cook(m, taps) for m in range(2, MOST_POINTS + 2 - taps)])
