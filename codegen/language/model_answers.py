"""What an editor asks about a place in a model: what a word means there, what may be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from codegen.functions import activations
from codegen.graph.functions import ARITHMETIC, FUNCTIONS, UNARY
from codegen.language.context import Context
from codegen.language.document import Document
from codegen.specs.model_kinds import known_kinds
from codegen.specs.parameters import UNKNOWN, parameters, shown

__all__ = ["meaning", "offers"]

STATEMENTS = {
    "input": "input NAME = (steps, channels): what the model is called on; steps None for any number",
    "output": "output NAME = value: what the model makes",
    "for": "for NAME in values { … }: the statements inside, once for each value",
}
OWNERS: dict[str, Callable[[], tuple[str, ...]]] = {  # the words that names stand behind
    "layer": lambda: (*known_kinds(), "model"),
    "model": lambda: ("input", "output"),
}


def meaning(document: Document, word: str, here: Context) -> str | None:
    """What a word of a model means, as Markdown."""
    if not here.words and word in STATEMENTS:
        return f"`{STATEMENTS[word]}`"
    if document.names.get(word, UNKNOWN) is not UNKNOWN:
        return f"`{word}` = `{shown(document.names[word])}`"
    told = [
        f"`{word}`: `{shape}`" for model in document.models for name, _, shape in model.graph.told() if name == word
    ]
    if told:
        return "\n\n".join(dict.fromkeys(told))
    layers = [layer for model in document.models for layer in model.graph.layers.values() if layer.name == word]
    if layers:
        return f"`{word}`: the {layers[0].kind} of {layers[0].channels} channels"
    return _function(word)


def _function(word: str) -> str | None:
    if word in FUNCTIONS:
        op = FUNCTIONS[word]
        options = [f"`{one.name}`: {one.doc}" for one in parameters(op).values()]
        return "\n\n".join((f"`{word}`: {(op.__doc__ or '').partition(chr(10))[0]}", *options))
    if word in UNARY or word in ARITHMETIC:
        return f"`{word}`: of each number"
    known = activations.rows()
    if word in known:
        words = ", ".join(option.name for option in known[word].options)
        return f"`{word}`: an activation" + (f" with the options {words}" if words else "")
    return None


def offers(document: Document, here: Context) -> Iterator[tuple[str, str, str, str]]:
    """(word, sort, what it is, text to insert) of what may stand here, most usual first."""
    names = dict.fromkeys(_names(document, "model", here))
    if not here.words:
        for word, told in STATEMENTS.items():
            yield word, "statement", told, ""
        for name in names:
            yield name, "name", "a value", ""
        return
    for name in names:
        yield name, "name", "a value", ""
    for name in dict.fromkeys(_names(document, "layer", here)):
        yield name, "name", "a layer", ""
    for word in (*FUNCTIONS, *UNARY, *ARITHMETIC, *dict.fromkeys(row.name for row in activations.rows().values())):
        yield word, "word", "a function", f"{word}("


def _names(document: Document, what: str, here: Context) -> Iterator[str]:
    """The names of the text's layers; or of values: what stands before a `=` or a `+=` at a line's start."""
    for before, piece in pairwise(document.pieces):
        if piece.kind != "NAME" or (here.piece and piece.span == here.piece.span):
            continue
        if before.text in OWNERS[what]() and piece.kind == "NAME":
            yield piece.text
    if what == "model":
        yield from _assigned(document)


def _assigned(document: Document) -> Iterator[str]:
    inside, pieces = 0, document.pieces
    for at, piece in enumerate(pieces):
        if piece.kind == "_LBRACE" and inside:
            inside += 1
        elif piece.kind == "_LBRACE" and at > 1 and pieces[at - 2].text == "model":
            inside = 1
        elif piece.kind == "_RBRACE" and inside:
            inside -= 1
        follows = [one.kind for one in pieces[at + 1 : at + 3]]
        starts = inside and piece.kind == "NAME" and pieces[at - 1].kind in ("LINE_END", "_LBRACE", "_SEMICOLON")
        if starts and (follows[:1] == ["_EQ"] or follows == ["PLUS", "_EQ"]):
            yield piece.text
