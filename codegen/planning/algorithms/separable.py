"""Chains, such as separable convolutions: a chunk of outputs at a time, each stage on what the last has just made.

The first stage of a chunk reads its samples where they lie, or in a panel with zeros where the padding begins; what it
makes stays in the workspace for the second, and the last one's outputs are rows of y. A short input of known length is
one chunk, whose stages pad by themselves; so is any of a chain whose chunks would share what lies between its stages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.errors.counting import counted
from codegen.planning.algorithms import cost
from codegen.planning.algorithms.relayout import panel_bytes
from codegen.planning.cost import Cost, counts_bytes
from codegen.planning.plan import Algorithm, AnyRequest, BestOfEach, KernelPlan, Key, Request
from codegen.problem.cores import Core
from codegen.problem.problem import Chain, ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """Chunks of `outs` outputs, each from `samples` samples; `whole`: one chunk, the problem's own stages.

    The last chunk has as many outputs as the others where it `laps`: it overlaps its neighbour.
    """

    outs: int
    samples: int
    whole: bool
    laps: bool = False


def why_not(request: Request[Chain]) -> str | None:
    """The reason why this algorithm cannot serve the request, None if it can."""
    problem = request.problem
    if not comes_in_chunks(problem) and problem.steps is None:
        return "a stage behind the first reads more than its output's own step, which a known length alone has room for"
    if any(stage.epilogue.operands for stage in problem.stages[:-1]):
        return "a stage before the last reads a bias, and the C has one argument for it, the last's"
    later = {each for stage in problem.stages for each in stage.epilogue.later}
    if len({each.function for each in later}) < len(later):
        return "two stages have the same activation with other options, and the C of both would have one name"
    if comes_in_chunks(problem) and not problem.channels_last and (problem.channels, problem.filters) != (1, 1):
        return "its chunks are rows of all channels, which lie apart in channels_first"
    return None


def candidates(request: Request[Chain], best_of_each: BestOfEach) -> list[KernelPlan[Schedule, Chain]]:
    """For chunks of several sizes the best plan of each algorithm for the first stage, cheapest first."""
    rooms = request.target.core.rooms
    laps = request.target.core.budget.laps and not request.ask.sliced
    comes = comes_in_chunks(request.problem)
    halo = 0 if laps else rooms.halo  # where memory is dear, what chunks share is read again
    schedules = [_chunks(request.problem, room, halo, laps) for room in rooms.stages] if comes else []
    if schedules and counts_bytes(request.ask.objective):
        schedules.append(_chunk_of(request.problem, 1))
    whole = _whole(request.problem, rooms.whole)
    plans = []
    for schedule in dict.fromkeys([*([whole] if whole else []), *schedules]):
        stages = _stages(request.problem, schedule)
        first, *others = (_survey(request, schedule, stage, best_of_each) for stage in stages)
        if all(others):
            plans += [_plan(request, schedule, (plan, *(found[0] for found in others))) for plan in first]
    return sorted(plans, key=lambda plan: plan.cost.cycles)


def _whole(p: Chain, most: int) -> Schedule | None:
    """The whole input as one chunk, if its length is known; at most `most` bytes where shorter chunks are possible."""
    if p.steps is None:
        return None
    whole = Schedule(p.out_steps(p.steps), p.steps, True)
    return None if comes_in_chunks(p) and sum(numbers(p, whole)) * p.item_bytes > most else whole


def _chunks(p: Chain, room: int, halo: int, laps: bool) -> Schedule:
    """As many outputs as have room between the stages; `halo` times what two chunks share at least."""
    shared = max(0, p.reach - p.stride)
    outs = max(1, room // (_between(p) * p.item_bytes), halo * shared // p.stride if is_padded(p) else 1)
    if p.steps is None:
        return _chunk_of(p, outs)
    total = max(1, p.out_steps(p.steps))
    outs = -(-total // -(-total // outs))
    return replace(_chunk_of(p, outs), laps=laps and total % outs > 0)


def _chunk_of(p: Chain, outs: int) -> Schedule:
    """A chunk of so many outputs, and the samples that they read."""
    return Schedule(outs, (outs - 1) * p.stride + p.reach, False)


def comes_in_chunks(p: Chain) -> bool:
    """Whether no two chunks share what lies between the stages: the first one alone reads more than its own step."""
    return p.walk is p.stages[0] and p.up == 1


def between(p: Chain, schedule: Schedule) -> tuple[tuple[int, int], ...]:
    """What lies between each two stages of a chunk: (steps, numbers of a step)."""
    read = p.stages[1:]
    return tuple((stage.steps or 0 if schedule.whole else schedule.outs, stage.channels) for stage in read)


def numbers(p: Chain, schedule: Schedule) -> tuple[int, ...]:
    """The numbers of each of these."""
    return tuple(steps * width for steps, width in between(p, schedule))


def _between(p: Chain) -> int:
    """The numbers of a step of all that lies between the stages."""
    return sum(stage.channels for stage in p.stages[1:])


def is_padded(p: Chain) -> bool:
    """Whether a chunk may begin before the input or end after it."""
    return bool(p.stages[0].pad_left or p.stages[0].pad_right)


def chunks_are_alike(p: Chain, schedule: Schedule) -> bool:
    """Whether the last chunk has as many outputs as the others, so that the stages know their length."""
    return schedule.laps or schedule.outs == 1 or (p.steps is not None and p.out_steps(p.steps) % schedule.outs == 0)


def _stages(problem: Chain, schedule: Schedule) -> tuple[ConvProblem, ...]:
    """The stages of a chunk, without padding: of any number of outputs where the last one is shorter."""
    if not schedule.whole:
        return problem.inside(schedule.samples if chunks_are_alike(problem, schedule) else None).stages
    return (problem.in_layout(channels_last=True) if comes_in_chunks(problem) else problem).stages


def _survey(
    request: AnyRequest, schedule: Schedule, problem: ConvProblem, best_of_each: BestOfEach
) -> list[KernelPlan]:
    """The best plan of each algorithm for a stage, by direct sums: a transform's errors would pass through the next."""
    outs = min(schedule.outs, max(1, cost.outs_told(request.problem, request.ask.likely)))
    asked = request.of_part(problem).likely((outs - 1) * problem.stride + problem.reach)
    sharers = cost.sharers(len(request.problem.stages), request.ask)
    return best_of_each(replace(asked, ask=replace(asked.ask, accuracy="exact", sharers=sharers)))


def _plan(request: Request[Chain], schedule: Schedule, parts: tuple[KernelPlan, ...]) -> KernelPlan[Schedule, Chain]:
    p, core = request.problem, request.target.core
    steps = cost.steps_told(p, request.ask.likely)
    total = p.out_steps(steps)
    near = sum(numbers(p, schedule))
    passed = near if schedule.whole else total * _between(p)
    cycles = 2 * passed * p.item_bytes * cost.far(core, near * p.item_bytes)
    for part in parts:
        cycles += (
            part.cost.cycles
            if schedule.whole
            else part.cost.cycles * total / max(1, cost.outs_told(part.problem, part.ask.likely))
        )
    if not schedule.whole:
        turns = -(-total // schedule.outs)
        padded = sum(-(-zeros // (schedule.outs * p.stride)) for zeros in p.pads(steps))
        cycles += (
            turns * len(parts) * core.setup.tile
            + min(padded, turns) * schedule.samples * p.channels * core.moves.copied
        )
    each, *others = parts
    spare = max(each.workspace(schedule.samples), *(part.workspace(schedule.outs) for part in others))
    memory = sum(room(p, schedule, core)) + spare
    whole = Cost(cycles, workspace_bytes=memory)
    return KernelPlan(p, request.ask, ALGORITHM, schedule, whole, parts=parts)


def room(p: Chain, schedule: Schedule, core: Core) -> tuple[int, ...]:
    """Bytes in the workspace of the panel and of what lies between each two stages: whole cache lines each."""
    panel = schedule.samples * p.channels if is_padded(p) and not schedule.whole else 0
    return panel_bytes(panel, p, core), *(panel_bytes(count, p, core) for count in numbers(p, schedule))


def describe(plan: KernelPlan[Schedule, Chain]) -> str:
    """The plan in words and figures, for the banner and `gen-conv show`."""
    schedule = plan.schedule
    stages = "; then ".join(part.describe() for part in plan.parts)
    chunk = "all outputs" if schedule.whole else f"{counted(schedule.outs, 'output')} at a time"
    return f"{plan.algorithm.name}, {chunk}: {stages}"


def pack(plan: KernelPlan[Schedule, Chain], kernel: np.ndarray) -> np.ndarray:
    """All kernels, flat, as the stages' plans pack them, one after the other."""
    import numpy as np

    stages = plan.problem.stage_weights(kernel, None)
    packed = [part.pack(taps) for part, (_, taps, _) in zip(plan.parts, stages, strict=True)]
    return np.concatenate([array.ravel() for array in packed])


def packed_numbers(plan: KernelPlan[Schedule, Chain]) -> int:
    """Numbers in what `pack` makes."""
    return sum(part.packed_numbers for part in plan.parts)


def key(schedule: Schedule) -> Key:
    """All of the schedule."""
    return schedule.outs, schedule.samples, schedule.whole, *(("laps",) if schedule.laps else ())


def layout(schedule: Schedule) -> Key:
    """The stages' plans have it all."""
    return ()


def order(plan: KernelPlan[Schedule, Chain]) -> Key:
    """Those of the stages, by direct sums; whether zeros of the padding are multiplied."""
    padded = is_padded(plan.problem) and not plan.schedule.whole
    return (plan.algorithm.name, padded, *(part.order for part in plan.parts))


def turns(schedule: Schedule) -> tuple[int, ...]:
    """The outputs of a chunk."""
    return (schedule.outs,)


ALGORITHM = Algorithm(
    name="separable",
    why_not=why_not,
    candidates=candidates,
    describe=describe,
    pack=pack,
    packed_numbers=packed_numbers,
    key=key,
    layout=layout,
    order=order,
    turns=turns,
    problems=(Chain,),
    serves_upsampling=True,
    serves_outputs=True,
)
