"""Layout: which line ends count, and which brackets have a partner; between the scan and the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.language.automaton import Token

OPERATORS = frozenset({"PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "POWER"})
OPENERS = {"LPAR": "RPAR", "CALL": "RPAR", "LSQB": "RSQB"}
CLOSERS = frozenset(OPENERS.values())
OPERANDS = frozenset({"NAME", "NUMBER", "STRING", "CONSTANT", *CLOSERS})


@dataclass(frozen=True)
class Tokens:
    """A file's tokens after the layout; `unclosed` and `stray` are the positions of brackets without a partner."""

    items: tuple[Token, ...]
    unclosed: frozenset[int]
    stray: frozenset[int]


def layout(tokens: list[Token]) -> Tokens:
    """Drops each line end inside brackets, after an operator, before a `{` or at the top; the last token is one."""
    partners, stray = _partners(tokens)
    kept: list[Token] = []
    unclosed, lone = set(), set()
    begins = ""  # the type of the token that begins the statement
    until = -1  # the position of the bracket that closes what is open
    for position, token in enumerate(tokens):
        if token.type == "_NL":
            follows = tokens[position + 1].type if position + 1 < len(tokens) else ""
            if position < until or not kept or kept[-1].type in OPERATORS or follows == "_LBRACE":
                continue
        elif token.type in OPENERS:
            until = max(until, partners.get(position, -1))
            if position not in partners:
                unclosed.add(len(kept))
        elif position in stray:
            lone.add(len(kept))
        if not kept or kept[-1].type in ("_NL", "_LBRACE", "_RBRACE"):
            begins = token.type
        elif token.type == begins == "LET" and position > until and kept[-1].type in OPERANDS:
            kept.append(token.update("_NL", ""))  # two of them may stand on a line
        kept.append(token)
    if kept and kept[-1].type != "_NL":
        kept.append(kept[-1].update("_NL", ""))
    return Tokens(tuple(kept), frozenset(unclosed), frozenset(lone))


def _partners(tokens: list[Token]) -> tuple[dict[int, int], set[int]]:
    """Each bracket's closing one by position, and the closing ones that close nothing; a brace ends all brackets."""
    partners: dict[int, int] = {}
    stray: set[int] = set()
    opened: list[int] = []
    for position, token in enumerate(tokens):
        if token.type in OPENERS:
            opened.append(position)
        elif token.type in ("_LBRACE", "_RBRACE"):
            opened.clear()
        elif token.type in CLOSERS:
            fitting = [at for at in opened if OPENERS[tokens[at].type] == token.type][-1:]
            if not fitting:
                stray.add(position)
                continue
            while opened[-1] != fitting[0]:  # what was opened inside it is never closed
                opened.pop()
            partners[opened.pop()] = position
    return partners, stray
