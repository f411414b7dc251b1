"""ModelPlan: how a graph is computed as one function: stages, buffers in one workspace, weights in one array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.graph.graph import Graph
from codegen.graph.plans import rules, workspace
from codegen.graph.plans.lowering import lowered
from codegen.graph.plans.place import Buffer, Length, Size
from codegen.graph.plans.stages import Convolved, Stage
from codegen.graph.plans.tables import Table
from codegen.numbers.formats import COMPUTED, Format
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["ModelPlan", "Tabled", "planned"]

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


@dataclass(frozen=True)
class ModelPlan(Tabled):
    """`stages` in their order, over `buffers`, of which those of the workspace begin `at` a number of it.

    `lengths` are the numbers of steps that are not known, the input's first. `workspace` is the size of all.
    """

    ask: Ask
    dtype: str
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    lengths: tuple[Length, ...]
    at: tuple[Size | None, ...]
    workspace: Size

    @property
    def free(self) -> bool:
        """Whether the input has any number of steps."""
        return bool(self.lengths)

    def out_steps(self, steps: int) -> tuple[int, ...]:
        """The steps of each output for an input of so many."""
        found = rules.lengths_of(self.lengths, steps)
        rows = [buffer.rows for _, buffer in self.of_kind("output")]
        assert None not in rows
        return tuple(one.known if one.known is not None else found[one.number] for one in rows if one is not None)

    def workspace_bytes(self, steps: int) -> int:
        """Bytes of workspace for an input of so many steps."""
        return self.workspace.at(steps) * self.format.bytes


def planned(graph: Graph, ask: Ask) -> ModelPlan:
    """The plan of a graph. Raises PlanError for what has no C."""
    made = lowered(graph.alive(), replace(ask, weights="packed"))
    stages = workspace.shared(made.stages, made.buffers)
    at, size = workspace.arranged(stages, made.buffers)
    return ModelPlan(ask, graph.dtype, stages, tuple(made.buffers), tuple(made.lengths), at, size)
