"""The text of plans of `dots`: its view, and its const tables, filled up to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from codegen.emission import dots_tables
from codegen.emission.dots_view import View
from codegen.emission.writer import Writer
from codegen.planning.algorithms import dots
from codegen.planning.algorithms.dots import Plan

if TYPE_CHECKING:
    import numpy as np

__all__ = ["WRITER"]


def view(plan: Plan, name: str, together: int = 1) -> dict[str, Any]:
    """The template's variables beside those of every kernel; so many outputs of the layer are one of the plan."""
    found = View(plan, name, together)
    return {"d": found, "s": found.stage}


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables, filled up to vectors."""
    return dots_tables.tables(plan, View(plan, name).stage, name, weights, partial(_filled, plan))


def _filled(plan: Plan, numbers: np.ndarray) -> np.ndarray:
    """A number for each filter, each group's filled up to vectors."""
    import numpy as np

    p = plan.problem
    made = np.zeros((p.groups, dots.held(p, plan.schedule)), numbers.dtype)
    made[:, : p.group_filters] = np.asarray(numbers).reshape(p.groups, -1)
    return made


WRITER = Writer(template="dots.c.j2", view=view, tables=tables)
