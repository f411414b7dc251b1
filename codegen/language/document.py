"""A .conv text with all that is known of it: its pieces, its tree, its layers with their places, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from codegen.errors import Diagnostic
from codegen.errors.source import Source, Span
from codegen.language import parser, tree
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.names import of_model

if TYPE_CHECKING:
    from codegen.graph.graph import Graph

COMMENT, LINE_END = "COMMENT", "LINE_END"
_BETWEEN = re.compile(r"#[^\r\n]*|\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands in a text: `kind` is if TYPE_CHECKING:
        from codegen.graph.graph import Graph

    COMMENT, LINE_END or a terminal of the grammar. Blanks are between pieces."""

    kind: str
    text: str
    span: Span


@dataclass(frozen=True)
class Layer:
    """A layer's spec, and where its text names it."""

    spec: Spec
    span: Span


@dataclass(frozen=True)
class Model:
    """A model's graph, and where its text names it."""

    graph: Graph
    span: Span

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What its C defines are the model's name, _ and one of these."""
        return of_model([name for name, _ in self.graph.outputs], len(self.graph.nodes))


@dataclass(frozen=True)
class Document:
    """One text, read as far as it can be.

    `file` is its tree, `layers` are those without an error that know their input, `models` those without an error,
    `names` the values of its `let`s; `diagnostics` is all that is wrong, by place; `faults` are those of the text
    itself: its characters, its syntax, its size.
    """

    source: Source
    file: tree.File
    layers: tuple[Layer, ...] = ()
    models: tuple[Model, ...] = ()
    names: Mapping[str, object] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    faults: tuple[Diagnostic, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the tree is all that the text says."""
        return not self.faults

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All that stands in the text, in order; comments and each line's end too."""
        return tuple(pieces(self.source.text))

    @property
    def comments(self) -> tuple[str, ...]:
        """The comments' texts, without blanks at their ends."""
        return tuple(piece.text.rstrip() for piece in self.pieces if piece.kind == COMMENT)


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of any text, readable or not."""
    end = 0
    for token in parser.tokens(text):
        if token.type != "_NL":
            yield from _between(text, end, token.start_pos)
            end = token.end_pos
            yield Piece(token.type, str(token), Span(token.start_pos, end))
    yield from _between(text, end, len(text))


def _between(text: str, start: int, end: int) -> Iterator[Piece]:
    for found in _BETWEEN.finditer(text, start, end):
        kind = COMMENT if found.group().startswith("#") else LINE_END
        yield Piece(kind, found.group(), Span(*found.span()))
