"""The ops that put steps before and after a value: zeros, or its own steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.graph.op import Op, misfit
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.parameters import parameter, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Pad", "Padded", "Reflect", "Replicate", "Wrap"]


@dataclass(frozen=True)
class Padded(Op):
    """What puts steps before and after the input."""

    left: int = parameter(whole(0), "Steps before the input.")
    right: int = parameter(whole(0), "Steps after it.", 0)

    mode: ClassVar[str]
    reads: ClassVar[int] = 1  # steps of the input that `left` or `right` of 1 need

    def shape(self, *shapes: Shape) -> Shape:
        (given,) = shapes
        if self.mode == "reflect" and given.steps is not None and max(self.left, self.right) >= given.steps:
            most = given.steps - 1
            raise misfit(f"`reflect` of {self.left} and {self.right} steps of {given.steps}", f"at most {most}")
        return given.with_steps(lambda steps: steps + self.left + self.right if steps else 0)

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        import numpy as np

        (x,) = inputs
        if not x.shape[-2]:
            return x
        sides = [(0, 0)] * (x.ndim - 2) + [(self.left, self.right), (0, 0)]
        return np.pad(x, sides, mode=self.mode)  # type: ignore[call-overload,no-any-return]  # a mode that it has


@dataclass(frozen=True)
class Pad(Padded):
    """Zeros before and after the input: Keras' ZeroPadding1D."""

    word: ClassVar[str] = "pad"
    mode: ClassVar[str] = "constant"


@dataclass(frozen=True)
class Reflect(Padded):
    """The input turned around its ends, which are not repeated: numpy's and PyTorch's `reflect`."""

    word: ClassVar[str] = "reflect"
    mode: ClassVar[str] = "reflect"


@dataclass(frozen=True)
class Replicate(Padded):
    """The first and the last step again and again: numpy's `edge`, PyTorch's `replicate`."""

    word: ClassVar[str] = "replicate"
    mode: ClassVar[str] = "edge"


@dataclass(frozen=True)
class Wrap(Padded):
    """The end of the input before it, its start after it: numpy's `wrap`, PyTorch's `circular`."""

    word: ClassVar[str] = "wrap"
    mode: ClassVar[str] = "wrap"
