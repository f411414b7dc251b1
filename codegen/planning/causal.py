"""The plan of ONNX' CausalConvWithState: which layers are one, the vectors, and the steps that are kept."""

from __future__ import annotations

from codegen.errors import PlanError
from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import Ask
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["CausalPlan", "planned"]

MOST_TAPS = 64


@dataclass(frozen=True)
class CausalPlan:
    """How `problem` is computed on (channels, steps) with the steps of a call before: a channel after the other.

    `weights` are baked, or arguments: (channels, 1, taps), as ONNX has them. A sum is the bias' and that of the
    products from the first tap to the last, in any number of steps.
    """

    problem: ConvProblem
    ask: Ask

    @property
    def target(self) -> Target:
        return self.ask.target

    @property
    def sliced(self) -> bool:
        return False

    @property
    def lanes(self) -> int:
        """Outputs that are computed at once."""
        return max(1, self.target.vector_bytes // self.problem.item_bytes)

    @property
    def fetches(self) -> bool:
        """Whether the next channel's lines are fetched meanwhile, one of each array for a vector that fills one."""
        return self.lanes * self.problem.item_bytes == self.target.core.memory.line and self.ask.objective == "speed"

    @property
    def kept(self) -> int:
        """Steps of each channel that a call hands to the next."""
        return self.problem.kernel_size - 1

    @property
    def least(self) -> int:
        """Steps from which on a channel is computed by itself: whole vectors of outputs, as many as read the past."""
        return -(-self.kept // self.lanes) * self.lanes

    @property
    def few(self) -> bool:
        """Whether there are calls of several steps that are fewer than `least`."""
        return self.least > 2

    @property
    def room(self) -> int:
        """Steps that are laid behind those of the past."""
        return self.kept + max(self.least, self.lanes)

    def describe(self) -> str:
        """The plan in words."""
        return f"a channel after the other, {self.lanes} outputs at once" if self.lanes > 1 else "an output at a time"


def planned(problem: Problem, ask: Ask) -> CausalPlan:
    """The plan of a depthwise causal layer. Raises PlanError for another, with what it would have to be."""
    p = problem.at_length(None)
    if not isinstance(p, ConvProblem) or p.groups != p.channels or p.out_filters != p.channels:
        raise PlanError("ONNX' CausalConvWithState has one filter for each channel: a depthwise_conv1d")
    if (p.stride, p.dilation, p.up, p.pad_left, p.pad_right) != (1, 1, 1, p.kernel_size - 1, 0) or p.centred:
        raise PlanError("ONNX' CausalConvWithState has no strides, no dilation and padding = causal")
    if p.kernel_size > MOST_TAPS:
        raise PlanError(f"ONNX' CausalConvWithState is written for up to {MOST_TAPS} taps, got {p.kernel_size}")
    if any(stage.operands for stage in p.epilogue.later) or p.epilogue.rowwise:
        raise PlanError("ONNX' CausalConvWithState ends with an activation of each number by itself")
    if ask.weights == "packed" or ask.numbers != AS_COMPUTED:
        raise PlanError(
            "ONNX' CausalConvWithState reads its weights as ONNX has them: neither packed nor in half the bytes"
        )
    return CausalPlan(p, ask)
