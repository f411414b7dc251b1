"""Convolution by real Fourier transforms over time, the products as small GEMMs over the channels."""

from __future__ import annotations

from codegen.algorithms import transformed
from codegen.algorithms.transformed import describe, pack
from codegen.plan import KernelPlan, Request
from codegen.transforms.fourier import fourier

NAME = "fft"
SIZES = (16, 32, 64)  # samples; straight-line code in one basic block

__all__ = ["NAME", "candidates", "describe", "pack", "why_not"]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.problem.kernel_size > max(SIZES) - 7:
        return f"{request.problem.kernel_size} taps leave too little of {max(SIZES)} samples"
    return transformed.why_not(request)


def candidates(request: Request) -> list[KernelPlan]:
    """Plans for each size that leaves at least half of its outputs, cheapest first."""
    taps = request.problem.kernel_size
    sizes = [size for size in SIZES if taps <= size - 7]
    return transformed.plans(request, NAME, [fourier(size, taps) for size in sizes])
