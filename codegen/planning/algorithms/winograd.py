"""Winograd's minimal filtering (Toom-Cook): short kernels from fewer multiplications."""

from __future__ import annotations

from codegen.planning.algorithms import bilinear
from codegen.planning.algorithms.bilinear import describe, pack, packed_numbers, transformed, turns
from codegen.planning.algorithms.bilinear_schedule import Schedule, grid, key, layout, leftovers, order
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Request
from codegen.planning.transforms.phased import most_taps, phased
from codegen.planning.transforms.toom_cook import toom_cook

MOST_POINTS = 8  # more lose too many digits
MOST_TAPS = 6


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if problem.stride > 1 and problem.dilation > 1:
        return "its tiles are strided or dilated, not both"
    if 1 < problem.kernel_size <= problem.stride:
        return "the stride lets no two outputs share a sample"
    if most_taps(problem.kernel_size, problem.stride) > MOST_TAPS:
        return f"more than {MOST_TAPS} taps lose too many digits in a polynomial transform"
    return bilinear.why_not(request)


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Plans for each tile size that is accurate enough, cheapest first."""
    taps, stride = request.problem.kernel_size, request.problem.stride
    sizes = range(2, MOST_POINTS + 2 - most_taps(taps, stride))
    if stride > 1:  # every output adds up all phases
        transforms = [phased(m, taps, stride) for m in sizes if m * (stride - 1) <= request.target.core.budget.codelet]
    else:
        transforms = [toom_cook(m, taps) for m in sizes]
    return bilinear.plans(request, ALGORITHM, transforms)


ALGORITHM = Algorithm(
    name="winograd",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    turns=turns,
    leftovers=leftovers,
    layout=layout,
    order=order,
    grid=grid,
    transformed=transformed,
)
