"""Writes `_abi.py`, the Python side of each abi.h in templates/: `python -m codegen.machine.abi_build`.

Out-of-line ABI mode: cffi parses the C once, here, so that loading a kernel needs no parser, no Python headers and no
setuptools.
"""

from __future__ import annotations

import re
from pathlib import Path

from codegen.installed import folder

__all__ = ["declarations", "write"]

HEADERS = ("abi.h", "gradients/abi.h", "stream/abi.h", "causal/abi.h")


def declarations() -> str:
    """The C declarations of all without comments."""
    texts = [(folder("templates") / name).read_text("utf-8") for name in HEADERS]
    return re.sub(r"/\*.*?\*/", "", "\n".join(texts), flags=re.DOTALL)


def write(path: Path) -> None:
    """Write the module that describes the declarations."""
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source("codegen.machine._abi", None)
    ffi.emit_python_code(str(path))


if __name__ == "__main__":
    write(Path(__file__).with_name("_abi.py"))
