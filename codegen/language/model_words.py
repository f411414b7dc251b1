"""The words of models: names that are words of the language where a model has them, and names elsewhere.

`model` before a name and a `{`, `input` and `output` before a name at the start of a statement of a model, and the `:`
of a slice. Layers and parameters may still be named so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen.language.automaton import Token

PORTS = {"input": "INPUT", "output": "OUTPUT"}
STARTS = ("_NL", "_LBRACE", "_RBRACE", "_SEMICOLON", "")


def with_model_words(tokens: list[Token]) -> list[Token]:
    """The same tokens, those that are words of models by their own types."""
    found: list[Token] = []
    blocks: list[bool] = []  # of the open braces, whether they are a model's, or of a loop in one
    brackets: list[str] = []
    header = ""  # the type of the token that the statement here begins with
    for position, token in enumerate(tokens):
        before = tokens[position - 1].type if position else ""
        kinds = [one.type for one in tokens[position + 1 : position + 4]]
        inside = bool(blocks) and blocks[-1]
        if before in STARTS and not brackets:
            if token.type == "NAME" and token == "model" and _opens(kinds):
                token = token.update("MODEL")
            elif token.type == "NAME" and inside and token in PORTS and kinds[:1] == ["NAME"]:
                token = token.update(PORTS[token])
            header = token.type if token.type != "_NL" else header
        if token.type == "STRAY" and token == ":" and inside and brackets[-1:] == ["LSQB"]:
            token = token.update("COLON")
        if token.type == "_LBRACE":
            blocks.append(header == "MODEL" or (inside and header == "FOR"))
            brackets.clear()
        elif token.type == "_RBRACE":
            del blocks[-1:]
            brackets.clear()
        elif token.type in ("LPAR", "CALL", "LSQB"):
            brackets.append(token.type)
        elif token.type in ("RPAR", "RSQB"):
            del brackets[-1:]
        found.append(token)
    return found


def _opens(kinds: list[str]) -> bool:
    """Whether what follows is a name and the `{` of its block, on the same line or the next."""
    behind = [kind for kind in kinds[1:] if kind != "_NL"]
    return kinds[:1] == ["NAME"] and behind[:1] == ["_LBRACE"]
