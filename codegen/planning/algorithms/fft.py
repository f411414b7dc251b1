"""Convolution by real Fourier transforms over time, the products as small GEMMs over the channels."""

from __future__ import annotations

from codegen.planning.algorithms import bilinear
from codegen.planning.algorithms.bilinear import describe, pack, packed_numbers, transformed, turns
from codegen.planning.algorithms.bilinear_schedule import Schedule, grid, key, layout, leftovers, order
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Request
from codegen.planning.transforms.fourier import fourier

SIZES = (16, 32, 64, 128)  # samples; straight-line code, at most 1,500 statements in a basic block
FEW = 2.0  # times the least products that a way may need
FEWER = 0.9  # of what half the size needs is worth the larger one
MOST_PARTS = 16  # of a kernel that is longer than half of the largest size


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    most = MOST_PARTS * max(SIZES) // 2
    if problem.kernel_size > most:
        return f"{problem.kernel_size} taps are more than {MOST_PARTS} parts of {max(SIZES) // 2}"
    if problem.kernel_size > max(SIZES) - 7 and problem.dilation > 1:
        return f"{problem.kernel_size} taps leave too little of {max(SIZES)} samples, and dilated ones are not split"
    if problem.stride > 1:
        return "the stride leaves out outputs that a tile computes together"
    return bilinear.why_not(request)


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Plans for each size that the kernel fits into, or half of which its parts fill, cheapest first."""
    taps = request.problem.kernel_size
    ways = [(size, taps, size - taps + 1) for size in SIZES if taps <= size - 7]
    ways += [(size, size // 2, size // 2) for size in SIZES if size // 2 < taps <= MOST_PARTS * size // 2]
    return bilinear.plans(request, ALGORITHM, [fourier(*way) for way in _worth(ways, taps)])


def _worth(ways: list[tuple[int, int, int]], taps: int) -> list[tuple[int, int, int]]:
    """The ways (size, taps of a part, outputs) that need few products; writing a codelet's code takes time, too."""
    products = {(size, part, outs): (1.5 * size - 1) * -(-taps // part) / outs for size, part, outs in ways}
    kept: list[tuple[int, int, int]] = []
    for way in ways:
        doublings = [(way[0] // smaller[0]).bit_length() - 1 for smaller in kept]
        saved = all(products[way] < FEWER**d * products[k] for d, k in zip(doublings, kept, strict=True))
        if saved and products[way] <= FEW * min(products.values()):
            kept.append(way)
    return kept


ALGORITHM = Algorithm(
    name="fft",
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
