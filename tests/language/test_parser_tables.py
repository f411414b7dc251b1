"""The stored tables are those of the grammar, and the automaton reads with them what lark reads."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lark
import pytest

from codegen.errors.source import Source
from codegen.language import _parser_tables, parser, syntax
from codegen.language.automaton import Token
from codegen.language.line_ends import layout
from codegen.language.model_words import with_model_words
from codegen.language.tree_builder import Builder

ROOT = Path(__file__).resolve().parents[2]
PATHS = [*sorted((ROOT / "examples").glob("*.conv")), *sorted((ROOT / "tests" / "data" / "language").glob("*.conv"))]
TEXTS = [path.read_bytes().decode("utf-8", "replace") for path in random.Random(5).sample(PATHS, 60)]


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("the grammar was read anew")


def by_lark(made: lark.Lark, tokens: list[Token]) -> object:
    """What lark makes of the tokens: the whole's nodes, or how many it took and what would have fitted then."""
    state: Any = made.parse_interactive(start="file")
    for count, one in enumerate(tokens):
        try:
            state.feed_token(lark.Token(one.type, str(one), start_pos=one.start_pos, end_pos=one.end_pos))
        except lark.UnexpectedToken:
            return count, frozenset(state.accepts())
    try:
        return state.feed_eof()
    except lark.UnexpectedToken:
        return "more"


def made(kind: str) -> Token:
    return Token(kind, {"CONSTANT": "true"}.get(kind, "1"), 0, 1)


def by_us(tokens: list[Token]) -> object:
    machine = parser.machine()
    for count, one in enumerate(tokens):
        expected = machine.feed(one)
        if expected is not None:
            return count, expected
    try:
        return machine.end()
    except KeyError:
        return "more"


@pytest.fixture(scope="module")
def fresh() -> lark.Lark:
    return lark.Lark(parser._grammar(), transformer=Builder(), **parser.OPTIONS)  # type: ignore[arg-type]  # by name


def test_the_stored_tables_are_those_of_the_grammar(fresh: lark.Lark) -> None:
    assert parser.key() == _parser_tables.KEY, "run `python -m codegen.language.parser`"
    assert parser.loaded(_parser_tables) == parser.made(fresh)


def test_a_definition_is_read_with_the_stored_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    parser.tables.cache_clear()
    monkeypatch.setattr(parser, "fresh", refuse)
    assert syntax.parse(Source("test.conv", "let width = 3\n")).faults == ()


def test_tables_of_another_grammar_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    parser.tables.cache_clear()
    monkeypatch.setattr(_parser_tables, "KEY", "another")
    monkeypatch.setattr(_parser_tables, "STATES", ())
    assert syntax.parse(Source("test.conv", "let width = 3\n")).faults == ()
    parser.tables.cache_clear()


def test_what_the_writer_writes_is_what_is_read() -> None:
    written: dict[str, Any] = {}
    exec(parser.text(), written)
    assert parser.loaded(SimpleNamespace(**written)) == parser.tables()


@pytest.mark.long
def test_every_text_has_the_tokens_that_lark_finds(fresh: lark.Lark) -> None:
    for text in TEXTS:
        found = [(one.type, str(one), one.start_pos, one.end_pos) for one in parser.tokens(text)]
        assert found == [(one.type, str(one), one.start_pos, one.end_pos) for one in fresh.lex(text)]


@pytest.mark.long
def test_every_text_has_the_nodes_and_the_faults_that_lark_finds(fresh: lark.Lark) -> None:
    trees = 0
    for text in TEXTS:
        tokens = layout(with_model_words(list(parser.tokens(text)))).items
        found = by_us(tokens)
        assert found == by_lark(fresh, tokens)
        trees += bool(found) and not isinstance(found[0], int)  # type: ignore[index]  # a tuple either way
    assert trees > 20


@pytest.mark.long
def test_texts_with_tokens_lost_and_exchanged_are_refused_where_lark_refuses_them(fresh: lark.Lark) -> None:
    random_ = random.Random(7)
    kinds = [kind for row in _parser_tables.STATES for kind in row if kind.isupper() and kind != "$END"]
    refused = 0
    for text in random_.sample(TEXTS, 30):
        tokens = layout(with_model_words(list(parser.tokens(text)))).items
        for _ in range(5):
            damaged = list(tokens)
            at = random_.randrange(len(damaged) or 1)
            damaged[at : at + random_.choice((0, 1))] = [made(random_.choice(kinds))]
            found = by_us(damaged)
            assert found == by_lark(fresh, damaged)
            refused += isinstance(found, tuple) and isinstance(found[0], int)
    assert refused > 50


def test_a_rule_without_a_method_is_passed_on_or_a_part() -> None:
    for rule in parser.tables().rules:
        assert rule.method or rule.passed or rule.origin.startswith("_"), rule
