"""The parser's stored tables are those of the grammar, and they are what a definition is read with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lark
import pytest

from codegen.errors import SpecError
from codegen.errors.source import Source
from codegen.language import _parser_tables, parser, syntax

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [*sorted((ROOT / "examples").glob("*.conv")), *sorted((ROOT / "tests" / "data" / "language").glob("*.conv"))]


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("the grammar was read anew")


def automaton(made: lark.Lark) -> dict[str, list[tuple[str, str, object]]]:
    """The states that each start leads to, numbered as a walk meets them: (token, shift or reduce, state or rule)."""
    front: Any = made.parser
    table = front.parser._parse_table
    found: dict[str, list[tuple[str, str, object]]] = {}
    for start, first in sorted(table.start_states.items()):
        numbers, order, rows = {first: 0}, [first], found.setdefault(start, [])
        for state in order:
            for token, (action, argument) in sorted(table.states[state].items()):
                if action.name == "Shift" and argument not in numbers:
                    numbers[argument] = len(order)
                    order.append(argument)
                leads = numbers[argument] if action.name == "Shift" else (str(argument), argument.alias)
                rows.append((token, action.name, leads))
        assert len(order) > 1
    return found


def terminals(made: lark.Lark) -> tuple[dict[str, tuple[str, int]], set[str]]:
    """The expression and the priority of each, and those that are passed over."""
    front: Any = made.parser
    named = {each.name: (each.pattern.to_regexp(), each.priority) for each in made.terminals}
    return named, set(front.lexer_conf.ignore)


def outcome(text: str) -> object:
    """The tree of a text with its faults, or the limit that it is beyond."""
    try:
        file = syntax.parse(Source("test.conv", text))
    except SpecError as limit:
        return str(limit)
    return file.statements, [(str(fault), fault.span) for fault in file.faults]


def test_the_key_is_that_of_the_grammar() -> None:
    if parser.key()[1] != _parser_tables.KEY[1]:
        pytest.skip("another lark: here the tables are made anew")
    assert parser.key() == _parser_tables.KEY, "run `python -m codegen.language.parser`"


def test_the_stored_automaton_and_its_terminals_are_those_of_the_grammar() -> None:
    stored = parser.loaded(_parser_tables.DATA, _parser_tables.MEMO)
    made = parser.fresh()
    assert automaton(stored) == automaton(made)
    assert terminals(stored) == terminals(made)


def test_a_definition_is_read_with_the_stored_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    if parser.key() != _parser_tables.KEY:
        pytest.skip("another lark: here the tables are made anew")
    parser.parser.cache_clear()
    monkeypatch.setattr(parser, "fresh", refuse)
    assert syntax.parse(Source("test.conv", "let width = 3\n")).faults == ()


def test_stored_and_fresh_tables_read_every_text_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [path.read_bytes().decode("utf-8", "replace") for path in TEXTS]
    parser.parser.cache_clear()
    read = [outcome(text) for text in texts]
    fresh = parser.fresh()
    monkeypatch.setattr(parser, "parser", lambda: fresh)
    assert [outcome(text) for text in texts] == read
    assert len(texts) > 50


@pytest.mark.parametrize("key", [("another grammar", lark.__version__), (_parser_tables.KEY[0], "0.0")])
def test_tables_of_another_grammar_or_lark_are_not_used(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    parser.parser.cache_clear()
    monkeypatch.setattr(_parser_tables, "KEY", key)
    monkeypatch.setattr(_parser_tables, "DATA", {})
    assert syntax.parse(Source("test.conv", "let width = 3\n")).faults == ()
    parser.parser.cache_clear()


def test_what_the_writer_writes_is_what_is_read() -> None:
    written: dict[str, Any] = {}
    exec(parser.tables(), written)
    assert written["KEY"] == parser.key()
    assert automaton(parser.loaded(written["DATA"], written["MEMO"])) == automaton(parser.fresh())
