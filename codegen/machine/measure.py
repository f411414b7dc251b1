"""FFTW's `measure`: the best few candidates are compiled, timed in turns, and the fastest is kept as wisdom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission import render
from codegen.errors import ToolchainError
from codegen.machine import compilers, loader, wisdom
from codegen.planning import planner
from codegen.planning.algorithms import cost
from codegen.planning.ask import Rigor
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import runs_here
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.problem.problem import Problem

__all__ = ["Timing", "choice", "contenders", "measure", "ratio"]

NAME = "conv1d"  # the JIT's: a kernel that wins lies in the cache already
MOST_CONTENDERS = 8
MOST_OF_EACH = 4  # plans of one algorithm
WORTH_A_TRY = 2.5  # times the lowest estimate: the model is not wrong by more
ROUNDS, COMPARED = 12, 5
ROUND_SECONDS = 0.002  # of calls in a row, one at least: far above the clock's own steps
WORTH_A_CHANGE = 0.98  # of the first plan's time: less is the machine's noise

Tell = Callable[[str, int, int], None]  # what is under way, turns that are done, turns in all


@dataclass(frozen=True)
class Timing:
    """A candidate and the least seconds that one sample took."""

    plan: KernelPlan
    seconds: float


def contenders(request: Request) -> list[KernelPlan]:
    """The plans that could be the fastest by their estimates, cheapest first; a plan of each algorithm among them."""
    known = planner.survey(request)
    limit = WORTH_A_TRY * known.found[0].cost.cycles
    taken: dict[str, KernelPlan] = {}
    for plan in known.found:
        like = sum(other.algorithm == plan.algorithm for other in taken.values())
        if plan.cost.cycles <= limit and like < MOST_OF_EACH:
            taken.setdefault(plan.key, plan)
    return list(taken.values())[:MOST_CONTENDERS]


def choice(
    request: Request, rigor: Rigor = "estimate", file: Path | None = None, tell: Tell | None = None
) -> str | None:
    """The key of the plan to take: what the wisdom in `file` (the user's own by default) names, else what a measurement
    finds, which is then remembered there. None for the planner's first.

    Wisdom of a plan that is no longer offered counts as none. Nothing is timed where bytes are to be few. Raises
    UsageError where it cannot be written.
    """
    compiler = compilers.find()
    entry = wisdom.recall(request, compiler, file)
    if entry and planner.survey(request).named(entry.key):
        return entry.key
    if rigor == "estimate" or compiler is None or request.ask.objective != wisdom.FASTEST:
        return None
    timings = measure(request, tell)
    if not timings:
        return None
    best = timings[0]
    wisdom.remember(request, compiler, best.plan, best.seconds, best.plan.describe(), file)
    return best.plan.key


def measure(request: Request, tell: Tell | None = None) -> list[Timing]:
    """The contenders, fastest first; a lead of less than 2 % does not count against the planner's own first.

    Baked weights are timed as packed ones, and slices as a whole: the loops are the same. What does not compile is left
    out; empty without a compiler. Raises ToolchainError if this CPU cannot run the target.
    """
    timed = replace(request, ask=request.ask.of_part())
    if timed != request:
        same = {plan.key: plan for plan in planner.survey(request).found}
        timings = measure(timed, tell)
        return [Timing(same[each.plan.key], each.seconds) for each in timings if each.plan.key in same]
    plans = contenders(request)
    turns = len(plans) + ROUNDS
    say = tell or (lambda *_: None)
    running: list[tuple[KernelPlan, Callable[[], None], int]] = []
    for turn, plan in enumerate(plans):
        say(f"compiling {plan.key}", turn, turns)
        call = _ready(plan)
        if call:
            running.append((plan, call, _calls(call)))
    best = [float("inf")] * len(running)
    for turn in range(ROUNDS if len(running) else 0):
        say("timing", len(plans) + turn, turns)
        for i, (_, call, calls) in enumerate(running):
            best[i] = min(best[i], _time(call, calls, perf_counter))
    if best:
        best[0] *= WORTH_A_CHANGE
    found = sorted(zip(best, range(len(best)), strict=True))
    say("done", turns, turns)
    return [Timing(running[i][0], seconds / (WORTH_A_CHANGE if i == 0 else 1)) for seconds, i in found]


def ratio(one: Callable[[], None], other: Callable[[], None], clock: Callable[[], float] = perf_counter) -> float:
    """The time of a call of `one` over that of `other`: the least of some rounds, which they take in turns."""
    least = [float("inf")] * 2
    counts = [_calls(call, clock) for call in (one, other)]
    for _ in range(COMPARED):
        for i, call in enumerate((one, other)):
            least[i] = min(least[i], _time(call, counts[i], clock))
    return least[0] / max(least[1], 1e-12)


def _ready(plan: KernelPlan) -> Callable[[], None] | None:
    """The kernel, bound to standard normal data; None where no compiler makes one."""
    problem = plan.problem
    try:
        kernel = loader.load(render.render(plan, NAME), plan.target)
    except ToolchainError:
        if not runs_here(plan.target):
            raise
        return None
    if kernel.path is None:
        return None
    rng = np.random.default_rng(0)
    steps = cost.steps_told(problem)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(problem.format.array)

    x, y = (
        draw(*_shape(problem, *size))
        for size in ((steps, problem.channels), (problem.out_steps(steps), problem.out_filters))
    )
    operands = [draw(*problem.operand_shape(one, 1, steps)) for one in problem.epilogue.operands]
    most = plan.kernel_format.largest  # which a few of the numbers may be beyond, if it is small
    return kernel.bind(x, y, kernel.pack(draw(*problem.kernel_shape).clip(-most, most)), *operands)


def _shape(problem: Problem, steps: int, lanes: int) -> tuple[int, int, int]:
    return (1, steps, lanes) if problem.channels_last else (1, lanes, steps)


def _calls(call: Callable[[], None], clock: Callable[[], float] = perf_counter) -> int:
    """How many calls fill a round."""
    call()
    return max(1, min(100_000, int(ROUND_SECONDS / max(1e-7, _time(call, 1, clock)))))


def _time(call: Callable[[], None], calls: int, clock: Callable[[], float] = perf_counter) -> float:
    """Seconds of one of so many calls in a row."""
    start = clock()
    for _ in repeat(None, calls):
        call()
    return (clock() - start) / calls
