"""Transposed convolutions of PyTorch and ONNX in our words: groups as zeros in the kernel, outputs that are cropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["crops", "ungrouped"]

LARGEST = 1 << 26  # numbers of a kernel with its zeros


def ungrouped(kernel: Array, groups: int) -> Array:
    """(taps, filters/groups, channels) as (taps, filters, channels), with zeros between the groups."""
    import numpy as np

    taps, share, channels = kernel.shape
    if groups == 1:
        return kernel
    if groups < 1 or channels % groups:
        raise ConversionError(f"has {groups} groups of {channels} channels")
    if kernel.size * groups > LARGEST:
        raise ConversionError(f"has {groups} groups, whose kernel with its zeros is too large")
    made = np.zeros((taps, share * groups, channels), kernel.dtype)
    each = channels // groups
    for group in range(groups):
        filters, inputs = slice(group * share, (group + 1) * share), slice(group * each, (group + 1) * each)
        made[:, filters, inputs] = kernel[:, :, inputs]
    return made


def crops(padding: tuple[int, int], more: int, strides: int) -> tuple[tuple[int, int], int]:
    """(crop, output_padding) of ours. Raises ConversionError where the last outputs would be the bias alone."""
    left, right = padding
    if more >= strides:  # which PyTorch allows where the dilation is larger, Keras does not
        right, more = right - more, 0
    if right < 0:
        got = f"got output_padding={padding[1] - right} with stride={strides} and padding={padding[1]}"
        told = f"expected less than the stride; the last {-right} outputs are the bias alone: append them yourself"
        raise ConversionError(f"{got}, {told}")
    return (left, right), more
