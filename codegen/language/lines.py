"""A text's pieces gathered into the lines that the writer writes, with the blanks within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.language.document import COMMENT, LINE_END, Piece
from codegen.language.line_ends import CLOSERS, OPENERS, OPERANDS, OPERATORS

INDENT = "    "
WIDEST = 120  # columns of a block on one line
LOOP = -1  # in place of a block's number


@dataclass
class Line:
    """One line; `block` is the number of the block that it begins an entry of, `spaced` an empty line before it."""

    level: int
    code: str = ""
    comment: str = ""
    spaced: bool = False
    block: int | None = None


class Gatherer:
    """One pass over the pieces of a readable text; `block` says that they are those of a block's inside."""

    def __init__(self, pieces: Sequence[Piece], block: int | None = None) -> None:
        self._pieces = pieces
        self._follows = _following(pieces)
        self._blocks = [] if block is None else [block]  # those that are open: a number each
        self._count = 0  # blocks met so far
        self._done: list[Line] = []
        self._line: Line | None = None  # the one being gathered
        self._words: list[Piece] = []  # of the statement or entry being gathered, over all its lines
        self._brackets: list[Piece] = []  # those that are open in it
        self._pending: list[str] = []  # comments between a header and its {
        self._ends = 1  # line ends since the last piece

    def lines(self) -> list[Line]:
        at = 0
        while at < len(self._pieces):
            piece = self._pieces[at]
            if piece.kind == LINE_END:
                self._end_line(at)
            elif piece.kind == COMMENT:
                self._comment(piece, at)
            elif piece.kind == "_LBRACE":
                at = self._open(at)
            elif piece.kind == "_RBRACE":
                self._close()
            elif piece.kind in ("_COMMA", "_SEMICOLON") and not self._brackets:
                self._finish()
            elif not self._needless(at):
                self._word(piece)
            if piece.kind != LINE_END:
                self._ends = 0
            at += 1
        self._finish()
        return self._done

    def _new(self, level: int, code: str = "", comment: str = "") -> Line:
        """A line; an empty one of the text before it is kept, but in a statement and at a block's start."""
        first = not self._done or self._done[-1].code.endswith("{")
        return Line(level, code, comment, spaced=self._ends > 1 and not first and not self._words)

    def _word(self, piece: Piece) -> None:
        if self._line:
            self._line.code += gap(self._words, piece, inside=bool(self._brackets)) + piece.text
        else:
            self._line = self._new(len(self._blocks) + self._deeper(piece), code=piece.text)
            if not self._words and self._blocks and self._blocks[-1] != LOOP:
                self._line.block = self._blocks[-1]
        self._words.append(piece)
        if piece.kind in OPENERS:
            self._brackets.append(piece)
        elif piece.kind in CLOSERS:
            self._brackets.pop()

    def _deeper(self, piece: Piece | None = None) -> int:
        """Levels that a further line of a statement stands deeper, given what it begins with."""
        if not self._words:
            return 0
        closes = piece is not None and piece.kind in CLOSERS
        return len(self._brackets) - 1 if closes else max(1, len(self._brackets))

    def _needless(self, at: int) -> bool:
        """Whether a comma is the last in its brackets, on the line of the closing one, and (1,) not what it makes."""
        if self._pieces[at].kind != "_COMMA" or self._pieces[at + 1].kind not in CLOSERS:
            return False
        return self._brackets[-1].kind != "LPAR" or self._has_comma()

    def _has_comma(self) -> bool:
        """Whether the innermost open bracket has a comma of its own."""
        depth = 0
        for piece in reversed(self._words):
            depth += (piece.kind in CLOSERS) - (piece.kind in OPENERS)
            if depth < 0:
                return False
            if piece.kind == "_COMMA" and not depth:
                return True
        return False

    def _finish(self) -> None:
        """Ends the statement or entry."""
        self._break()
        self._words.clear()

    def _break(self) -> None:
        """Ends the line."""
        if self._line:
            self._done.append(self._line)
            self._line = None

    def _end_line(self, at: int) -> None:
        self._ends += 1
        if self._line is None:
            return
        if self._brackets or self._words[-1].kind in OPERATORS:
            self._break()
        elif self._follows[at] != "_LBRACE":
            self._finish()

    def _comment(self, piece: Piece, at: int) -> None:
        text = piece.text.rstrip()
        if self._words and not self._brackets and self._follows[at] == "_LBRACE":
            self._pending.append(text)
        elif self._line:
            self._line.comment = text
        elif not self._ends and not self._done[-1].comment:
            self._done[-1].comment = text
        else:
            self._done.append(self._new(len(self._blocks) + self._deeper(), comment=text))

    def _open(self, at: int) -> int:
        """Begins a block, or writes all of one that fits on its line; returns the position of the last piece read."""
        assert self._line
        loop = self._words[0].kind == "FOR" or (self._words[0].text == "model" and len(self._words) == 2)
        end, flat = (at, None) if self._pending else self._flat(at, loop=loop)
        if flat is not None and len(INDENT) * self._line.level + len(self._line.code) + 1 + len(flat) <= WIDEST:
            self._line.code += f" {flat}"
            self._finish()
            return end
        self._line.code += " {"
        self._line.comment = "".join(self._pending[:1])
        self._finish()
        self._blocks.append(LOOP if loop else self._count)
        self._count += 1
        self._done += [Line(len(self._blocks), comment=text) for text in self._pending[1:]]
        self._pending.clear()
        return at

    def _flat(self, at: int, *, loop: bool) -> tuple[int, str | None]:
        """Where the block that begins at `at` ends, and its text on one line; None for one that is on several."""
        end = at + 1
        while self._pieces[end].kind == LINE_END:
            end += 1
        if self._pieces[end].kind == "_RBRACE":
            return end, "{}"
        end = at + 1
        while self._pieces[end].kind not in (LINE_END, COMMENT, "_RBRACE"):
            end += 1
        if loop or self._pieces[end].kind != "_RBRACE":
            return end, None
        entries = Gatherer(self._pieces[at + 1 : end], 0).lines()
        return end, f"{{ {', '.join(entry.code for entry in entries)} }}"

    def _close(self) -> None:
        self._finish()
        self._blocks.pop()
        self._done.append(Line(len(self._blocks), "}"))


def gap(words: Sequence[Piece], piece: Piece, *, inside: bool) -> str:
    """The blank between the last of `words` and `piece`; `inside` brackets an = touches what is around it."""
    before, kind = words[-1].kind, piece.kind
    if before in OPENERS or kind in CLOSERS or kind in ("_COMMA", "CALL") or "POWER" in (before, kind):
        return ""
    if (inside and "_EQ" in (before, kind)) or (before, kind) == ("PLUS", "_EQ"):
        return ""
    if ":" in (words[-1].text, piece.text):  # of a slice
        return ""
    if kind == "LSQB" and before == "NAME":  # of a layer's index
        return ""
    sign = before in OPERATORS and (len(words) < 2 or words[-2].kind not in OPERANDS)
    return "" if sign else " "


def _following(pieces: Sequence[Piece]) -> list[str]:
    """For each piece the kind of the next one that is neither a comment nor a line's end."""
    found, kind = [""] * len(pieces), ""
    for at in range(len(pieces) - 1, -1, -1):
        found[at] = kind
        if pieces[at].kind not in (COMMENT, LINE_END):
            kind = pieces[at].kind
    return found
