"""Names: which words may name a layer, as a name becomes a C function, two files and the stem of macros."""

from __future__ import annotations

import re
from functools import cache

from codegen.errors import SpecError
from codegen.quoting import exactly
from codegen.resources import folder

LONGEST = 63  # C99 5.2.4.1: the significant characters of an internal identifier
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_SUFFIX = re.compile(r"(f|l|[fd][0-9]+x?)$")
_FILES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)  # no file of Windows may be called so
_HEADERS = re.compile(  # types and limits of stddef.h, stdint.h, limits.h, float.h and time.h; arm_neon.h's functions
    r"(u?int\w*|s?size|ptrdiff|wchar|wint|max_align|off|time|l{0,2}div|fpos|float\w+|double|poly\w+)_t"
    r"|(U?INT\w*|S?SIZE|PTRDIFF|U?L{1,2}ONG|[SU]?CHAR|U?SHRT|WCHAR|WINT|L?DBL|FLT)(_\w+)?_(MAX|MIN|C|DIG|EPSILON)"
    r"|v[a-z0-9]+_(\w+_)?[fsup](8|16|32|64)"
)
_OURS = re.compile(r"v[0-9]+u?(_\w+)?|hold|genconv\w*")  # an emitted file's vector types; the JIT's functions

SUFFIXES = ("H", "STEPS", "CHANNELS", "OUT_STEPS", "FILTERS", "WORKSPACE_BYTES", "out_steps")
"""The header of a layer NAME defines NAME_SUFFIX."""


def check(field: str, value: object) -> str:
    """The name itself. Raises SpecError E120 for what is no identifier, E121 for a word that C has taken."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or len(value) > LONGEST:
        shown = f'"{value[: LONGEST + 1]}"' if isinstance(value, str) else exactly(value)
        message = f"`{field}` must start with a letter and hold letters, digits and _, {LONGEST} at most, got {shown}"
        raise SpecError("E120", message, hint="it becomes a C function: write it as in stem_1")
    if owner := taken(value):
        raise SpecError("E121", f"a layer cannot be named `{value}`: {owner}", hint=f"write layer_{value}")
    return value


def taken(name: str) -> str | None:
    """Whose word it is in C, C++ or an emitted file; None for a free one."""
    words = _reserved()
    if name in words["keywords"]:
        return "a keyword of C or C++"
    if name in words["library"] or {name, _SUFFIX.sub("", name)} & words["maths"]:
        return "a name of the C library"
    if _HEADERS.fullmatch(name):
        return "a name of a standard C header"
    if _OURS.fullmatch(name):
        return "a name inside the generated C"
    return "Windows has no file of that name" if _FILES.fullmatch(name) else None


@cache
def _reserved() -> dict[str, frozenset[str]]:
    """The sections of grammar/reserved.txt."""
    words: dict[str, list[str]] = {}
    section: list[str] = []
    for line in (folder("grammar") / "reserved.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = words.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            section += line.split()
    return {name: frozenset(found) for name, found in words.items()}
