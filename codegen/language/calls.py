"""The calls in a model: of layers, of functions without weights, of models before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from codegen.errors import SpecError
from codegen.errors.source import Span
from codegen.errors.suggest import closest
from codegen.functions import activations
from codegen.functions.registry import Call as Named
from codegen.graph.builder import Builder, Value
from codegen.graph.calls import AnyLayer
from codegen.graph.functions import ARITHMETIC, FUNCTIONS, UNARY
from codegen.language import tree
from codegen.language.evaluate import Evaluator
from codegen.language.syntax_errors import short
from codegen.specs.model_kinds import Recurrent
from codegen.specs.parameters import UNKNOWN, parameters, shown

__all__ = ["called"]


class File(Protocol):
    """What a call may name: the layers and the models that stand before it."""

    evaluator: Evaluator
    layers: Mapping[str, AnyLayer]
    models: dict[str, tree.Model]
    called: set[str]


class Body(Protocol):
    """What a call reads of the model that it stands in."""

    builder: Builder
    failed: bool
    names: dict[str, object]

    @property
    def bodies(self) -> File: ...
    def value(self, node: tree.Value) -> object: ...
    def wrong(self, code: str, message: str, hint: str, span: Span) -> Any: ...
    def guarded(self, span: Span, make: Callable[[], Value]) -> object: ...
    def inlined(self, node: tree.Call, values: list[Value]) -> object: ...


def called(body: Body, node: tree.Call) -> object:
    """What a call makes in the model that is being read; UNKNOWN after a report."""
    bodies, name = body.bodies, node.name
    if node.index is not None:
        index = bodies.evaluator.index(node.index)
        if index is None:
            body.failed = True
            return UNKNOWN
        name = "_".join((name, *map(str, index)))
    if name in bodies.layers:
        return _layer(body, node, name)
    if node.index is None and name in bodies.models:
        return _model(body, node)
    if node.index is None and (name in FUNCTIONS or name in UNARY or name in ARITHMETIC or name in activations.rows()):
        return _function(body, node)
    known = [*bodies.layers, *bodies.models, *FUNCTIONS, *UNARY, *ARITHMETIC, *activations.rows()]
    near = closest(name, known)
    hint = f"did you mean `{near}`?" if near else "a model calls the layers and models before it"
    _arguments(body, node, None)
    return body.wrong("E504", f"there is no layer and no function `{short(name)}`", hint, node.span)


def _arguments(body: Body, node: tree.Call, count: int | None) -> tuple[list[Value], list[object], dict[str, object]]:
    """The first `count` arguments (None: all) as values of the model, those behind them, those with names.

    Values are missing after a report.
    """
    values: list[Value] = []
    placed: list[object] = []
    named: dict[str, object] = {}
    for argument in node.arguments:
        if argument.name is not None:
            named[argument.name] = _option(body, argument.value)
        elif count is None or len(values) + len(placed) < count:
            value = body.value(argument.value)
            if isinstance(value, Value):
                values.append(value)
            elif value is not UNKNOWN:
                message = f"`{short(node.name)}` wants a value that the model made, got {shown(value)}"
                body.wrong("E502", message, "give an input, or what a call made", argument.span)
        else:
            placed.append(_option(body, argument.value))
    return values, placed, named


def _option(body: Body, node: tree.Value) -> object:
    """An option's value: words stand for themselves where they name nothing."""
    if isinstance(node, tree.Word) and isinstance(body.names.get(node.text), (int, float)):
        return body.names[node.text]
    found = body.bodies.evaluator.value(node)
    body.failed = body.failed or found is UNKNOWN
    return found


def _layer(body: Body, node: tree.Call, name: str) -> object:
    body.bodies.called.add(name)
    layer = body.bodies.layers[name]
    most = 1 + len(layer.states) if isinstance(layer, Recurrent) else 1  # the states that it begins with
    values, placed, named = _arguments(body, node, most)
    if not values or len(values) > most or placed or named:
        got = len(node.arguments)
        if not body.failed or got != 1:
            states = f" and {most - 1} state{'s' * (most > 2)}" if most > 1 else ""
            message = f"the layer `{short(name)}` takes one value{states}, got {got}"
            body.wrong("E502", message, "write its options in its block", node.span)
        return UNKNOWN
    if layer.dtype == "int8":
        message = f"`{short(name)}` is int8, and a model is computed in floats"
        return body.wrong("E505", message, "emit the layers alone, and call their functions in turn", node.span)
    return body.guarded(node.span, lambda: body.builder.call(layer, *values))


def _function(body: Body, node: tree.Call) -> object:
    name = node.name
    arity: int | None = 1
    if name in ARITHMETIC:
        return _extreme(body, node)
    if name in FUNCTIONS:
        arity = FUNCTIONS[name].arity
    values, placed, named = _arguments(body, node, arity)
    if not values or (arity is not None and len(values) != arity) or UNKNOWN in (*placed, *named.values()):
        if not body.failed:
            body.wrong("E502", f"`{name}` takes a value first", f"write {name}(x)", node.span)
        return UNKNOWN
    return body.guarded(node.span, lambda: _made(body, name, values, placed, named))


def _made(body: Body, name: str, values: list[Value], placed: list[object], named: dict[str, object]) -> Value:
    if name in FUNCTIONS:
        known = [*parameters(FUNCTIONS[name])]
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        if len(placed) > len(known):
            raise SpecError("E502", f"`{name}` got {len(placed)} options", hint=takes)
        options = dict(zip(known, placed, strict=False))
        for word, value in named.items():
            if word not in known or word in options:
                what = "twice" if word in options else "which it has not"
                raise SpecError("E502", f"`{name}` got `{short(word)}` {what}", hint=takes)
            options[word] = value
        return body.builder.function(name, *values, **options)
    if name in UNARY:
        if placed or named:
            raise SpecError("E502", f"`{name}` takes one value", hint=f"write {name}(x)")
        return body.builder.function(name, *values)
    return body.builder.activation(Named(name, tuple(placed), tuple(named.items())), values[0])


def _extreme(body: Body, node: tree.Call) -> object:
    """The larger or the smaller of two."""
    sides: list[Any] = [body.value(argument.value) for argument in node.arguments]
    if UNKNOWN in sides:
        return UNKNOWN
    if len(sides) != 2 or not any(isinstance(side, Value) for side in sides):
        return body.wrong("E502", f"`{node.name}` takes two values", f"write {node.name}(x, y)", node.span)
    for side in sides:
        if not isinstance(side, (int, float, Value)) or isinstance(side, bool):
            return body.wrong("E502", f"`{node.name}` of {shown(side)}", "give values, or a number", node.span)
    return body.guarded(node.span, lambda: body.builder.arithmetic(node.name, *sides))


def _model(body: Body, node: tree.Call) -> object:
    """Another model, in place: its statements over the values that are given."""
    values, _, named = _arguments(body, node, None)
    if len(values) != len(node.arguments) or named:
        return UNKNOWN if body.failed else body.wrong("E502", "a model takes values", "give no options", node.span)
    return body.inlined(node, values)
