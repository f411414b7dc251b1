"""ConvProblem: what is computed, in plain integers. No Keras word survives here.

    y[t, f] = epilogue(sum over k, c of kernel[k, c, f] * x[t*stride + k*dilation - left(steps), group(f)*C/G + c])

A tap outside the input is skipped. With `up` > 1 the x of this equation is the input with up - 1 zeros put between its
steps (scipy.signal.upfirdn's word): transposed convolutions and the gradients of strided ones. Padding arithmetic lives
here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd, prod
from typing import TYPE_CHECKING, Any

from codegen.functions.activations import Activation
from codegen.numbers.formats import COMPUTED, Format
from codegen.problem import stages
from codegen.problem.epilogue import Epilogue

if TYPE_CHECKING:
    from numpy.typing import NDArray


MOST_TABLE = 1 << 20  # numbers of a kernel that is a const table
C_BYTES = 16  # of a number in it, with what parts it from the next one
MOST_PHASES = 1024  # outputs between two input steps that have code of their own


@dataclass(frozen=True)
class ConvProblem:
    """One 1-D cross-correlation of one sample; hashable, the key of plans and of the cache.

    `steps` is the input's length, None where it is free. `kernel` arrays have Keras' shape
    (kernel_size, channels/groups, filters). `epilogue` is what becomes of the sums, a bias and an activation among it.
    `pad_left` and `pad_right` are zeros in samples. With `centred` they are its largest values and the total shrinks
    with the length: total = max(0, pad_left + pad_right - (steps - 1) % stride), total // 2 of it on the left.
    `steps` are the input's own, before `up`; pads, stride and dilation count samples after it.
    With a `depth_multiplier` there are two stages (`stages`): each channel is first convolved with so many kernels of
    its own, without an epilogue; then a kernel of one tap mixes the channels. `kernel` is then flat, one after the
    other.
    """

    steps: int | None
    channels: int
    filters: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    pad_left: int = 0
    pad_right: int = 0
    centred: bool = False
    up: int = 1
    depth_multiplier: int = 0
    channels_last: bool = True
    dtype: str = "float32"
    epilogue: Epilogue = stages.BIASED

    @property
    def reach(self) -> int:
        """Samples from the first tap to the last, both counted: Keras' effective kernel size."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def receptive_field(self) -> int:
        """Input steps from the first to the last that an output may read."""
        return -(-self.reach // self.up)

    @property
    def group_channels(self) -> int:
        return self.channels // self.groups

    @property
    def group_filters(self) -> int:
        return self.filters // self.groups

    @property
    def out_filters(self) -> int:
        """Filters of y: those that the epilogue leaves."""
        return self.filters // self.epilogue.shares

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        if self.depth_multiplier:
            return (sum(prod(stage.kernel_shape) for stage in self.stages()),)
        return self.kernel_size, self.group_channels, self.filters

    @property
    def terms(self) -> int:
        """Products in one output whose taps all lie inside the input; the most of any phase with `up`."""
        if self.depth_multiplier:
            return self.kernel_size * self.channels * self.depth_multiplier
        return -(-self.kernel_size // (self.up // gcd(self.up, self.dilation))) * self.group_channels

    @property
    def phases(self) -> int:
        """Outputs between two input steps that need code of their own; 1 where neighbours read the same samples."""
        if self.stride == self.dilation == 1:
            return 1
        return min(self.kernel_size, self.up // gcd(self.up, self.dilation))

    @property
    def format(self) -> Format:
        """The format of input, sums and output, and of the weights as they are computed with."""
        return COMPUTED[self.dtype]

    @property
    def item_bytes(self) -> int:
        return self.format.bytes

    @property
    def bias(self) -> bool:
        """Whether the sums begin with a bias."""
        return any(isinstance(stage, stages.Bias) for stage in self.epilogue.stages)

    @property
    def activation(self) -> Activation:
        """The activation among the stages of the epilogue, LINEAR where there is none."""
        return stages.activation(self.epilogue)

    @property
    def products(self) -> int:
        """Multiplications in one output step of all filters."""
        if self.depth_multiplier:
            return sum(stage.products for stage in self.stages())
        return self.terms * self.filters

    def stages(self) -> tuple[ConvProblem, ConvProblem]:
        """A separable problem as two plain ones: channel by channel, then across the channels."""
        between = self.channels * self.depth_multiplier
        each = replace(self, depth_multiplier=0, filters=between, groups=self.channels, epilogue=Epilogue())
        steps = None if self.steps is None else self.out_steps(self.steps)
        across = replace(self, depth_multiplier=0, steps=steps, channels=between, kernel_size=1, stride=1, up=1)
        return each, replace(across, dilation=1, pad_left=0, pad_right=0, centred=False)

    def stage_kernels(self, kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The kernels of `stages` in one of kernel_shape."""
        each, across = (stage.kernel_shape for stage in self.stages())
        return kernel[: prod(each)].reshape(each), kernel[prod(each) :].reshape(across)

    def pads(self, steps: int) -> tuple[int, int]:
        """(left, right) zeros in samples for an input of `steps` samples."""
        if not self.centred:
            return self.pad_left, self.pad_right
        total = max(0, self.pad_left + self.pad_right - (self.spread(steps) - 1) % self.stride)
        return total // 2, total - total // 2

    def spread(self, steps: int) -> int:
        """Samples from the first to the last of `steps` steps with up - 1 zeros between them."""
        return (steps - 1) * self.up + 1 if steps > 0 else 0

    def out_steps(self, steps: int) -> int:
        """Outputs for an input of `steps` samples; 0 where the kernel does not fit."""
        if steps < 1:
            return 0
        room = self.spread(steps) + sum(self.pads(steps)) - self.reach
        return room // self.stride + 1 if room >= 0 else 0

    def taps(self, t: int, steps: int) -> tuple[int, int]:
        """The taps [first, last) of output `t` that lie inside an input of `steps` steps; (0, 0) for none."""
        origin = t * self.stride - self.pads(steps)[0]
        first = max(0, -(origin // self.dilation))
        last = min(self.kernel_size, (self.spread(steps) - 1 - origin) // self.dilation + 1)
        return (first, last) if first < last else (0, 0)

    def in_shape(self, batch: int, steps: int) -> tuple[int, int, int]:
        """The shape of a batch of inputs of `steps` samples."""
        return (batch, steps, self.channels) if self.channels_last else (batch, self.channels, steps)

    def out_shape(self, batch: int, steps: int) -> tuple[int, int, int]:
        """The shape of the outputs of a batch of inputs of `steps` samples."""
        outs = self.out_steps(steps)
        return (batch, outs, self.out_filters) if self.channels_last else (batch, self.out_filters, outs)

    def macs(self, steps: int) -> int:
        """Multiplications of the direct algorithm for one sample, taps in the padding counted."""
        return self.out_steps(steps) * self.products
