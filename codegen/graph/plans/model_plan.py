"""ModelPlan: how a graph is computed as one function: stages, buffers in one workspace, weights in one array.

A model whose stream computes groups of layers together is that stream on all of its input: in blocks of BLOCK steps,
with the bits of any others, in memory that does not grow with the input.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from codegen.errors import PlanError
from codegen.graph import work
from codegen.graph.calls import Call
from codegen.graph.graph import Graph
from codegen.graph.plans import groups, rules, streamed, workspace
from codegen.graph.plans.lowering import lowered
from codegen.graph.plans.place import Buffer, Length, Size
from codegen.graph.plans.stages import Stage
from codegen.graph.plans.streamed import StreamedModel
from codegen.graph.plans.tabled import Tabled
from codegen.graph.plans.walk import Choose
from codegen.planning.ask import Ask, Stream
from codegen.records import dataclass
from codegen.specs.kinds import Spec

__all__ = ["ModelPlan", "planned"]

BLOCK = 64  # steps of those that an input goes through where a model is its stream
LITTLE = 1 / 8  # of a model's multiply-adds: a transform of layers that have no more saves no time worth other bits


@dataclass(frozen=True)
class ModelPlan(Tabled):
    """`stages` in their order, over `buffers`, of which those of the workspace begin `at` a number of it.

    `lengths` are the numbers of steps that are not known, the input's first. `workspace` is the size of all. `blocks`
    is the stream that the model is on all of its input, whose stages and buffers these are; None where it is none.
    """

    ask: Ask
    dtype: str
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    lengths: tuple[Length, ...]
    at: tuple[Size | None, ...]
    workspace: Size
    blocks: StreamedModel | None = None

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


def planned(graph: Graph, ask: Ask, choose: Choose | None = None) -> ModelPlan:
    """The plan of a graph, of each kernel the one that `choose` names. Raises PlanError for what has no C."""
    graph = graph.alive()
    blocks = _blocks(graph, ask)
    if blocks is not None:
        own = Size(blocks.kept_room + blocks.scratch_room)
        return ModelPlan(ask, graph.dtype, blocks.stages, blocks.buffers, blocks.lengths, blocks.at, own, blocks)
    made = lowered(graph, replace(ask, weights="packed"), choose)
    stages = workspace.shared(made.stages, made.buffers)
    at, size = workspace.arranged(stages, made.buffers)
    return ModelPlan(ask, graph.dtype, stages, tuple(made.buffers), tuple(made.lengths), at, size)


def _blocks(graph: Graph, ask: Ask) -> StreamedModel | None:
    """The stream that a model is: one of groups. None where it has none, or what is asked surely has a faster plan."""
    least = 1 if groups.narrow(graph, ask.target) else groups.LEAST_LAYERS
    together = {at for group in groups.groups(graph, ask.target, least) for at in group}
    if not together or (ask.accuracy != "exact" and _pays_apart(graph, together)):
        return None
    try:
        return streamed.planned(graph, replace(ask, accuracy="exact", stream=Stream(BLOCK)))
    except PlanError:
        return None


def _pays_apart(graph: Graph, together: Collection[int]) -> bool:
    """Whether layers of several taps outside of groups, which transforms may make faster, are much of the work."""
    done = work.works(graph)
    apart = tuple(one for at, one in enumerate(done) if at not in together and _has_taps(graph, at))
    part, whole = (work.total(each).at(workspace.LIKELY) for each in (apart, done))
    return part > LITTLE * whole


def _has_taps(graph: Graph, at: int) -> bool:
    """Whether a node is a layer that transforms may make faster."""
    op = graph.nodes[at].op
    return isinstance(op, Call) and isinstance(op.layer, Spec) and op.layer.kernel_size > 1
