"""Layers by Keras' names and signatures.

layer = Conv1D(64, 3, padding="causal", activation="relu")
y = layer(x)                      # (batch, steps, channels); built for x's channels on the first call
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from codegen.layers.how import AS_USUAL, How
from codegen.layers.layer import Layer
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Spec

__all__ = ["Conv1D", "Conv1DTranspose", "DepthwiseConv1D", "Layer", "SeparableConv1D", "of"]

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = str | tuple[int, int]
Named: TypeAlias = str | Mapping[str, Any] | Callable[..., Any] | None
InputShape: TypeAlias = tuple[int | None, int | None]

_counters: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)


class Conv1D(Layer):
    """keras.layers.Conv1D, with its arguments and its defaults; `padding` may also be (left, right) zeros.

    With `input_shape` (no batch) the kernel is compiled for that number of steps. Without it one kernel takes any
    number. `target` names the instruction set: "native" is the widest that this CPU runs (docs/targets.md). `accuracy`
    (exact, fast, wide) says how sums may round, and rigor="measure" times a few plans on this machine once
    (docs/planning.md). `threads` share each call; their number does not change the bits. `storage` float16 or bfloat16
    rounds the kernel's weights and halves its bytes; sums stay float32 (docs/storage.md). optimize="size" takes the
    plan with the fewest bytes of code and memory. A layer without a fixed length makes kernels in the background for
    `specialize` frequent lengths, with the same bits (docs/performance.md); 0 makes none. dtype="int8" computes in
    whole numbers, and needs scales and zero points. Raises SpecError or SpecErrors for wrong arguments.
    """

    kind = Conv1DSpec
    filters: int
    groups: int

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        groups: int = 1,
        activation: Named = None,
        use_bias: bool = True,
        kernel_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        kernel_regularizer: Named = None,
        bias_regularizer: Named = None,
        activity_regularizer: Named = None,
        kernel_constraint: Named = None,
        bias_constraint: Named = None,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        input_shape: InputShape | None = None,
        input_scale: float | None = None,
        input_zero_point: int | None = None,
        output_scale: float | None = None,
        output_zero_point: int | None = None,
        rounding: str | None = None,
        sum_scale: float | None = None,
        sum_zero_point: int | None = None,
        target: str = "native",
        accuracy: str = "fast",
        rigor: str = "estimate",
        threads: int = 1,
        storage: str = "float32",
        optimize: str = "speed",
        specialize: int = 4,
    ) -> None:
        _define(self, locals())


class DepthwiseConv1D(Layer):
    """keras.layers.DepthwiseConv1D, with its arguments and its defaults; `padding` may also be causal or (left, right).

    Each channel is filtered by itself into `depth_multiplier` outputs. The rest is as for Conv1D.
    """

    kind = DepthwiseConv1DSpec
    depth_multiplier: int

    def __init__(
        self,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Named = None,
        use_bias: bool = True,
        depthwise_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        depthwise_regularizer: Named = None,
        bias_regularizer: Named = None,
        activity_regularizer: Named = None,
        depthwise_constraint: Named = None,
        bias_constraint: Named = None,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        input_shape: InputShape | None = None,
        input_scale: float | None = None,
        input_zero_point: int | None = None,
        output_scale: float | None = None,
        output_zero_point: int | None = None,
        rounding: str | None = None,
        sum_scale: float | None = None,
        sum_zero_point: int | None = None,
        target: str = "native",
        accuracy: str = "fast",
        rigor: str = "estimate",
        threads: int = 1,
        storage: str = "float32",
        optimize: str = "speed",
        specialize: int = 4,
    ) -> None:
        _define(self, locals())


class SeparableConv1D(Layer):
    """keras.layers.SeparableConv1D, with its arguments and its defaults; `padding` may also be causal or (left, right).

    Each channel is filtered by itself into `depth_multiplier` channels, which `filters` kernels of one tap then mix.
    Its weights are depthwise_kernel, pointwise_kernel and bias. The rest is as for Conv1D.
    """

    kind = SeparableConv1DSpec
    filters: int
    depth_multiplier: int

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        depth_multiplier: int = 1,
        activation: Named = None,
        use_bias: bool = True,
        depthwise_initializer: Named = "glorot_uniform",
        pointwise_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        depthwise_regularizer: Named = None,
        pointwise_regularizer: Named = None,
        bias_regularizer: Named = None,
        activity_regularizer: Named = None,
        depthwise_constraint: Named = None,
        pointwise_constraint: Named = None,
        bias_constraint: Named = None,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        input_shape: InputShape | None = None,
        input_scale: float | None = None,
        input_zero_point: int | None = None,
        output_scale: float | None = None,
        output_zero_point: int | None = None,
        rounding: str | None = None,
        sum_scale: float | None = None,
        sum_zero_point: int | None = None,
        depthwise_scale: float | None = None,
        depthwise_zero_point: int | None = None,
        target: str = "native",
        accuracy: str = "fast",
        rigor: str = "estimate",
        threads: int = 1,
        storage: str = "float32",
        optimize: str = "speed",
        specialize: int = 4,
    ) -> None:
        _define(self, locals())


class Conv1DTranspose(Layer):
    """keras.layers.Conv1DTranspose, with its arguments and its defaults; `padding` may also be (left, right).

    Each input step adds a kernel's length of outputs, `strides` after those of the step before; (left, right) are the
    outputs to leave out, as PyTorch's padding does. The kernel is (kernel_size, filters, channels). The rest is as for
    Conv1D.
    """

    kind = Conv1DTransposeSpec
    filters: int

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        output_padding: Size | None = None,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Named = None,
        use_bias: bool = True,
        kernel_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        kernel_regularizer: Named = None,
        bias_regularizer: Named = None,
        activity_regularizer: Named = None,
        kernel_constraint: Named = None,
        bias_constraint: Named = None,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        input_shape: InputShape | None = None,
        input_scale: float | None = None,
        input_zero_point: int | None = None,
        output_scale: float | None = None,
        output_zero_point: int | None = None,
        rounding: str | None = None,
        sum_scale: float | None = None,
        sum_zero_point: int | None = None,
        target: str = "native",
        accuracy: str = "fast",
        rigor: str = "estimate",
        threads: int = 1,
        storage: str = "float32",
        optimize: str = "speed",
        specialize: int = 4,
    ) -> None:
        _define(self, locals())


def of(spec: Spec, how: How = AS_USUAL) -> Layer:
    """The layer of a spec; its weights are made when they are first needed, or set by `set_weights`."""
    cls = _class_of(type(spec))
    layer = cls.__new__(cls)
    layer._take(spec, how)
    return layer


def _class_of(kind: type[Spec]) -> type[Layer]:
    """The class of a kind's layers: one made for it where none here has a signature for it."""
    return LAYERS[kind] if kind in LAYERS else type(kind.keras, (Layer,), {"kind": kind})


def _define(layer: Layer, arguments: dict[str, Any]) -> None:
    """Take a constructor's arguments: each is a parameter of the spec by its own name, but for the kernel's."""
    how = {each.name: arguments.pop(each.name) for each in fields(How)}
    given = {name: value for name, value in arguments.items() if name != "self"}
    kind = layer.kind.kind
    given["name"] = _auto_name(kind) if given["name"] is None else given["name"]
    given["dtype"] = "float32" if given["dtype"] is None else given["dtype"]
    layer._take(layer.kind(**given), How(**how))


def _auto_name(kind: str) -> str:
    """conv1d, conv1d_1, conv1d_2, …: Keras' names for layers without one."""
    count = next(_counters[kind])
    return f"{kind}_{count}" if count else kind


LAYERS: dict[type[Spec], type[Layer]] = {
    Conv1DSpec: Conv1D,
    DepthwiseConv1DSpec: DepthwiseConv1D,
    SeparableConv1DSpec: SeparableConv1D,
    Conv1DTransposeSpec: Conv1DTranspose,
}
