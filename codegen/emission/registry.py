"""The writer of each algorithm, by its name; where one from outside is registered, with its writer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from codegen.emission import depthwise, direct_filters, direct_steps
from codegen.emission.writer import Writer
from codegen.errors import PlanError, UsageError
from codegen.installed import registering
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.plan import Algorithm, AnyPlan, P, S

__all__ = ["WRITERS", "registered", "writer"]

NAME = re.compile(r"[a-z]\w{0,31}", re.ASCII)  # a word of plans' keys, which wisdom holds

WRITERS: dict[str, Writer[Any, Any]] = {
    "direct_filters": direct_filters.WRITER,
    "direct_steps": direct_steps.WRITER,
    "depthwise": depthwise.WRITER,
}
"""Those that are known at once; the others come with the first plan that needs one of them."""


def _others() -> dict[str, Writer[Any, Any]]:
    """The writers whose modules few layers need: the import of all costs a fifth of what a small file does."""
    from codegen.emission import (
        assembled,
        bilinear,
        by_length,
        dots,
        dots_channels,
        dots_phases,
        dots_stages,
        integer,
        overlap_save,
        relayout,
        rolled,
        row_activation,
        separable,
        signal_as_channels,
        strides_as_channels,
        upsampled,
    )

    return dict.fromkeys(("winograd", "fft"), bilinear.WRITER) | {
        "overlap_save": overlap_save.WRITER,
        "signal_as_channels": signal_as_channels.WRITER,
        "relayout": relayout.WRITER,
        "strides_as_channels": strides_as_channels.WRITER,
        "upsampled": upsampled.WRITER,
        "separable": separable.WRITER,
        "row_activation": row_activation.WRITER,
        "by_length": by_length.WRITER,
        "rolled": rolled.WRITER,
        "dots": dots.WRITER,
        "dots_channels": dots_channels.WRITER,
        "dots_phases": dots_phases.WRITER,
        "dots_stages": dots_stages.WRITER,
        "integer": integer.WRITER,
        "assembly": assembled.WRITER,
    }


def writer(plan: AnyPlan) -> Writer[Any, Any]:
    """The writer of the plan's algorithm. Raises PlanError where the algorithm is no longer registered."""
    name = plan.algorithm.name
    if name not in WRITERS:
        WRITERS.update(_others() | WRITERS)
    found = WRITERS.get(name)
    if found is None:
        raise PlanError(f"no text for a plan of `{plan.algorithm.name}`: write it while the algorithm is registered")
    return found


@contextmanager
def registered(algorithm: Algorithm[S, P], how: Writer[S, P], texts: Mapping[str, str]) -> Iterator[None]:
    """Within it the planner asks `algorithm` too, after all others, and `how` writes its plans by templates of `texts`.

    Raises UsageError for a name that no plan's key can begin with.
    """
    name = algorithm.name
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` cannot be an algorithm's name: expected a lower-case word of at most 32 letters")
    with registering(ALGORITHMS, {name: algorithm}, texts), registering(WRITERS, {name: how}, {}):
        yield
