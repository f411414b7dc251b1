"""What a file defines and does not use: found in its own text, so that no list has to foresee it."""

from __future__ import annotations

import re
from collections import defaultdict

__all__ = ["without_unused"]

_DEFINITION = re.compile(
    r"^#define (?P<macro>\w+)(?:[^\n]*\\\n)*[^\n]*\n"
    r"|^typedef [^\n;]*?\b(?P<type>\w+)(?: __attribute__\(\([^\n;]*\)\))?;[^\n]*\n"
    r"|^static (?:inline )?[^=;{\n]*?\b(?P<function>\w+)\([^{;]*\)\n\{\n.*?^\}\n",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"\b[A-Za-z_]\w*")
_GONE, _LIFTED = "\0", "\1"
_LEFT_COMMENT = re.compile(rf"^{_GONE}*/\*(?:(?!\*/).)*\*/\n{_GONE}+(?=\n|\Z)", re.MULTILINE | re.DOTALL)
_EMPTY = re.compile(rf"^{_GONE}*#if[^\n]*\n(?:{_GONE}*#(?:elif|else)[^\n]*\n)*{_GONE}*#endif\n", re.MULTILINE)
_WIDTHS = re.compile(r"\bu?int\d+_t\b")
_TABLE = re.compile(r"(?<= = \{\n)[^{}]*(?=\n\};)")


def without_unused(text: str) -> str:
    """A C file without the static functions, types and macros that nothing in it needs.

    With them go the comment above them, a condition of the preprocessor that is then around nothing, and <stdint.h>.
    """
    tables = _TABLE.findall(text)  # numbers alone, and perhaps megabytes of them
    kept = iter(tables)
    return re.sub(_LIFTED, lambda _: next(kept), _without_unused(_TABLE.sub(_LIFTED, text)))


def _without_unused(text: str) -> str:
    """The same of a file without its tables."""
    found = list(_DEFINITION.finditer(text))
    live = _live(text, found)
    dropped = [one for one in found if _name(one) not in live]
    if not dropped:
        return text
    kept, at = [], 0
    for one in dropped:
        kept += [text[at : one.start()], _GONE]
        at = one.end()
    text = _EMPTY.sub(_GONE, "".join((*kept, text[at:])))
    text = _LEFT_COMMENT.sub("", text).replace(_GONE, "")
    return text if _WIDTHS.search(text) else text.replace("#include <stdint.h>\n", "")


def _live(text: str, found: list[re.Match[str]]) -> set[str]:
    """The words that the file uses, from what is no definition on, through the definitions that those words name."""
    inside: dict[str, set[str]] = defaultdict(set)
    rest, at = [], 0
    for one in found:
        name = _name(one)
        inside[name] |= _words(one[0]) - {name}
        rest.append(text[at : one.start()])
        at = one.end()
    waiting, live = set[str]().union(*map(_words, (*rest, text[at:]))), set[str]()
    while waiting:
        word = waiting.pop()
        live.add(word)
        waiting |= inside.get(word, set()) - live
    return live


def _name(definition: re.Match[str]) -> str:
    return definition["macro"] or definition["type"] or definition["function"]


def _words(text: str) -> set[str]:
    """The identifiers of a text, those of its comments left out."""
    return set(_WORD.findall(_COMMENT.sub("", text)))
