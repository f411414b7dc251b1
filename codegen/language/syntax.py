"""Syntax: text to a tree. The only module that knows lark.

Three steps: the scan makes tokens and holds the limits; the layout (layout.py) drops the line ends that end nothing;
the reader (recovery.py) feeds the LALR parser token by token and goes on after a fault.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from codegen.errors import SpecError
from codegen.errors.source import Source
from codegen.installed import folder
from codegen.language import tree
from codegen.language.line_ends import CLOSERS, OPENERS, OPERANDS, OPERATORS, layout
from codegen.language.tree_builder import Builder, span

if TYPE_CHECKING:
    from lark import Lark, Token

MOST_TOKENS = 16_384
MOST_NESTING = 32


def parse(source: Source) -> tree.File:
    """The tree of a source, with what could not be read as its `faults`. Raises SpecError for a limit (E402, E403)."""
    from codegen.language.recovery import Reader

    return Reader(Machine(), layout(scan(source))).read()


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


def scan(source: Source) -> list[Token]:
    """The tokens, at most MOST_TOKENS (line ends not counted), nested at most MOST_NESTING deep."""
    tokens = []
    count = 0
    for token in parser().lex(source.text):
        tokens.append(token)
        count += token.type != "_NL"
        if count > MOST_TOKENS:
            message = f"the file has more than {MOST_TOKENS:,} tokens, the most that one may have"
            raise SpecError("E402", message, hint="split it into several files", span=span(token))
    _hold_nesting(tokens)
    return tokens


def _hold_nesting(tokens: list[Token]) -> None:
    """Raises E403. Brackets, blocks, signs and powers nest to the right: all that is open at once counts."""
    opened: list[tuple[str, int]] = []  # what is open around here: its token and the signs and powers before it
    run = 0
    before = ""
    for token in tokens:
        kind = token.type
        if kind in ("_LBRACE", "_RBRACE"):  # a brace ends all brackets
            while opened and opened[-1][0] != "_LBRACE":
                opened.pop()
        if kind in OPENERS or kind == "_LBRACE":
            opened.append((kind, run))
            run = 0
        elif kind in CLOSERS or kind == "_RBRACE":
            run = opened.pop()[1] if opened else 0
        elif kind == "POWER" or (kind in OPERATORS and before not in OPERANDS):
            run += 1
        elif kind not in OPERANDS:
            run = 0
        before = kind
        if len(opened) + sum(signs for _, signs in opened) + run > MOST_NESTING:
            message = f"nested deeper than {MOST_NESTING}: that many brackets, blocks, signs and powers may be open"
            raise SpecError("E403", message, hint="name a part of it with `let`", span=span(token))
