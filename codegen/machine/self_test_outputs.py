"""Where the loops of a plan turn: the outputs that the self-test of a kernel must not miss."""

from __future__ import annotations

from codegen.planning.plan import KernelPlan

__all__ = ["leftovers", "lengths", "marks", "turns"]


def turns(plan: KernelPlan) -> tuple[int, ...]:
    """Outputs that a turn of each of its loops over the steps makes, fewest first: tiles, blocks of tiles, chunks."""
    own, inner = plan.algorithm.turns(plan.schedule), {each for part in plan.parts for each in turns(part)}
    wide = _a_row(plan)
    return tuple(sorted({*own, *(each * wide for each in inner)}))


def lengths(plan: KernelPlan) -> tuple[int, ...]:
    """The input steps from which on the plan, or a part of it that is given the whole input, computes otherwise."""
    return (*plan.algorithm.lengths(plan.schedule), *(each for part in plan.parts for each in lengths(part)))


def leftovers(plan: KernelPlan) -> tuple[int, ...]:
    """Numbers of outputs that together run all code for the last ones of a free length.

    A part that serves from some length on is given whole turns before them.
    """
    found = {*plan.algorithm.leftovers(plan)}
    for part in (one for one in plan.parts if one.problem.steps is None):
        turn, served = turns(part)[-1], (0, *plan.algorithm.lengths(plan.schedule))
        for outs in leftovers(part):
            found |= {(outs + max(0, -(-(least - outs) // turn)) * turn) * _a_row(plan) for least in served}
    return tuple(sorted(found))


def marks(plan: KernelPlan, outs: int) -> list[int]:
    """Output steps from 0 to `outs` at which something begins or ends, most important first; some twice.

    These are the ends, the middle, segments of equal tiles, the borders, and for each loop its second turn, one in the
    middle and the last. Where a kernel is rewritten, its first and its last chunk have the inner plan's marks.
    """
    p, found = plan.problem, [0, outs, outs // 2, *_segments(plan)]
    for size in turns(plan):
        found += [size, outs // size // 2 * size, outs // size * size, (outs - 1) // size * size]
    if plan.parts:
        chunk = max(plan.algorithm.turns(plan.schedule), default=outs)
        last = (outs - 1) // chunk * chunk
        inner = [mark * _a_row(plan) for part in plan.parts for mark in _segments(part)]
        found += [start + mark for start in (0, last) for mark in inner]
    apart = p.stages[0].dilation
    if apart > 1:  # neighbours in a tile of a transform, or in a panel of phases, lie the dilation apart
        found += [apart * turn for turn in (1, 2, 3, outs // apart // 2, (outs - 1) // apart)]
    return [mark for mark in found if 0 <= mark <= outs]


def _a_row(plan: KernelPlan) -> int:
    """Outputs that one output of the plan's inner ones is."""
    return plan.algorithm.inner_outputs(plan.schedule)


def _segments(plan: KernelPlan) -> tuple[int, ...]:
    """Where segments of equal tiles begin and end, and the outputs between the borders."""
    return plan.algorithm.segments(plan.schedule)
