"""The modes of floating-point arithmetic, which belong to whoever runs Python and not to a library that is loaded.

gcc links code into a library made with -Ofast that sets flush-to-zero as it is loaded: from then on numbers below the
normal range are zero in every library of the thread, NumPy among them.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["Changed", "kept"]

ENVIRONMENT_BYTES = 256  # of a fenv_t: 32 on x86-64 and less elsewhere


class Changed(Exception):
    """Foreign code left other modes of arithmetic than it found."""


@contextmanager
def kept() -> Iterator[None]:
    """Set the modes back if what runs inside changes them, and then raise Changed."""
    before, environment = _ieee(), ctypes.create_string_buffer(ENVIRONMENT_BYTES)
    functions = _functions()
    if functions:
        functions[0](environment)
    try:
        yield
    finally:
        changed = before and not _ieee()
        if changed and functions:
            functions[1](environment)
    if changed:
        raise Changed("changes the modes of floating-point arithmetic")


def _ieee() -> bool:
    """Whether arithmetic is IEEE 754's default: numbers below the normal range are kept, and rounding is to nearest."""
    least, much_less = sys.float_info.min, sys.float_info.epsilon / 1024
    return least / 2 != 0.0 and 1.0 + much_less == 1.0 == 1.0 - much_less


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, Any] | None:
    """C's fegetenv and fesetenv, None where they are not at hand."""
    try:
        library = ctypes.CDLL(None)
        return library.fegetenv, library.fesetenv
    except (OSError, TypeError, AttributeError):  # Windows has no such handle
        return None
