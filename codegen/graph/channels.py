"""The ops that move channels: slices, concatenation, channels of zeros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import SpecError
from codegen.errors.counting import counted
from codegen.graph.op import Op, demand_alike, misfit
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.parameters import parameter, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Concat", "Flatten", "Reshape", "Slice", "Spread", "Widen"]


@dataclass(frozen=True)
class Slice(Op):
    """Channels `start` to `stop`, as Python counts, of a value: `x[:16]`."""

    start: int
    stop: int

    word: ClassVar[str] = "slice"

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if not 0 <= self.start < self.stop <= given.channels:
            message = f"channels {self.start} to {self.stop} of {given.channels}"
            raise misfit(message, f"a slice lies within 0 to {given.channels}, and holds a channel or more")
        return given.with_channels(self.stop - self.start)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        return inputs[0][..., self.start : self.stop]

    def told(self, names: Sequence[str]) -> str:
        return f"{names[0]}[{self.start or ''}:{self.stop}]"


@dataclass(frozen=True)
class Concat(Op):
    """The channels of all values, side by side."""

    word: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None

    def shape(self, *shapes: Shape) -> Shape:
        first, *others = shapes
        for other in others:
            demand_alike("concat", first, other)
        return first.with_channels(sum(one.channels for one in shapes))

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        return np.concatenate(inputs, axis=-1)


@dataclass(frozen=True)
class Widen(Op):
    """Channels of zeros behind those there are, up to `channels`."""

    channels: int = parameter(whole(1), "Channels of the output.")

    word: ClassVar[str] = "widen"

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if given.channels > self.channels:
            message = f"`widen` of {counted(given.channels, 'channel')} to {self.channels}"
            raise misfit(message, "it adds channels: a slice x[:n] takes some away")
        return given.with_channels(self.channels)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        (x,) = inputs
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, self.channels - x.shape[-1])])


@dataclass(frozen=True)
class Spread(Op):
    """One channel, `channels` times."""

    channels: int = parameter(whole(1), "Channels of the output.")

    word: ClassVar[str] = "repeat"

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if given.channels != 1:
            raise misfit(f"`repeat` of {given.channels} channels", "it repeats one channel: take a slice x[:1]")
        return given.with_channels(self.channels)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        return np.repeat(inputs[0], self.channels, axis=-1)


@dataclass(frozen=True)
class Flatten(Op):
    """All steps as channels of one: Keras' Flatten. The number of steps is known."""

    word: ClassVar[str] = "flatten"
    over_time: ClassVar[bool] = True

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        steps = given.known_steps
        return given.with_channels(steps * given.channels).with_steps(lambda steps: 1)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        (x,) = inputs
        return x.reshape(*x.shape[:-2], 1, x.shape[-2] * x.shape[-1])


@dataclass(frozen=True)
class Reshape(Op):
    """The numbers of a known number of steps as other `steps` and `channels`, in their order: Keras' Reshape."""

    steps: int = parameter(whole(1), "Steps of the output.")
    channels: int = parameter(whole(1), "Channels of the output.")

    word: ClassVar[str] = "reshape"
    over_time: ClassVar[bool] = True

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if given.known_steps * given.channels != self.steps * self.channels:
            message = f"`reshape` of {given} to ({self.steps}, {self.channels})"
            raise SpecError("E501", message, hint="both hold as many numbers")
        return given.with_channels(self.channels).with_steps(lambda steps: self.steps)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        (x,) = inputs
        return x.reshape(*x.shape[:-2], self.steps, self.channels)
