"""Recovery: tokens to a tree past every syntax error, so that one run reports them all.

The parser is fed one token at a time. At each boundary (the start of an entry or a statement) its stacks are kept; at
a fault they are put back, the tokens up to the next boundary are left out, and reading goes on there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.errors import SpecError
from codegen.language import tree
from codegen.language.line_ends import CLOSERS, OPENERS, Tokens
from codegen.language.syntax_errors import inside_a_model, misfit, unreadable
from codegen.language.tree_builder import span

if TYPE_CHECKING:
    from codegen.language.automaton import Machine, Token


SEPARATORS = frozenset({"_COMMA", "_SEMICOLON"})
HEADS = {  # what stands in for a header that cannot be read, so that its block still can
    "FOR": ("FOR", "NAME", "IN", "CONSTANT"),
    "DEFAULTS": ("DEFAULTS",),
    "MODEL": ("MODEL", "NAME"),
}
LAYER = ("NAME", "NAME")


class Reader:
    """One pass over a file's tokens; `read` gives the tree and its faults."""

    def __init__(self, machine: Machine, tokens: Tokens) -> None:
        self._machine, self._tokens = machine, tokens
        self._faults: list[SpecError] = []
        self._blocks: list[tuple[Token, str]] = []  # the open braces, and what their statements begin with
        self._mark = 0  # the position of the boundary behind which nothing is complete
        self._depth = 0  # round and square brackets open since then
        kinds = [token.type for token in tokens.items]
        self._balanced = kinds.count("_LBRACE") == kinds.count("_RBRACE")  # no brace was forgotten

    def read(self) -> tree.File:
        position, items = 0, self._tokens.items
        while position < len(items):
            position = self._step(position, items[position])
        if self._mark < len(items):
            self._faults.append(misfit(self._tokens, len(items) - 1, frozenset({"_LBRACE"})))
            self._machine.put_back()
        while self._blocks:
            self._close("put a `}` where the block ends")
        return tree.File(self._machine.end(), tuple(self._faults))

    @property
    def _in_entries(self) -> bool:
        return bool(self._blocks) and self._blocks[-1][1] not in ("FOR", "MODEL")

    @property
    def _in_model(self) -> bool:
        return any(head == "MODEL" for _, head in self._blocks)

    def _step(self, position: int, token: Token) -> int:
        """Reads the token there; returns the position of the next one to read."""
        while position == self._mark and self._opens_statement(position):
            if self._in_model and not self._in_entries and self._balanced:
                return self._left_out(position)
            self._close(f"put a `}}` before `{token}`")
        fault = unreadable(self._tokens, position, blocks=len(self._blocks))
        if fault is None:
            expected = self._machine.feed(token)
            if expected is None:
                self._fed(position, token)
                return position + 1
            fault = misfit(self._tokens, position, expected)
        self._faults.append(fault)
        if self._begins_entry(position) and self._machine.make("_COMMA"):
            return self._boundary(position)
        return self._recover(position)

    def _fed(self, position: int, token: Token) -> None:
        """Keeps count of brackets and blocks, and the stacks at a boundary."""
        if token.type in OPENERS:
            self._depth += 1
        elif token.type in CLOSERS:
            self._depth -= 1
        elif token.type == "_LBRACE":
            self._blocks.append((token, self._tokens.items[self._mark].type))
        elif token.type == "_RBRACE":
            self._blocks.pop()
        if token.type in ("_NL", "_LBRACE", "_RBRACE") or (token.type in SEPARATORS and not self._depth):
            self._boundary(position + 1)

    def _boundary(self, position: int) -> int:
        self._machine.keep()
        self._mark, self._depth = position, 0
        return position

    def _recover(self, position: int) -> int:
        """Leaves out the tokens from the last boundary to the next; at a `{` a made-up header opens the block."""
        self._machine.put_back()
        items, at = self._tokens.items, self._next_boundary(position)
        kind = items[at].type if at < len(items) else "_NL"
        if kind == "_LBRACE":
            return self._enter(at)
        if kind == "_RBRACE" and not self._blocks:
            return self._boundary(at + 2 if items[at + 1].type == "_NL" else at + 1)
        self._stand_in(kind)
        return self._boundary(at if kind == "_RBRACE" else at + 1)

    def _next_boundary(self, position: int) -> int:
        """The first token from `position` on at which an entry or statement ends, outside brackets."""
        items, depth, lost = self._tokens.items, 0, False
        ends = {"_NL", "_RBRACE", *(SEPARATORS if self._in_entries else ("_LBRACE",))}
        for at in range(self._mark, len(items)):
            kind = items[at].type
            if at >= position and depth <= 0 and kind in ends and (not lost or self._ends_lost(at)):
                return at
            if at in self._tokens.unclosed:
                lost = True  # a separator may belong to what was never closed
            elif at in self._tokens.stray:
                continue
            elif kind in OPENERS or kind == "_LBRACE":
                depth += 1
            elif kind in CLOSERS or (kind == "_RBRACE" and depth > 0):
                depth -= 1
        return len(items)

    def _ends_lost(self, position: int) -> bool:
        """Whether the token there ends an entry with an open bracket: a line's end, or what an entry follows."""
        kinds = [token.type for token in self._tokens.items[position : position + 3]]
        return kinds[0] not in SEPARATORS or kinds[1:] == ["NAME", "_EQ"]

    def _stand_in(self, end: str) -> None:
        """Reads `name = ?` for an entry or a `let` whose name is known, so that nobody misses it."""
        tokens = self._tokens.items[self._mark : self._mark + 2]
        kinds = [token.type for token in tokens]
        if self._in_entries and kinds[:1] == ["NAME"] and kinds != ["NAME", "NAME"]:
            self._machine.feed(tokens[0])
            self._machine.make("_EQ", "CONSTANT", *([] if end == "_RBRACE" else [end]))
        elif not self._blocks and kinds == ["LET", "NAME"]:
            self._machine.feed(tokens[0])
            self._machine.feed(tokens[1])
            self._machine.make("_EQ", "CONSTANT", "_NL")

    def _begins_entry(self, position: int) -> bool:
        """Whether the token there starts an entry that only lacks its separator."""
        kinds = [token.type for token in self._tokens.items[position : position + 2]]
        return self._in_entries and self._mark < position and not self._depth and kinds == ["NAME", "_EQ"]

    def _enter(self, position: int) -> int:
        """Opens the block whose `{` stands there, whatever its header was meant to be."""
        kind = self._tokens.items[self._mark].type
        if self._in_model and kind != "FOR":  # where nothing but a loop has a block
            return self._boundary(self._behind(position))
        head = HEADS.get(kind, LAYER)
        brace = self._tokens.items[position]
        self._machine.make(*head)
        self._machine.feed(brace)
        self._blocks.append((brace, kind if kind in HEADS else "NAME"))
        return self._boundary(position + 1)

    def _left_out(self, position: int) -> int:
        """Reports a block that stands inside a model, where only loops have one, and goes on behind it."""
        items = self._tokens.items
        brace = next(at for at in range(position, len(items)) if items[at].type == "_LBRACE")
        self._faults.append(inside_a_model(items[position], items[position + 1]))
        return self._boundary(self._behind(brace))

    def _behind(self, position: int) -> int:
        """The position behind the block whose `{` stands there, and behind its line."""
        depth, items = 0, self._tokens.items
        for at in range(position, len(items)):
            depth += (items[at].type == "_LBRACE") - (items[at].type == "_RBRACE")
            if not depth:
                return at + 2 if at + 1 < len(items) and items[at + 1].type == "_NL" else at + 1
        return len(items)

    def _close(self, hint: str) -> None:
        """Closes a block whose brace was forgotten."""
        brace, _ = self._blocks.pop()
        self._faults.append(SpecError("E107", "this `{` is never closed", hint=hint, span=span(brace)))
        self._machine.make("_RBRACE")
        self._machine.keep()

    def _opens_statement(self, position: int) -> bool:
        """Whether a block's header stands there that cannot stand in the block around it, which was never closed."""
        kinds = [token.type for token in self._tokens.items[position : position + 3]]
        if kinds[:2] == ["MODEL", "NAME"]:
            return self._in_entries or self._in_model
        if self._in_model and not self._in_entries:
            layer = kinds[:2] == ["NAME", "NAME"] and kinds[2:] in (["_LBRACE"], ["LSQB"])
            return layer or kinds[:2] == ["DEFAULTS", "_LBRACE"]
        return self._in_entries and (
            kinds[:2] == ["FOR", "NAME"]
            or kinds[:2] == ["DEFAULTS", "_LBRACE"]
            or (kinds[:2] == ["NAME", "NAME"] and kinds[2:] in (["_LBRACE"], ["LSQB"]))
        )
