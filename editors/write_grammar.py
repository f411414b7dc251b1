"""Writes editors/vscode/syntaxes/conv.tmLanguage.json, the colours of .conv texts, from the code's own tables.

Run it after a change of a table: python editors/write_grammar.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codegen.functions import activations, constraints, initializers, regularizers
from codegen.graph.functions import ARITHMETIC, FUNCTIONS, UNARY
from codegen.language import parser
from codegen.specs.model_kinds import known_kinds
from codegen.specs.parameters import parameters

PATH = Path(__file__).resolve().parent / "vscode" / "syntaxes" / "conv.tmLanguage.json"
KEYWORDS = ("LET", "DEFAULTS", "FOR", "IN")
NUMBER = r"(?<![A-Za-z0-9_.])(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])"


def grammar() -> dict[str, Any]:
    """The TextMate grammar. Each rule is one regular expression within one line, read alike by Oniguruma and Python."""
    kinds = alternatives(known_kinds())
    patterns = [
        {"name": "comment.line.number-sign.conv", "match": "#.*$"},
        {"name": "string.quoted.double.conv", "match": '"[^"]*"'},
        {"name": "string.quoted.single.conv", "match": "'[^']*'"},
        {
            "match": rf"\b({kinds})[ \t]+([A-Za-z_][A-Za-z0-9_]*)",
            "captures": {"1": {"name": "storage.type.conv"}, "2": {"name": "entity.name.function.conv"}},
        },
        {
            "match": r"\b(let|for|input|output|model)[ \t]+([A-Za-z_][A-Za-z0-9_]*)",
            "captures": {"1": {"name": "keyword.control.conv"}, "2": {"name": "variable.other.definition.conv"}},
        },
        {"name": "keyword.control.conv", "match": rf"\b(?:{alternatives(keywords())})\b"},
        {"name": "storage.type.conv", "match": rf"\b(?:{kinds})\b"},
        {"name": "constant.language.conv", "match": r"\b(?:True|False|None|true|false|none)\b"},
        {
            "name": "variable.parameter.conv",
            "match": rf"\b(?:{alternatives(named_parameters())})\b(?=[ \t]*=)",
        },
        {"name": "support.function.conv", "match": rf"\b(?:{alternatives(functions())})\b"},
        {"name": "support.constant.conv", "match": rf"\b(?:{alternatives(words())})\b"},
        {"name": "constant.numeric.conv", "match": NUMBER},
        {"name": "keyword.operator.conv", "match": r"\*\*|//|[-+*/%=]"},
        {"name": "punctuation.conv", "match": r"[(){}\[\],;:]"},
    ]
    return {"name": "conv", "scopeName": "source.conv", "fileTypes": ["conv"], "patterns": patterns}


def alternatives(names: Any) -> str:
    """The names as an expression, the longest first, so that none is taken for the beginning of another."""
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))


def keywords() -> list[str]:
    """The words of the language, as the grammar of the parser spells them."""
    return [terminal.pattern.value for terminal in parser.fresh().terminals if terminal.name in KEYWORDS]


def named_parameters() -> set[str]:
    return {name for kind in known_kinds().values() for name in parameters(kind)}


def functions() -> set[str]:
    """All that may be called: activations, functions of models, initializers, regularizers, constraints, and range."""
    rows = (*activations.ROWS, *activations.ROWWISE)
    found = {"range", *FUNCTIONS, *UNARY, *ARITHMETIC}
    found |= {name for row in rows for name in (row.name, *row.aliases)}
    for registry in (initializers.REGISTRY, regularizers.REGISTRY, constraints.REGISTRY):
        found |= {*registry.names(), *registry.aliases, *(cls.__name__ for cls in registry.classes)}
    return found


def words() -> set[str]:
    """Values of parameters that are words of their own, such as `same`."""
    taken = {word for kind in known_kinds().values() for each in parameters(kind).values() for word in each.words}
    return taken - functions() - {"True", "False"}


def text() -> str:
    return json.dumps(grammar(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
