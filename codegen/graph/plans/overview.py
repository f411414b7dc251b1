"""What is to be known of a model before anything is compiled: each value, the whole, and its stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from codegen.errors import PlanError
from codegen.errors.counting import counted
from codegen.graph.calls import Call
from codegen.graph.graph import Graph
from codegen.graph.op import Op
from codegen.graph.plans import footprint, model_plan, streamed
from codegen.graph.plans.streamed import StreamedModel
from codegen.graph.reaches import Reach, reaches
from codegen.graph.shape import Shape
from codegen.graph.work import Work, rows, total, works
from codegen.numbers.formats import COMPUTED
from codegen.planning.ask import Ask, Stream
from codegen.records import dataclass
from codegen.specs.model_kinds import ModelSpec

__all__ = ["BLOCK", "Blocks", "Overview", "Value", "Whole", "overview"]

BLOCK = 64  # steps of the blocks for which a stream is told


@dataclass(frozen=True)
class Value:
    """A node's value. `size` are its bytes, and those for each step of the input; `kept` bytes of it in a stream.

    `label` is `told` without the names of values that have none in the text, `layer` what it calls, in few words.
    `reach` is None where a row may read all of the input.
    """

    name: str
    told: str
    label: str
    layer: str
    shape: Shape
    size: tuple[int, Fraction]
    work: Work
    reach: Reach | None
    kept: int


@dataclass(frozen=True)
class Whole:
    """The model as one C function: bytes of each kind of memory; code and stack are estimates."""

    stages: int
    weight_bytes: int
    code_bytes: int
    stack_bytes: int
    workspace_bytes: int
    workspace_step_bytes: int

    @property
    def flash_bytes(self) -> int:
        """Code and weights."""
        return self.code_bytes + self.weight_bytes


@dataclass(frozen=True)
class Blocks(Whole):
    """The model in blocks of `block` steps; its workspace is its scratch.

    The worst call makes `worst_macs` multiply-adds, and moves `moved_bytes` of what is kept to where there is room.
    """

    block: int
    latency: int
    state_bytes: int
    worst_macs: int
    moved_bytes: int


@dataclass(frozen=True)
class Overview:
    """`values` in their order; `whole` and `blocks` are the reason where there is no C, or no stream.

    `work` is that of all values, `reach` that of the outputs together, None where they may read all of the input.
    """

    name: str
    dtype: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    values: tuple[Value, ...]
    edges: tuple[tuple[int, ...], ...]
    work: Work
    reach: Reach | None
    whole: Whole | str
    blocks: Blocks | str

    @property
    def free(self) -> bool:
        """Whether the input has any number of steps."""
        return any(value.shape.steps is None for value in self.values)


def overview(graph: Graph, ask: Ask) -> Overview:
    """That of a graph, for what is asked; what no output needs is left out."""
    graph = graph.alive()
    made = _stream(graph, ask)
    found = tuple(_values(graph, None if isinstance(made, str) else made))
    return Overview(
        graph.name,
        graph.dtype,
        tuple(name for name, _ in graph.inputs),
        tuple(name for name, _ in graph.outputs),
        found,
        tuple(node.inputs for node in graph.nodes),
        total(tuple(value.work for value in found)),
        _together([found[at].reach for _, at in graph.outputs]),
        _whole(graph, ask),
        made if isinstance(made, str) else _blocks(made),
    )


def _values(graph: Graph, stream: StreamedModel | None) -> Iterator[Value]:
    item, seen = COMPUTED[graph.dtype].bytes, set[int]()
    told = zip(graph.told(), works(graph), reaches(graph), strict=True)
    for at, ((name, text, shape), work, reach) in enumerate(told):
        fixed, each = rows(shape)
        kept = 0
        if stream and stream.homes[at] not in seen:
            seen.add(stream.homes[at])
            kept = stream.kept_of(at) * item
        size = fixed * shape.channels * item, each * shape.channels * item
        yield Value(name, text, _label(graph, at), _layer(graph.nodes[at].op), shape, size, work, reach, kept)


def _label(graph: Graph, at: int) -> str:
    node = graph.nodes[at]
    made = node.op.told([graph.nodes[one].name or "·" for one in node.inputs])
    return made if node.inputs and not node.name else f"{node.name} = {made}" if node.inputs else node.name


def _layer(op: Op) -> str:
    if not isinstance(op, Call):
        return ""
    layer: Any = op.layer
    if isinstance(layer, ModelSpec):
        return f"{layer.kind} {layer.known_channels}→{layer.out_channels}"
    p = layer.problem.at_length(None)
    words = [f"{layer.kind} {p.channels}→{p.out_filters}", counted(layer.kernel_size, "tap")]
    for word, many in (("stride", layer.strides), ("dilation", layer.dilation_rate)):
        words += [f"{word} {many}"] if many != 1 else []
    return ", ".join(words)


def _together(found: list[Reach | None]) -> Reach | None:
    """The reach of outputs of any rates: the widest, and the latest."""
    first, *others = found
    for other in others:
        if first is None or other is None:
            return None
        first = first.merged(other) or max(first, other, key=lambda one: one.field or 0)
    return first


def _whole(graph: Graph, ask: Ask) -> Whole | str:
    try:
        plan = model_plan.planned(graph, replace(ask, stream=None))
    except PlanError as wrong:
        return str(wrong)
    item = plan.format.bytes
    code, stack = footprint.code_bytes(plan), footprint.stack_bytes(plan)
    room = plan.workspace.numbers * item, plan.workspace.each * item
    return Whole(len(plan.stages), plan.weight_numbers * item, code, stack, *room)


def _stream(graph: Graph, ask: Ask) -> StreamedModel | str:
    blocks = ask.stream or Stream(BLOCK, "count")
    try:
        return streamed.planned(graph, replace(ask, accuracy="exact", stream=blocks))
    except PlanError as wrong:
        return str(wrong)


def _blocks(plan: StreamedModel) -> Blocks:
    item = plan.format.bytes
    code, stack = footprint.code_bytes(plan), footprint.stack_bytes(plan)
    sizes = plan.weight_numbers * item, code, stack, plan.scratch * item, 0
    moved = plan.moved_numbers * item
    return Blocks(len(plan.stages), *sizes, plan.block, plan.latency, plan.kept_numbers * item, plan.worst, moved)
