"""The borders of a free length that are as those of any longer input: their taps are known before it runs."""

from __future__ import annotations

from codegen.emission.expressions import FAR, Part, Variable
from codegen.planning.algorithms.direct_steps import Schedule
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

__all__ = ["KnownBorder", "KnownOutput", "of"]


@dataclass(frozen=True)
class KnownOutput:
    """An output `y` of a row, whose taps from `first` on, so many `taps`, read the samples from `x` on."""

    x: tuple[Part, ...]
    y: tuple[Part, ...]
    first: int
    taps: int


@dataclass(frozen=True)
class KnownBorder:
    """The outputs of a border, where `when` holds (C)."""

    when: str
    outputs: tuple[KnownOutput, ...]


def of(plan: KernelPlan[Schedule], last: bool) -> KnownBorder | None:
    """The border at the start, or the `last` one; None where it is not worth calls of its own, or not the same."""
    p, budget = plan.problem, plan.target.core.budget
    count = p.pad_right if last else p.pad_left
    if not 0 < count <= budget.taps or count * p.kernel_size > budget.straight or not _serves(plan):
        return None
    if not last:
        outputs = tuple(_behind(p, p.pad_left - t, t) for t in range(count))
        return KnownBorder(f"from == 0 && lo == {count} && hi > lo", outputs)
    outputs = tuple(_before(p, p.reach - 1 - t, count - t) for t in range(count))
    return KnownBorder(f"to - hi == {count} && hi > {'lo' if p.pad_left else 'from'}", outputs)


def _behind(p: ConvProblem, missing: int, t: int) -> KnownOutput:
    """Output t, before whose first sample so many are `missing`."""
    first = -(-missing // p.dilation)
    return KnownOutput((first * p.dilation - missing,), (t,), first, p.kernel_size - first)


def _before(p: ConvProblem, there: int, left: int) -> KnownOutput:
    """The output of which `left` are left, this one counted, and which so many samples of the input are `there` for."""
    steps, outs = Variable("steps", FAR), Variable("outs", FAR)
    return KnownOutput(((1, steps), -there), ((1, outs), -left), 0, -(-there // p.dilation))


def _serves(plan: KernelPlan[Schedule]) -> bool:
    """Whether only what lies at the border tells how many taps an output has there, and speed is what counts."""
    p, schedule = plan.problem, plan.schedule
    fast = plan.weights == "packed" and bool(plan.target.core.budget.lengths) and not counts_bytes(plan.ask.objective)
    return fast and p.steps is None and p.stride == 1 and not p.centred and schedule.width > max(1, plan.least_outs)
