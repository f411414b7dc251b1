"""The const tables of sums of whole numbers, and how each sum is rescaled by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission.cformat import CText, array_table, octets, table
from codegen.emission.integer_stage import Plan, prefixes
from codegen.numbers import formats
from codegen.numbers.rescaling import FIXED
from codegen.planning.algorithms import integer
from codegen.planning.ask import Ask
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.requantise import Requantise
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Factor:
    """C for what a sum is multiplied by, the places it is shifted by and half of what these hold, its size before.

    Without `shift` it is not shifted.
    """

    multiplier: str
    shift: str = ""
    half: str = ""
    left: str = "size"

    @property
    def differs(self) -> bool:
        """Whether something of it is another one for each filter."""
        return "[f]" in self.multiplier + self.shift + self.left


@dataclass(frozen=True)
class Table:
    """A const table of the file, as every kernel's template prints it."""

    label: CText
    type: CText
    count: int
    values: CText

    @classmethod
    def of(cls, label: str, numbers: np.ndarray, held_in: str) -> Table:
        row = formats.row(held_in)
        return cls(CText(label), CText(row.c), numbers.size, array_table(numbers.ravel(), row))

    @classmethod
    def of_codes(cls, label: str, codes: np.ndarray, ask: Ask) -> Table:
        """Of int8, which may be many."""
        if not ask.terse:
            return cls.of(label, codes, "int8")
        return cls(CText(label), CText(formats.row("int8").c), codes.size, octets(codes.ravel()))


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables of all stages, and how each stage's sums are rescaled."""
    kernel, *operands = weights
    assert kernel is not None
    found: list[Table] = []
    factors: list[Factor] = []
    parts = plan.problem.stage_weights(kernel, *operands)
    for prefix, (p, taps, given) in zip(prefixes(plan, name), parts, strict=True):
        label = prefix.removeprefix(name)[1:] + "_" if prefix != name else ""
        named = dict(zip((one.name for one in p.epilogue.operands), given, strict=True))
        found += _of_stage(p, taps, named.get("bias"), label, plan.ask)
        factor, more = rescaling(p, named, prefix, label)
        factors.append(factor)
        found += more
    return {
        "tables": tuple((one.label, one.type, one.count, one.values) for one in found),
        "factors": factors,
    }


def _of_stage(p: ConvProblem, kernel: np.ndarray, bias: np.ndarray | None, label: str, ask: Ask) -> list[Table]:
    """The kernel, the bias less what the input's zero adds, the first taps of places between two steps, the table."""
    import numpy as np

    laid = integer.packed(p, kernel)
    found = [Table.of_codes(f"{label}kernel", laid, ask)]
    if p.zero or bias is not None:
        sums = laid.astype(np.int64).sum(axis=(2, 3))
        first = (0 if bias is None else bias.astype(np.int64)) - p.zero * sums
        found.append(Table.of(f"{label}bias", first, "int32"))
    if p.up > 1 and p.dilation > 1:
        first = np.array([(first or 0) * p.dilation for first in integer.residues(p)])
        found.append(Table.of(f"{label}first", first, "int32"))
    ending = p.epilogue.stages[-1]
    if isinstance(ending, Requantise) and ending.table:
        found.append(Table.of(f"{label}table", np.array(ending.table), "int8"))
    return found


def rescaling(p: ConvProblem, named: dict[str, Any], prefix: str, label: str) -> tuple[Factor, list[Table]]:
    """How sums are rescaled, and the tables of what differs from filter to filter."""
    import numpy as np

    ending, found = p.epilogue.stages[-1], list[Table]()

    def told(word: str, numbers: np.ndarray, held_in: str) -> str:
        """The number, where it is the same for all filters; else what the table `word` has for the filter."""
        if (numbers == numbers[0]).all():
            return str(table(numbers[:1].tolist(), formats.row(held_in))).strip()
        found.append(Table.of(f"{label}{word}", numbers, held_in))
        return f"{prefix}_{word}[f]"

    assert isinstance(ending, Requantise)
    if ending.rounding not in FIXED:
        return Factor(told("factor", named["factor"], "float32")), found
    multiplier, shift = told("multiplier", named["multiplier"], "int32"), named["shift"].astype(np.int64)
    if ending.rounding == "single":
        by = told("shift", 31 - shift, "int8")
        return Factor(multiplier, by, f"({by} - 1)" if not by.isdigit() else str(int(by) - 1)), found
    left = np.maximum(shift, 0)
    size = f"(size << {told('left', left, 'int8')})" if left.any() else "size"
    right = np.maximum(-shift, 0)
    if not right.any():
        return Factor(multiplier, left=size), found
    by = told("shift", right, "int8")
    return Factor(
        multiplier, by, str(1 << int(by) >> 1) if by.isdigit() else f"(((uint32_t)1 << {by}) >> 1)", size
    ), found
