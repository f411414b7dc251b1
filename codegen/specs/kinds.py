"""The kinds of layers, each a spec: a frozen dataclass whose fields are its parameters, and a row in KINDS.

Source: keras/src/layers/convolutional/{base_conv,base_depthwise_conv}.py; codegen.specs.separable_spec
and codegen.specs.transpose_spec have the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from codegen.errors import SpecError, keras_messages
from codegen.installed import registering
from codegen.records import dataclass
from codegen.specs import rules
from codegen.specs.base import KERNEL_CONSTRAINT, KERNEL_INITIALIZER, KERNEL_REGULARIZER, Relation, Spec
from codegen.specs.parameters import parameter, whole
from codegen.specs.separable_spec import SeparableConv1DSpec
from codegen.specs.transpose_spec import Conv1DTransposeSpec

__all__ = [
    "KINDS",
    "Conv1DSpec",
    "Conv1DTransposeSpec",
    "DepthwiseConv1DSpec",
    "SeparableConv1DSpec",
    "Spec",
    "registered",
]


@dataclass(frozen=True, kw_only=True)
class Conv1DSpec(Spec):
    """keras.layers.Conv1D: every filter sees all channels of its group."""

    kind: ClassVar[str] = "conv1d"
    keras: ClassVar[str] = "Conv1D"

    filters: int = parameter(whole(1), "Output channels.", also=("out_channels", "nb_filter", "num_filters", "units"))
    groups: int = parameter(whole(1), "Groups of channels, each with filters of its own.", 1, also=("group",))
    kernel_initializer: Any = parameter(KERNEL_INITIALIZER, "What a new kernel is.", "glorot_uniform", also=("init",))
    kernel_regularizer: Any = parameter(KERNEL_REGULARIZER, "The kernel's penalty in training.", None)
    kernel_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the kernel after an update.", None)

    def _counts(self) -> tuple[int, int]:
        return self.filters, self.groups

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self._known_channels() // self.groups, self.filters

    def _relations(self) -> Iterator[Relation]:
        yield from super()._relations()
        said = keras_messages.filters_and_groups, keras_messages.channels_and_groups
        yield ("filters", "groups"), lambda: rules.divides(self.groups, "filters", self.filters, said[0])
        where = ("input_shape", "data_format")
        yield ("groups", *where), lambda: rules.divides(self.groups, "the input's channels", self.channels, said[1])


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv1DSpec(Spec):
    """keras.layers.DepthwiseConv1D: depth_multiplier filters for each channel. Here it may be causal, too."""

    kind: ClassVar[str] = "depthwise_conv1d"
    keras: ClassVar[str] = "DepthwiseConv1D"
    strides_dilate: ClassVar[bool] = True

    depth_multiplier: int = parameter(
        whole(1), "Filters for each channel.", 1, also=("multiplier", "filters", "out_channels")
    )
    depthwise_initializer: Any = parameter(
        KERNEL_INITIALIZER, "What a new kernel is.", "glorot_uniform", also=("kernel_initializer",)
    )
    depthwise_regularizer: Any = parameter(
        KERNEL_REGULARIZER, "The kernel's penalty in training.", None, also=("kernel_regularizer",)
    )
    depthwise_constraint: Any = parameter(
        KERNEL_CONSTRAINT, "What holds the kernel after an update.", None, also=("kernel_constraint",)
    )

    def _counts(self) -> tuple[int, int]:
        channels = self._known_channels()
        return channels * self.depth_multiplier, channels

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self._known_channels(), self.depth_multiplier

    def refusals(self) -> Iterator[SpecError]:
        yield from super().refusals()
        yield from rules.keras_refuses_causal(self)


def registered(kind: type[Spec]) -> AbstractContextManager[None]:
    """Within it `kind` is one of the kinds, by its word, for definitions, layers and weights."""
    return registering(KINDS, {kind.kind: kind}, {})


ALL: tuple[type[Spec], ...] = (Conv1DSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Conv1DTransposeSpec)
KINDS: dict[str, type[Spec]] = {kind.kind: kind for kind in ALL}
