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
_LEFT_COMMENT = re.compile(rf"^/\*(?:(?!\*/).)*\*/\n{_GONE}+(?=\n|\Z)", re.MULTILINE | re.DOTALL)
_WIDTHS = re.compile(r"\bu?int\d+_t\b")
_TABLE = re.compile(r"(?<= = \{\n)[^{}]*(?=\n\};)")


def without_unused(text: str) -> str:
    """A C file without the static functions that nothing in it needs, and without what only these needed.

    That is their types, the macros that call them, the comment above them and <stdint.h>. Other macros stay: no
    compiler warns of one that is not used.
    """
    tables = _TABLE.findall(text)  # numbers alone, and perhaps megabytes of them
    kept = iter(tables)
    return re.sub(_LIFTED, lambda _: next(kept), _without_unused(_TABLE.sub(_LIFTED, text)))


def _without_unused(text: str) -> str:
    """The same of a file without its tables."""
    found = list(_DEFINITION.finditer(text))
    live = _live(text, found)
    dropped = [one for one in found if one["function"] and one["function"] not in live]
    if not dropped:
        return text
    functions = {one["function"] for one in dropped}
    needed = {word for one in dropped for word in _words(one[0])}
    dropped += [one for one in found if one["type"] and one["type"] in needed - live]
    dropped += [one for one in found if one["macro"] and one["macro"] not in live and functions & _words(one[0])]
    for one in sorted(dropped, key=lambda one: -one.start()):
        text = text[: one.start()] + _GONE + text[one.end() :]
    text = _LEFT_COMMENT.sub("", text).replace(_GONE, "")
    return text if _WIDTHS.search(text) else text.replace("#include <stdint.h>\n", "")


def _live(text: str, found: list[re.Match[str]]) -> set[str]:
    """The words that the file uses, from what is no definition on, through the definitions that those words name."""
    inside: dict[str, set[str]] = defaultdict(set)
    rest, at = [], 0
    for one in found:
        name = one["macro"] or one["type"] or one["function"]
        inside[name] |= _words(one[0]) - {name}
        rest.append(text[at : one.start()])
        at = one.end()
    waiting, live = set[str]().union(*map(_words, (*rest, text[at:]))), set[str]()
    while waiting:
        word = waiting.pop()
        live.add(word)
        waiting |= inside.get(word, set()) - live
    return live


def _words(text: str) -> set[str]:
    """The identifiers of a text, those of its comments left out."""
    return set(_WORD.findall(_COMMENT.sub("", text)))
