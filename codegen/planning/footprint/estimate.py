"""The estimate: a plan's pieces, and from them the bytes of its code and of its stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from codegen.planning.footprint import rewritten, tiles, whole
from codegen.planning.footprint.pieces import NONE, Pieces
from codegen.planning.footprint.rates import rates
from codegen.planning.plan import AnyPlan

__all__ = ["code_bytes", "pieces", "stack_bytes", "told"]

PIECES: dict[str, Callable[[Any], Pieces]] = {
    "direct_filters": tiles.of_filters,
    "direct_steps": tiles.of_steps,
    "depthwise": tiles.of_channels,
    "winograd": rewritten.of_transform,
    "fft": rewritten.of_transform,
    "overlap_save": rewritten.of_blocks,
    "signal_as_channels": rewritten.of_signal,
    "relayout": rewritten.of_relayout,
    "strides_as_channels": rewritten.of_strides,
    "upsampled": rewritten.of_upsampled,
    "separable": rewritten.of_separable,
    "row_activation": rewritten.of_rows,
    "by_length": rewritten.of_lengths,
    "rolled": rewritten.of_rolled,
    "dots": whole.of_dots,
    "dots_channels": whole.of_channels,
    "dots_phases": whole.of_phases,
    "dots_stages": whole.of_stages,
    "integer": whole.of_integer,
}  # by the algorithm's name; one from outside counts as nothing but its inner plans
WORD = 8  # bytes by which a stack grows
SHORT, ALONE = 0.3, 0.8  # of an inner function that is called once, with a length too short for its tile, or another


def code_bytes(plan: AnyPlan) -> int:
    """Bytes of code and of its constants, tables of weights left out: an estimate, for gcc -O2."""
    if plan.algorithm.footprint:
        return plan.algorithm.footprint(plan)[0]
    found = rates(plan.target)
    return round(found.code_base + found.code.dot(pieces(plan)))


def stack_bytes(plan: AnyPlan) -> int:
    """Bytes of stack at the deepest: an estimate, for gcc -O2. Whole words."""
    if plan.algorithm.footprint:
        return plan.algorithm.footprint(plan)[1]
    found = rates(plan.target)
    one = plan.algorithm.serving is not None  # a call goes through one part: the stack is that of the deepest
    ways = (found.stack.dot(_along(plan, part)) for part in plan.parts) if one else ()
    return WORD * round((found.stack_base + max(ways, default=found.stack.dot(pieces(plan)))) / WORD)


def told(plan: AnyPlan) -> AnyPlan:
    """The plan, its cost with what its code, its const tables and its stack take; one that has these stays as it is."""
    if plan.cost.code_bytes:
        return plan
    cost = replace(plan.cost, code_bytes=code_bytes(plan) + _tables(plan), stack_bytes=stack_bytes(plan))
    return replace(plan, cost=cost)


def _tables(plan: AnyPlan) -> int:
    """Bytes of its const tables."""
    if plan.weights != "baked":
        return 0
    if plan.algorithm.footprint:
        return plan.algorithm.footprint(plan)[2]
    return int(plan.packed_numbers * plan.kernel_format.bytes + plan.problem.epilogue_bytes)


def pieces(plan: AnyPlan) -> Pieces:
    """All of the plan's file but its tables; functions that two inner plans share, once."""
    own = PIECES.get(plan.algorithm.name)
    total = own(plan) if own else NONE
    for part in dict.fromkeys(plan.parts):
        total += pieces(part).scaled(_share(plan, part))
    return total


def _along(plan: AnyPlan, part: AnyPlan) -> Pieces:
    """What a call passes that goes through one part of the plan, and no other."""
    return PIECES[plan.algorithm.name](plan) + pieces(part)


def _share(plan: AnyPlan, part: AnyPlan) -> float:
    """What is left of an inner function once gcc knows its only arguments: a chunk that is all of the input."""
    p = plan.problem
    known = part.problem.steps is None and p.steps is not None
    if not known or p.out_steps(p.steps or 0) > max((*plan.algorithm.turns(plan.schedule), 1)):
        return 1.0
    tile = max((*part.algorithm.turns(part.schedule)[:1], 1))
    return SHORT if p.out_steps(p.steps or 0) < tile else ALONE
