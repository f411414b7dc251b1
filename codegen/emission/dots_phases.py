"""The text of plans of `dots_phases`: that of `dots` for rows of outputs, with their kernel and a table's rows anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import dots
from codegen.emission.writer import Writer
from codegen.planning.algorithms import output_rows
from codegen.planning.algorithms.dots_phases import Plan, of_rows

if TYPE_CHECKING:
    import numpy as np


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The variables of the template of `dots`."""
    return dots.view(of_rows(plan), name, plan.problem.up)


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables: what each filter has, once for each output of a row."""
    kernel, *operands = weights
    assert kernel is not None
    return dots.tables(of_rows(plan), name, output_rows.weights(plan.problem, kernel, operands))


WRITER = Writer(template="dots.c.j2", view=view, tables=tables)
