"""The plan of a stream: a plan for windows of the input, and a ring of the steps that outputs to come still read.

A window is steps that lie one behind the other; the plan for windows of any length is the direct algorithms', whose
output has the same bits wherever it lies in a window, so that those of a stream are the same in any blocks.

The ring has `ring` steps behind the `history` of them that come before its first one. What is written to its last
`history` places is also copied to the front, once it has been read: so a window never wraps, a call moves no step
more than twice, and none moves all that is kept. `ring` is a multiple of the block: blocks of that length are never
cut.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from codegen.errors import PlanError
from codegen.planning import planner
from codegen.planning.ask import Ask, Stream
from codegen.planning.plan import AnyPlan, AnyRequest, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.requantise import Requantise
from codegen.problem.state import StageState, State
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["Counter", "StreamPlan", "planned", "window"]

NEAR = 1.01  # times the lowest estimate


@dataclass(frozen=True)
class Counter:
    """A field of a state that counts: what it is after a reset and after endless silence, and in words."""

    name: str
    first: int
    settled: int
    told: str


@dataclass(frozen=True)
class StreamPlan:
    """How `problem`, whose length is not read, is computed in blocks, as `ask` asks for it.

    `inner` computes all outputs of a window; `blocks` is what `ask.stream` says. Steps are the input's.
    """

    problem: Problem
    ask: Ask
    inner: AnyPlan
    blocks: Stream

    @property
    def target(self) -> Target:
        return self.ask.target

    @cached_property
    def state(self) -> State:
        """The arithmetic of the stream."""
        return State(self.problem)

    @property
    def stage(self) -> StageState:
        """The stage that alone reads other steps than an output's own."""
        return self.state.stages[0]

    @property
    def walk(self) -> ConvProblem:
        return self.stage.problem

    @property
    def history(self) -> int:
        """The most steps that are kept from one block to the next."""
        return self.stage.history

    @property
    def direct(self) -> bool:
        """Whether each output reads its own step alone, so that nothing is kept."""
        p = self.walk
        return not self.history and (p.stride, p.up, p.pad_left, p.pad_right) == (1, 1, 0, 0)

    @property
    def silence(self) -> tuple[int, int | None]:
        """What stands for 0 in x and in y; None where the outputs are looked up in a table, which does not tell."""
        ending = self.problem.epilogue.stages[-1] if self.problem.epilogue.stages else None
        if not isinstance(ending, Requantise):
            return 0, 0
        return self.problem.stages[0].zero, None if ending.table else ending.zero_point

    @property
    def ring(self) -> int:
        """Places for further steps behind those of the history."""
        return max(1, -(-self.history // self.blocks.block)) * self.blocks.block

    @property
    def rows(self) -> int:
        """Steps of the state's buffer."""
        return 0 if self.direct else self.history + self.ring

    @property
    def turned(self) -> tuple[bool, bool]:
        """Whether the steps of x and y lie apart there, each channel's together, while those of windows do not."""
        apart = not self.problem.channels_last and not self.direct
        return apart and self.problem.channels > 1, apart and self.problem.out_filters > 1

    @property
    def late(self) -> int:
        """Outputs by which the stream is behind its rate, that of whole strides: so many zeros come first with it."""
        p, stage = self.walk, self.stage
        if p.up > 1:
            return p.reach + stage.held - stage.left - 1
        return -((stage.left - p.reach) // p.stride) - 1

    @property
    def delay(self) -> int:
        """Zeros in front of the outputs."""
        return self.late if self.blocks.clock == "rate" else 0

    @property
    def ahead(self) -> int:
        """Steps, zeros before the input among them, from the first that the next output reads on: at the start."""
        if self.walk.up > 1:
            return 0
        return min(self.stage.left, self.walk.reach - 1) + self.delay * self.walk.stride

    @property
    def settled_ahead(self) -> int:
        """The same after endless silence."""
        if self.walk.up > 1:
            return 0
        steps = self.state.settled
        return self.stage.left + steps - self.stage.outputs(steps) * self.walk.stride

    @property
    def lead(self) -> int:
        """Zeros before the input that are more than outputs of its first step read."""
        return max(0, self.stage.left - self.walk.reach + 1)

    @property
    def skip(self) -> int:
        """The first outputs of windows that are none of the whole's, and nothing else comes in their place."""
        return self.late if self.walk.up > 1 and self.blocks.clock == "count" else 0

    @property
    def rest(self) -> int:
        """Outputs of the flush that come of zeros behind the last step, of a problem with zeros between its steps."""
        return max(0, self.walk.pad_right - self.walk.up + 1)

    @property
    def most_flushed(self) -> int:
        """The most outputs of a flush."""
        p = self.walk
        behind = p.pad_left + p.pad_right - self.stage.left if p.centred else p.pad_right
        return self.rest if p.up > 1 else max(0, -(-behind // p.stride))

    @cached_property
    def most_of_steps(self) -> tuple[int, int, int]:
        """(a, b, c): n steps have at most (a * n + b) / c outputs, if n is not 0."""
        p = self.walk
        if p.up > 1:
            return p.up, 0, 1
        return 1, max(p.stride - 1, self.stage.left - p.reach + p.stride), p.stride

    def most(self, steps: int) -> int:
        """The most outputs of a block."""
        by, more, over = self.most_of_steps
        return (by * steps + more) // over if steps > 0 else 0

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """The fields of the state that count, beside `started` and, of a stream with a ring, `at`: in their order."""
        found = []
        if self.walk.up == 1 and not self.direct:
            told = "steps from the first that the next output reads on, zeros before the input among them"
            found.append(Counter("ahead", self.ahead, self.settled_ahead, told))
        if self.lead:
            found.append(Counter("lead", self.lead, 0, "zeros that come before the first step"))
        if self.skip:
            found.append(Counter("skip", self.skip, 0, "outputs that are left out"))
        if self.delay:
            found.append(Counter("delay", self.delay, 0, "zeros in the place of outputs that are late"))
        return tuple(found)

    @property
    def promised(self) -> bool:
        """Whether blocks have multiples of the block's steps, but the last one: the class `exact` needs no promise."""
        return self.ask.accuracy != "exact"

    @property
    def cut(self) -> bool:
        """Whether no more than a block's steps are taken at a time.

        It is so where outputs of windows go by way of the scratch, and where a transform rounds those of a window
        together: windows then begin at multiples of the block from the start on, in any blocks that have its multiples.
        """
        return self.turned[1] or self.promised

    @property
    def piece(self) -> int:
        """Steps that are taken at a time at most, of a stream that is cut."""
        return self.blocks.block

    @property
    def scratch_rows(self) -> int:
        """Outputs that the scratch has room for."""
        p = self.walk
        if self.turned[1]:
            return p.up * self.piece if p.up > 1 else -(-self.piece // p.stride)
        return p.up if self.skip or (p.up > 1 and self.rest) else 0

    @property
    def state_numbers(self) -> int:
        """Numbers that are kept between calls."""
        return self.rows * self.problem.channels

    @property
    def scratch_numbers(self) -> int:
        """Numbers that are written before they are read in each call: rows of outputs, and the inner workspace."""
        own = self.scratch_rows * self.problem.out_filters
        return own + -(-self.inner.workspace(self.rows) // self.problem.item_bytes)

    def describe(self) -> str:
        """The plan in words and figures."""
        return self.inner.describe()


def planned(problem: Problem, ask: Ask) -> StreamPlan:
    """The stream of a problem, in blocks as `ask.stream` says. Raises PlanError for what cannot stream."""
    blocks = ask.stream or Stream()
    if problem.format.whole:  # sums of whole numbers are the same in any order, and their weights stand in the text
        ask = replace(ask, accuracy="exact", weights="baked")
    if ask.sliced:
        raise PlanError("a stream's blocks come one after the other, so that its work has no slices: leave out sliced")
    free = problem.at_length(None)
    state = State(free)
    if any(stage.history or stage.left for stage in state.stages[1:]) or free.walk is not free.stages[0]:
        raise PlanError("a chain streams whose first stage alone reads other steps than an output's own")
    stage = state.stages[0]
    if stage.problem.up > 1 and stage.problem.stride > 1:
        raise PlanError("a stride and zeros between the input's steps do not stream together: leave one of them out")
    if stage.left >= stage.problem.reach and stage.problem.up > 1:
        raise PlanError(
            "outputs that read zeros alone come before the input: no stream of zeros between steps has such"
        )
    shell = StreamPlan(free, ask, None, blocks)  # type: ignore[arg-type]  # its figures tell what to plan
    if shell.promised and (stage.problem.up > 1 or shell.lead):
        raise PlanError(
            f"windows of this layer do not begin at multiples of a block, so that the class `{ask.accuracy}` has other "
            "bits in other blocks: leave the accuracy at exact"
        )
    if shell.late < 0 and blocks.clock == "rate":
        raise PlanError("the outputs come before the rate of the input: the clock is `count` alone")
    if shell.delay and shell.silence[1] is None:
        raise PlanError("a table of codes does not show which code means 0: the clock is `count` alone")
    inside = free if shell.direct else window(free, stage)
    asked = Request(inside, ask).of_part(inside)
    if problem.format.whole:
        asked = replace(asked, ask=replace(asked.ask, weights=ask.weights))
    return replace(shell, inner=_inner(asked, shell.history + blocks.block))


def _inner(asked: AnyRequest, steps: int) -> AnyPlan:
    """The plan for windows of so many steps; of those that an estimate cannot tell apart the best for long inputs.

    A few steps are no measure of a tile: a wider one loads less, and the steps that it leaves over are others' as well.
    """
    known = planner.survey(asked.likely(steps))
    best = known.found[0]
    if asked.ask.objective == "speed":
        near = {plan.key: plan for plan in known.found if plan.cost.cycles <= NEAR * best.cost.cycles}
        ranked = (near.get(plan.key) for plan in planner.survey(asked).found)
        best = next((plan for plan in ranked if plan is not None), best)
    return planner.chosen(known, best)


def window(problem: Problem, stage: StageState) -> Problem:
    """The problem of a window of steps, all of whose outputs are the stream's."""
    p = stage.problem
    if p.up == 1:
        return problem.inside(None)
    (alone,) = problem.stages  # a chain inserts no zeros
    before = p.reach + stage.held - 1 - stage.history * p.up
    return replace(alone.inside(None), pad_left=before, pad_right=p.up - 1 - stage.held)
