"""Names: which words may name a layer, as a name becomes a C function, a file and the stem of macros."""

from __future__ import annotations

import re

from codegen.errors import SpecError

LONGEST = 63  # C99 5.2.4.1: the significant characters of an internal identifier
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def check(field: str, value: object) -> str:
    """The name itself. Raises SpecError E120 for what is no identifier, E121 for a word that C has taken."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or len(value) > LONGEST:
        shown = f'"{value[:LONGEST + 1]}"' if isinstance(value, str) else repr(value)[:LONGEST]
        message = f"`{field}` must be a C identifier of at most {LONGEST} characters that starts with a letter, got {shown}"
        raise SpecError("E120", message, hint="use letters, digits and _, as in stem_1")
    return value
