"""The spec of separable convolutions. Source: keras/src/layers/convolutional/base_separable_conv.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.errors import SpecError
from codegen.problem.chain import Chain, separable
from codegen.records import dataclass
from codegen.specs import quantised, rules
from codegen.specs.base import KERNEL_CONSTRAINT, KERNEL_INITIALIZER, KERNEL_REGULARIZER, Spec
from codegen.specs.parameters import parameter, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class SeparableConv1DSpec(Spec):
    """keras.layers.SeparableConv1D: each channel filtered by itself, then the channels mixed. It may be causal, too."""

    kind: ClassVar[str] = "separable_conv1d"
    keras: ClassVar[str] = "SeparableConv1D"
    strides_dilate: ClassVar[bool] = True

    filters: int = parameter(whole(1), "Output channels.", also=("out_channels", "nb_filter", "num_filters", "units"))
    depth_multiplier: int = parameter(whole(1), "Channels between, for each of the input.", 1, also=("multiplier",))
    depthwise_initializer: Any = parameter(
        KERNEL_INITIALIZER, "What a new kernel of the first stage is.", "glorot_uniform"
    )
    pointwise_initializer: Any = parameter(
        KERNEL_INITIALIZER, "What a new kernel of the second stage is.", "glorot_uniform"
    )
    depthwise_regularizer: Any = parameter(KERNEL_REGULARIZER, "The first kernel's penalty in training.", None)
    pointwise_regularizer: Any = parameter(KERNEL_REGULARIZER, "The second kernel's penalty in training.", None)
    depthwise_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the first kernel after an update.", None)
    pointwise_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the second kernel after an update.", None)

    depthwise_scale: float | None = parameter(quantised.scale, "int8: one step of what the first stage makes.", None)
    depthwise_zero_point: int | None = parameter(
        quantised.zero_point, "int8: the code of 0.0 in the first stage.", None
    )

    def lower(self) -> Chain:
        """Channel by channel, without a bias; then a kernel of one tap mixes the channels."""
        if quantised.is_quantised(self):
            middle = quantised.between(self), quantised.grid(self, "depthwise").zero_point
            return separable(self.convolution(), self.depth_multiplier, *middle)
        return separable(self.convolution(), self.depth_multiplier)

    @property
    def grids(self) -> tuple[str, ...]:
        return (*quantised.GRID, "depthwise_scale", "depthwise_zero_point")

    def _filters_of(self) -> tuple[int, ...]:
        return self._known_channels() * self.depth_multiplier, self.filters

    def _weight_shapes(self) -> dict[str, tuple[int, ...]]:
        channels = self._known_channels()
        shapes: dict[str, tuple[int, ...]] = {
            "depthwise_kernel": (self.kernel_size, channels, self.depth_multiplier),
            "pointwise_kernel": (1, channels * self.depth_multiplier, self.filters),
        }
        return {**shapes, "bias": (self.filters,)} if self.use_bias else shapes

    def problem_weights(self, weights: Mapping[str, Array]) -> tuple[Array, Array | None]:
        import numpy as np

        kernels = [weights[name].ravel() for name in ("depthwise_kernel", "pointwise_kernel")]
        return np.concatenate(kernels), weights["bias"] if self.use_bias else None

    def refusals(self) -> Iterator[SpecError]:
        yield from super().refusals()
        yield from rules.keras_refuses_causal(self)

    def _counts(self) -> tuple[int, int]:
        return self.filters, 1
