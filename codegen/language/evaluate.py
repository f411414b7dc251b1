"""Evaluate: values as written to plain Python values, within limits. It runs no code.

A value is an int, a float, a bool, None, a str (word or string), a tuple of values or a registry.Call. What is wrong is
reported and becomes UNKNOWN, so that one run finds everything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from codegen.errors import SpecError
from codegen.errors.source import Span
from codegen.errors.suggest import closest
from codegen.functions.registry import Call
from codegen.language import tree
from codegen.language.syntax_errors import short
from codegen.specs.parameters import LARGEST, UNKNOWN, shown

Report: TypeAlias = Callable[[SpecError], None]

MOST_ITEMS = 1_024
MOST_DEPTH = 32
MOST_WORK = 300_000

OPERATORS: Mapping[str, Callable[[int | float, int | float], int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


class Evaluator:
    """Values under the names that `let` and `for` give; `names` maps each to its value."""

    def __init__(self, report: Report) -> None:
        self.names: dict[str, object] = {}
        self._report = report
        self._work = 0
        self._meant: dict[Span, str] = {}  # hints by place: a loop comes by as often as it turns

    def value(self, node: tree.Value) -> object:
        """The node's value, UNKNOWN after a report. Raises SpecError E408 when the whole file costs too much."""
        self.spend(1, node.span)
        match node:
            case tree.Constant():
                return self._bounded(node.value, node.span)
            case tree.Unreadable():
                return UNKNOWN
            case tree.Word():
                return self.names.get(node.text, node.text)
            case tree.String():
                return node.text
            case tree.Sequence():
                return self._sized(tuple(map(self.value, node.items)), node.span)
            case tree.Call():
                return self._call(node)
            case tree.Sign():
                number = self._number(node.operand)
                return number if number is UNKNOWN or node.operator == "+" else -number
            case tree.Chain():
                return self._chain(node)
            case tree.Subscript():
                return self._item(node)
            case tree.Cut():
                message = f"`{short(node.name.text)}` is no value of a model"
                return self._wrong("E504", message, "a slice takes channels, in a model", node.span)

    def spend(self, work: int, span: Span) -> None:
        """Counts what the file costs. Raises SpecError E408 when it is too much."""
        self._work += work
        if self._work > MOST_WORK:
            message = f"the file takes more than {MOST_WORK:,} steps to evaluate, the most that one may take"
            raise SpecError("E408", message, hint="use shorter loops or simpler values", span=span)

    def turns(self, node: tree.Value) -> Iterable[object] | None:
        """What a `for` goes through: a tuple, a list, a let that holds one, or range(…); None after a report."""
        if isinstance(node, tree.Call) and node.name == "range":
            return self._range(node)
        values = self.value(node)
        if isinstance(values, tuple):
            return values
        if values is not UNKNOWN:
            message = f"`for` goes through a tuple, a list or range(…), got {shown(values)}"
            self._wrong("E118", message, "write for d in (1, 2, 4) or for i in range(3)", node.span)
        return None

    def _wrong(self, code: str, message: str, hint: str, span: Span) -> Any:
        self._report(SpecError(code, message, hint=hint, span=span))
        return UNKNOWN

    def _bounded(self, value: Any, span: Span) -> Any:
        if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
            return self._wrong("E406", "the number is beyond 2**31, the largest", "use a smaller one", span)
        return value

    def _sized(self, values: tuple[object, ...], span: Span) -> object:
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        size = _size(values, MOST_ITEMS)
        self.spend(size, span)
        if size > MOST_ITEMS:
            message = f"the value holds more than {MOST_ITEMS:,} values or is nested deeper than {MOST_DEPTH}"
            return self._wrong("E407", message, "make it shorter", span)
        return values

    def _call(self, node: tree.Call) -> object:
        name = Span(node.span.start, node.span.start + len(node.name))
        if node.name == "range":
            return self._wrong("E117", "`range` belongs in a `for` alone", "write for i in range(3) { … }", name)
        placed: list[object] = []
        named: dict[str, object] = {}
        for argument in node.arguments:
            value = self.value(argument.value)
            if argument.name is None:
                placed.append(value)
                if named:
                    hint = "give the options without a name first"
                    value = self._wrong("E125", "an option without a name follows one with a name", hint, argument.span)
            elif argument.name in named:
                message = f"`{argument.name}` is given twice in one call"
                value = self._wrong("E125", message, "leave one of them out", argument.span)
            if argument.name is not None:
                named[argument.name] = value
            elif value is UNKNOWN:
                placed[-1] = UNKNOWN
        values = self._sized((*placed, *named.values()), node.span)
        return UNKNOWN if values is UNKNOWN else Call(node.name, tuple(placed), tuple(named.items()))

    def index(self, index: tree.Index) -> tuple[int | str, ...] | None:
        """What stands in [ ] behind a layer's name: whole numbers from 0 on, or words; None after a report."""
        values = [self.value(value) for value in index.values]
        for value, node in zip(values, index.values, strict=True):
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            if value is not UNKNOWN and not (isinstance(value, str) or whole):
                message = f"a layer's index is a whole number from 0 on or a word, got {shown(value)}"
                self._wrong("E119", message, "use the loop's variable, or arithmetic that keeps it whole", node.span)
                return None
        return None if UNKNOWN in values else tuple(values)  # type: ignore[arg-type]  # looked at above

    def _item(self, node: tree.Subscript) -> object:
        """An item of a tuple, as Python counts."""
        held, places = self.value(node.name), [self.value(value) for value in node.index.values]
        if held is UNKNOWN or UNKNOWN in places:
            return UNKNOWN
        (place,) = places if len(places) == 1 else (None,)
        if isinstance(held, tuple) and isinstance(place, int) and -len(held) <= place < len(held):
            return held[place]
        told = f"`{short(node.name.text)}` has no item {shown(place)}"
        if isinstance(held, tuple):
            return self._wrong("E504", told, f"it has {len(held)}, counted from 0", node.index.span)
        return self._wrong("E504", told, "a `let` that holds a tuple has items", node.span)

    def _number(self, node: tree.Value) -> Any:
        """The operand's number, or UNKNOWN."""
        value: Any = self.value(node)
        if value is UNKNOWN or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        if isinstance(node, tree.Word) and node.text not in self.names:
            return self._wrong("E209", f"`{short(node.text)}` is no number", self.meant(node), node.span)
        message = f"arithmetic is for numbers, got {shown(value)}"
        return self._wrong("E123", message, "write a number, or the name of a `let` that holds one", node.span)

    def meant(self, word: tree.Word) -> str:
        """The way out for a word that stands where a number is wanted."""
        if word.span not in self._meant:
            near = closest(word.text, self.names)
            define = f"write a number, or define it first: let {short(word.text)} = …"
            self._meant[word.span] = f"did you mean the `let` `{near}`?" if near else define
        return self._meant[word.span]

    def _chain(self, node: tree.Chain) -> object:
        """The operators from left to right; every operand is looked at, whatever is wrong with another."""
        result = self._number(node.first)
        for sign, operand in node.rest:
            number = self._number(operand)
            if result is not UNKNOWN and number is not UNKNOWN:
                result = self.applied(sign, result, number, Span(node.span.start, operand.span.end))
            else:
                result = UNKNOWN
        return result

    def applied(self, sign: str, left: int | float, right: int | float, span: Span) -> Any:
        """`left sign right`, within the limits; UNKNOWN after a report."""
        try:
            if sign == "**" and abs(left) > 1 and right > 1100:  # beyond any float: never computed
                raise OverflowError
            if sign == "**" and isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 31:
                raise OverflowError
            result = OPERATORS[sign](left, right)
        except ZeroDivisionError:
            return self._wrong("E124", "division by zero", "divide by another number", span)
        except OverflowError:
            result = LARGEST * 2
        if isinstance(result, complex):
            message = f"({left}) ** {right} is no real number"
            return self._wrong("E124", message, "take a power of a positive number", span)
        return self._bounded(result, span)

    def _range(self, node: tree.Call) -> Iterable[object] | None:
        bounds = [self.value(argument.value) for argument in node.arguments]
        if any(bound is UNKNOWN for bound in bounds):
            return None
        whole = [bound for bound in bounds if isinstance(bound, int) and not isinstance(bound, bool)]
        named = any(argument.name for argument in node.arguments)
        if named or not 1 <= len(bounds) <= 3 or len(whole) != len(bounds) or whole[2:] == [0]:
            message = "`range` takes one to three whole numbers, the third not 0"
            self._wrong("E117", message, "write range(8), range(1, 9) or range(0, 8, 2)", node.span)
            return None
        return range(*whole)


def _size(value: object, most: int, depth: int = 0) -> int:
    """How many values it holds, itself counted; more than `most` where it is too many or nested too deep."""
    inside: Iterable[object] = ()
    if isinstance(value, tuple):
        inside = value
    elif isinstance(value, Call):
        inside = (*value.args, *(item for _, item in value.kwargs))
    size = 1 if depth <= MOST_DEPTH else most + 1
    for item in inside:
        if size > most:
            break
        size += _size(item, most - size, depth + 1)
    return size
