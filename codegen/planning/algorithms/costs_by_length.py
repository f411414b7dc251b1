"""What plans cost at one of the lengths that are looked at, and between two of them."""

from __future__ import annotations

from itertools import pairwise

from codegen.planning.plan import AnyPlan
from codegen.records import dataclass

__all__ = ["MANY", "AtLength", "between", "same"]

LITTLE = 0.03  # of a call: less than the estimates are good for
ELSEWHERE = 1.03  # times the best of its way: what a plan counts at a length where another tile is the best one

MANY = 1e30  # cycles, of a plan that is not offered at a length


@dataclass(frozen=True)
class AtLength:
    """The plans for so many output steps, cheapest first."""

    outs: int
    best: tuple[AnyPlan, ...]

    def cycles(self, plan: AnyPlan) -> float:
        """What `plan` costs at this length: its own estimate, or a little more than the best of its way."""
        for other in self.best:
            if same(other, plan):
                return other.cost.cycles
        alike = [other for other in self.best if (other.way, other.transforms) == (plan.way, plan.transforms)]
        nearest = [other for other in alike if other.layout == plan.layout] or alike
        return min((other.cost.cycles * ELSEWHERE for other in nearest), default=MANY)

    def summing_as(self, plan: AnyPlan) -> AtLength:
        """The plans whose sums have the order of those of `plan`."""
        return AtLength(self.outs, tuple(other for other in self.best if other.order == plan.order))

    def packed_as(self, plan: AnyPlan) -> AtLength:
        """The plans that read the same packed kernels as `plan`."""
        return AtLength(self.outs, tuple(other for other in self.best if other.layout == plan.layout))

    def lost(self, plan: AnyPlan) -> float:
        """What `plan` costs more than the best of this length, as a share of it; nothing where it is little."""
        call = plan.target.core.setup.call
        share = (self.cycles(plan) + call) / (self.best[0].cost.cycles + call) - 1
        return share if share > LITTLE else 0.0


def same(one: AnyPlan, other: AnyPlan) -> bool:
    """Whether two plans differ in nothing but the length that their costs are for."""
    if one.algorithm is not other.algorithm or one.schedule != other.schedule:
        return False
    return all(same(*parts) for parts in zip(one.parts, other.parts, strict=True))


def between(looked_at: list[AtLength], plan: AnyPlan, outs: int) -> float:
    """The cycles of `plan` at a number of outputs, as if they grew evenly between those that were looked at."""
    near, far = next(both for both in pairwise(looked_at) if outs <= both[1].outs)
    share = (outs - near.outs) / (far.outs - near.outs)
    return near.cycles(plan) + share * (far.cycles(plan) - near.cycles(plan))
