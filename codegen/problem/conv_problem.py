"""ConvProblem: what is computed, in plain integers. No Keras word survives here.

    y[t, f] = epilogue(sum over k, c of kernel[k, c, f] * x[t*stride + k*dilation - left(steps), group(f)*C/G + c])

where x is the input less `zero`, 0 but for whole numbers.

A tap outside the input is skipped. With `up` > 1 the x of this equation is the input with up - 1 zeros put between its
steps (scipy.signal.upfirdn's word): transposed convolutions and the gradients of strided ones. Padding arithmetic lives
here and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.problem.epilogue import Epilogue
from codegen.problem.shapes import Shapes
from codegen.problem.stages import BIASED
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray


MOST_TABLE = 1 << 20  # numbers of a kernel that is a const table
MOST_CODES = 3 << 20  # of one of int8
C_BYTES, CODE_BYTES = 16, 5  # of a number in it and of one of int8, with what parts it from the next one
MOST_PHASES = 1024  # outputs between two input steps that have code of their own


@dataclass(frozen=True)
class ConvProblem(Shapes):
    """One 1-D cross-correlation of one sample; hashable, the key of plans and of the cache.

    `steps` is the input's length, None where it is free. `kernel` arrays have Keras' shape
    (kernel_size, channels/groups, filters). `epilogue` is what becomes of the sums, a bias and an activation among it.
    `pad_left` and `pad_right` are zeros in samples. With `centred` they are its largest values and the total shrinks
    with the length: total = max(0, pad_left + pad_right - (steps - 1) % stride), total // 2 of it on the left.
    `steps` are the input's own, before `up`; pads, stride and dilation count samples after it. `zero` is what stands
    for 0 in x: kernel weights multiply x - zero, and samples that are not there are `zero`.
    """

    told: ClassVar[str] = "one convolution"

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
    channels_last: bool = True
    dtype: str = "float32"
    epilogue: Epilogue = BIASED
    zero: int = 0

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
    def kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self.group_channels, self.filters

    @property
    def terms(self) -> int:
        """Products in one output whose taps all lie inside the input; the most of any phase with `up`."""
        return -(-self.kernel_size // (self.up // gcd(self.up, self.dilation))) * self.group_channels

    @property
    def phases(self) -> int:
        """Outputs between two input steps that need code of their own; 1 where neighbours read the same samples."""
        if self.stride == self.dilation == 1:
            return 1
        return min(self.kernel_size, self.up // gcd(self.up, self.dilation))

    @property
    def products(self) -> int:
        """Multiplications in one output step of all filters."""
        return self.terms * self.filters

    @property
    def stages(self) -> tuple[ConvProblem, ...]:
        """The problem as convolutions one after the other: itself."""
        return (self,)

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """What the arrays of weights of its stages are called in C."""
        return ("kernel",)

    @property
    def walk(self) -> ConvProblem:
        """The convolution that alone reads other steps of the input than an output's own: itself."""
        return self

    def stage_weights(
        self, kernel: NDArray[Any], *operands: NDArray[Any] | None
    ) -> tuple[tuple[ConvProblem, NDArray[Any], tuple[NDArray[Any] | None, ...]], ...]:
        """Each of `stages` with its part of a kernel of kernel_shape and of what the epilogues read."""
        return ((self, kernel, operands),)

    def with_epilogue(self, epilogue: Epilogue) -> ConvProblem:
        """The same with another epilogue of its outputs."""
        return replace(self, epilogue=epilogue)

    def at_length(self, steps: int | None) -> ConvProblem:
        """The same for an input of so many steps, its padding settled; None for any number, `centred` as it is."""
        if steps is None:
            return replace(self, steps=None)
        left, right = self.pads(steps)
        return replace(self, steps=steps, pad_left=left, pad_right=right, centred=False)

    def inside(self, steps: int | None, dilation: int | None = None) -> ConvProblem:
        """The same in channels_last over so many samples (None: any number) that are all there, without padding.

        With `dilation` the taps lie so far apart.
        """
        return replace(
            self,
            steps=steps,
            dilation=dilation or self.dilation,
            pad_left=0,
            pad_right=0,
            centred=False,
            channels_last=True,
        )

    def in_layout(self, *, channels_last: bool) -> ConvProblem:
        """The same with the axes of input and output in that order."""
        return replace(self, channels_last=channels_last)

    def pads(self, steps: int) -> tuple[int, int]:
        """(left, right) zeros in samples for an input of `steps` samples."""
        if not self.centred:
            return self.pad_left, self.pad_right
        total = max(0, self.pad_left + self.pad_right - (self.spread(steps) - 1) % self.stride)
        return total // 2, total - total // 2

    def spread(self, steps: int) -> int:
        """Samples from the first to the last of `steps` steps with up - 1 zeros between them."""
        return (steps - 1) * self.up + 1 if steps > 0 else 0

    @property
    def past(self) -> int:
        """At most (steps * up + past) / stride outputs come of any number of steps, if that is not negative."""
        return self.pad_left + self.pad_right - self.reach + self.stride + 1 - self.up

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

    def macs(self, steps: int) -> int:
        """Multiplications of the direct algorithm for one sample, taps in the padding counted."""
        return self.out_steps(steps) * self.products
