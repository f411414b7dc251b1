"""Tables: the weights as the stages read them, each made of a layer's arrays in Keras' shapes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.graph.calls import AnyLayer
from codegen.planning.plan import AnyPlan
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import BatchNormalization

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Weights: TypeAlias = Mapping[str, Mapping[str, Array]]

__all__ = ["Bias", "Kernel", "Ones", "Own", "Paired", "Rowed", "Scale", "Shift", "Table"]


@dataclass(frozen=True)
class Table:
    """`numbers` of them; `label` is what they are called in C behind the model's name."""

    @property
    def label(self) -> str:
        raise NotImplementedError

    @property
    def numbers(self) -> int:
        raise NotImplementedError

    def made(self, weights: Weights, dtype: str) -> Array:
        """The numbers, flat, of arrays by layer and parameter."""
        raise NotImplementedError


def _scale(norm: BatchNormalization, weights: Weights) -> Array:
    """What each channel is multiplied by, in float64."""
    import numpy as np

    held = weights[norm.name]
    scale: Array = 1 / np.sqrt(np.asarray(held["moving_variance"], np.float64) + norm.epsilon)
    return scale * held["gamma"] if norm.scale else scale


def _shift(norm: BatchNormalization, weights: Weights) -> Array:
    """What is added to each channel after that, in float64."""
    import numpy as np

    held = weights[norm.name]
    shift: Array = -np.asarray(held["moving_mean"], np.float64) * _scale(norm, weights)
    return shift + held["beta"] if norm.center else shift


@dataclass(frozen=True)
class Kernel(Table):
    """The kernel of a layer as `plan` packs it, its filters scaled as `norm` would scale what they make.

    `of` is the array of a layer that is no convolution.
    """

    plan: AnyPlan
    layer: AnyLayer
    norm: BatchNormalization | None = None
    of: str = "kernel"

    @property
    def label(self) -> str:
        return f"{self.layer.name}_{self.of}"

    @property
    def numbers(self) -> int:
        return self.plan.packed_numbers

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        p, held = self.plan.problem, weights[self.layer.name]
        kernel = self.layer.problem_weights(held)[0] if isinstance(self.layer, Spec) else held[self.of]
        kernel = np.asarray(kernel, np.float64).reshape(p.kernel_shape)
        if self.norm is not None:
            last = p.stages[-1].kernel_shape
            flat = kernel.ravel().copy()
            end = flat[flat.size - prod(last) :].reshape(last)
            end *= _scale(self.norm, weights)
            kernel = flat.reshape(p.kernel_shape)
        return self.plan.pack(np.ascontiguousarray(kernel, dtype)).ravel()


@dataclass(frozen=True)
class Bias(Table):
    """The bias of a layer, zeros where it has none, moved as `norm` would move what it is added to.

    `row` is which one of a recurrent layer that has two.
    """

    layer: AnyLayer
    count: int
    norm: BatchNormalization | None = None
    row: int | None = None

    @property
    def label(self) -> str:
        return f"{self.layer.name}_bias" + ("" if self.row is None else f"_{self.row}")

    @property
    def numbers(self) -> int:
        return self.count

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        found = weights[self.layer.name].get("bias", np.zeros(self.count))
        bias = np.asarray(found if self.row is None else found[self.row], np.float64)
        if self.norm is not None:
            bias = bias * _scale(self.norm, weights) + _shift(self.norm, weights)
        return bias.astype(dtype)


@dataclass(frozen=True)
class Scale(Table):
    """What a batch normalization multiplies each channel by."""

    norm: BatchNormalization

    @property
    def label(self) -> str:
        return f"{self.norm.name}_scale"

    @property
    def numbers(self) -> int:
        return self.norm.known_channels

    def made(self, weights: Weights, dtype: str) -> Array:
        return _scale(self.norm, weights).astype(dtype)


@dataclass(frozen=True)
class Shift(Table):
    """What a batch normalization adds to each channel."""

    norm: BatchNormalization

    @property
    def label(self) -> str:
        return f"{self.norm.name}_shift"

    @property
    def numbers(self) -> int:
        return self.norm.known_channels

    def made(self, weights: Weights, dtype: str) -> Array:
        return _shift(self.norm, weights).astype(dtype)


@dataclass(frozen=True)
class Own(Table):
    """An array of a layer as it is."""

    layer: AnyLayer
    of: str

    @property
    def label(self) -> str:
        return f"{self.layer.name}_{self.of}"

    @property
    def numbers(self) -> int:
        return prod(self.layer.weight_shapes()[self.of])

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        return np.asarray(weights[self.layer.name][self.of], dtype).ravel()


@dataclass(frozen=True)
class Paired(Own):
    """The kernel of a layer of even channels as a tile reads it that sums two of them side by side.

    For each tap and two channels each filter has a number for the one and one for the other.
    """

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        kernel = np.asarray(weights[self.layer.name][self.of], dtype)
        channels, filters = kernel.shape[-2:]
        return np.ascontiguousarray(kernel.reshape(-1, channels // 2, 2, filters).swapaxes(2, 3)).ravel()


@dataclass(frozen=True)
class Rowed(Own):
    """The same where a vector takes the numbers of all filters: zeros behind them, up to `row` of them."""

    row: int

    @property
    def numbers(self) -> int:
        return prod(self.layer.weight_shapes()[self.of][:-1]) * self.row

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        rows = super().made(weights, dtype).reshape(-1, self.layer.weight_shapes()[self.of][-1])
        return np.pad(rows, ((0, 0), (0, self.row - rows.shape[1]))).ravel()


@dataclass(frozen=True)
class Ones(Table):
    """A kernel of ones, one tap for each channel: its sums are the input."""

    plan: AnyPlan

    @property
    def label(self) -> str:
        return f"ones_{self.plan.problem.filters}"

    @property
    def numbers(self) -> int:
        return self.plan.packed_numbers

    def made(self, weights: Weights, dtype: str) -> Array:
        import numpy as np

        return self.plan.pack(np.ones(self.plan.problem.kernel_shape, dtype)).ravel()
