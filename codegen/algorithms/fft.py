"""Convolution by real Fourier transforms over time, the products as small GEMMs over the channels."""

from __future__ import annotations

from codegen.algorithms import transformed
from codegen.algorithms.transformed import describe, pack
from codegen.plan import KernelPlan, Request
from codegen.transforms.fourier import fourier

NAME = "fft"
SIZES = (16, 32, 64, 128)  # samples; straight-line code, at most 1,500 statements in a basic block
MOST_PARTS = 16  # of a kernel that is longer than half of the largest size

__all__ = ["NAME", "candidates", "describe", "pack", "why_not"]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    most = MOST_PARTS * max(SIZES) // 2
    if problem.kernel_size > most:
        return f"{problem.kernel_size} taps are more than {MOST_PARTS} parts of {max(SIZES) // 2}"
    if problem.kernel_size > max(SIZES) - 7 and problem.dilation > 1:
        return f"{problem.kernel_size} taps leave too little of {max(SIZES)} samples, and dilated ones are not split"
    return transformed.why_not(request)


def candidates(request: Request) -> list[KernelPlan]:
    """Plans for each size that the kernel fits into, or half of which its parts fill, cheapest first."""
    taps = request.problem.kernel_size
    transforms = [fourier(size, taps) for size in SIZES if taps <= size - 7]
    halves = [size // 2 for size in SIZES if size // 2 < taps <= MOST_PARTS * size // 2]
    transforms += [fourier(2 * half, half, half) for half in halves]
    return transformed.plans(request, NAME, transforms)
