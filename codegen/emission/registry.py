"""The writer of each algorithm, by its name; where an algorithm from outside is added together with its writer."""

from __future__ import annotations

from codegen.emission import (
    bilinear,
    depthwise,
    direct_filters,
    direct_steps,
    relayout,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
)
from codegen.emission.writer import Writer
from codegen.planning.plan import KernelPlan

__all__ = ["WRITERS", "writer"]

WRITERS: dict[str, Writer] = {
    "direct_filters": direct_filters.WRITER,
    "direct_steps": direct_steps.WRITER,
    "depthwise": depthwise.WRITER,
    "winograd": bilinear.WRITER,
    "fft": bilinear.WRITER,
    "signal_as_channels": signal_as_channels.WRITER,
    "relayout": relayout.WRITER,
    "strides_as_channels": strides_as_channels.WRITER,
    "upsampled": upsampled.WRITER,
    "separable": separable.WRITER,
    "row_activation": row_activation.WRITER,
}


def writer(plan: KernelPlan) -> Writer:
    """The writer of the plan's algorithm."""
    return WRITERS[plan.algorithm.name]
