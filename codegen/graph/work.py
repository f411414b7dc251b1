"""Work: the multiply-adds and the weights of each node of a model, and of the whole."""

from __future__ import annotations

from fractions import Fraction
from math import prod

from codegen.functions import activations
from codegen.graph.calls import Call
from codegen.graph.elementwise import Activate
from codegen.graph.graph import Graph, Node
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.model_kinds import ModelSpec, Recurrent

__all__ = ["Work", "activated", "rows", "total", "works"]


@dataclass(frozen=True)
class Work:
    """`macs` multiply-adds a call and `each` more for a step of the input; `of_row` for a row of the value."""

    macs: int = 0
    each: Fraction = Fraction(0)
    of_row: int = 0
    weights: int = 0

    def at(self, steps: int) -> int:
        """Those of an input of so many steps, but for what borders cost more or less."""
        return self.macs + round(self.each * steps)


def rows(shape: Shape) -> tuple[int, Fraction]:
    """(rows whatever the input has, rows for each of its steps), of all frames together."""
    if shape.frames is not None:
        known = set(shape.frames) - {0}
        inside = shape.known_steps
        return (inside * max(known), Fraction(0)) if len(known) == 1 else (0, inside * shape.rate)
    return (0, shape.rate) if shape.steps is None else (shape.steps, Fraction(0))


def works(graph: Graph) -> tuple[Work, ...]:
    """Those of each node. A layer's weights count where it is called first."""
    seen, found = set[str](), []
    for node, shape in zip(graph.nodes, graph.shapes, strict=True):
        fixed, each = rows(_walked(graph, node, shape))
        products = of_row(node)
        weights = 0
        if isinstance(node.op, Call) and node.op.layer.name not in seen:
            seen.add(node.op.layer.name)
            weights = sum(map(prod, node.op.layer.weight_shapes().values()))
        found.append(Work(products * fixed, products * each, products, weights))
    return tuple(found)


def total(found: tuple[Work, ...]) -> Work:
    """The sum of all."""
    return Work(
        sum(one.macs for one in found),
        sum((one.each for one in found), Fraction(0)),
        0,
        sum(one.weights for one in found),
    )


def activated(graph: Graph) -> tuple[int, Fraction]:
    """(numbers of a call that go through an activation, more for each step of the input); relu counts as any."""
    calls, steps = 0, Fraction(0)
    for node, shape in zip(graph.nodes, graph.shapes, strict=True):
        fixed, each = rows(_walked(graph, node, shape))
        many = _activated(node, shape)
        calls, steps = calls + many * fixed, steps + many * each
    return calls, steps


def _activated(node: Node, shape: Shape) -> int:
    """Those of a row of a node."""
    if isinstance(node.op, Activate):
        return shape.channels
    layer = node.op.layer if isinstance(node.op, Call) else None
    if isinstance(layer, Recurrent):
        return layer.units * (layer.gates + (layer.gates == 4))  # an LSTM's cells, too
    plain = getattr(layer, "activation", activations.LINEAR) == activations.LINEAR
    return 0 if plain else shape.channels


def of_row(node: Node) -> int:
    """Multiply-adds of a row: of a convolution by the direct algorithm, of a layer of a matrix its products."""
    if not isinstance(node.op, Call):
        return 0
    layer = node.op.layer
    if isinstance(layer, ModelSpec):
        return sum(prod(shape) for name, shape in layer.weight_shapes().items() if name.endswith("kernel"))
    products: int = layer.problem.at_length(None).products
    return products


def _walked(graph: Graph, node: Node, shape: Shape) -> Shape:
    """The value whose rows are worked on: of a recurrent layer that gives the last alone, its input's."""
    last = isinstance(node.op, Call) and not getattr(node.op.layer, "return_sequences", True)
    return graph.shapes[node.inputs[0]] if last else shape
