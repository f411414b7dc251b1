"""Several plans of a free length in one kernel: one for short inputs, others for longer ones.

No plan is good at all lengths: a transform pays for a tile of outputs where one is wanted, direct sums pay for every
product of a long input. The estimates at several lengths say which plan serves from which number of steps on; that
number alone decides, so that an input has the same bits in every call.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise
from math import prod
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost, first_lengths
from codegen.planning.algorithms.costs_by_length import MANY, AtLength, between, same
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, AnyPlan, BestOfEach, KernelPlan, Key, Request
from codegen.planning.serving import Serving
from codegen.problem.conv_problem import MOST_TABLE
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

OUTPUTS = (1, 16, 64, 256, 1024, 16384, 131072)  # the lengths that are looked at, in output steps
PACKED_OUTPUTS = 4  # that are looked at, too, where a kernel may be packed once more for short inputs
MOST_PARTS = 4
WORTH = 0.1  # of a call at some length, or of several together: what a part more must save

SMALL = 4096  # numbers of a kernel that may be packed once more for inputs of a few steps


@dataclass(frozen=True)
class Schedule:
    """Part `turn[i]` computes inputs of fewer than `limits[i]` steps, the last of `turn` all longer ones."""

    limits: tuple[int, ...]
    turn: tuple[int, ...]


def why_not(request: Request) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    if request.problem.steps is not None:
        return "the length is known"
    if request.ask.likely is not None:
        return "the length is about known, and one plan is the best there"
    if counts_bytes(request.ask.objective):
        return "it has several kernels in one, and bytes are to be few"
    if request.weights == "baked" and 2 * prod(request.problem.kernel_shape) > MOST_TABLE:
        return "each of its plans may have a const table of its own, and one is large"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """One plan, where several parts save enough; none otherwise."""
    looked_at = [AtLength(n, tuple(best_of_each(_likely(request, n)))) for n in _outputs(request)]
    if not all(each.best for each in looked_at):
        return []  # no algorithm serves it
    usual = looked_at[_usual(request)].best[0]
    if len(request.problem.kernel_names) > 1:  # several kernels, each of which all parts find in one place
        looked_at = [each.packed_as(usual) for each in looked_at]
    if request.accuracy == "exact":  # an output has the same bits, however many there are
        looked_at = [each.summing_as(usual) for each in looked_at]
    if not all(each.best for each in looked_at):
        return []
    distinct = [usual]
    for plan in (each.best[0] for each in looked_at):
        if not any(same(plan, other) for other in distinct):
            distinct.append(plan)
    cuts, taken = _ways(tuple(tuple(each.lost(plan) for each in looked_at) for plan in distinct))
    whole = _plan(request, looked_at, cuts, tuple(distinct[i] for i in taken))
    whole = _with_first_lengths(request, whole, looked_at, best_of_each)
    return [whole] if len(whole.parts) > 1 else []


def _ways(lost: tuple[tuple[float, ...], ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Before which lengths another plan begins, and which plans: those that lose least, fewer where more save little.

    `lost` are each plan's losses by length; the first plan alone is the one to improve on. A plan that follows itself,
    which costs nothing beside the loss of one that is not offered, is one part.
    """
    count, best = len(lost[0]), _Ways(sum(lost[0]), (), (0,))
    ways = {last: [_Ways(sum(one[:last]), (), (i,)) for i, one in enumerate(lost)] for last in range(1, count + 1)}
    for _ in range(1, min(MOST_PARTS, count)):
        least = {last: min(found, key=lambda way: way.lost) for last, found in ways.items()}
        ways = {
            last: [
                _Ways(least[cut].lost + WORTH + sum(one[cut:last]), (*least[cut].cuts, cut), (*least[cut].taken, i))
                for i, one in enumerate(lost)
                for cut in least
                if cut < last
            ]
            for last in range(len(least[count].cuts) + 2, count + 1)
        }
        best = min((best, *ways[count]), key=lambda way: way.lost)
    turns = zip(best.cuts, pairwise(best.taken), strict=True)
    changes = [(cut, i) for cut, (before, i) in turns if i != before]
    return tuple(cut for cut, _ in changes), (best.taken[0], *(i for _, i in changes))


@dataclass(frozen=True)
class _Ways:
    """What is lost in all where plans `taken` serve in turn, each from the length of its cut on."""

    lost: float
    cuts: tuple[int, ...]
    taken: tuple[int, ...]


def _likely(request: Request, outs: int) -> Request:
    """What is asked of a part whose input makes about so many outputs."""
    return request.of_part(request.problem, request.against).likely(steps_for(request.problem, outs), longer=True)


def steps_for(p: Problem, outs: int) -> int:
    """The fewest input steps that make at least `outs` outputs."""
    low, high = 0, 1
    while p.out_steps(high) < outs:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if p.out_steps(middle) >= outs else (middle, high)
    return high


def _outputs(request: Request) -> list[int]:
    """The lengths that are looked at, in output steps."""
    return sorted([*OUTPUTS, *[PACKED_OUTPUTS] * (request.weights == "packed")])


def _usual(request: Request) -> int:
    """Which of the lengths is the one that the others' estimates are for."""
    outs, lengths = cost.outs_told(request.problem), _outputs(request)
    return min(range(len(lengths)), key=lambda i: abs(lengths[i] - outs))


def _plan(
    request: Request, looked_at: list[AtLength], cuts: tuple[int, ...], plans: tuple[AnyPlan, ...]
) -> KernelPlan[Schedule]:
    ends = [
        _crossing(looked_at[cut - 1], looked_at[cut], *both) for cut, both in zip(cuts, pairwise(plans), strict=True)
    ]
    limits = tuple(steps_for(request.problem, end) for end in ends)
    usual, parts = _usual(request), tuple(dict.fromkeys(plans))
    total = Cost(
        looked_at[usual].cycles(plans[sum(cut <= usual for cut in cuts)]),
        workspace_bytes=max(part.workspace_bytes for part in parts),
        step_bytes=max(part.workspace_step_bytes for part in parts),
    )
    schedule = Schedule(limits, tuple(map(parts.index, plans)))
    return KernelPlan(request.problem, request.ask, ALGORITHM, schedule, total, parts=parts)


def _with_first_lengths(
    request: Request, whole: KernelPlan[Schedule], looked_at: list[AtLength], best_of_each: BestOfEach
) -> KernelPlan[Schedule]:
    """The plan with parts more, each of which serves one of the first lengths that have an output."""
    schedule, first = whole.schedule, steps_for(request.problem, 1)
    best, layouts = looked_at[0].best[0], {part.layout for part in whole.parts}
    small = prod(request.problem.kernel_shape) <= SMALL or best.layout in layouts

    def other(steps: int, short: AnyPlan) -> float:
        """The cycles of the part that serves so many steps, as long as that has not the way of `short`."""
        part = serving(whole, steps).plan
        alike = _bits(part) == _bits(short)
        return MANY if alike else between(looked_at, part, request.problem.out_steps(steps))

    near = [serving(whole, first + i).plan for i in range(first_lengths.MOST)]
    shorts = {_bits(one): one for one in (*near[::-1], *[best] * small)}
    known = first_lengths.plans(request, tuple(shorts.values()), first, other, best_of_each)
    if not known:
        return whole
    without = next(steps for steps in count(first) if steps not in known)
    runs = [(0, serving(whole, without).plan)]  # of fewer steps than the first ones there is no output
    for start in sorted({*known, *(steps + 1 for steps in known), *schedule.limits}):
        part = known.get(start) or serving(whole, start).plan
        if part is not runs[-1][1]:
            runs.append((start, part))
    limits, turn = tuple(start for start, _ in runs[1:]), [part for _, part in runs]
    free = [part for part in turn if part.problem.steps is None]
    parts = tuple(dict.fromkeys((*free, *known.values())))
    total = replace(whole.cost, workspace_bytes=max(part.workspace_bytes for part in parts))
    return replace(whole, schedule=Schedule(limits, tuple(map(parts.index, turn))), cost=total, parts=parts)


def _bits(plan: AnyPlan) -> tuple[object, ...]:
    """What a plan that knows its length has in common with the one of any length in whose place it comes."""
    return plan.algorithm, plan.layout, plan.order, plan.pads


def _crossing(near: AtLength, far: AtLength, short: AnyPlan, long: AnyPlan) -> int:
    """The output steps from which on `long` is cheaper, if cycles grow evenly between the two lengths."""
    before, after = near.cycles(long) - near.cycles(short), far.cycles(short) - far.cycles(long)
    before, after = max(0.0, before), max(0.0, after)
    share = before / (before + after) if before + after else 1.0
    return max(near.outs + 1, min(far.outs, round(near.outs + share * (far.outs - near.outs))))


def places(plan: KernelPlan[Schedule]) -> tuple[int, ...]:
    """Where the packed kernel of each part begins; those that pack alike share one, as all do that pack nothing."""
    if plan.weights == "argument":
        return (0,) * len(plan.parts)
    found: list[int] = []
    end = 0
    for i, part in enumerate(plan.parts):
        shared = next((found[j] for j in range(i) if plan.parts[j].layout == part.layout), None)
        found.append(end if shared is None else shared)
        end += part.packed_numbers if shared is None else 0
    return tuple(found)


def serving(plan: KernelPlan[Schedule], steps: int) -> Serving:
    """The part that computes inputs of so many steps."""
    i = plan.schedule.turn[sum(limit <= steps for limit in plan.schedule.limits)]
    at = places(plan)
    return Serving(plan.parts[i], at[i], sorted(set(at)).index(at[i]))


def describe(plan: KernelPlan[Schedule]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    known = [part.problem.steps for part in plan.parts if part.problem.steps]
    *others, (_, last) = free_runs(plan)
    told = [f"below {counted(limit, 'step')} {plan.parts[i].describe()}" for limit, i in others]
    return f"{plan.algorithm.name}, {'; '.join([*_first(known), *told])}; from there on {plan.parts[last].describe()}"


def free_runs(plan: KernelPlan[Schedule]) -> list[tuple[int, int]]:
    """The parts that serve any length, each with the steps before which it does; 0 for the last one."""
    found: list[tuple[int, int]] = []
    for limit, i in zip((*plan.schedule.limits, 0), plan.schedule.turn, strict=True):
        if plan.parts[i].problem.steps is None:
            found = [*found[:-1], (limit, i)] if found and found[-1][1] == i else [*found, (limit, i)]
    return found


def _first(known: list[int]) -> list[str]:
    """The lengths that have code of their own, in words."""
    if not known:
        return []
    cuts = [i for i, (one, then) in enumerate(pairwise(known), 1) if then > one + 1]
    runs = [known[start:end] for start, end in zip((0, *cuts), (*cuts, len(known)), strict=True)]
    *words, last = (word for run in runs for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)))
    lengths = f"{', '.join(words)} and {last} steps" if words else "1 step" if last == "1" else f"{last} steps"
    return [f"{lengths} by code that knows how many"]


def distinct(plan: KernelPlan[Schedule]) -> tuple[AnyPlan, ...]:
    """The parts that have a packed kernel of their own, in its order."""
    at = places(plan)
    return tuple(part for i, part in enumerate(plan.parts) if at[i] not in at[:i])


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """`kernel` (taps, channels/groups, filters) as each part packs it, one after the other."""
    import numpy as np

    return np.concatenate([part.pack(kernel) for part in distinct(plan)])


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    """Numbers in what `pack` makes."""
    return sum(part.packed_numbers for part in distinct(plan))


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.limits, schedule.turn


def turns(schedule: Schedule) -> tuple[int, ...]:
    """It has no loop of its own over the outputs."""
    return ()


def lengths(schedule: Schedule) -> tuple[int, ...]:
    """The steps from which on another part serves."""
    return schedule.limits


ALGORITHM = Algorithm(
    name="by_length",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    serving=serving,
    turns=turns,
    lengths=lengths,
    over_lengths=True,
    problems=(ConvProblem, Chain),
    serves_upsampling=True,
    serves_rows=True,
    serves_outputs=True,
)
