"""Builder: the nodes of tree.py, made as the parser reduces; a method a rule (or alias) of grammar/conv.lark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors.source import Span
from codegen.language import tree
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.language.automaton import Token


@dataclass(frozen=True, slots=True)
class Cons:
    """A list that grows at its end and shares its beginning, so that the reader can go back to a shorter one."""

    before: Cons | None = None
    item: Any = None

    def items(self) -> tuple[Any, ...]:
        found, node = [], self
        while node.before is not None:
            found.append(node.item)
            node = node.before
        return tuple(reversed(found))


Children: TypeAlias = list[Any]


class Builder:
    """What the parser calls: each method gets the nodes and tokens that its rule keeps."""

    def file(self, children: Children) -> tuple[tree.Statement, ...]:
        statements: tuple[tree.Statement, ...] = children[0].items()
        return statements

    def none(self, children: Children) -> Cons:
        return Cons()

    def append(self, children: Children) -> Cons:
        return Cons(children[0], children[1])

    def first(self, children: Children) -> Cons:
        return Cons(Cons(), children[0])

    def all(self, children: Children) -> Cons:
        cons: Cons = children[0]
        return cons

    def let(self, children: Children) -> tree.Let:
        return tree.Let(_name(children[1]), children[2])

    def defaults(self, children: Children) -> tree.Defaults:
        return tree.Defaults(span(children[0]), children[1])

    def loop(self, children: Children) -> tree.Loop:
        first, name, _, values, body = children
        return tree.Loop(span(first), _name(name), values, body.items())

    def layer(self, children: Children) -> tree.Layer:
        kind, name, *index, entries = children
        return tree.Layer(_name(kind), _name(name), index[0] if index else None, entries)

    def index(self, children: Children) -> tree.Index:
        first, *values, last = children
        return tree.Index(Span(first.start_pos, last.end_pos), tuple(values))

    def model(self, children: Children) -> tree.Model:
        first, name, steps, *last = children
        return tree.Model(span(first), _name(name), (*steps.items(), *last))

    def assign(self, children: Children) -> tree.Assign:
        name, *adds, value = children
        return tree.Assign(_name(name), value, bool(adds))

    def port(self, children: Children) -> tree.Port:
        word, name, value = children
        return tree.Port(_name(word), _name(name), value)

    def model_loop(self, children: Children) -> tree.Repeat:
        first, name, _, values, steps, *last = children
        return tree.Repeat(span(first), _name(name), values, (*steps.items(), *last))

    def block(self, children: Children) -> tuple[tree.Entry, ...]:
        entries: tuple[tree.Entry, ...] = children[0].items()
        return entries

    def entry(self, children: Children) -> tree.Entry:
        return tree.Entry(_name(children[0]), children[1])

    def sum(self, children: Children) -> tree.Value:
        first, *rest = children
        pairs = tuple(zip(map(str, rest[::2]), rest[1::2], strict=True))
        return tree.Chain(Span(first.span.start, rest[-1].span.end), first, pairs)

    product = power = sum

    def sign(self, children: Children) -> tree.Value:
        token, operand = children
        return tree.Sign(Span(token.start_pos, operand.span.end), str(token), operand)

    def number(self, children: Children) -> tree.Constant:
        return tree.Constant(span(children[0]), _number(children[0]))

    def constant(self, children: Children) -> tree.Value:
        """True, False or None; a token without text stands for a value that could not be read."""
        word = children[0].lower()
        return tree.Constant(span(children[0]), CONSTANTS[word]) if word else tree.Unreadable(span(children[0]))

    def word(self, children: Children) -> tree.Word:
        return tree.Word(span(children[0]), str(children[0]))

    def string(self, children: Children) -> tree.String:
        return tree.String(span(children[0]), str(children[0])[1:-1])

    def call(self, children: Children) -> tree.Call:
        name, _, *arguments, close = children
        return tree.Call(Span(name.start_pos, close.end_pos), str(name), tuple(arguments))

    def indexed_call(self, children: Children) -> tree.Call:
        name, index, _, *arguments, close = children
        return tree.Call(Span(name.start_pos, close.end_pos), str(name), tuple(arguments), index)

    def subscript(self, children: Children) -> tree.Subscript:
        name, index = children
        return tree.Subscript(Span(name.start_pos, index.span.end), tree.Word(span(name), str(name)), index)

    def cut(self, children: Children) -> tree.Cut:
        name, _, *inside, last = children
        at = next(i for i, one in enumerate(inside) if getattr(one, "type", "") == "COLON")
        before, after = inside[:at], inside[at + 1 :]
        word = tree.Word(span(name), str(name))
        where = Span(name.start_pos, last.end_pos)
        return tree.Cut(where, word, before[0] if before else None, after[0] if after else None)

    def group(self, children: Children) -> tree.Value:
        value: tree.Value = children[1]
        return value

    def sequence(self, children: Children) -> tree.Sequence:
        first, *items, last = children
        return tree.Sequence(Span(first.start_pos, last.end_pos), tuple(items))

    def keyword(self, children: Children) -> tree.Argument:
        name, value = children
        return tree.Argument(Span(name.start_pos, value.span.end), str(name), value)

    def positional(self, children: Children) -> tree.Argument:
        return tree.Argument(children[0].span, None, children[0])


CONSTANTS = {"true": True, "false": False, "none": None}


def span(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)


def _name(token: Token) -> tree.Name:
    return tree.Name(span(token), str(token))


def _number(text: str) -> int | float:
    """A whole number without a point and an exponent, else a float; one with too many digits is huge, not slow."""
    if text.isdigit():
        return int(text) if len(text.lstrip("0")) <= 20 else 10**20
    return float(text)
