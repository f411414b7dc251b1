"""Arrays kept on disk beside the kernels and mapped read-only: weights as a kernel packed them, and as they were drawn.

An entry is an array's bytes with a trailer behind them: what it is, the CRC-32 of the bytes, and the sha256 of the rest
of the trailer. These find what is torn, moved or faulty; against what others could write stand the folder and the owner
(`ownership.py`), as for libraries. Entries are not flushed to the disk: what a crash leaves of one is not whole. What
an entry is wanted for is in its name, and its size is known before it is opened. docs/jit.md tells it to users.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
import weakref
import zlib
from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from codegen.errors import UsageError
from codegen.machine import cache, ownership, plan_index, pruning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["SUFFIX", "array", "named"]

SUFFIX = ".weights"
TRAILER = struct.Struct("<16s32sQL")  # magic, name, bytes of the array, their CRC-32; the sha256 of it follows
MAGIC = b"gen-conv array 1"
END_BYTES = TRAILER.size + hashlib.sha256().digest_size
LEAST_BYTES = 1 << 18  # what is smaller is made as fast as it is found
PIECE = 1 << 20
MOST_MAPPED = 128  # maps of a process, each of which holds a descriptor: what is more is read into memory
MAPPED: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def named(*parts: str) -> str | None:
    """The name (64 hex digits) of what is made of `parts` by this package as its files are; None if that is unsure."""
    return plan_index.name("array", sys.byteorder, *parts)


def array(name: str | None, shape: tuple[int, ...], dtype: Any, make: Callable[[], Array]) -> Array:
    """The array of that name as it was kept; else what `make` gives, kept from then on where that can be.

    What is kept is read-only, and only takes memory where it is read. Without a name it is made.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if name is None or size < LEAST_BYTES or not _has_room(size):
        return make()
    with suppress(OSError, UsageError), cache.folder() as place:
        found = _opened(place, name, size)
        if found is not None:
            return np.frombuffer(found, dtype).reshape(shape)
        made = np.ascontiguousarray(make(), dtype)
        with suppress(OSError):
            _keep(place, name, made)
            found = _opened(place, name, size)
        return made if found is None else np.frombuffer(found, dtype).reshape(shape)
    return make()


def _has_room(size: int) -> bool:
    """Whether the cache may hold an array of that many bytes beside others."""
    try:
        return 4 * size <= pruning.limit_bytes()
    except UsageError:
        return False


def _keep(place: ownership.Held, name: str, made: Array) -> None:
    content = memoryview(made.reshape(-1).view(np.uint8)).cast("B")  # type: ignore[arg-type]  # arrays are buffers
    trailer = TRAILER.pack(MAGIC, bytes.fromhex(name), len(content), zlib.crc32(content))
    end = trailer + hashlib.sha256(trailer).digest()
    with cache.written(place.inside, content, end, flushed=False) as temporary:
        os.replace(temporary, place.inside / f"{name}{SUFFIX}")
    pruning.prune(place.inside)


def _opened(place: ownership.Held, name: str, size: int) -> mmap.mmap | memoryview | None:
    """The first `size` bytes of a whole entry of that name that only this user can have written; marks it as used."""
    path = place.inside / f"{name}{SUFFIX}"
    with ownership.own_file(path) as file, suppress(OSError, ValueError):
        if file is None or os.fstat(file.fileno()).st_size != size + END_BYTES:
            return None
        file.seek(size)
        trailer, seal = file.read(TRAILER.size), file.read()
        if hashlib.sha256(trailer).digest() != seal:
            return None
        magic, own, told, check = TRAILER.unpack(trailer)
        if (magic, own.hex(), told) != (MAGIC, name, size) or _check_of(file, size) != check:
            return None
        with suppress(OSError):
            os.utime(file.fileno() if os.utime in os.supports_fd else path)
        return _mapped(file, size)
    return None


def _check_of(file: IO[bytes], size: int) -> int:
    """The CRC-32 of a file's first bytes, read piece by piece: nothing of it stays in memory."""
    check, piece = 0, memoryview(bytearray(min(PIECE, size)))
    file.seek(0)
    for start in range(0, size, PIECE):
        part = piece[: min(PIECE, size - start)]
        got = file.readinto(part)  # type: ignore[attr-defined]  # a buffered file of bytes has it
        check = zlib.crc32(part[:got], check)
    return check


def _mapped(file: IO[bytes], size: int) -> mmap.mmap | memoryview:
    """A file's first bytes: mapped, or read where this process holds many maps."""
    if len(MAPPED) < MOST_MAPPED:
        made = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        MAPPED.add(made)
        return made
    file.seek(0)
    return memoryview(file.read(size))
