"""Builder: a graph by Python calls, as the language and the importers make it.

b = Builder("amp")
x = b.input("x", None, 1)
h = tanh = b.activation("tanh", b.call(layer, x)) * 0.5 + x
b.output("y", h)
graph = b.graph()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from typing import Any, TypeAlias

from codegen.errors import SpecError
from codegen.errors.source import Span
from codegen.functions import activations
from codegen.graph.calls import AnyLayer, Call, bound
from codegen.graph.channels import Slice
from codegen.graph.elementwise import UNARY, Activate, Arithmetic, Unary
from codegen.graph.functions import FUNCTIONS
from codegen.graph.graph import Graph, Input, Node
from codegen.graph.op import Op, misfit
from codegen.graph.shape import Shape
from codegen.records import dataclass

__all__ = ["Builder", "Number", "Value"]

Number: TypeAlias = int | float
MOST_DRAWN = 1 << 15  # nodes, those that no output needs among them


@dataclass(frozen=True, eq=False)
class Value:
    """What a node of `builder` makes: `+ - * / **` and channel slices `[a:b]` make new ones."""

    builder: Builder
    at: int

    @property
    def shape(self) -> Shape:
        return self.builder.shapes[self.at]

    def __add__(self, other: Value | Number) -> Value:
        return self.builder.arithmetic("+", self, other)

    def __radd__(self, other: Number) -> Value:
        return self.builder.arithmetic("+", other, self)

    def __sub__(self, other: Value | Number) -> Value:
        return self.builder.arithmetic("-", self, other)

    def __rsub__(self, other: Number) -> Value:
        return self.builder.arithmetic("-", other, self)

    def __mul__(self, other: Value | Number) -> Value:
        return self.builder.arithmetic("*", self, other)

    def __rmul__(self, other: Number) -> Value:
        return self.builder.arithmetic("*", other, self)

    def __truediv__(self, other: Value | Number) -> Value:
        return self.builder.arithmetic("/", self, other)

    def __rtruediv__(self, other: Number) -> Value:
        return self.builder.arithmetic("/", other, self)

    def __pow__(self, power: Number) -> Value:
        return self.builder.power(self, power)

    def __neg__(self) -> Value:
        return self * -1

    def __getitem__(self, channels: slice) -> Value:
        return self.builder.slice(self, channels.start, channels.stop)


class Builder:
    """A graph that grows; `shapes` are those of its nodes. Errors are SpecErrors, with the span of `at`."""

    def __init__(self, name: str, dtype: str = "float32") -> None:
        self.name, self.dtype = name, dtype
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self.outputs: list[tuple[str, int]] = []
        self._layers: dict[str, AnyLayer] = {}
        self._span: Span | None = None

    @contextmanager
    def at(self, span: Span | None) -> Iterator[None]:
        """Within it nodes and errors have that place of the text."""
        before, self._span = self._span, span or self._span
        try:
            yield
        except SpecError as wrong:
            wrong.span = wrong.span or self._span
            raise
        finally:
            self._span = before

    def add(self, op: Op, *inputs: Value, name: str = "") -> Value:
        """A node of an op. Raises SpecError for inputs that do not fit it."""
        if len(self.nodes) >= MOST_DRAWN:
            told = f"`{self.name}` has more than {MOST_DRAWN:,} operations, those that no output needs among them"
            raise SpecError("E503", told, hint="make two models of it")
        with self.at(None):
            self.shapes.append(op.shape(*(one.shape for one in inputs)))
        self.nodes.append(Node(op, tuple(one.at for one in inputs), name, self._span))
        return Value(self, len(self.nodes) - 1)

    def input(self, name: str, steps: int | None, channels: int) -> Value:
        """An input of the model; `steps` None for any number."""
        return self.add(Input(steps, channels), name=name)

    def output(self, name: str, value: Value) -> None:
        """Makes a value an output of the model."""
        self.outputs.append((name, value.at))

    def named(self, value: Value, name: str) -> None:
        """Gives a value a name for people, if it has none."""
        if not self.nodes[value.at].name:
            self.nodes[value.at] = replace(self.nodes[value.at], name=name)

    def call(self, layer: AnyLayer, value: Value, *states: Value) -> Value:
        """A layer with weights on a value, whose channels become the layer's. Raises SpecError as its making does."""
        known = self._layers.get(layer.name)
        if known is None:
            if layer.channels not in (None, value.shape.channels):
                message = f"`{layer.name}` has input_shape = {layer.input_shape}, and is called on {value.shape}"
                raise misfit(message, "leave input_shape out: in a model the call gives it")
            known = self._layers[layer.name] = bound(layer, value.shape.channels)
        elif replace(known, input_shape=None) != replace(layer, input_shape=None):
            raise misfit(f"two layers are named `{layer.name}`", "choose another name for one of them")
        return self.add(Call(known), value, *states)

    def layer(self, name: str) -> AnyLayer:
        """The layer of that name that was called, its channels known."""
        return self._layers[name]

    def function(self, name: str, *values: Value, **options: Any) -> Value:
        """One of FUNCTIONS on values, with its options; those of UNARY and activations, too."""
        if name in UNARY:
            return self.add(Unary(name), *values)
        if name not in FUNCTIONS:
            return self.activation(name, *values, **options)
        made: Value = FUNCTIONS[name](**options).drawn(self.add, values)
        return made

    def activation(self, name: Any, value: Value, **options: Any) -> Value:
        """An activation of the table by name, with its options; a linear one is nothing."""
        from codegen.functions.registry import Call as Named

        found = activations.get(Named(name, (), tuple(options.items())) if options else name)
        return value if found == activations.LINEAR else self.add(Activate(found), value)

    def slice(self, value: Value, start: int | None, stop: int | None) -> Value:
        """Channels as Python slices them, without a step; all of them are the value itself."""
        first, last, _ = slice(start, stop).indices(value.shape.channels)
        if (first, last) == (0, value.shape.channels):
            return value
        return self.add(Slice(first, last), value)

    def power(self, value: Value, power: Number) -> Value:
        """A whole power from 1 on by products, 0.5 by a root, and their inverses."""
        if not isfinite(power):
            raise misfit(f"a value to the power of {power}", "whole powers to 16, and 0.5, are there")
        if power == 0.5:
            return self.add(Unary("sqrt"), value)
        if power < 0:
            return 1 / self.power(value, -power)
        if power != int(power) or not 1 <= power <= 16:
            raise misfit(f"a value to the power of {power}", "whole powers to 16, and 0.5, are there")
        made = value
        for digit in bin(int(power))[3:]:
            made = made * made
            made = made * value if digit == "1" else made
        return made

    def arithmetic(self, operator: str, left: Value | Number, right: Value | Number) -> Value:
        """Between two values, or one and a number; what changes nothing (+ 0, - 0, * 1, / 1) is no node."""
        if isinstance(left, Value) and isinstance(right, Value):
            return self.add(Arithmetic(operator), left, right)
        if isinstance(left, Value):
            assert not isinstance(right, Value)
            if (operator, right) in (("+", 0), ("-", 0), ("*", 1), ("/", 1)):
                return left
            return self.add(Arithmetic(operator, float(right)), left)
        assert isinstance(right, Value)
        if (operator, left) in (("+", 0), ("*", 1)):
            return right
        return self.add(Arithmetic(operator, float(left), first=True), right)

    def graph(self) -> Graph:
        """What was built. Raises SpecError where there is no output."""
        if not self.outputs:
            raise SpecError("E503", f"the model `{self.name}` has no output", hint="write output y = …")
        return Graph(self.name, tuple(self.nodes), tuple(self.outputs), self.dtype)
