"""Complaints: the words for a token that cannot be read or does not fit where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors import SpecError
from codegen.errors.source import Span
from codegen.language.line_ends import OPENERS, OPERATORS, Tokens
from codegen.language.tree_builder import span

if TYPE_CHECKING:
    from codegen.language.automaton import Token

KEYWORDS = frozenset({"LET", "DEFAULTS", "FOR", "IN", "CONSTANT", "MODEL", "INPUT", "OUTPUT"})
STARTS = frozenset({"NAME", "NUMBER", "STRING", "LPAR", "LSQB", *KEYWORDS})
VALUE = frozenset({"NUMBER", "STRING", "LPAR", "LSQB"})  # where these fit, a value does
SPELLED = {
    "_EQ": "`=`",
    "_LBRACE": "`{`",
    "_RBRACE": "`}`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "_COMMA": "`,`",
    "IN": "`in`",
    "_NL": "the end of the line",
    "NAME": "a name",
}
CURLY_QUOTES = "\u2018\u2019\u201c\u201d"


def unreadable(tokens: Tokens, position: int, *, blocks: int) -> SpecError | None:
    """What is wrong with a token wherever it stands; `blocks` is the number of blocks open around it."""
    token = tokens.items[position]
    where = span(token)
    text = str(token)
    if token.type in ("JUNK", "STRAY"):
        return _junk(text, where)
    if token.type == "BROKEN_STRING":
        hint = f"close it with {text[0]} on the same line"
        where = Span(where.start, where.start + len(text.rstrip()))
        return SpecError("E103", "the string is never closed", hint=hint, span=where)
    if token.type == "BROKEN_NUMBER":
        hint = "write it as 12, 0.5 or 1e-4; a name does not start with a digit"
        return SpecError("E105", f"`{short(text)}` is no number", hint=hint, span=where)
    if position in tokens.unclosed:
        closer = ")" if OPENERS[token.type] == "RPAR" else "]"
        return SpecError("E107", f"this `{text}` is never closed", hint=f"add a `{closer}`", span=where)
    if position in tokens.stray or (token.type == "_RBRACE" and not blocks):
        return SpecError("E107", f"this `{text}` closes nothing", hint="take it out, or open it before", span=where)
    if token.type == "LET" and blocks:
        return SpecError("E110", "`let` belongs outside all blocks", hint="move this line out of the block", span=where)
    return None


def _junk(text: str, where: Span) -> SpecError:
    if text.strip(CURLY_QUOTES) != text:
        message = f"`{short(text)}` has no meaning here"
        return SpecError("E102", message, hint="use straight quotes: \" or '", span=where)
    if any(char.isalnum() for char in text):
        hint = 'names are made of a to z, A to Z, 0 to 9 and _; other text goes in "quotes" or after #'
        return SpecError("E102", f"`{short(text)}` is not made of ASCII letters", hint=hint, span=where)
    hint = "take it out; a # starts a comment"
    if text == ":":
        hint = "write `=`"
    return SpecError("E102", f"`{short(text)}` has no meaning here", hint=hint, span=where)


def inside_a_model(kind: Token, name: Token) -> SpecError:
    """A block whose header stands in a model: a layer, the defaults, or a model."""
    where, word = span(kind), short(str(kind))
    told = f"`{word} {short(str(name))}`" if name.type == "NAME" else f"`{word}`"
    hint = "move this block in front of the model; inside of it a layer is called, as in `y = NAME(x)`"
    return SpecError("E110", f"{told} belongs outside of models", hint=hint, span=where)


def misfit(tokens: Tokens, position: int, expected: frozenset[str]) -> SpecError:
    """What is wrong with a token that the parser refused: `expected` are the types that would have fitted."""
    token, where = tokens.items[position], span(tokens.items[position])
    before = tokens.items[position - 1].type if position else "_NL"
    if token.type == "LPAR" and before == "NAME" and "CALL" in expected:
        where = Span(where.start, where.start + 1)
        return SpecError("E108", "the `(` of a call touches its name", hint="take the space out", span=where)
    if token.type in KEYWORDS and "NAME" in expected:
        hint = "choose another name"
        return SpecError("E111", f"`{token}` is a word of the language, and no name", hint=hint, span=where)
    if token.type in ("_COMMA", "_SEMICOLON"):
        return _separator(tokens, position, expected)
    if token.type in STARTS and "_COMMA" in expected and not VALUE & expected:
        return _unseparated(token, expected)
    if token.type in KEYWORDS | {"NAME"} and "_NL" in expected and "_RBRACE" not in expected:
        hint = f"start a new line before `{token}`"
        return SpecError("E109", "a statement ends with its line", hint=hint, span=where)
    if (
        token.type == "_EQ"
        and before == "NAME"
        and "NAME" in expected
        and position == 1 + _line_start(tokens, position)
    ):
        hint = "put it inside a block; a value for the whole file is written `let NAME = value`"
        return SpecError("E106", "an entry outside all blocks", hint=hint, span=span(tokens.items[position - 1]))
    found = "the end of the line" if token.type == "_NL" else f"`{short(str(token))}`"
    message = f"expected {_listed(expected)}, got {found}"
    return SpecError("E106", message, hint=_way_out(expected), span=where)


def _separator(tokens: Tokens, position: int, expected: frozenset[str]) -> SpecError:
    token, where = tokens.items[position], span(tokens.items[position])
    if "_RBRACE" in expected and "NAME" in expected:
        message = f"a `{token}` with nothing before it"
        return SpecError("E109", message, hint="one `,` or `;` between two entries, or a new line", span=where)
    if expected >= VALUE:
        return SpecError("E106", f"expected a value, got `{token}`", hint="put a value before it", span=where)
    if token.type == "_SEMICOLON" and "_COMMA" in expected:
        return SpecError("E109", "inside brackets a `;` separates nothing", hint="write `,`", span=where)
    hint = "end the statement with its line; `,` and `;` separate the entries of a block"
    if tokens.items[_line_start(tokens, position)].type == "FOR":
        hint = "put the values in brackets: for NAME in (1, 2) { … }"
    return SpecError("E109", f"a `{token}` separates no statements", hint=hint, span=where)


def _unseparated(token: Token, expected: frozenset[str]) -> SpecError:
    what = "two entries on one line" if "_SEMICOLON" in expected else "two values"
    hint = f"put a `,` before `{short(str(token))}`"
    return SpecError("E109", f"{what} need a `,` between them", hint=hint, span=span(token))


def _line_start(tokens: Tokens, position: int) -> int:
    """The position of the first token of the line around `position`."""
    while position and tokens.items[position - 1].type not in ("_NL", "_LBRACE", "_RBRACE"):
        position -= 1
    return position


def _listed(expected: frozenset[str]) -> str:
    if expected >= VALUE:
        return "a value"
    if "CALL" in expected or OPERATORS & expected:  # a value may go on in many ways: name only what ends it
        expected = expected - OPERATORS - {"CALL"}
    words = [word for kind, word in SPELLED.items() if kind in expected]
    if {"LET", "FOR"} <= expected or {"OUTPUT", "FOR"} <= expected:
        words = ["a statement", *(["`}`"] if "_RBRACE" in expected else [])]
    return " or ".join(words) or "an end"


def _way_out(expected: frozenset[str]) -> str:
    if expected >= VALUE:
        return 'write a value: a number, a word, a "string", a tuple, a list or a call'
    if {"OUTPUT", "FOR"} <= expected:
        return "a model holds `input x = (steps, channels)`, `NAME = value`, `for` loops and `output y = value`"
    if {"LET", "FOR"} <= expected or expected == {"NAME"}:
        return "a statement is `let NAME = value`, `defaults { … }`, `for NAME in values { … }` or `KIND NAME { … }`"
    if "IN" in expected:
        return "a loop is written `for NAME in values { … }`"
    if "_LBRACE" in expected:
        return "a layer is written `KIND NAME { … }`, a loop `for NAME in values { … }`"
    if "_EQ" in expected:
        return "an entry is written `name = value`"
    if "_COMMA" in expected:
        return "put a `,` between two values, and close each bracket"
    return "a value ends with its line, unless it is inside brackets or the line ends in an operator"


def short(text: str, most: int = 40) -> str:
    """`text`, cut where it is too long to show."""
    return text if len(text) <= most else text[: most - 1] + "…"
