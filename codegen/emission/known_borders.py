"""The borders of a free length that are as those of any longer input: their taps are known before it runs."""

from __future__ import annotations

from codegen.emission.border import Border
from codegen.emission.expressions import FAR, Part, Variable
from codegen.planning.algorithms.direct_steps import Schedule
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

__all__ = ["KnownBorder", "of"]


@dataclass(frozen=True)
class KnownBorder:
    """Outputs `first` to before `end` of an input of `steps` steps, where `when` holds (C).

    `x` and `y` are how far on that input lies in a longer one, and its outputs.
    """

    when: str
    steps: int
    first: int
    end: int
    x: Part = 0
    y: Part = 0

    def call(self, border: Border, x: str, w: str, operands: tuple[str, ...], y: str) -> str:
        """The border's call for these outputs."""
        return border.call(x, w, operands, y, str(self.first), str(self.end), steps=str(self.steps))


def of(plan: KernelPlan[Schedule], border: Border, last: bool) -> KnownBorder | None:
    """The border at the start, or the `last` one; None where it is not worth a call of its own, or not the same."""
    p, budget = plan.problem, plan.target.core.budget
    count = p.pad_right if last else p.pad_left
    if not count * p.kernel_size or count * p.kernel_size > budget.straight or not _serves(plan, border):
        return None
    if not last:
        return KnownBorder(f"from == 0 && lo == {count} && hi > lo", p.pad_left + p.reach, 0, count)
    steps = p.pad_left + p.reach + p.pad_right
    outs, shift = p.out_steps(steps), f"(steps - {steps})"
    when = f"to - hi == {count} && hi > {'lo' if p.pad_left else 'from'} && steps >= {steps}"
    return KnownBorder(
        when, steps, outs - count, outs, (1, Variable(shift, FAR)), (1, Variable(f"(outs - {outs})", FAR))
    )


def _serves(plan: KernelPlan[Schedule], border: Border) -> bool:
    """Whether only what lies at the border tells how many taps an output has there, and speed is what counts."""
    p, schedule = plan.problem, plan.schedule
    fast = plan.weights == "packed" and bool(plan.target.core.budget.lengths) and not counts_bytes(plan.ask.objective)
    return fast and _alone(p) and not border.handed and schedule.width > max(1, plan.least_outs)


def _alone(p: ConvProblem) -> bool:
    return p.steps is None and p.stride == 1 and not p.centred and not p.epilogue.of_outputs
