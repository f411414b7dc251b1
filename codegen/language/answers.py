"""What an editor asks about a place in a text: what stands there, where it comes from, what may be written there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from codegen.errors.source import Span
from codegen.language import model_answers
from codegen.language.context import Context, context
from codegen.language.document import Document, Piece
from codegen.language.line_ends import OPENERS, OPERATORS
from codegen.records import dataclass
from codegen.specs.model_kinds import MODEL_KINDS, known_kinds
from codegen.specs.parameters import UNKNOWN, Parameter, parameters, shown

STATEMENTS = {
    "let": "let NAME = value: a name for a value, in the whole file",
    "defaults": "defaults { … }: entries for the layers after it",
    "for": "for NAME in values { … }: the statements inside, once for each value",
    "model": "model NAME { … }: what the layers before it compute together",
}


@dataclass(frozen=True)
class Hover:
    """What a word means, as Markdown, and where it stands."""

    text: str
    span: Span


@dataclass(frozen=True)
class Offer:
    """A word that may be written: `sort` is statement, kind, parameter, word or name."""

    word: str
    sort: str
    told: str = ""
    insert: str = ""  # in place of the word itself


def hover(document: Document, offset: int) -> Hover | None:
    """What the word at an offset means; None where there is none that is known."""
    here = context(document.pieces, offset)
    if here.hidden or here.piece is None:
        return None
    text = _meaning(document, here, here.piece)
    return Hover(text, here.piece.span) if text else None


def _meaning(document: Document, here: Context, piece: Piece) -> str | None:
    word = piece.text
    if not here.words and here.block:
        parameter = _parameters(here).get(word)
        return _told(parameter) if parameter else None
    if here.in_model and not here.block:
        return model_answers.meaning(document, word, here)
    if not here.words:
        return f"`{STATEMENTS[word]}`" if word in STATEMENTS else _kind(word)
    if _bound(document, here, word):
        value = document.names.get(word, UNKNOWN)
        return f"`{word}`" + ("" if value is UNKNOWN else f" = `{shown(value)}`")
    if here.words[0].text in known_kinds() and len(here.words) == 1 and not here.block:
        return _layer(document, piece)
    if here.parameter and here.parameter in _parameters(here) and word in _parameters(here)[here.parameter].words:
        return f"`{here.parameter} = {word}`: {_parameters(here)[here.parameter].doc}"
    return None


def _kind(word: str) -> str | None:
    kind = known_kinds().get(word)
    if kind is None:
        return None
    needs = [f"`{one.name}`" for one in parameters(kind).values() if one.required]
    needs = needs if word in MODEL_KINDS else ["`input_shape`", *needs]
    told = f"`{word}`: {(kind.__doc__ or '').partition(chr(10))[0]}"
    return f"{told}\n\nIt needs {', '.join(needs)}." if needs else told


def _layer(document: Document, piece: Piece) -> str | None:
    """The layers that a name makes: more than one in a loop."""
    told = []
    for layer in document.layers:
        if layer.span == piece.span:
            problem = layer.spec.problem
            steps = None if problem.steps is None else problem.out_steps(problem.steps)
            out = (steps, problem.out_filters) if layer.spec.channels_last else (problem.out_filters, steps)
            told.append(f"`{layer.spec.name}`: `{layer.spec.input_shape}` → `{out}`")
    return "\n\n".join(told[:16]) or None


def _told(parameter: Parameter) -> str:
    """A parameter's help, its default and its words."""
    default = "required" if parameter.required else f"default `{parameter.default}`"
    words = ", ".join(f"`{word}`" for word in parameter.words)
    return f"`{parameter.name}` ({default}): {parameter.doc}" + (f"\n\n{words}" if words else "")


def _parameters(here: Context) -> dict[str, Parameter]:
    """Those of the block's kind; of any kind in `defaults`, but for the name, which is a layer's own."""
    kind = known_kinds().get(here.block.kind) if here.block else None
    if kind:
        return dict(parameters(kind))
    found: dict[str, Parameter] = {}
    for each in known_kinds().values():
        found = {**parameters(each), **found}
    return {name: each for name, each in found.items() if name != "name"}


def definition(document: Document, offset: int) -> Span | None:
    """Where the name at an offset gets its value: the loop around it, or a `let`."""
    here = context(document.pieces, offset)
    if here.hidden or here.piece is None or not here.words:
        return None
    return _bound(document, here, here.piece.text)


def _bound(document: Document, here: Context, word: str) -> Span | None:
    for name in reversed(list(_variables(here))):
        if name.text == word:
            return name.span
    return next((name.span for name in _lets(document) if name.text == word), None)


def _variables(here: Context) -> Iterator[Piece]:
    """The names of the loops around, from the outermost on, and of the one whose header this is."""
    for header in (*(block.header for block in here.blocks), here.words):
        if header and header[0].kind == "FOR" and len(header) > 1:
            yield header[1]


def _lets(document: Document) -> Iterator[Piece]:
    for before, piece in pairwise(document.pieces):
        if before.kind == "LET" and piece.kind == "NAME":
            yield piece


def completions(document: Document, offset: int) -> list[Offer]:
    """What may be written at an offset, most usual first; the editor keeps those that fit what is typed already."""
    here = context(document.pieces, offset)
    if here.hidden:
        return []
    if here.in_model and not here.block:
        return [Offer(*each) for each in model_answers.offers(document, here)]
    if not here.words:
        return list(_entries(here)) if here.block else list(_statements(here))
    last = here.words[-1].kind
    if last != "_EQ" and last not in (*OPENERS, *OPERATORS, "_COMMA", "IN"):
        return []
    names = [Offer(name.text, "name", "let") for name in _lets(document)]
    names += [Offer(name.text, "name", "for") for name in _variables(here)]
    if here.words[0].kind == "FOR" and last == "IN":
        return [*names, Offer("range", "word", "range(b), range(a, b) or range(a, b, step)", "range(")]
    if here.parameter is None or last != "_EQ" or here.depth:
        return names
    parameter = _parameters(here).get(here.parameter)
    return [*_words(parameter), *names] if parameter else names


def _words(parameter: Parameter) -> Iterator[Offer]:
    for word in parameter.words:
        yield Offer(word, "word", "default" if word == parameter.default else "")
    if parameter.default is None and parameter.words:
        yield Offer("None", "word", "default")


def _entries(here: Context) -> Iterator[Offer]:
    """The parameters that the block does not have yet."""
    assert here.block
    for name, parameter in _parameters(here).items():
        if name not in here.block.entries or (here.piece and here.piece.text == name):
            yield Offer(name, "parameter", _told(parameter), f"{name} = ")


def _statements(here: Context) -> Iterator[Offer]:
    for word in known_kinds():
        yield Offer(word, "kind", _kind(word) or "")
    for word, told in STATEMENTS.items():
        if word != "let" or not here.blocks:
            yield Offer(word, "statement", told)
