"""The tree of a .conv file as it is written: frozen nodes, each with its span. No kind or parameter is known here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from codegen.errors import SpecError
from codegen.errors.source import Span
from codegen.records import dataclass

Scalar: TypeAlias = int | float | bool | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, True, False or None."""

    span: Span
    value: Scalar


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value with a syntax error in it, already among the file's faults."""

    span: Span


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: the name of a `let` or of a loop's variable if there is one, else itself."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class String:
    """Text in quotes, without them: never a name."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A tuple or a list; which of the two makes no difference."""

    span: Span
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """`-x` or `+x`."""

    span: Span
    operator: str
    operand: Value


@dataclass(frozen=True, slots=True)
class Chain:
    """Operands joined by operators of one rank, from left to right: `a - b + c`; a power is a chain of two."""

    span: Span
    first: Value
    rest: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, `name` None for one given by its place."""

    span: Span
    name: str | None
    value: Value


@dataclass(frozen=True, slots=True)
class Index:
    """`[values]` behind a name."""

    span: Span
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)` or `name[index](arguments)`; the name's own span comes first in the call's."""

    span: Span
    name: str
    arguments: tuple[Argument, ...]
    index: Index | None = None


@dataclass(frozen=True, slots=True)
class Subscript:
    """`name[index]`: an item of a tuple, a channel of a value."""

    span: Span
    name: Word
    index: Index


@dataclass(frozen=True, slots=True)
class Cut:
    """`name[start:stop]`: some channels of a value."""

    span: Span
    name: Word
    start: Value | None
    stop: Value | None


Value: TypeAlias = Constant | Unreadable | Word | String | Sequence | Sign | Chain | Call | Subscript | Cut


@dataclass(frozen=True, slots=True)
class Name:
    """A word that names something: a parameter, a layer, a kind, a `let`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`name = value` in a block."""

    name: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Let:
    name: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Defaults:
    span: Span
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """`KIND NAME[index] { entries }`; a kind with an empty text stands for a header that could not be read."""

    kind: Name
    name: Name
    index: Index | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`for NAME in values { body }`."""

    span: Span
    name: Name
    values: Value
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """`name = value` or, with `adds`, `name += value`, in a model."""

    name: Name
    value: Value
    adds: bool


@dataclass(frozen=True, slots=True)
class Port:
    """`input name = (steps, channels)` or `output name = value`."""

    word: Name
    name: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Repeat:
    """`for NAME in values { body }` in a model."""

    span: Span
    name: Name
    values: Value
    body: tuple[Step, ...]


Step: TypeAlias = Assign | Port | Repeat


@dataclass(frozen=True, slots=True)
class Model:
    """`model NAME { body }`."""

    span: Span
    name: Name
    body: tuple[Step, ...]


Statement: TypeAlias = Let | Defaults | Layer | Loop | Model


@dataclass(frozen=True, slots=True)
class File:
    """A file's statements in order, and all that could not be read, as errors with their spans."""

    statements: tuple[Statement, ...]
    faults: tuple[SpecError, ...]


def all_of(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    """The statements, and those inside of loops."""
    for statement in statements:
        yield statement
        if isinstance(statement, Loop):
            yield from all_of(statement.body)


def words(node: Value) -> Iterator[Word]:
    """The bare words in a value, from left to right."""
    match node:
        case Word():
            yield node
        case Sequence():
            for item in node.items:
                yield from words(item)
        case Call():
            for value in (*(node.index.values if node.index else ()), *(one.value for one in node.arguments)):
                yield from words(value)
        case Subscript():
            yield node.name
            for value in node.index.values:
                yield from words(value)
        case Cut():
            yield node.name
            for bound in (node.start, node.stop):
                if bound is not None:
                    yield from words(bound)
        case Sign():
            yield from words(node.operand)
        case Chain():
            yield from words(node.first)
            for _, operand in node.rest:
                yield from words(operand)
