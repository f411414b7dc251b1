"""C with colours: comments, lines of the preprocessor, words of the language, numbers. For people's eyes alone."""

from __future__ import annotations

import re
from html import escape

__all__ = ["MOST_LINES", "highlighted"]

MOST_LINES = 1_500  # of a file that are shown
WORDS = frozenset(
    {"break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for"}
    | {"if", "inline", "int", "long", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch"}
    | {"typedef", "union", "unsigned", "void", "while", "ptrdiff_t", "size_t", "int8_t", "int16_t", "int32_t"}
    | {"int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t"}
)
PIECES = re.compile(
    r"(?P<c>/\*.*?\*/|//[^\n]*)|(?P<p>^[ \t]*#[^\n]*)|(?P<s>\"[^\"\n]*\")"
    r"|(?P<n>\b(?:0[xX][0-9a-fA-F.]+(?:[pP][-+]?\d+)?|\d[\d.]*(?:[eE][-+]?\d+)?)[fuULl]*\b)|(?P<k>\b[A-Za-z_]\w*\b)",
    re.S | re.M,
)


def highlighted(text: str) -> str:
    """The first lines of a C text as HTML, escaped, and how many more there are."""
    lines = text.splitlines()
    shown = "\n".join(lines[:MOST_LINES])
    found, at = list[str](), 0
    for match in PIECES.finditer(shown):
        kind, words = match.lastgroup, match[0]
        found.append(escape(shown[at : match.start()]))
        plain = kind == "s" or (kind == "k" and words not in WORDS)
        found.append(escape(words) if plain else f'<span class="{kind}">{escape(words)}</span>')
        at = match.end()
    found.append(escape(shown[at:]))
    rest = len(lines) - MOST_LINES
    more = f'\n<span class="c">{rest:,} more lines</span>' if rest > 0 else ""
    return f"<pre>{''.join(found)}{more}</pre>"
