"""How a kernel in assembly goes over the steps: rows of the input in a buffer, positions that read windows of it.

With a dilation the positions fall into phases, each of which reads every dilation-th row: in the buffer these lie side
by side, so that a window is one run of numbers.
"""

from __future__ import annotations

from math import gcd

from codegen.planning.algorithms.cost import steps_told
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass


@dataclass(frozen=True)
class Walk:
    """Of a problem, so many positions at a time. `line`: all rows of the buffer are neighbours.

    `band`: a call makes so many outputs, from any one on; 0 for all of them. `alone`: each window is filled by itself.
    A free length is told when it runs; counts are then those of a usual one.
    """

    problem: ConvProblem
    most_positions: int
    line: bool = False
    band: int = 0
    alone: bool = False

    @property
    def free(self) -> bool:
        """Whether the input's steps are told when it runs."""
        return self.problem.steps is None

    @property
    def counted(self) -> bool:
        """Whether the outputs are told when it runs."""
        return self.free and not self.band

    @property
    def steps(self) -> int:
        return steps_told(self.problem)

    @property
    def outs(self) -> int:
        return self.band or self.problem.out_steps(self.steps)

    @property
    def left(self) -> int:
        return self.problem.pads(self.steps)[0]

    @property
    def padded(self) -> bool:
        """Whether rows are read that lie outside of the input, as a length of few outputs has them."""
        if self.free:
            return True
        last = self.problem.out_steps(self.steps) - 1
        return self.left > 0 or last * self.problem.stride + self.problem.reach > self.steps

    @property
    def read(self) -> int:
        """Input steps that the outputs of a call reach over, no more than there are."""
        return min(self.steps, (self.outs - 1) * self.problem.stride + self.problem.reach)

    @property
    def phases(self) -> int:
        """Outputs between two neighbours of a phase, no more than there are."""
        p = self.problem
        return 1 if self.alone else min(p.dilation // gcd(p.stride, p.dilation), self.outs)

    @property
    def row_step(self) -> int:
        """Input steps between two rows of the buffer."""
        return self.problem.dilation

    @property
    def stride(self) -> int:
        """Rows of the buffer between the windows of two positions."""
        p = self.problem
        return p.stride // gcd(p.stride, p.dilation)

    @property
    def most(self) -> int:
        """Positions of the first phase, which has the most."""
        return -(-self.outs // self.phases)

    @property
    def cut(self) -> int:
        """Phases from this one on have a position less; 0 where all have as many."""
        return self.outs % self.phases

    @property
    def least(self) -> int:
        """Positions of the phase that has the fewest."""
        return self.outs // self.phases

    @property
    def positions(self) -> int:
        return min(self.most_positions, self.least)

    @property
    def run(self) -> int:
        """Numbers in a window."""
        return self.problem.kernel_size * self.problem.group_channels

    @property
    def apart(self) -> bool:
        """Whether windows share no row, so that each is filled by itself."""
        return self.alone or (not self.line and self.stride >= self.problem.kernel_size)

    @property
    def position_steps(self) -> int:
        """Input steps between the windows of two positions of a phase."""
        return self.problem.stride if self.alone else self.stride * self.row_step

    @property
    def pitch(self) -> int:
        """Numbers in the buffer from a position's window to the next one's."""
        rows = self.problem.kernel_size if self.apart else self.stride
        return rows * self.problem.group_channels

    def rows(self, positions: int) -> int:
        """Rows of the buffer that the windows of so many positions read."""
        return self.problem.kernel_size + (positions - 1) * (self.pitch // self.problem.group_channels)
