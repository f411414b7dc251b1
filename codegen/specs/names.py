"""Names: which words may name a layer, as a name becomes a C function, two files and the stem of macros."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from codegen.errors import SpecError
from codegen.errors.quoting import exactly
from codegen.installed import folder

LONGEST = 63  # C99 5.2.4.1: the significant characters of an internal identifier
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_SUFFIX = re.compile(r"(f|l|[fd][0-9]+x?)$")
_OURS = re.compile(
    r"v[0-9]+[a-z]?(_\w+)?|hold|(?i:gen_?conv\w*)"
)  # an emitted file's vector types; the JIT's functions

SIZES = ("H", "STEPS", "OUT_STEPS", "CHANNELS", "FILTERS", "OUT_FILTERS", "WORKSPACE_BYTES")
INT8 = ("WORKSPACE_ALIGN", "INPUT_SCALE", "INPUT_ZERO_POINT", "OUTPUT_SCALE", "OUTPUT_ZERO_POINT")
NUMBERS = ("KERNEL_NUMBERS", "DEPTHWISE_KERNEL_NUMBERS", "POINTWISE_KERNEL_NUMBERS")
FUNCTIONS = ("out_steps", "slice", "pack", "pack_depthwise_kernel", "pack_pointwise_kernel")
BACKWARD = ("z", "output", "input", "kernel", "H", "STEPS", "OUT_STEPS", "CHANNELS", "FILTERS", "WORKSPACE_BYTES")
STREAM = ("state", "reset", "prewarm", "process", "flush")
STREAM_MACROS = ("LATENCY", "BLOCK", "MAX_OUT", "MAX_FLUSH", "STATE_NUMBERS", "DELAY")
FILES = ("backward", "test", "causal")
"""A layer NAME may have further files: NAME_backward.c and .h, NAME_test.c and .h, NAME_causal.c and .h."""
CAUSAL = ("CHANNELS", "KEPT")
TEST = ("self_test", "test_H")
MACROS = (
    *SIZES[1:],
    *INT8,
    *NUMBERS,
    *STREAM_MACROS,
    *(f"BACKWARD_{word}" for word in (*SIZES[1:5], "KERNEL_NUMBERS", "WORKSPACE_BYTES")),
    *(f"CAUSAL_{word}" for word in CAUSAL),
)
"""What follows NAME_ in the macros of a layer's headers, which are all in capitals."""
SUFFIXES = (
    *(*SIZES, *INT8, *NUMBERS, *FUNCTIONS, *STREAM, *FILES, *TEST),
    *(f"backward_{word}" for word in (*BACKWARD, "KERNEL_NUMBERS")),
    "causal_H",
)
"""What is emitted for a layer NAME defines NAME_SUFFIX, for other files and for the linker to see."""


def of_model(outputs: Sequence[str], values: int) -> tuple[str, ...]:
    """The suffixes of a model with such outputs and so many values: functions of the numbers of their steps, too."""
    steps = (f"{word}_steps" for at, name in enumerate(outputs) for word in (name, f"y_{at}_"))
    return (*SUFFIXES, *steps, *(f"steps_{number}" for number in range(1, values)))


def check(field: str, value: object) -> str:
    """The name itself. Raises SpecError E120 for what is no identifier, E121 for a word that C has taken."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or len(value) > LONGEST:
        shown = f'"{value[: LONGEST + 1]}"' if isinstance(value, str) else exactly(value)
        message = f"`{field}` must start with a letter and hold letters, digits and _, {LONGEST} at most, got {shown}"
        raise SpecError("E120", message, hint="it becomes a C function: write it as in stem_1")
    if owner := taken(value):
        raise SpecError("E121", f"a layer cannot be named `{value}`: {owner}", hint=f"write layer_{value}")
    return value


def macro(name: str, suffix: str) -> str:
    """The macro of that suffix, in capitals: STEM_STEPS of a layer `stem`."""
    return f"{name}_{suffix}".upper()


def claimed(layers: Iterable[str]) -> set[str]:
    """All that the C of these layers defines for other files to see, their names and macros."""
    words: set[str] = set()
    for name in layers:
        words |= {name, *(f"{name}_{suffix}" for suffix in SUFFIXES), *(macro(name, suffix) for suffix in MACROS)}
    return words


def taken(name: str) -> str | None:
    """Whose word it is in C, C++ or an emitted file; None for a free one."""
    words, small = _reserved(), name.casefold()
    spelled = {name, small}
    if spelled & words["keywords"]:
        return "a keyword of C or C++"
    if spelled & words["library"] or {*spelled, _SUFFIX.sub("", small)} & words["maths"]:
        return "a name of the C library"
    if small in words["files"]:
        return "Windows has no file of that name"
    if small in words["headers"]:
        return f"its {name}.h would hide the system's <{small}.h>"
    if _OURS.fullmatch(name):
        return "a name inside the generated C"
    if spelled & words["names"] or _families().fullmatch(name):
        return "a name of a header of C, of POSIX or of a processor's intrinsics"
    return None


@cache
def _reserved() -> dict[str, frozenset[str]]:
    """The words of grammar/reserved.txt by section, in small letters; macros that C has in capitals stay in these."""
    words = {section: " ".join(lines).split() for section, lines in _sections().items()}
    words["headers"] += words["elsewhere"]
    return {
        section: frozenset(word if word.isupper() else word.casefold() for word in found)
        for section, found in words.items()
    }


@cache
def _families() -> re.Pattern[str]:
    """All patterns of grammar/reserved.txt as one."""
    return re.compile("|".join(_sections()["patterns"]))


@cache
def _sections() -> dict[str, list[str]]:
    """The lines of grammar/reserved.txt by section."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (folder("grammar") / "reserved.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return found
