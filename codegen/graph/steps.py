"""The ops that look at several steps, without weights: pools, frames; those of padding by their names, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.graph.op import Op, misfit
from codegen.graph.padding import Pad, Padded, Reflect, Replicate, Wrap
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.parameters import flag, padding, parameter, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = [
    "AveragePool",
    "Crop",
    "Frames",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GlobalSumPool",
    "Join",
    "Last",
    "MaxPool",
    "Pad",
    "Padded",
    "Pool",
    "Reflect",
    "Replicate",
    "Reverse",
    "Upsample",
    "Wrap",
]


def _strides(name: str, value: object) -> int | None:
    return None if value is None else int(whole(1)(name, value))  # type: ignore[call-overload]  # whole returns int


@dataclass(frozen=True)
class Pool(Op):
    """What pools share: `size` steps to one, `strides` apart (as far as they are wide without it).

    `padding` is valid, same, causal or (left, right): what lies outside the input is left out.
    """

    size: int = parameter(whole(1), "Input steps for one output.", also=("pool_size", "kernel_size"))
    strides: int | None = parameter(_strides, "Input steps from one output to the next; None: `size`.", None)
    padding: str | tuple[int, int] = parameter(padding, "valid, same, causal, or (left, right) steps.", "valid")

    @property
    def hop(self) -> int:
        """Input steps from one output to the next."""
        return self.size if self.strides is None else self.strides

    def pads(self, steps: int) -> tuple[int, int]:
        """(left, right) steps that lie outside, for an input of `steps`."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "causal":
            return self.size - 1, 0
        if self.padding == "same":
            total = max(0, (-(-steps // self.hop) - 1) * self.hop + self.size - steps)
            return total // 2, total - total // 2
        assert isinstance(self.padding, tuple)
        return self.padding

    def out_steps(self, steps: int) -> int:
        """Outputs for an input of `steps`."""
        return max(0, (steps + sum(self.pads(steps)) - self.size) // self.hop + 1) if steps else 0

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if isinstance(self.padding, tuple) and max(self.padding) >= self.size:
            message = f"`{self.word}` of {self.size} steps with padding = {self.padding}"
            raise misfit(message, "less than `size` on each side: else an output would see no input")
        return given.with_steps(self.out_steps, given.rate / self.hop)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        (x,) = inputs
        steps = x.shape[-2]
        (left, _), rows = self.pads(steps), []
        for t in range(self.out_steps(steps)):
            first = t * self.hop - left
            rows.append(self.pooled(x[..., max(0, first) : first + self.size, :]))
        return np.stack(rows, axis=-2) if rows else x[..., :0, :]

    def pooled(self, window: Array) -> Array:
        """One output of the steps that it sees."""
        raise NotImplementedError


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest of some steps: Keras' MaxPooling1D."""

    word: ClassVar[str] = "max_pool"

    def pooled(self, window: Array) -> Array:
        made: Array = window.max(axis=-2)
        return made


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of some steps: Keras' AveragePooling1D. `count_padding`: those outside count as zeros, as in PyTorch."""

    count_padding: bool = parameter(flag, "Whether steps outside the input count, as zeros.", False)

    word: ClassVar[str] = "average_pool"

    def pooled(self, window: Array) -> Array:
        made: Array = window.sum(axis=-2) / (self.size if self.count_padding else window.shape[-2])
        return made


@dataclass(frozen=True)
class Whole(Op):
    """What makes one step of all."""

    over_time: ClassVar[bool] = True

    def shape(self, *shapes: Shape) -> Shape:
        return shapes[0].with_steps(lambda steps: min(1, steps), Fraction(0))

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        return self.of_all(inputs[0])

    def of_all(self, x: Array) -> Array:
        """The one step, of arrays (…, steps, channels)."""
        raise NotImplementedError


@dataclass(frozen=True)
class GlobalAveragePool(Whole):
    """The mean over all steps: Keras' GlobalAveragePooling1D, as one step."""

    word: ClassVar[str] = "global_average_pool"

    def of_all(self, x: Array) -> Array:
        made: Array = x.sum(axis=-2, keepdims=True) / x.dtype.type(x.shape[-2])  # of no step NaN; `mean` would warn
        return made


@dataclass(frozen=True)
class GlobalSumPool(Whole):
    """The sum over all steps, as one step."""

    word: ClassVar[str] = "global_sum_pool"

    def of_all(self, x: Array) -> Array:
        made: Array = x.sum(axis=-2, keepdims=True)
        return made


@dataclass(frozen=True)
class GlobalMaxPool(Whole):
    """The largest over all steps: Keras' GlobalMaxPooling1D, as one step."""

    word: ClassVar[str] = "global_max_pool"

    def of_all(self, x: Array) -> Array:
        made: Array = x.max(axis=-2, keepdims=True)
        return made


@dataclass(frozen=True)
class Last(Whole):
    """The last step."""

    word: ClassVar[str] = "last"

    def of_all(self, x: Array) -> Array:
        return x[..., -1:, :]


@dataclass(frozen=True)
class Upsample(Op):
    """Each step `size` times: Keras' UpSampling1D, nearest."""

    size: int = parameter(whole(1), "Outputs for each step.")

    word: ClassVar[str] = "upsample"

    def shape(self, *shapes: Shape) -> Shape:
        return shapes[0].with_steps(lambda steps: steps * self.size, shapes[0].rate * self.size)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        return np.repeat(inputs[0], self.size, axis=-2)


@dataclass(frozen=True)
class Reverse(Op):
    """The last step first: what a layer that goes backwards reads."""

    word: ClassVar[str] = "reverse"
    over_time: ClassVar[bool] = True

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        return inputs[0][..., ::-1, :]


@dataclass(frozen=True)
class Crop(Op):
    """All but some steps at the ends: Keras' Cropping1D."""

    left: int = parameter(whole(0), "Steps that are left out at the start.")
    right: int = parameter(whole(0), "Steps that are left out at the end.", 0)

    word: ClassVar[str] = "crop"

    def shape(self, *shapes: Shape) -> Shape:
        return shapes[0].with_steps(lambda steps: max(0, steps - self.left - self.right))

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        (x,) = inputs
        return x[..., self.left : max(self.left, x.shape[-2] - self.right), :]


@dataclass(frozen=True)
class Frames(Op):
    """Frames of `size` steps, `hop` steps apart; what follows sees each by itself, until `join`."""

    size: int = parameter(whole(1), "Steps of a frame.")
    hop: int = parameter(whole(1), "Steps from one frame to the next.")

    word: ClassVar[str] = "frames"

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if given.frames is not None:
            raise misfit("`frames` of frames", "join them first")
        counted = given.with_steps(lambda steps: max(0, (steps - self.size) // self.hop + 1))
        lengths = (self.size,) * len(given.lengths)
        return Shape(lengths, given.channels, given.rate / self.hop, counted.lengths)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        (x,) = inputs
        count = max(0, (x.shape[0] - self.size) // self.hop + 1)
        if not count:
            return np.zeros((0, self.size, x.shape[1]), x.dtype)
        return np.stack([x[f * self.hop : f * self.hop + self.size] for f in range(count)])


@dataclass(frozen=True)
class Join(Op):
    """The steps of all frames, one after the other, as one sequence."""

    word: ClassVar[str] = "join"

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if given.frames is None:
            raise misfit("`join` of a value that has no frames", "it ends what frames(x, size, hop) began")
        lengths = tuple(count * steps for count, steps in zip(given.frames, given.lengths, strict=True))
        return Shape(lengths, given.channels, given.rate * given.lengths[0])

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        (x,) = inputs
        return x.reshape(x.shape[0] * x.shape[1], x.shape[2])
