"""Whole numbers of transposed layers in vectors: all outputs between two input steps are filters of one convolution.

    output r*up + i reads tap k0 + j*up of sample r + o + j, where up*o = i + k0 - left and k0 is the first such tap

So row r of `up` outputs is the output r of a convolution with `up` times as many filters, those of a later o behind
zeros, which `dots` computes; in channels_last its outputs lie in y as they should.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.planning.algorithms import dots
from codegen.planning.algorithms.dots import Schedule
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem.conv_problem import ConvProblem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Plan = KernelPlan[Schedule, ConvProblem]


def why_not(request: Request[ConvProblem]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    p = request.problem
    if p.up == 1:
        return "no zeros lie between the input's steps"
    if p.steps is None:
        return "it is for a length that is known"
    if p.stride > 1 or p.dilation > 1 or p.groups > 1:
        return "its outputs have taps of several distances, or read a part of the channels"
    if not (p.channels_last or p.filters == 1):
        return "its outputs lie apart in y"
    outs = p.out_steps(p.steps)
    if outs % p.up or outs < p.up:
        return "its outputs are no whole rows of those between two steps"
    if as_rows(p) is None:
        return "its last outputs read nothing"
    return dots.why_not(_of_rows(request))


def _offsets(p: ConvProblem) -> list[tuple[int, int, int]]:
    """(first tap, its sample in row 0, taps) of each output of a row."""
    assert p.steps is not None
    left, found = p.pads(p.steps)[0], []
    for i in range(p.up):
        first = (left - i) % p.up
        found.append((first, (i + first - left) // p.up, max(0, -(-(p.kernel_size - first) // p.up))))
    return found


def as_rows(p: ConvProblem) -> ConvProblem | None:
    """The convolution whose outputs are rows of `up`; None where that would leave out samples at an end."""
    assert p.steps is not None
    offsets = _offsets(p)
    least = min(0, *(sample for _, sample, _ in offsets))
    size = max(1, *(sample + taps for _, sample, taps in offsets)) - least
    right = p.out_steps(p.steps) // p.up - p.steps + size - 1 + least
    if right < 0:
        return None
    return replace(p, up=1, filters=p.filters * p.up, kernel_size=size, pad_left=-least, pad_right=right, centred=False)


def _of_rows(request: Request[ConvProblem]) -> Request[ConvProblem]:
    rows = as_rows(request.problem)
    assert rows is not None
    return replace(request, problem=rows)


def candidates(request: Request[ConvProblem], best_of_each: BestOfEach) -> list[Plan]:
    """The plan of `dots` for the rows."""
    found = dots.candidates(_of_rows(request), best_of_each)
    return [KernelPlan(request.problem, request.ask, ALGORITHM, one.schedule, one.cost) for one in found]


def of_rows(plan: Plan) -> dots.Plan:
    """The plan of the rows."""
    rows = as_rows(plan.problem)
    assert rows is not None
    return KernelPlan(rows, plan.ask, dots.ALGORITHM, plan.schedule, plan.cost)


def turned(p: ConvProblem, kernel: NDArray[Any]) -> NDArray[Any]:
    """A kernel (kernel_size, channels, filters) as the rows' filters read it."""
    import numpy as np

    rows = as_rows(p)
    assert rows is not None
    made = np.zeros((rows.kernel_size, p.channels, p.up, p.filters), kernel.dtype)
    for i, (first, sample, taps) in enumerate(_offsets(p)):
        at = sample + rows.pad_left
        made[at : at + taps, :, i] = kernel[first :: p.up]
    return made.reshape(rows.kernel_shape)


def describe(plan: Plan) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    return f"{plan.algorithm.name}: rows of {plan.problem.up} outputs by {of_rows(plan).describe()}"


def pack(plan: Plan, kernel: np.ndarray) -> np.ndarray:
    """As `dots` packs the kernel of the rows."""
    return dots.pack(of_rows(plan), turned(plan.problem, kernel))


def packed_numbers(plan: Plan) -> int:
    """Numbers in what `pack` makes."""
    return dots.packed_numbers(of_rows(plan))


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The rows of a tile, and of a copy."""
    return dots.turns(schedule)


def no_order(plan: Plan) -> Key:
    """Sums of whole numbers are the same in any order."""
    return ()


ALGORITHM: Algorithm[Schedule, ConvProblem] = Algorithm(
    name="dots_phases",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=dots.key,
    turns=turns,
    order=no_order,
    serves_upsampling=True,
    whole=True,
)
