"""Where an offset of a text stands: in which blocks, and behind which words of a statement or an entry.

It is found in the text's pieces, so that it is known while somebody types and nothing can be read yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from codegen.language.document import COMMENT, LINE_END, Piece
from codegen.language.line_ends import CLOSERS, OPENERS, OPERATORS
from codegen.records import dataclass

WORDS = frozenset({"NAME", "CONSTANT", "LET", "DEFAULTS", "FOR", "IN"})
HIDING = frozenset({COMMENT, "STRING", "BROKEN_STRING"})
TOUCHED = WORDS | HIDING  # what an offset at its end still belongs to
ENDS = frozenset({LINE_END, "_COMMA", "_SEMICOLON"})


@dataclass(frozen=True)
class Block:
    """An open block: the words before its `{`, and the names of the entries that its text has."""

    header: tuple[Piece, ...]
    entries: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The layer's kind, `defaults`, `for` or `model`."""
        return self.header[0].text if self.header else ""


@dataclass(frozen=True)
class Context:
    """`blocks` are those around the offset, from the outermost on, `words` the pieces before it of what it stands in.

    `piece` is the word that it touches; `hidden`, whether it stands in a comment or a string; `depth`, brackets open.
    """

    blocks: tuple[Block, ...]
    words: tuple[Piece, ...]
    piece: Piece | None
    hidden: bool
    depth: int

    @property
    def block(self) -> Block | None:
        """The innermost block with entries; None among statements."""
        return self.blocks[-1] if self.blocks and self.blocks[-1].kind not in ("for", "model") else None

    @property
    def in_model(self) -> bool:
        """Whether the statements here are a model's."""
        return any(block.kind == "model" for block in self.blocks)

    @property
    def parameter(self) -> str | None:
        """The parameter whose value stands here."""
        is_entry = self.block and [piece.kind for piece in self.words[:2]] == ["NAME", "_EQ"]
        return self.words[0].text if is_entry else None


def context(pieces: Sequence[Piece], offset: int) -> Context:
    """The context of an offset among a text's pieces."""
    count = sum(piece.span.end < offset + (piece.kind not in TOUCHED) for piece in pieces)
    way = _Way()
    for piece in pieces[:count]:
        way.take(piece)
    touched = pieces[count] if count < len(pieces) and pieces[count].span.start <= offset else None
    hidden = touched is not None and touched.kind in HIDING and touched.span.start < offset
    blocks = [Block(header) for header in way.headers]
    if blocks and blocks[-1].kind not in ("for", "model"):
        blocks[-1] = Block(way.headers[-1], _entries(pieces[way.start :]))
    known = touched if touched and touched.kind in WORDS else None
    return Context(tuple(blocks), tuple(way.words), known, hidden, way.depth)


class _Way:
    """The way through a text's pieces: `headers` of the open blocks, `start` the position behind the last `{`."""

    def __init__(self) -> None:
        self.headers: list[tuple[Piece, ...]] = []
        self.words: list[Piece] = []
        self.depth = self.start = self._at = 0

    def take(self, piece: Piece) -> None:
        self._at += 1
        if piece.kind == "_LBRACE":
            self.headers.append(tuple(self.words))
            self.start = self._at
            self._begin()
        elif piece.kind == "_RBRACE":
            del self.headers[-1:]
            self._begin()
        elif piece.kind in ENDS and self.depth <= 0:
            if not (piece.kind == LINE_END and self.words and self.words[-1].kind in OPERATORS):
                self._begin()
        elif piece.kind not in (LINE_END, COMMENT):
            self.words.append(piece)
            self.depth += (piece.kind in OPENERS) - (piece.kind in CLOSERS)

    def _begin(self) -> None:
        self.words.clear()
        self.depth = 0


def _entries(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The names of the entries of the block whose inside begins with `pieces`."""
    found, depth = [], 0
    for here, after in pairwise(pieces):
        if here.kind in ("_RBRACE", "_LBRACE"):
            break
        depth += (here.kind in OPENERS) - (here.kind in CLOSERS)
        if here.kind == "NAME" and after.kind == "_EQ" and depth <= 0:
            found.append(here.text)
    return tuple(found)
