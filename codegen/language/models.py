"""Models: a `model` block to the graph of what it computes, statement by statement; loops as often as they turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from codegen.errors import SpecError, SpecErrors
from codegen.errors.source import Span
from codegen.errors.suggest import closest
from codegen.graph.builder import Builder, Value
from codegen.graph.calls import AnyLayer
from codegen.graph.graph import Graph
from codegen.graph.op import misfit
from codegen.language import calls, tree
from codegen.language.evaluate import Evaluator, Report
from codegen.language.syntax_errors import short
from codegen.specs.parameters import UNKNOWN, shape, shown

__all__ = ["Bodies", "Body"]

Names = dict[str, object]
MOST_INSIDE = 16  # models that call each other
SIGNS = {"+": "+", "-": "-", "*": "*", "/": "/"}


class Bodies:
    """The models of a file that were read so far, over its `layers` by name; each is a function of those after it."""

    def __init__(
        self, evaluator: Evaluator, report: Report, layers: Mapping[str, AnyLayer], *, mangled: bool = False
    ) -> None:
        self.evaluator, self.report, self.layers = evaluator, report, layers
        self.models: dict[str, tree.Model] = {}
        self.called: set[str] = set()  # layers that some model calls
        self.failed = False
        self.mangled = mangled  # statements may be missing, which could not be read

    def read(self, model: tree.Model, dtype: str) -> Graph | None:
        """The model's graph; None after a report."""
        body = Body(self, Builder(model.name.text, dtype))
        graph = None
        body.run(model, None)
        body.failed = body.failed or (self.mangled and not body.builder.outputs)
        if not body.failed:
            with body.reported(model.name.span):
                graph = body.builder.graph().alive()
        self.models[model.name.text] = model
        self.failed = self.failed or graph is None
        return graph


class Body:
    """One walk over a model's statements; `names` are its values."""

    def __init__(self, bodies: Bodies, builder: Builder, depth: int = 0) -> None:
        self.bodies, self.builder, self.depth = bodies, builder, depth
        self.failed = False
        self.names: Names = {}
        self.outputs: dict[str, object] = {}
        self._evaluator = bodies.evaluator
        self._given: list[Value] | None = None

    @contextmanager
    def reported(self, span: Span) -> Iterator[None]:
        """Within it errors are reported, at that place where they have none."""
        try:
            with self.builder.at(span):
                yield
        except SpecErrors as several:
            self.failed = True
            for one in several.diagnostics:
                self.bodies.report(SpecError(one.code, one.message, field=one.field, hint=one.hint, span=span))
        except SpecError as wrong:
            if wrong.code in ("E404", "E408"):
                raise
            self.failed = True
            wrong.span = wrong.span or span
            wrong.hint = wrong.hint or f"`gen-conv explain {wrong.code}` shows a right example"
            self.bodies.report(wrong)

    def run(self, model: tree.Model, given: list[Value] | None) -> None:
        """All statements, for the inputs `given` where another model calls this one."""
        self._given = given
        self._statements(model.body)

    def wrong(self, code: str, message: str, hint: str, span: Span) -> Any:
        """UNKNOWN, after a report."""
        self.failed = True
        self.bodies.report(SpecError(code, message, hint=hint, span=span))
        return UNKNOWN

    def _statements(self, steps: Iterable[tree.Step]) -> None:
        for step in steps:
            self._evaluator.spend(1, step.span if isinstance(step, tree.Repeat) else step.name.span)
            match step:
                case tree.Assign():
                    self._assign(step)
                case tree.Port():
                    (self._input if step.word.text == "input" else self._output)(step)
                case tree.Repeat():
                    self._repeat(step)

    def _assign(self, step: tree.Assign) -> None:
        name, value = step.name.text, self.value(step.value)
        if name in self._evaluator.names:
            message = f"`{short(name)}` already names a `let` or a loop around this one"
            self.wrong("E114", message, "choose another name for the value", step.name.span)
        if step.adds:
            value = self.combined("+", self._known(tree.Word(step.name.span, name)), value, step.name.span)
        self._bind(name, value)

    def _bind(self, name: str, value: object) -> None:
        if isinstance(value, Value):
            self.builder.named(value, name)
        self.names[name] = value

    def _input(self, step: tree.Port) -> None:
        found: Any = UNKNOWN
        with self.reported(step.value.span):
            sizes = self._evaluator.value(step.value)
            if sizes is UNKNOWN:
                self.failed = True
            else:
                found = self._input_of(step, shape(step.name.text, sizes))
        self._bind(step.name.text, found)

    def _input_of(self, step: tree.Port, sizes: tuple[int | None, int | None] | None) -> Value:
        if sizes is None or sizes[1] is None:
            message = f"the channels of `{step.name.text}` are not known"
            raise SpecError("E301", message, hint="write input x = (steps, channels); only steps may be None")
        if self._given is None:
            return self.builder.input(step.name.text, sizes[0], sizes[1])
        if not self._given:
            raise SpecError("E502", f"no value is given for the input `{step.name.text}`", hint="give one for each")
        value = self._given.pop(0)
        if value.shape.channels != sizes[1] or sizes[0] not in (None, value.shape.steps):
            hint = "a model that is called reads what it is written for"
            raise misfit(f"the input `{step.name.text}` is {sizes}, and {value.shape} is given", hint)
        return value

    def _output(self, step: tree.Port) -> None:
        value, name = self.value(step.value), step.name.text
        if name in self.outputs:
            self.wrong("E116", f"the output `{name}` is given twice", "take one of the two out", step.name.span)
        elif not isinstance(value, Value) and value is not UNKNOWN:
            message = f"the output `{name}` is {shown(value)}, which no layer made"
            self.wrong("E502", message, "an output is a value of the model", step.value.span)
        elif isinstance(value, Value) and self._given is None:
            self.builder.output(name, value)
        self.outputs[name] = value
        self._bind(name, value)

    def _repeat(self, loop: tree.Repeat) -> None:
        name, names = loop.name.text, self._evaluator.names
        if name in names or name in self.names:
            message = f"`{short(name)}` already names a `let`, a value or a loop around this one"
            self.wrong("E114", message, "choose another name for the loop", loop.name.span)
            return
        turns = self._evaluator.turns(loop.values)
        if turns is None:
            self.failed = True
            return
        for value in turns:
            if not loop.body:
                break
            self._evaluator.spend(1, loop.span)
            names[name] = value
            self._statements(loop.body)
        names.pop(name, None)

    def value(self, node: tree.Value) -> object:
        """A value of the model, a number, or what else the language knows; UNKNOWN after a report."""
        self._evaluator.spend(1, node.span)
        match node:
            case tree.Word():
                return self._known(node)
            case tree.Sign():
                operand = self.value(node.operand)
                return operand if node.operator == "+" else self.combined("*", operand, -1, node.span)
            case tree.Chain():
                result = self.value(node.first)
                for sign, operand in node.rest:
                    span = Span(node.span.start, operand.span.end)
                    result = self.combined(sign, result, self.value(operand), span)
                return result
            case tree.Call():
                return calls.called(self, node)
            case tree.Subscript() | tree.Cut():
                return self._channels(node)
        found = self._evaluator.value(node)
        self.failed = self.failed or found is UNKNOWN
        return found

    def _known(self, word: tree.Word) -> object:
        if word.text in self.names:
            return self.names[word.text]
        if word.text in self._evaluator.names:
            return self._evaluator.names[word.text]
        near = closest(word.text, {**self.names, **self._evaluator.names})
        hint = f"did you mean `{near}`?" if near else "write input, or a name = value, before it"
        return self.wrong("E504", f"`{short(word.text)}` has no value here", hint, word.span)

    def combined(self, sign: str, left: object, right: object, span: Span) -> object:
        """`left sign right` of values and numbers."""
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        for side in (left, right):
            if not isinstance(side, (int, float, Value)) or isinstance(side, bool):
                hint = "write a number, or a value of the model"
                return self.wrong("E123", f"arithmetic is for values and numbers, got {shown(side)}", hint, span)
        if not isinstance(left, Value) and not isinstance(right, Value):
            found = self._evaluator.applied(sign, left, right, span)  # type: ignore[arg-type]  # looked at above
            self.failed = self.failed or found is UNKNOWN
            return found
        return self.guarded(span, lambda: self._made(sign, left, right))

    def _made(self, sign: str, left: Any, right: Any) -> Value:
        if sign in SIGNS:
            if sign == "/" and not isinstance(right, Value) and right == 0:
                raise SpecError("E124", "division by zero", hint="divide by another number")
            return self.builder.arithmetic(sign, left, right)
        if sign == "**" and isinstance(left, Value) and not isinstance(right, Value):
            return self.builder.power(left, right)
        raise misfit(f"`{sign}` is for numbers", f"values go with {', '.join(SIGNS)}, and ** with a number behind it")

    def _channels(self, node: tree.Subscript | tree.Cut) -> object:
        """A slice of channels, or one of them; items of tuples, too."""
        held = self._known(node.name)
        if held is UNKNOWN or not isinstance(held, Value):
            return held if held is UNKNOWN else self._evaluator.value(node)
        bounds = (node.start, node.stop) if isinstance(node, tree.Cut) else (node.index.values[0],)
        found = [None if bound is None else self._evaluator.value(bound) for bound in bounds]
        if UNKNOWN in found:
            self.failed = True
            return UNKNOWN
        if not all(one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in found):
            hint = "write x[:16], x[16:] or x[0]"
            return self.wrong("E502", "channels are sliced by whole numbers", hint, node.span)
        first, last = found if len(found) == 2 else (found[0], found[0] + 1 or None)  # type: ignore[operator]  # whole
        return self.guarded(node.span, lambda: self.builder.slice(held, first, last))  # type: ignore[arg-type]  # whole

    def inlined(self, node: tree.Call, values: list[Value]) -> object:
        """The output of a model that stands before this one, over `values`; UNKNOWN after a report."""
        if self.depth >= MOST_INSIDE:
            told = f"more than {MOST_INSIDE} models in each other"
            return self.wrong("E503", told, "write them side by side", node.span)
        inner = Body(self.bodies, self.builder, self.depth + 1)
        inner.run(self.bodies.models[node.name], values)
        if inner.failed:
            self.failed = True
            return UNKNOWN
        if values:
            told = f"`{short(node.name)}` has fewer inputs than {len(node.arguments)}"
            return self.wrong("E502", told, "give a value for each input", node.span)
        if len(inner.outputs) != 1:
            told = f"`{short(node.name)}` has {len(inner.outputs)} outputs"
            return self.wrong("E502", told, "a model that is called has one", node.span)
        return next(iter(inner.outputs.values()))

    def guarded(self, span: Span, make: Callable[[], Value]) -> object:
        """What `make` makes; UNKNOWN after a report."""
        with self.reported(span):
            return make()
        return UNKNOWN
