"""The LALR parser of grammar/conv.lark, and its stacks. The only module that knows lark."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from codegen.installed import folder
from codegen.language import tree
from codegen.language.tree_builder import Builder

if TYPE_CHECKING:
    from lark import Lark, Token


@cache
def parser() -> Lark:
    """The LALR(1) parser of grammar/conv.lark, building the nodes of tree.py as it reduces."""
    from lark import Lark

    grammar = (folder("grammar") / "conv.lark").read_text(encoding="utf-8")
    starts = ["file", "unreadable"]
    return Lark(grammar, parser="lalr", lexer="basic", start=starts, transformer=Builder(), maybe_placeholders=False)


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
