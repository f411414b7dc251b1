"""The automaton of grammar/conv.lark: its stored tables, and how lark makes them. The only module that knows lark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.installed import folder
from codegen.language import automaton
from codegen.language.automaton import Rule, Tables, Token
from codegen.language.tree_builder import Builder

if TYPE_CHECKING:
    from lark import Lark

OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": ["file", "unreadable"],
    "maybe_placeholders": False,
}


@cache
def tables() -> Tables:
    """Those of _parser_tables.py where this grammar made them; elsewhere they are made anew.

    That takes longer than all else that is done for a definition.
    """
    from codegen.language import _parser_tables as stored

    return loaded(stored) if key() == stored.KEY else made(fresh())


def loaded(stored: Any) -> Tables:
    """The tables that `text` wrote."""
    rules = tuple(Rule(*rule) for rule in stored.RULES)
    return Tables(stored.TERMINALS, stored.WORDS, frozenset(stored.IGNORED), rules, stored.STATES, stored.END)


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a text, line ends too; what no rule can use is one as well."""
    return tables().tokens(text)


def machine() -> automaton.Machine:
    """One that makes the nodes of tree.py."""
    return automaton.Machine(tables(), Builder())


def key() -> str:
    """What tables depend on: the grammar's sha256."""
    return hashlib.sha256(_grammar().encode()).hexdigest()


def fresh() -> Lark:
    """Lark's own parser, made of the grammar's text."""
    from lark import Lark

    return Lark(_grammar(), **OPTIONS)


def made(parser: Lark) -> Tables:
    """The tables of a parser of lark's, its states and rules numbered as a walk from the start `file` meets them."""
    front: Any = parser.parser
    lexer, table = front.lexer, front.parser._parse_table
    states, rules = _walked(table.states, table.start_states["file"])
    numbers = {state: number for number, state in enumerate(states)}
    rows = []
    for state in states:
        row = {}
        for name, (action, argument) in sorted(table.states[state].items()):
            row[name] = numbers[argument] if action.name == "Shift" else -1 - rules.index(argument)
        rows.append(row)
    (expression,) = lexer.scanner._mres
    words = {
        name: {one.pattern.value: one.name for one in own.scanner.terminals} for name, own in lexer.callback.items()
    }
    end = numbers[table.end_states["file"]]
    return Tables(expression.pattern, words, frozenset(lexer.ignore_types), tuple(map(_rule, rules)), tuple(rows), end)


def _walked(rows: Mapping[Any, Any], first: Any) -> tuple[list[Any], list[Any]]:
    """The states and the rules that are reached from a state of lark's, in the order of the names that lead there."""
    states = [first]
    rules: list[Any] = []
    for state in states:
        for _, (action, argument) in sorted(rows[state].items()):
            known = states if action.name == "Shift" else rules
            if argument not in known:
                known.append(argument)
    return states, rules


def _rule(rule: Any) -> Rule:
    """A rule of lark's: those with a `_` at the front are parts of others, and terminals with one are left out."""
    kept = tuple(
        (position, not symbol.is_term and symbol.name.startswith("_"))
        for position, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and symbol.filter_out)
    )
    plain = all(not part for _, part in kept)
    name = rule.alias or rule.origin.name
    method = str(name) if hasattr(Builder, name) else None
    whole = plain and len(kept) == len(rule.expansion)
    passed = rule.options.expand1 and not rule.alias
    return Rule(str(rule.origin.name), len(rule.expansion), method, passed, None if whole else kept)


def text() -> str:
    """The text of _parser_tables.py."""
    found = made(fresh())
    values = {
        "KEY": key(),
        "TERMINALS": found.terminals,
        "WORDS": found.words,
        "IGNORED": tuple(sorted(found.ignored)),
        "END": found.end,
    }
    lines = [f"{name} = {value!r}" for name, value in values.items()]
    rules = [repr((one.origin, one.size, one.method, one.passed, one.kept)) for one in found.rules]
    for name, rows in (("RULES", rules), ("STATES", [repr(dict(row)) for row in found.states])):
        lines += [f"{name} = (", *(f"    {row}," for row in rows), ")"]
    head = '"""Written by `python -m codegen.language.parser` of grammar/conv.lark: the tables of the automaton."""\n'
    return "\n".join([head, *lines, ""])


def _grammar() -> str:
    return (folder("grammar") / "conv.lark").read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name("_parser_tables.py").write_text(text(), "utf-8")
