"""An LALR(1) automaton at work on its tables: a text to tokens, tokens to the nodes that a builder makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from codegen.records import dataclass


class Token(str):
    """A piece of a text with the type that the grammar names, and where it stands."""

    type: str
    start_pos: int
    end_pos: int

    def __new__(cls, type: str, text: str, start: int = 0, end: int = 0) -> Token:
        made = super().__new__(cls, text)
        made.type, made.start_pos, made.end_pos = type, start, end
        return made

    def update(self, type: str, text: str | None = None) -> Token:
        """Another type, or another text, at the same place."""
        return Token(type, self if text is None else text, self.start_pos, self.end_pos)


@dataclass(frozen=True)
class Rule:
    """What is done where `size` values are an `origin`: `method` of the builder takes those that are `kept`.

    `kept` has their positions, and whether each is a part whose values stand in its place; None keeps all. A rule
    without a method makes such a part. One that is `passed` on gives a single value as it is.
    """

    origin: str
    size: int
    method: str | None
    passed: bool
    kept: tuple[tuple[int, bool], ...] | None


@dataclass(frozen=True)
class Tables:
    """An automaton: its terminals as one expression, its rules, and a row for each state.

    A row has, for a terminal or the origin of a rule, the state to go to; or the rule to reduce by, r as -1 - r.
    `words` are texts of a terminal that have a type of their own. It begins in state 0 and ends in `end`.
    """

    terminals: str
    words: Mapping[str, Mapping[str, str]]
    ignored: frozenset[str]
    rules: tuple[Rule, ...]
    states: tuple[Mapping[str, int], ...]
    end: int

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(self.terminals)

    def tokens(self, text: str) -> Iterator[Token]:
        """All tokens of a text but those that are ignored; what no terminal matches is passed over."""
        for found in self.expression.finditer(text):
            kind = found.lastgroup or ""
            if kind not in self.ignored:
                word = found.group()
                own = self.words.get(kind)
                yield Token(own.get(word, kind) if own else kind, word, found.start(), found.end())


class Machine:
    """The automaton's stacks: fed with one token at a time, kept at a boundary, put back after a fault."""

    def __init__(self, tables: Tables, builder: object) -> None:
        self._tables = tables
        self._reduce = [_reduction(rule, builder) for rule in tables.rules]
        self._states = [0]
        self._values: list[Any] = []
        self.keep()

    def feed(self, token: Token) -> frozenset[str] | None:
        """Takes the token, or returns the types of those that would fit in its place."""
        states, values, rows = self._states, self._values, self._tables.states
        while (to := rows[states[-1]].get(token.type)) is not None:
            if to >= 0:
                states.append(to)
                values.append(token)
                return None
            self._reduce_by(-1 - to)
        return frozenset(kind for kind in rows[states[-1]] if kind.isupper() and self._fits(kind))

    def make(self, *kinds: str) -> bool:
        """Feeds tokens that no text stands for, such as a brace that was forgotten; False if one does not fit."""
        return all(self.feed(Token(kind, "")) is None for kind in kinds)

    def keep(self) -> None:
        self._kept = list(self._states), list(self._values)

    def put_back(self) -> None:
        self._states[:], self._values[:] = self._kept

    def end(self) -> Any:
        """The value of the whole, which is complete."""
        while self._states[-1] != self._tables.end:
            self._reduce_by(-1 - self._tables.states[self._states[-1]]["$END"])
        return self._values[-1]

    def _reduce_by(self, number: int) -> None:
        states, values, rule = self._states, self._values, self._tables.rules[number]
        first = len(values) - rule.size
        taken = values[first:]
        del values[first:], states[first + 1 :]
        values.append(self._reduce[number](taken))
        states.append(self._tables.states[states[-1]][rule.origin])

    def _fits(self, kind: str) -> bool:
        """Whether a token of that type could be fed now."""
        rows, states = self._tables.states, list(self._states)
        while kind != "$END" or states[-1] != self._tables.end:
            to = rows[states[-1]].get(kind)
            if to is None or to >= 0:
                return to is not None
            rule = self._tables.rules[-1 - to]
            del states[len(states) - rule.size :]
            states.append(rows[states[-1]][rule.origin])
        return True


def _reduction(rule: Rule, builder: object) -> Callable[[list[Any]], Any]:
    """What makes one value of those that a rule takes."""
    made: Callable[[list[Any]], Any] = _part if rule.method is None else getattr(builder, rule.method)
    kept = rule.kept

    def reduced(values: list[Any]) -> Any:
        found = values if kept is None else _kept(values, kept)
        return found[0] if rule.passed and len(found) == 1 else made(found)

    return reduced


def _part(values: list[Any]) -> list[Any]:
    return values


def _kept(values: list[Any], kept: tuple[tuple[int, bool], ...]) -> list[Any]:
    """Those at the positions, the values of a part in its place."""
    found: list[Any] = []
    for position, part in kept:
        one = values[position]
        if not part:
            found.append(one)
        elif found:
            found += one
        else:
            found = one  # a list that grows at its end is not copied
    return found
