"""Which nodes of a graph that streams are computed together, a few steps at a time: layers and what lies between them.

A group reads values of one clock that earlier stages made. What a layer with several taps reads is none of its own: the
rows before a step are in that value's history.
"""

from __future__ import annotations

from codegen.functions import activations
from codegen.graph.calls import Call
from codegen.graph.channels import Slice
from codegen.graph.elementwise import Activate, Arithmetic, Unary
from codegen.graph.graph import Graph, Input
from codegen.numbers.formats import COMPUTED
from codegen.problem.cores import by_size
from codegen.problem.targets import Target
from codegen.records import dataclass
from codegen.specs.kinds import Conv1DSpec
from codegen.specs.model_kinds import Dense

__all__ = ["LEAST_LAYERS", "Layer", "groups", "layer_of", "narrow", "pays_in_pairs"]

MOST_VECTORS = 4  # of the filters of a layer: more are summed as fast by a kernel of their own
LEAST_LAYERS = 2  # of a group
LEAST_ROOM = 4  # times the channels of a row that a vector holds, for channels to lie by themselves
MOST_NODES = 64


@dataclass(frozen=True)
class Layer:
    """A layer's taps: how many, how far apart; its channels and filters."""

    taps: int
    dilation: int
    channels: int
    filters: int

    @property
    def left(self) -> int:
        """The rows before a step that it reads."""
        return (self.taps - 1) * self.dilation


def layer_of(graph: Graph, at: int) -> Layer | None:
    """The layer that a node calls, if a tile may compute it: one convolution, causal, of stride 1, or a dense layer."""
    op = graph.nodes[at].op
    if not isinstance(op, Call) or op.layer.dtype != graph.dtype:
        return None
    if isinstance(op.layer, Dense):
        return Layer(1, 1, op.layer.known_channels, op.layer.units) if _each(op.layer.activation) else None
    if not isinstance(op.layer, Conv1DSpec) or op.layer.own_activation is not None or not _each(op.layer.activation):
        return None
    p, *more = op.layer.problem.at_length(None).stages
    if more or (p.stride, p.up, p.groups, p.pad_right) != (1, 1, 1, 0):
        return None
    if p.centred or p.pad_left != p.reach - 1:
        return None
    return Layer(p.kernel_size, p.dilation, p.channels, p.filters)


def pays_in_pairs(layer: Layer, target: Target, dtype: str) -> bool:
    """Whether two channels at a time are summed faster: filters that are one vector take a load for each product.

    A load of two channels, four bytes each, into all lanes serves two vectors of products then; of filters that are
    half a vector one whole vector.
    """
    lanes, core = target.lanes(dtype)[0], target.core.pipeline
    fits = lanes > 2 and layer.filters in (lanes, lanes // 2) and layer.channels % 2 == 0
    feeds, multiplies = (by_size(one, target.vector_bytes) for one in (core.operands, core.multiply_adds))
    return fits and COMPUTED[dtype].bytes == 4 and feeds <= multiplies


def _each(activation: activations.Activation) -> bool:
    return not activations.row(activation).rowwise


def groups(graph: Graph, target: Target, least: int = LEAST_LAYERS) -> tuple[tuple[int, ...], ...]:
    """The groups of a graph, each of neighbours in its order and of `least` layers; none without vectors."""
    lanes = target.dialect.lanes(graph.dtype)[0]
    if lanes == 1:
        return ()
    clocks, found, now = _clocks(graph), list[list[int]](), list[int]()
    for at, node in enumerate(graph.nodes):
        if isinstance(node.op, Input):
            continue
        fits = _fits(graph, at, lanes)
        if now and not (fits and _joins(graph, at, now, clocks)):
            found.append(now)
            now = []
        if fits:
            now.append(at)
    return tuple(tuple(group) for group in (*found, now) if _layers(graph, group) >= least)


def _fits(graph: Graph, at: int, lanes: int) -> bool:
    """Whether a tile may compute a node."""
    op, shapes = graph.nodes[at].op, [graph.shapes[one] for one in (at, *graph.nodes[at].inputs)]
    if any(shape.frames is not None or shape.steps is not None or shape.is_one for shape in shapes):
        return False
    if isinstance(op, Call):
        layer = layer_of(graph, at)
        return layer is not None and layer.filters <= MOST_VECTORS * lanes
    if isinstance(op, Activate):
        return _each(op.activation)
    return isinstance(op, (Arithmetic, Unary, Slice))


def _joins(graph: Graph, at: int, group: list[int], clocks: list[int]) -> bool:
    """Whether a node is computed with the group before it."""
    layer = layer_of(graph, at)
    reads_back = layer is not None and layer.taps > 1 and graph.nodes[at].inputs[0] in group
    return not reads_back and clocks[at] == clocks[group[0]] and len(group) < MOST_NODES


def _layers(graph: Graph, group: list[int] | tuple[int, ...]) -> int:
    return sum(isinstance(graph.nodes[at].op, Call) for at in group)


def narrow(graph: Graph, target: Target) -> bool:
    """Whether all rows of a graph are much narrower than a vector, and all of it is groups of a layer or more."""
    lanes = target.dialect.lanes(graph.dtype)[0]
    inside = {at for group in groups(graph, target, 1) for at in group}
    ports = [at for at, node in enumerate(graph.nodes) if isinstance(node.op, Input)] + [at for _, at in graph.outputs]
    few = all(graph.shapes[at].channels == 1 for at in ports)
    few = few and all(shape.channels * LEAST_ROOM <= lanes for shape in graph.shapes)
    return few and all(at in inside or isinstance(node.op, Input) for at, node in enumerate(graph.nodes))


def _clocks(graph: Graph) -> list[int]:
    """For each node a number that is the same where the rows surely come at the same time."""
    found = list[int]()
    for at, node in enumerate(graph.nodes):
        given = {found[source] for source in node.inputs}
        alike = isinstance(node.op, (Arithmetic, Activate, Unary, Slice)) or layer_of(graph, at) is not None
        found.append(0 if isinstance(node.op, Input) else given.pop() if alike and len(given) == 1 else at)
    return found
