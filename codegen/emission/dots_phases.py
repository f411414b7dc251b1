"""The text of plans of `dots_phases`: that of `dots` for rows of outputs, with their kernel and a table's rows anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import dots
from codegen.emission.writer import Writer
from codegen.planning.algorithms.dots_phases import Plan, of_rows, turned

if TYPE_CHECKING:
    import numpy as np


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The variables of the template of `dots`."""
    return dots.view(of_rows(plan), name)


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables: what each filter has stands once for each output of a row."""
    import numpy as np

    p = plan.problem
    kernel, *operands = weights
    assert kernel is not None
    repeated = [one if one is None or np.size(one) == 1 else np.tile(np.ravel(one), p.up) for one in operands]
    return dots.tables(of_rows(plan), name, [turned(p, kernel), *repeated])


WRITER = Writer(template="dots.c.j2", view=view, tables=tables)
