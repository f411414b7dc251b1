"""Graph: a model as a frozen list of nodes, each of values that earlier ones made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property

from codegen.errors import SpecError
from codegen.errors.counting import separated
from codegen.errors.source import Span
from codegen.graph.calls import AnyLayer, Call
from codegen.graph.op import Op
from codegen.graph.shape import Shape
from codegen.records import dataclass

__all__ = ["Graph", "Input", "Node"]

MOST_NODES = 4_096
MOST_CHANNELS = (1 << 31) - 1
MOST_STEPS = 1 << 40
FEW = 32  # the short ones of all lengths for which shapes are computed


@dataclass(frozen=True)
class Input(Op):
    """A model's input: `steps` None for any number. Those without a number have all the same."""

    steps: int | None
    channels: int

    word = "input"
    arity = 0

    def __post_init__(self) -> None:
        """Nothing: who makes it has checked the sizes."""

    def shape(self, *shapes: Shape) -> Shape:
        return Shape.of(self.steps, self.channels)


@dataclass(frozen=True)
class Node:
    """`op` of the values of the nodes with the numbers `inputs`; `name` is what its text calls it, for people.

    `span` is where the text has it; it makes no difference to what is computed.
    """

    op: Op
    inputs: tuple[int, ...] = ()
    name: str = ""
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Graph:
    """`nodes` in an order in which each comes after its inputs; `outputs` are (name, number of a node).

    Raises SpecError, with the node's span, for values that do not go together. Arrays lie as (steps, channels), all of
    one `dtype`.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, int], ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if len(self.nodes) > MOST_NODES:
            told = f"`{self.name}` has {len(self.nodes):,} operations"
            raise SpecError("E503", f"{told}, more than {MOST_NODES:,}, the most", hint="make two models of it")
        for node, shape in zip(self.nodes, self.shapes, strict=True):
            if shape.channels > MOST_CHANNELS or max(shape.lengths[:FEW]) > MOST_STEPS:
                steps = separated(max(shape.lengths[:FEW]), "step")
                told = f"`{self.name}` has a value of {separated(shape.channels, 'channel')} and {steps}"
                hint = f"at most {MOST_CHANNELS:,} channels, and {MOST_STEPS:,} steps of a short input"
                raise SpecError("E503", told, hint=hint, span=node.span)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of each node's value."""
        found: list[Shape] = []
        for node in self.nodes:
            try:
                found.append(node.op.shape(*(found[at] for at in node.inputs)))
            except SpecError as wrong:
                wrong.span = wrong.span or node.span
                raise
        return tuple(found)

    @cached_property
    def inputs(self) -> tuple[tuple[str, int], ...]:
        """(name, number of the node) of the inputs, in their order."""
        return tuple((node.name, at) for at, node in enumerate(self.nodes) if isinstance(node.op, Input))

    @cached_property
    def steps(self) -> int | None:
        """The inputs' steps; None where any of them takes any number."""
        found = [self.shapes[at].steps for _, at in self.inputs]
        return None if None in found or not found else found[0]

    @property
    def has_weights(self) -> bool:
        """Whether any of its layers has some."""
        return any(layer.weight_shapes() for layer in self.layers.values())

    @cached_property
    def layers(self) -> dict[str, AnyLayer]:
        """The layers with weights that are called, by name, in the order of their first calls."""
        found: dict[str, AnyLayer] = {}
        for node in self.nodes:
            if isinstance(node.op, Call):
                found.setdefault(node.op.layer.name, node.op.layer)
        return found

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all weights, by LAYER/parameter."""
        return {
            f"{layer.name}/{name}": shape
            for layer in self.layers.values()
            for name, shape in layer.weight_shapes().items()
        }

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the numbers of those that read its value, each as often as it does."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for at, node in enumerate(self.nodes):
            for source in node.inputs:
                found[source].append(at)
        return tuple(map(tuple, found))

    def alive(self) -> Graph:
        """The same without what no output needs; the inputs stay."""
        needed = {at for _, at in self.outputs} | {at for _, at in self.inputs}
        for at in reversed(range(len(self.nodes))):
            if at in needed:
                needed.update(self.nodes[at].inputs)
        kept = sorted(needed)
        place = {at: i for i, at in enumerate(kept)}
        nodes = tuple(_moved(self.nodes[at], place) for at in kept)
        outputs = tuple((name, place[at]) for name, at in self.outputs)
        return Graph(self.name, nodes, outputs, self.dtype)

    def told(self) -> Iterator[tuple[str, str, Shape]]:
        """(name, what it is, shape) of each node, for people; names are made where there are none."""
        names: list[str] = []
        for at, node in enumerate(self.nodes):
            names.append(node.name or f"_{at}")
            yield names[-1], node.op.told([names[source] for source in node.inputs]), self.shapes[at]


def _moved(node: Node, place: dict[int, int]) -> Node:
    return Node(node.op, tuple(place[at] for at in node.inputs), node.name, node.span)
