"""The const tables of kernels of dots: packed codes, what sums begin with, and how these are rescaled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission.integer_stage import Stage
from codegen.emission.integer_tables import Factor, Table, rescaling
from codegen.planning.plan import AnyPlan
from codegen.problem.sums import folded

if TYPE_CHECKING:
    import numpy as np

    Laid = Callable[[np.ndarray], np.ndarray]

__all__ = ["in_vectors", "tables"]


def in_vectors(plan: AnyPlan, rounding: str) -> bool:
    """Whether the plan's target makes codes in vectors, not one by one."""
    dots = plan.target.dialect.dots
    return dots is not None and rounding in dots.roundings


def tables(plan: AnyPlan, stage: Stage, name: str, weights: Sequence[np.ndarray | None], laid: Laid) -> dict[str, Any]:
    """The const tables of one convolution; a number for each filter becomes one for each lane by `laid`.

    What the input is moved by and its zero are multiplied into the bias.
    """
    import numpy as np

    p, dots, (kernel, *operands) = plan.problem, plan.target.dialect.dots, weights
    assert kernel is not None
    assert dots is not None
    given = zip((one.name for one in p.epilogue.operands), operands, strict=True)
    named = {word: array for word, array in given if array is not None}
    first = folded(p, kernel, named.get("bias")) - dots.moved * kernel.astype(np.int64).sum(axis=(0, 1))
    wrapped = (first + 2**31) % 2**32 - 2**31  # sums of int32 that wrap end as they should
    codes = plan.algorithm.pack(plan, kernel)
    made = [Table.of_codes("kernel", codes, plan.ask), Table.of("bias", laid(wrapped), "int32")]
    vectors, factor, left = in_vectors(plan, stage.rounding), Factor(""), False
    if vectors:
        found, left = _for_vectors(named, laid)
    else:
        factor, found = rescaling(p, named, name, "")
    made += found
    if stage.ending.table:
        made.append(Table.of("table", np.array(stage.ending.table), "int8"))
    return {
        "tables": tuple((one.label, one.type, one.count, one.values) for one in made),
        "factor": factor,
        "left": left,
        "fp32": vectors and "factor" in named,
        "double": vectors and "factor" not in named,
        "low": stage.low,
        "high": stage.high,
        "zero": stage.ending.zero_point,
    }


def _for_vectors(named: dict[str, np.ndarray], laid: Laid) -> tuple[list[Table], bool]:
    """The tables by which vectors of sums are rescaled, and whether some are shifted left."""
    import numpy as np

    if "factor" in named:
        return [Table.of("factors", laid(named["factor"]), "float32")], False
    shift = named["shift"].astype(np.int64)
    made = [
        Table.of("multipliers", laid(named["multiplier"]), "int32"),
        Table.of("shifts", laid(np.maximum(-shift, 0)), "int32"),
    ]
    left = bool((shift > 0).any())
    return [*made, *[Table.of("lefts", laid(np.maximum(shift, 0)), "int32")] * left], left
