"""The table of all algorithms, in the order in which the planner asks them; it imports each of their modules.

`codegen.emission.registry.added` adds one from outside.
"""

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
from codegen.planning.plan import Algorithm, KernelPlan

__all__ = ["ALGORITHMS", "are_ours"]

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
_OURS = frozenset(ALGORITHMS.values())


def are_ours(plan: KernelPlan) -> bool:
    """Whether the package's own files say all of the plan: no algorithm in it is one that was added from outside."""
    return plan.algorithm in _OURS and all(map(are_ours, plan.parts))
