"""The text of plans of `dots`: its view, and its const tables, filled up to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission.dots_view import View
from codegen.emission.integer_tables import Factor, Table, rescaling
from codegen.emission.writer import Writer
from codegen.planning.algorithms import dots
from codegen.planning.algorithms.dots import Plan
from codegen.planning.plan import AnyPlan
from codegen.problem.sums import folded

if TYPE_CHECKING:
    import numpy as np

__all__ = ["WRITER", "in_vectors"]


def view(plan: Plan, name: str, together: int = 1) -> dict[str, Any]:
    """The template's variables beside those of every kernel; so many outputs of the layer are one of the plan."""
    found = View(plan, name, together)
    return {"d": found, "s": found.stage}


def in_vectors(plan: AnyPlan, rounding: str) -> bool:
    """Whether the plan's target makes codes in vectors, not one by one."""
    dots_of = plan.target.dialect.dots
    return dots_of is not None and rounding in dots_of.roundings


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables, filled up to vectors; what the input is moved by and its zero are multiplied into the bias."""
    import numpy as np

    kernel, *operands = weights
    assert kernel is not None
    p, found = plan.problem, View(plan, name)
    given = zip((one.name for one in p.epilogue.operands), operands, strict=True)
    named = {word: array for word, array in given if array is not None}
    sums = kernel.astype(np.int64).sum(axis=(0, 1))
    first = folded(p, kernel, named.get("bias")) - found.spelling.moved * sums
    wrapped = (first + 2**31) % 2**32 - 2**31  # sums of int32 that wrap end as they should
    made = [
        Table.of_codes("kernel", dots.pack(plan, kernel), plan.ask),
        Table.of("bias", _filled(plan, wrapped), "int32"),
    ]
    factor, left, more = _rescaling(plan, named, name, found.vectors)
    made += more
    if found.ending.table:
        made.append(Table.of("table", np.array(found.ending.table), "int8"))
    return {
        "tables": tuple((one.label, one.type, one.count, one.values) for one in made),
        "factor": factor,
        "left": left,
        "fp32": found.vectors and "factor" in named,
        "double": found.vectors and "factor" not in named,
        "low": found.stage.low,
        "high": found.stage.high,
        "zero": found.ending.zero_point,
    }


def _rescaling(plan: Plan, named: dict[str, np.ndarray], name: str, vectors: bool) -> tuple[Factor, bool, list[Table]]:
    """How sums are rescaled one by one, or the tables for vectors of them, and whether some are shifted left."""
    import numpy as np

    if not vectors:
        factor, made = rescaling(plan.problem, named, name, "")
        return factor, False, made
    if "factor" in named:
        return Factor(""), False, [Table.of("factors", _filled(plan, named["factor"]), "float32")]
    shift = named["shift"].astype(np.int64)
    made = [
        Table.of("multipliers", _filled(plan, named["multiplier"]), "int32"),
        Table.of("shifts", _filled(plan, np.maximum(-shift, 0)), "int32"),
    ]
    left = bool((shift > 0).any())
    made += [Table.of("lefts", _filled(plan, np.maximum(shift, 0)), "int32")] if left else []
    return Factor(""), left, made


def _filled(plan: Plan, numbers: np.ndarray) -> np.ndarray:
    """A number for each filter, each group's filled up to vectors."""
    import numpy as np

    p = plan.problem
    made = np.zeros((p.groups, dots.held(p, plan.schedule)), numbers.dtype)
    made[:, : p.group_filters] = np.asarray(numbers).reshape(p.groups, -1)
    return made


WRITER = Writer(template="dots.c.j2", view=view, tables=tables)
