"""A document back to text, laid out as the examples are: `gen-conv fmt`.

Four spaces a level, one statement or entry a line; a block on one line stays on one if it fits. The `=` of a block's
entries stand in one column, and so do a file's comments behind code. Within a value the lines end where they ended.
Words, numbers, brackets and comments stay as they were written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from codegen.errors.source import Span
from codegen.language.document import LINE_END, Document
from codegen.language.lines import INDENT, Gatherer, Line

LONGEST_ALIGNED = 14  # letters of a name whose = is aligned: an initializer's would push all others away
COMMENTS_FROM = 36  # the column of comments behind code, further right where code is longer
LONGEST_COMMENTED = 64  # columns of code that push it there


def text(document: Document) -> str:
    """The document laid out. It must be readable; what comes out has the same tree and the same comments."""
    lines = Gatherer(document.pieces).lines()
    _align(lines)
    column = _comment_column(lines)
    end = next((piece.text for piece in document.pieces if piece.kind == LINE_END), "\n")
    return "".join((end if line.spaced else "") + _drawn(line, column) + end for line in lines)


def same(one: Document, other: Document) -> bool:
    """Whether two documents say the same: equal trees wherever they stand, equal specs, equal comments."""
    trees = [bare(document.file) for document in (one, other)]
    specs = [
        [*(layer.spec for layer in document.layers), *(model.graph for model in document.models)]
        for document in (one, other)
    ]
    return trees[0] == trees[1] and specs[0] == specs[1] and one.comments == other.comments


def bare(node: object) -> object:
    """A tree without its places."""
    if isinstance(node, tuple):
        return tuple(map(bare, node))
    if is_dataclass(node) and not isinstance(node, Span):
        return type(node), tuple(bare(getattr(node, spot.name)) for spot in fields(node) if spot.name != "span")
    return type(node), node


def _align(lines: Sequence[Line]) -> None:
    """Brings the = of each block's entries into one column, but for names too long to follow."""
    widths: dict[int, int] = {}
    for line in lines:
        name = line.code.partition(" = ")[0]
        if line.block is not None and len(name) <= LONGEST_ALIGNED:
            widths[line.block] = max(len(name), widths.get(line.block, 0))
    for line in lines:
        if line.block is not None:
            name, _, value = line.code.partition(" = ")
            line.code = f"{name:{widths.get(line.block, 0)}} = {value}"


def _comment_column(lines: Sequence[Line]) -> int:
    lengths = [len(_code(line)) + 2 for line in lines if line.code and line.comment]
    followed = [length for length in lengths if length <= LONGEST_COMMENTED]
    return max(COMMENTS_FROM, -(-max(followed, default=0) // 4) * 4)


def _code(line: Line) -> str:
    return INDENT * line.level + line.code


def _drawn(line: Line, column: int) -> str:
    if not (line.code and line.comment):
        return _code(line) + line.comment
    return f"{_code(line):{column - 2}}  {line.comment}"
