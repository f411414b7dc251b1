"""The text of plans of `assembly`: the portable C, and NAME.S, which takes its place on the cores that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.emission import integer
from codegen.emission.integer_tables import tables
from codegen.emission.writer import Arrays, Beside, Writer
from codegen.planning.algorithms.assembly import Plan, portable


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The variables of the portable C."""
    return integer.view(portable(plan), name)


def beside(plan: Plan, name: str, weights: Arrays, banner: Sequence[str]) -> Beside | None:
    """NAME.S; None where sums are too large for it, so that the C serves alone."""
    from codegen.emission.cortex.assembly import assembly  # late: they need NumPy, which C without weights does not
    from codegen.emission.cortex.sums import of_layer

    made = assembly(plan.schedule.shape, of_layer(plan.problem, weights), name, banner)
    return Beside(f"{name}.S", made.text, made.guard) if made else None


WRITER = Writer(
    template="integer.c.j2",
    view=view,
    tables=lambda plan, name, weights: tables(portable(plan), name, weights),
    beside=beside,
)
