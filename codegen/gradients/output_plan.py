"""How dy is taken back through the epilogue: in vectors across the filters, or along the outputs of one."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["OutputGradientPlan", "output_plan"]


@dataclass(frozen=True)
class OutputGradientPlan:
    """How dy is taken back through the epilogue's stages, to dz, and what it leaves for their operands.

    In rows of `vectors` vectors of `lanes`, which run across the filters; with `along_time` along the outputs of one
    filter, which then lie side by side. No stage takes whole rows.
    """

    problem: ConvProblem
    target: Target
    lanes: int
    vectors: int
    along_time: bool

    entry: ClassVar[str] = "genconv_dz_v1"  # of templates/gradients/abi.h
    workspace_bytes: ClassVar[int] = 0

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def columns(self) -> int:
        """Columns of a row that are summed apart: of one filter's outputs those of a vector."""
        return self.lanes if self.along_time else self.width

    @property
    def curved(self) -> bool:
        """Whether something follows the sums, so that dz is not dy."""
        return not self.problem.epilogue.linear

    def sizes(self, batch: int) -> dict[str, int]:
        """The numbers in the arrays of a call; z and what the stages read are needed behind the sums only."""
        p, steps = self.problem, self.problem.known_steps
        numbers = batch * p.out_steps(steps) * p.filters
        found = {"dy": numbers, "z": numbers * self.curved, "dz": numbers * self.curved}
        for stage in p.epilogue.stages:
            for operand in stage.operands:
                size = prod(p.operand_shape(operand, batch, steps))
                found |= {f"d{operand.name}": size} if stage.begins else {operand.name: size, f"d{operand.name}": size}
        return found

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The names of what the block's arrays of pointers point to."""
        names = tuple(operand.name for operand in self.problem.epilogue.operands)
        return {"operands": names, "gradients": tuple(f"d{name}" for name in names)}


def output_plan(problem: ConvProblem, target: Target) -> OutputGradientPlan:
    """The widest rows that recompute the least where the last one of a step overlaps its neighbour."""
    filters = problem.filters
    along_time = not problem.channels_last or filters == 1
    if along_time:
        return OutputGradientPlan(problem, target, target.lanes(problem.dtype)[0], _along_time(problem, target), True)
    lanes = next(width for width in target.lanes(problem.dtype) if width <= filters)
    vectors = min(range(min(4, filters // lanes), 0, -1), key=lambda n: -(-filters // (n * lanes)) * n)
    return OutputGradientPlan(problem, target, lanes, vectors, False)


def _along_time(problem: ConvProblem, target: Target) -> int:
    """Vectors of a turn: enough that no sum waits for the turn before, few enough that few outputs are left alone."""
    lanes, latency = target.lanes(problem.dtype)[0], target.core.pipeline.latency
    each = 1.0 if problem.epilogue.linear else latency  # cycles of a vector, or of an output alone, beside its sum

    def cycles(vectors: int) -> float:
        turns, alone = divmod(problem.known_outs, vectors * lanes)
        return turns * max(latency, vectors * each) + alone * latency

    return min((4, 3, 2, 1), key=cycles)
