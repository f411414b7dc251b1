"""How a problem can be computed: a module an algorithm, each with its record ALGORITHM; the table of all of them."""

from __future__ import annotations

from codegen.planning.algorithms import (
    depthwise,
    direct_filters,
    direct_steps,
    fft,
    relayout,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
    winograd,
)
from codegen.planning.plan import Algorithm

__all__ = ["ALGORITHMS", "registered"]

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        direct_filters.ALGORITHM,
        direct_steps.ALGORITHM,
        depthwise.ALGORITHM,
        winograd.ALGORITHM,
        fft.ALGORITHM,
        signal_as_channels.ALGORITHM,  # from here on: rewritten to others' problems
        relayout.ALGORITHM,
        strides_as_channels.ALGORITHM,
        upsampled.ALGORITHM,
        separable.ALGORITHM,
        row_activation.ALGORITHM,
    )
}
_added: list[Algorithm] = []


def registered() -> tuple[Algorithm, ...]:
    """All algorithms: the package's own, then those that codegen.emission.registry has added."""
    return (*ALGORITHMS.values(), *_added)
