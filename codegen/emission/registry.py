"""The writer of each algorithm, by its name; where an algorithm from outside is added together with its writer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

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
from codegen.errors import PlanError, UsageError
from codegen.planning import planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.plan import Algorithm, KernelPlan, S

__all__ = ["WRITERS", "added", "writer"]

NAME = re.compile(r"[a-z]\w{0,31}", re.ASCII)  # a word of plans' keys, which wisdom holds

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
    """The writer of the plan's algorithm. Raises PlanError where the algorithm has been taken away again."""
    found = WRITERS.get(plan.algorithm.name)
    if found is None:
        raise PlanError(f"no text for a plan of `{plan.algorithm.name}`: write it while the algorithm is added")
    return found


@contextmanager
def added(algorithm: Algorithm[S], how: Writer[S]) -> Iterator[None]:
    """While it lasts, the planner asks `algorithm` too, after all others, and `how` writes its plans.

    Not for threads that plan at the same time. A kernel that has been made in this process stays as it is. Raises
    UsageError for a name that is no lower-case word of at most 32 letters, or is taken.
    """
    name = algorithm.name
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` cannot be an algorithm's name: expected a lower-case word of at most 32 letters")
    if name in ALGORITHMS:
        raise UsageError(f"there is an algorithm `{name}` already: give the new one another name")
    ALGORITHMS[name], WRITERS[name] = algorithm, how
    planner.survey.cache_clear()
    try:
        yield
    finally:
        del ALGORITHMS[name], WRITERS[name]
        planner.survey.cache_clear()
