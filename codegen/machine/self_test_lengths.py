"""The lengths that a fresh kernel of a free length is tried at: all its loops run there, and all its tiles."""

from __future__ import annotations

from bisect import bisect_right
from math import prod

from codegen.machine.self_test_outputs import leftovers, lengths, turns
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Problem

__all__ = ["FREE_PRODUCTS", "LARGE", "brief", "several"]

LARGE = 64 << 20  # bytes of y from which on one sample does
FREE_PRODUCTS = 500_000_000  # in a sample of a length that is chosen here
ADDRESSES = 1 << 40  # bytes of addresses, of which only what is read or written takes memory
LONG_TILE = 256  # outputs
RESIDUES = 4  # of a length by the stride, where the padding depends on it


def several(plan: KernelPlan) -> list[int]:
    """Lengths of a free input: few steps, all taps inside for a tile more or less, and two turns of every loop.

    Also those next to which the plan computes otherwise.
    """
    p, (tile, *_), turn, field = plan.problem, turns(plan), turns(plan)[-1], plan.problem.receptive_field
    found = [1, 2, field // 2, field - 1, field, field + 1]
    for few in (size - tile for size in turns(plan) if tile < size <= LONG_TILE):  # too few for a wider tile
        found += [_with_all_taps(p, few), _with_outputs(p, few)]
    found += [_with_all_taps(p, outs) for outs in (tile - 1, tile, tile + 1, 2 * tile + 1)]
    if any(stage.centred for stage in p.stages):
        found += [found[-1] + more for more in range(1, min(p.stride, RESIDUES))]
    found += [steps + more for steps in lengths(plan) for more in (-1, 0)]
    for outs in (2 * turn + 3 * tile + 1, turn + tile + 1):
        if _affordable(p, _with_all_taps(p, outs)):
            found.append(_with_all_taps(p, outs))
            break
    return sorted({steps for steps in found if steps > 0 and _affordable(p, steps)})


def brief(plan: KernelPlan) -> set[int]:
    """Lengths of a free input that are tried for one tile of what is left over: one sample, and few outputs of it."""
    p = plan.problem
    given = {_with_outputs(p, outs) for outs in leftovers(plan)} if p.steps is None else set[int]()
    return {steps for steps in given if _affordable(p, steps)}


def _with_all_taps(p: Problem, outs: int) -> int:
    """The least length that has `outs` outputs with all taps inside."""
    return -(-((max(1, outs) - 1) * p.stride + p.reach - 1) // p.up) + 1


def _with_outputs(p: Problem, outs: int) -> int:
    """The greatest length that has at most `outs` outputs, those at the borders among them; 1 where none has."""
    return max(1, bisect_right(range(_with_all_taps(p, outs) + 1), outs, key=p.out_steps) - 1)


def _affordable(p: Problem, steps: int) -> bool:
    bytes_in, bytes_out = (prod(shape(1, steps)) * p.item_bytes for shape in (p.in_shape, p.out_shape))
    return p.macs(steps) <= FREE_PRODUCTS and bytes_in <= ADDRESSES and bytes_out <= LARGE
