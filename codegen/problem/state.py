"""State: what a stream keeps between two blocks of its input, and when outputs come. Whole numbers alone, no C.

A block may have any number of steps. All blocks' outputs, and then the flush', are those of the whole input in one
call. A stage's output comes as soon as it is sure: everything that it reads has come, and it is one of the whole's
however early the input ends. Until then the input steps that it and later ones read are kept.
"""

from __future__ import annotations

from functools import cached_property
from math import gcd, prod

from codegen.errors import PlanError
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.records import dataclass

__all__ = ["StageState", "State"]


@dataclass(frozen=True)
class StageState:
    """One convolution in a stream. Steps are its input's; `done` are those that have come so far.

    Output t reads the samples from t*stride - left on, over the reach; input step j is the sample j*up, and the zeros
    after it are known with it. Raises PlanError where zeros before the input depend on its length.
    """

    problem: ConvProblem

    def __post_init__(self) -> None:
        least, most, p = min(self._lefts()), max(self._lefts()), self.problem
        if least != most:
            told = f"from {least} to {most} with a reach of {p.reach} and a stride of {p.stride}"
            way = f"give padding = ({most}, {max(0, p.reach - p.stride - most)}) or causal"
            raise PlanError(f"the zeros on the left depend on the input's length, {told}, which no stream knows: {way}")

    @property
    def left(self) -> int:
        """Zeros in samples before the input."""
        return min(self._lefts())

    def _lefts(self) -> set[int]:
        """The zeros before the input, of all lengths."""
        p = self.problem
        if not p.centred:
            return {p.pad_left}
        return {p.pads(steps)[0] for steps in range(1, p.stride // gcd(p.stride, p.up) + 1)}

    @property
    def held(self) -> int:
        """Samples that an output waits for beyond its last: so many of the zeros after a last step the whole cuts."""
        return 0 if self.problem.centred else max(0, self.problem.up - 1 - self.problem.pad_right)

    @property
    def history(self) -> int:
        """The most input steps that are kept from one block to the next."""
        return (self.problem.reach + self.held - 1) // self.problem.up

    def outputs(self, done: int) -> int:
        """The outputs that have come after `done` steps: never more than the whole has of so many."""
        if done < 1:
            return 0
        return max(0, (done * self.problem.up + self._ahead()) // self.problem.stride + 1)

    def needed(self, output: int) -> int:
        """The steps after which that output has come; 0 or less where it reads zeros before the input alone."""
        return -((self._ahead() - output * self.problem.stride) // self.problem.up)

    def _ahead(self) -> int:
        """Samples by which the padding lies ahead of what output 0 waits for."""
        return self.left - self.problem.reach - self.held

    def first_kept(self, done: int) -> int:
        """The first step that outputs still to come may read: negative for zeros before the input.

        It is beyond `done` where a stride leaves steps out that no output reads.
        """
        return -((self.left - self.outputs(done) * self.problem.stride) // self.problem.up)

    def most(self, steps: int) -> int:
        """The most outputs of a block of `steps`, whatever came before it."""
        p = self.problem
        if steps < 1:
            return 0
        apart = gcd(p.stride, p.up)
        last = p.stride - apart + self._ahead() % apart  # the sample nearest before an output's, of those that can be
        return max(self.outputs(steps), (last + steps * p.up) // p.stride)


@dataclass(frozen=True)
class State:
    """A problem in a stream; its `problem` may be of any length, which is not read.

    `done` are the input steps that have come so far, counted over all blocks since the start. Raises PlanError, with
    the stage's name and the way out, for a problem that cannot stream.
    """

    problem: Problem

    def __post_init__(self) -> None:
        _ = self.stages

    @cached_property
    def stages(self) -> tuple[StageState, ...]:
        """The stages, each of which streams what the one before it gives."""
        found = []
        for stage, name in zip(self.problem.stages, self.problem.kernel_names, strict=True):
            try:
                found.append(StageState(stage))
            except PlanError as wrong:
                raise PlanError(f"`{name.removesuffix('_kernel')}` cannot stream: {wrong}") from None
        return tuple(found)

    @property
    def history(self) -> tuple[int, ...]:
        """The most steps of its input that each stage keeps."""
        return tuple(stage.history for stage in self.stages)

    @property
    def numbers(self) -> int:
        """The most numbers of one sample that are kept in all."""
        return sum(stage.history * stage.problem.channels for stage in self.stages)

    @property
    def bytes(self) -> int:
        """The same in bytes, of the problem's format."""
        return self.numbers * self.problem.item_bytes

    def reached(self, done: int) -> tuple[int, ...]:
        """The steps that have come to each stage, and last the outputs, after `done` of the input."""
        found = [done]
        for stage in self.stages:
            found.append(stage.outputs(found[-1]))
        return tuple(found)

    def outputs(self, done: int, steps: int) -> int:
        """The outputs of a block of `steps` after `done`."""
        return self.reached(done + steps)[-1] - self.reached(done)[-1]

    def max_out(self, steps: int) -> int:
        """The most outputs of a block of `steps`, whatever came before it: the room that its y needs."""
        for stage in self.stages:
            steps = stage.most(steps)
        return steps

    def flushed(self, done: int) -> int:
        """The outputs that the flush gives after `done`: the rest of the whole's."""
        return self.problem.out_steps(done) - self.reached(done)[-1]

    @property
    def latency(self) -> int:
        """Input steps that an output waits for at most beyond the one at which it lies.

        Output t lies at t*stride/up, rounded down: outputs at the rate of the input are so many steps behind it.
        """
        up, stride = prod(s.problem.up for s in self.stages), prod(s.problem.stride for s in self.stages)
        late = (self._needed(t) - 1 - t * stride // up for t in range(up))
        return max(0, self._started() - 1, *late)

    def _needed(self, output: int) -> int:
        """The input steps after which that output has come, as if there were steps before the first."""
        for stage in reversed(self.stages):
            output = stage.needed(output) - 1
        return output + 1

    def _started(self) -> int:
        """The input steps after which output 0 has come."""
        steps = 1
        for stage in reversed(self.stages):
            steps = max(1, stage.needed(steps - 1))
        return steps

    @property
    def settled(self) -> int:
        """Input steps after which nothing that is kept knows of the start: so many of silence stand for endless ones.

        A multiple of all strides together, so that what follows falls on outputs as it does at the start.
        """
        steps, untouched = 1, 0  # of silence, the first stage makes the same from its first output on
        for place, stage in enumerate(self.stages):
            if place:
                untouched = max(0, -(-(untouched * stage.problem.up + stage.left) // stage.problem.stride))
            wanted = max(1, untouched)
            for before in reversed(self.stages[: place + 1]):
                wanted = max(1, before.needed(wanted - 1))
            steps = max(steps, wanted)
        period = prod(stage.problem.stride for stage in self.stages)
        return -(-steps // period) * period
