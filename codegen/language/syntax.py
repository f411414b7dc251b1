"""Syntax: text to a tree.

Three steps: the scan makes tokens and holds the limits; the layout (line_ends.py) drops the line ends that end nothing;
the reader (recovery.py) feeds the LALR parser token by token and goes on after a fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors import SpecError
from codegen.errors.source import Source
from codegen.language import parser, tree
from codegen.language.line_ends import CLOSERS, OPENERS, OPERANDS, OPERATORS, layout
from codegen.language.model_words import with_model_words
from codegen.language.recovery import Reader
from codegen.language.tree_builder import span

if TYPE_CHECKING:
    from codegen.language.automaton import Token

MOST_TOKENS = 16_384
MOST_NESTING = 32


def parse(source: Source) -> tree.File:
    """The tree of a source, with what could not be read as its `faults`. Raises SpecError for a limit (E402, E403)."""
    return Reader(parser.machine(), layout(with_model_words(scan(source)))).read()


def scan(source: Source) -> list[Token]:
    """The tokens, at most MOST_TOKENS (line ends not counted), nested at most MOST_NESTING deep."""
    tokens = []
    count = 0
    for token in parser.tokens(source.text):
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
