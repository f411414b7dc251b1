"""The table of all algorithms, in the order in which the planner asks them; it imports each of their modules.

`codegen.emission.registry.registered` adds one from outside.
"""

from __future__ import annotations

from codegen.planning.algorithms import (
    assembly,
    by_length,
    depthwise,
    direct_filters,
    direct_steps,
    dots,
    dots_channels,
    dots_phases,
    dots_stages,
    fft,
    integer,
    overlap_save,
    relayout,
    rolled,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
    winograd,
)
from codegen.planning.plan import AnyAlgorithm

__all__ = ["ALGORITHMS"]

ALGORITHMS: dict[str, AnyAlgorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        direct_filters.ALGORITHM,
        direct_steps.ALGORITHM,
        depthwise.ALGORITHM,
        winograd.ALGORITHM,
        fft.ALGORITHM,
        overlap_save.ALGORITHM,
        signal_as_channels.ALGORITHM,
        relayout.ALGORITHM,
        strides_as_channels.ALGORITHM,
        upsampled.ALGORITHM,
        separable.ALGORITHM,
        row_activation.ALGORITHM,
        by_length.ALGORITHM,
        rolled.ALGORITHM,  # the plain loops last: any other one is taken first at the same estimate
        dots.ALGORITHM,
        dots_channels.ALGORITHM,
        dots_phases.ALGORITHM,
        dots_stages.ALGORITHM,
        integer.ALGORITHM,
        assembly.ALGORITHM,
    )
}
