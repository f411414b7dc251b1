"""Chain: convolutions one after the other, each of what the one before it made, with its own bias and activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.errors import PlanError
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.shapes import Shapes
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Chain(Shapes):
    """Two `stages` or more; `names` tell them apart in C. All have one layout and one dtype.

    Steps and channels of each stage are the output's of the one before: raises PlanError where they are not. Each pads
    for itself, so what lies beyond the ends between two stages is zero. A kernel of kernel_shape is flat, the stages'
    one after the other, and so are the biases of the stages that have one.
    """

    told: ClassVar[str] = "a chain of convolutions"

    stages: tuple[ConvProblem, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.stages) < 2 or len(set(self.names)) != len(self.stages):
            got = f"{len(self.stages)} with the names {', '.join(self.names)}"
            raise PlanError(f"a chain has two stages or more, each with a name of its own; got {got}")
        for (one, name), (then, then_name) in pairwise(zip(self.stages, self.names, strict=True)):
            made, read = (_between(p, side) for p, side in ((one, "out"), (then, "in")))
            if made != read:
                raise PlanError(f"`{then_name}` reads {_told(read)}, and `{name}` before it makes {_told(made)}")

    @classmethod
    def of(cls, stages: Mapping[str, ConvProblem]) -> Chain:
        """The chain of these stages by name. The steps, the layout and the dtype of the first are those of all."""
        first, *others = stages.values()
        return cls(_joined(first, others), tuple(stages))

    @property
    def steps(self) -> int | None:
        return self.stages[0].steps

    @property
    def channels(self) -> int:
        return self.stages[0].channels

    @property
    def filters(self) -> int:
        return self.stages[-1].filters

    @property
    def channels_last(self) -> bool:
        return self.stages[0].channels_last

    @property
    def dtype(self) -> str:
        return self.stages[0].dtype

    @property
    def epilogue(self) -> Epilogue:
        """That of the outputs; the stages before the last have their own."""
        return self.stages[-1].epilogue

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return (sum(prod(stage.kernel_shape) for stage in self.stages),)

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """What the arrays of weights of its stages are called in C."""
        return tuple(f"{name}_kernel" for name in self.names)

    @property
    def terms(self) -> int:
        """The most products of weights, one of each stage, that add up to one output."""
        return prod(stage.terms for stage in self.stages)

    @property
    def up(self) -> int:
        """Samples that an input step becomes, in the stages that put zeros between steps."""
        return prod(stage.up for stage in self.stages)

    @property
    def stride(self) -> int:
        """Samples from one output to the next."""
        return prod(stage.stride for stage in self.stages)

    @property
    def phases(self) -> int:
        """Outputs between two input steps that need code of their own: the most of any stage."""
        return max(stage.phases for stage in self.stages)

    @property
    def receptive_field(self) -> int:
        """Input steps from the first to the last that an output may read."""
        steps = 1
        for stage in reversed(self.stages):
            steps = -(-((steps - 1) * stage.stride + stage.reach) // stage.up)
        return steps

    @property
    def reach(self) -> int:
        """Input steps from the first to the last that an output may read: chains count in input steps."""
        return self.receptive_field

    @property
    def products(self) -> int:
        """Multiplications in one output step of all filters; what several outputs share is counted once."""
        total, steps = 0, 1  # of the stage's outputs, for one of the chain's
        for stage in reversed(self.stages):
            total += steps * stage.products
            steps = -(-steps * stage.stride // stage.up)
        return total

    @property
    def walk(self) -> ConvProblem | None:
        """The stage that alone reads other steps than its output's own, the first where none does; None for several."""
        walking = [stage for stage in self.stages if not _stands(stage)]
        return walking[0] if len(walking) == 1 else self.stages[0] if not walking else None

    @property
    def mixes_channels(self) -> bool:
        """Whether the chain is one sum: each channel is filtered by itself, then one tap mixes the channels."""
        each, *others = self.stages
        plain = each.epilogue == Epilogue() and each.groups == each.channels
        return plain and len(others) == 1 and _stands(others[0]) and others[0].groups == 1

    def stage_weights(
        self, kernel: NDArray[Any], *operands: NDArray[Any] | None
    ) -> tuple[tuple[ConvProblem, NDArray[Any], tuple[NDArray[Any] | None, ...]], ...]:
        """Each of `stages` with its part of a kernel of kernel_shape and of what the epilogues read.

        `operands` stand in the order in which stages name them first; what lies per filter is cut, others are whole.
        """
        found, flat = [], kernel
        names = dict.fromkeys(one.name for stage in self.stages for one in stage.epilogue.operands)
        left = dict(zip(names, operands, strict=False))
        for stage in self.stages:
            size, given = prod(stage.kernel_shape), list[Any]()
            for one in stage.epilogue.operands:
                array = left.get(one.name)
                given.append(array)
                if one.lies == "filter" and array is not None:
                    given[-1], left[one.name] = array[: stage.filters], array[stage.filters :]
            found.append((stage, flat[:size].reshape(stage.kernel_shape), tuple(given)))
            flat = flat[size:]
        return tuple(found)

    def with_epilogue(self, epilogue: Epilogue) -> Chain:
        """The same with another epilogue of its outputs."""
        *before, last = self.stages
        return replace(self, stages=(*before, last.with_epilogue(epilogue)))

    def at_length(self, steps: int | None) -> Chain:
        """The same for an input of so many steps, its padding settled; None for any number, `centred` as it is."""
        first, *others = self.stages
        return replace(self, stages=_joined(first.at_length(steps), others))

    def inside(self, steps: int | None, dilation: int | None = None) -> Chain:
        """The same in channels_last over so many samples (None: any number) that are all there, without padding.

        With `dilation` the taps of the first stage, which walks alone, lie so far apart.
        """
        first, *others = self.stages
        return replace(self, stages=_joined(first.inside(steps, dilation), others))

    def in_layout(self, *, channels_last: bool) -> Chain:
        """The same with the axes of input and output in that order."""
        first, *others = self.stages
        return replace(self, stages=_joined(replace(first, channels_last=channels_last), others))

    def pads(self, steps: int) -> tuple[int, int]:
        """(left, right) input steps that the first and the last outputs may read beyond the input's ends."""
        lengths = [steps]
        for stage in self.stages:
            lengths.append(stage.out_steps(lengths[-1]))
        left = right = 0
        for stage, length in zip(reversed(self.stages), reversed(lengths[:-1]), strict=True):
            before, after = stage.pads(length)
            left = -(-(left * stage.stride + before) // stage.up)
            right = -(-(right * stage.stride + after) // stage.up)
        return left, right

    @property
    def past(self) -> int:
        """At most (steps * up + past) / stride outputs come of any number of steps, if that is not negative."""
        past, stride = 0, 1
        for stage in self.stages:
            past, stride = past * stage.up + stage.past * stride, stride * stage.stride
        return past

    def out_steps(self, steps: int) -> int:
        """Outputs for an input of `steps` samples; 0 where a kernel does not fit."""
        for stage in self.stages:
            steps = stage.out_steps(steps)
        return steps

    def macs(self, steps: int) -> int:
        """Multiplications of the direct algorithm for one sample, taps in the padding counted."""
        total = 0
        for stage in self.stages:
            total += stage.macs(steps)
            steps = stage.out_steps(steps)
        return total


def separable(whole: ConvProblem, multiplier: int, ending: Epilogue | None = None, zero: int = 0) -> Chain:
    """`whole` in two stages: each channel by itself into `multiplier` ones, without a bias; then one tap mixes them.

    `ending` is what becomes of the first stage's sums, and `zero` what stands for 0 in them.
    """
    between = whole.channels * multiplier
    each = replace(whole, filters=between, groups=whole.channels, epilogue=ending or Epilogue())
    across = replace(whole.inside(None), channels=between, kernel_size=1, stride=1, dilation=1, up=1, zero=zero)
    return Chain.of({"depthwise": each, "pointwise": across})


def _joined(first: ConvProblem, others: list[ConvProblem]) -> tuple[ConvProblem, ...]:
    """`first` and `others` with the steps that reach them, in the layout and dtype of the first."""
    stages = [first]
    for stage in others:
        before = stages[-1]
        steps = None if before.steps is None else before.out_steps(before.steps)
        alike = replace(stage, channels_last=first.channels_last, dtype=first.dtype)
        stages.append(alike.at_length(steps) if steps is not None else replace(alike, steps=None))
    return tuple(stages)


def _stands(stage: ConvProblem) -> bool:
    """Whether each output reads one step, its own."""
    sizes = stage.kernel_size, stage.stride, stage.up
    return sizes == (1, 1, 1) and not (stage.pad_left or stage.pad_right)


def _between(p: ConvProblem, side: str) -> tuple[int | None, int, bool, str]:
    """Steps, channels, layout and dtype of the stage's input or output."""
    if side == "in":
        return p.steps, p.channels, p.channels_last, p.dtype
    return None if p.steps is None else p.out_steps(p.steps), p.out_filters, p.channels_last, p.dtype


def _told(between: tuple[int | None, int, bool, str]) -> str:
    steps, channels, last, dtype = between
    length = "any number of" if steps is None else f"{steps:,}"
    return f"{length} steps of {channels:,} channels, {'channels_last' if last else 'channels_first'}, {dtype}"
