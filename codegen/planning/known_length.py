"""A kernel for one length in the place of a free one's: the same bits, and where it can be the same packed weights."""

from __future__ import annotations

from dataclasses import replace

from codegen.errors import PlanError
from codegen.planning import planner
from codegen.planning.plan import AnyPlan, Request
from codegen.planning.serving import Serving
from codegen.problem.problem import Problem
from codegen.records import dataclass

__all__ = ["AtLength", "with_bits_of"]

OTHER_LAYOUT = 1.1  # times what a plan counts that packs the kernel once more


@dataclass(frozen=True)
class AtLength:
    """`plan` serves one length; it reads `numbers` of the free kernel's packed weights from `place` on.

    None: it packs the kernel for itself.
    """

    plan: AnyPlan
    place: int | None
    numbers: int


def with_bits_of(free: AnyPlan, problem: Problem) -> AtLength | None:
    """The cheapest plan for `problem`, the layer of `free` with its steps known, that makes the bits of `free` there.

    So it sums in the order of the part that serves this length, and treats the padding as that does. Of sums by a
    transform also the packed kernel must be the same: C and NumPy may round one differently. None where there is none
    such.
    """
    steps = problem.steps
    assert steps is not None
    serving = free.algorithm.serving
    own = serving(free, steps) if serving else Serving(free)
    part = replace(own.plan, problem=problem)
    try:
        known = planner.survey(Request(problem, free.asked(sliced=False).ask))
    except PlanError:
        return None
    alike = [plan for plan in known.found if _makes_the_bits_of(part, plan)]
    best = min(alike, key=lambda plan: plan.cost.cycles * _weight(part, plan), default=None)
    if best is None:
        return None
    return AtLength(best, own.place if best.layout == part.layout else None, best.packed_numbers)


def _makes_the_bits_of(part: AnyPlan, plan: AnyPlan) -> bool:
    """Whether each output of `plan` has the bits of that of `part`."""
    if plan.order != part.order or (plan.pads != part.pads and _padded(part.problem)):
        return False
    return plan.layout == part.layout or not plan.transforms


def _weight(part: AnyPlan, plan: AnyPlan) -> float:
    return 1.0 if plan.layout == part.layout else OTHER_LAYOUT


def _padded(problem: Problem) -> bool:
    return any(stage.pad_left or stage.pad_right or stage.centred for stage in problem.stages)
