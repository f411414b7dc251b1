"""Tabled: what plans of models have in common: stages, and the tables of weights that these read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.graph.plans.place import Buffer
from codegen.graph.plans.stages import Convolved, Stage
from codegen.graph.plans.tables import Table
from codegen.numbers.formats import COMPUTED, Format
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan
from codegen.problem.targets import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Tabled"]

ALIGNED = 16  # numbers that a table's begin is a multiple of


class Tabled:
    """What plans of models have in common: stages, and the tables of weights that these read."""

    ask: Ask
    dtype: str
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]

    @property
    def target(self) -> Target:
        return self.ask.target

    @property
    def sliced(self) -> bool:
        return False

    @property
    def format(self) -> Format:
        return COMPUTED[self.dtype]

    @property
    def kernels(self) -> tuple[AnyPlan, ...]:
        """The plans of the convolutions, each once."""
        return tuple(dict.fromkeys(stage.plan for stage in self.stages if isinstance(stage, Convolved)))

    @cached_property
    def tables(self) -> dict[Table, int]:
        """The weights, each table once, and where it begins in the array of all."""
        found, at = dict[Table, int](), 0
        for stage in self.stages:
            for table in stage.tables:
                if table not in found:
                    found[table] = at
                    at += -(-table.numbers // ALIGNED) * ALIGNED
        return found

    @property
    def weight_numbers(self) -> int:
        """The numbers of the array of all weights."""
        return max((at + table.numbers for table, at in self.tables.items()), default=0)

    def packed(self, weights: Mapping[str, Mapping[str, Array]], out: Array) -> None:
        """Fills the array of all weights, of arrays by layer and parameter in Keras' shapes."""
        out[:] = 0
        for table, at in self.tables.items():
            out[at : at + table.numbers] = table.made(weights, self.dtype)

    def of_kind(self, kind: str) -> Iterator[tuple[int, Buffer]]:
        """The buffers that are inputs, or outputs, in their order, with their numbers."""
        return ((at, buffer) for at, buffer in enumerate(self.buffers) if buffer.kind == kind)
