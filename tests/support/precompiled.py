"""Headers of intrinsics, read once in a session for each compiler and its flags, and not with each text.

<arm_neon.h> alone takes gcc 0.25 s, <immintrin.h> 0.3, precompiled 0.04. A text finds no more by it than in the header
that it includes itself.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

HEADERS = ("immintrin.h", "arm_neon.h")
COMPILER = re.compile(r"(.*-)?(gcc|cc|clang)(-[0-9]+)?")
NOT_ITS_OWN = re.compile(r"-(o|c|S|l.*|L.*|I(?!/usr/).*|fsyntax-only|fstack-usage)")
MANY = 3  # texts that pay for what precompiling takes, two times as long as reading
HANDED = "GENCONV_TESTS_HEADERS"  # the variable by which a process of a test's own knows the folder
kept = Path(os.environ[HANDED]) if HANDED in os.environ else None


def keep(folder: Path | None) -> None:
    """Keep them in `folder`, which all workers of a session share; None: precompile nothing."""
    global kept
    kept = folder
    if folder:
        folder.mkdir(exist_ok=True)


def handed() -> dict[str, str]:
    """What a process of tests.fuzz has in its environment, to find them."""
    return {HANDED: str(kept)} if kept else {}


def words(command: Sequence[str], texts: Sequence[str]) -> tuple[str, ...]:
    """The arguments that have `command` take precompiled what each of these C texts includes; none where it cannot.

    A compiler with flags that is seen for the first time, and for few texts, reads the header itself.
    """
    header = next((one for one in HEADERS if texts and all(f"#include <{one}>\n" in text for text in texts)), None)
    found = COMPILER.fullmatch(Path(command[0]).name)
    if kept is None or header is None or not found or any("_SOURCE" in text.split(header)[0] for text in texts):
        return ()
    flags = [word for word in command[1:] if word.startswith("-") and not NOT_ITS_OWN.fullmatch(word)]
    name = hashlib.sha256("\0".join((command[0], header, *flags)).encode()).hexdigest()[:24]
    clang = found[2] == "clang"
    place = kept / name / header
    made = place.with_suffix(".h.pch" if clang else ".h.gch")
    if not made.exists():
        seen = place.exists()
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#include <{header}>\n")
        if not seen and len(texts) < MANY:
            return ()
        part = made.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            (command[0], *flags, "-x", "c-header", str(place), "-o", str(part)), capture_output=True, check=False
        )
        if done.returncode:
            return ()
        part.replace(made)
    return ("-include-pch", str(made)) if clang else ("-include", str(place))
