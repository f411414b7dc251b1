"""The LALR parser of grammar/conv.lark, and its stacks. The only module that knows lark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.installed import folder
from codegen.language import tree
from codegen.language.tree_builder import Builder

if TYPE_CHECKING:
    from lark import Lark, Token

OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": ["file", "unreadable"],
    "maybe_placeholders": False,
}


@cache
def parser() -> Lark:
    """The LALR(1) parser, building the nodes of tree.py as it reduces.

    Its tables are those of _parser_tables.py where this grammar and this lark made them; elsewhere they are made anew,
    which takes longer than all else that is done for a definition.
    """
    from codegen.language import _parser_tables as stored

    return loaded(stored.DATA, stored.MEMO) if key() == stored.KEY else fresh()


def loaded(data: dict[str, Any], memo: dict[int, Any]) -> Lark:
    """A parser of tables that `tables` wrote."""
    from lark import Lark

    untyped: Any = Lark
    made: Lark = untyped._load_from_dict(data, memo, transformer=Builder())
    return made


def fresh() -> Lark:
    """The same parser, made of the grammar's text."""
    from lark import Lark

    return Lark(_grammar(), transformer=Builder(), **OPTIONS)


def key() -> tuple[str, str]:
    """What tables depend on: the grammar's sha256 and the version of lark."""
    import lark

    return hashlib.sha256(_grammar().encode()).hexdigest(), lark.__version__


def tables() -> str:
    """The text of _parser_tables.py: the tables as lark itself serializes them."""
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = Lark(_grammar(), **OPTIONS).memo_serialize([TerminalDef, Rule])
    head = '"""Written by `python -m codegen.language.parser` of grammar/conv.lark: the tables of the parser."""\n\n'
    return f"{head}KEY = {key()!r}\nDATA = {data!r}\nMEMO = {memo!r}\n"


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a text, line ends too; what no rule can use is one as well."""
    return parser().lex(text)


def _grammar() -> str:
    return (folder("grammar") / "conv.lark").read_text(encoding="utf-8")


class Machine:
    """The LALR parser's stacks: fed with one token at a time, kept at a boundary, put back after a fault."""

    def __init__(self) -> None:
        from lark import Token, UnexpectedToken

        self._token, self._refusal = Token, UnexpectedToken
        self._parser: Any = parser().parse_interactive(start="file")
        self.keep()

    def feed(self, token: Token) -> frozenset[str] | None:
        """Takes the token, or returns the types of those that would fit in its place."""
        try:
            self._parser.feed_token(token)
        except self._refusal:
            return frozenset(self._parser.accepts())
        return None

    def make(self, *kinds: str) -> bool:
        """Feeds tokens that no text stands for, such as a brace that was forgotten; False if one does not fit."""
        return all(self.feed(self._token(kind, "", start_pos=0, end_pos=0)) is None for kind in kinds)

    def keep(self) -> None:
        state = self._parser.parser_state
        self._kept = list(state.state_stack), list(state.value_stack)

    def put_back(self) -> None:
        state = self._parser.parser_state
        state.state_stack[:], state.value_stack[:] = self._kept

    def end(self) -> tuple[tree.Statement, ...]:
        statements: tuple[tree.Statement, ...] = self._parser.feed_eof()
        return statements


if __name__ == "__main__":
    Path(__file__).with_name("_parser_tables.py").write_text(tables(), "utf-8")
