"""A compiled library, opened: whose fault it is where that fails, and that it leaves Python's arithmetic alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codegen.errors import ToolchainError
from codegen.machine import fpu
from codegen.machine._abi import ffi
from codegen.machine.compilers import Compiler

__all__ = ["opened", "packs", "same_arithmetic"]

NOT_FROM_THERE = ("failed to map segment", *map(os.strerror, (errno.EPERM, errno.EACCES, errno.EMFILE, errno.ENFILE)))
NOT_THERE = f"cannot open shared object file: {os.strerror(errno.ENOENT)}"  # of a file that is there


def opened(path: Path, compiler: Compiler, entry: str) -> Any:
    """The library at `path`, which has the function `entry`.

    Raises ToolchainError where it is at fault, OSError where its folder is (noexec).
    """
    try:
        with same_arithmetic(compiler):
            library = ffi.dlopen(str(path))
        getattr(library, entry)  # looked up for its error
    except UnicodeEncodeError:
        raise OSError(f"{path} cannot be written in the encoding of this system's file names") from None
    except OSError as error:
        if not path.exists() or any(word in str(error) for word in NOT_FROM_THERE):
            raise
        why = (
            str(error).rpartition(f"{path}: ")[2].replace(NOT_THERE, "it is another machine's")
        )  # as the loader has it
        raise _useless(compiler, f"cannot be loaded: {why}") from None
    except (AttributeError, ffi.error):
        raise _useless(compiler, f"has no function {entry}") from None
    return library


def packs(library: Any, entry: str = "genconv_pack_v1") -> bool:
    """Whether an opened library lays its kernel out itself; by `entry`."""
    try:
        getattr(library, entry)
    except (AttributeError, ffi.error):
        return False
    return True


@contextmanager
def same_arithmetic(compiler: Compiler) -> Iterator[None]:
    """Raise ToolchainError where what `compiler` made changes the modes of floating-point arithmetic."""
    try:
        with fpu.kept():
            yield
    except fpu.Changed as error:
        raise _useless(compiler, f"{error}, as -Ofast does") from None


def _useless(compiler: Compiler, why: str) -> ToolchainError:
    told = f"{compiler.version} ({compiler.command[0]}) reported success, but its library {why}"
    return ToolchainError(f"{told}{compiler.way_out}")
