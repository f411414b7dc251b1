"""Fewer steps or more of them: each n-th, lines between steps; channels in another order."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.errors import ConversionError
from codegen.interchange.sums import Drawing
from codegen.interchange.tensors import Tensor
from codegen.specs.kinds import DepthwiseConv1DSpec

__all__ = ["interpolated", "taken", "thinned"]

MOST_RUNS = 256  # parts of which channels in another order are put together


def thinned(drawing: Drawing, x: Tensor, axis: int, step: int) -> Tensor:
    """Each `step`-th number of an axis from the first on: of steps, or of channels. Raises ConversionError."""
    letter = x.axes[axis]
    if letter == "t" and step > 0:
        return drawing.call("max_pool", x, size=1, strides=step, padding="valid")
    if letter == "c":
        return taken(drawing, x, range(x.channels)[::step])
    raise ConversionError(
        f"takes each {step}th number of axis {axis} of {x}, expected steps in their order, or channels"
    )


def taken(drawing: Drawing, x: Tensor, places: Sequence[int]) -> Tensor:
    """The channels at those places, in that order. Raises ConversionError for too many parts."""
    runs: list[list[int]] = []
    for at in places:
        if runs and runs[-1][1] == at:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    if not 0 < len(runs) <= MOST_RUNS:
        raise ConversionError(f"takes {len(runs)} parts of the channels, expected 1 to {MOST_RUNS}")
    builder = drawing.sketch.builder
    parts = [builder.slice(x.value, *run) for run in runs]
    return x.of(builder.function("concat", *parts) if len(parts) > 1 else parts[0])


def interpolated(drawing: Drawing, name: str, x: Tensor, size: int) -> Tensor:
    """`size` steps for each, on the straight lines between their middles; beyond the ends these stay.

    They are each step `size` times, and of that means of as many: of one more with halves at the ends for an even
    `size`, as its middles lie between steps.
    """
    import numpy as np

    taps, kind = size + 1 - size % 2, drawing.sketch.builder.dtype
    means = np.full((taps, x.channels, 1), 1 / size, kind)
    means[[0, -1]] /= 1 if size % 2 else 2
    side = {"left": taps // 2, "right": taps // 2}
    wide = drawing.call("replicate", drawing.call("upsample", x, size=size), **side)
    fields = {"kernel_size": taps, "padding": "valid", "use_bias": False}
    return drawing.layer(DepthwiseConv1DSpec, name, wide, {"kernel": means}, **fields)
