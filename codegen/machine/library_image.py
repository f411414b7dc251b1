"""Shared libraries as files: whether all that their headers promise is there, before a loader maps them.

A loader trusts the headers: where the file ends too soon, the first touch of the missing page is a SIGBUS, which ends
Python. After the System V ABI's chapters on ELF, Apple's mach-o/loader.h and Microsoft's PE format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["fault"]

ELF_LIBRARY, LOADED, DYNAMIC = 3, 1, 2
STRINGS, SYMBOLS = 5, 6  # what a loader reads without a question
POINTERS = {4, 5, 6, 7, 17, 23, 25, 26, 0x6FFFFEF5}  # entries of the dynamic section that are addresses of tables
MACH = {  # the order of its bytes, the size of its header
    b"\xce\xfa\xed\xfe": ("<", 28),
    b"\xcf\xfa\xed\xfe": ("<", 32),
    b"\xfe\xed\xfa\xce": (">", 28),
    b"\xfe\xed\xfa\xcf": (">", 32),
}
MACH_FAT, MACH_LIBRARIES, SEGMENT, SEGMENT_64 = b"\xca\xfe\xba\xbe", {6, 8}, 0x01, 0x19
PE_LIBRARY = 0x2000


class _Fault(Exception):
    """What is wrong with a file."""


class _Segment(NamedTuple):
    """A part of an ELF file that goes into memory: `size` bytes at `offset`, to be `extent` bytes at `address`."""

    kind: int
    offset: int
    address: int
    size: int
    extent: int


def fault(data: bytes) -> str | None:
    """What is wrong with a shared library of any system as its headers tell it; None where it is whole."""
    try:
        if not data:
            raise _Fault("it is empty")
        if data.startswith(b"\x7fELF"):
            _elf(data)
        elif data[:4] in MACH:
            _mach(data)
        elif data.startswith(MACH_FAT):
            _universal(data)
        elif data.startswith(b"MZ"):
            _pe(data)
        else:
            raise _Fault(f"it begins with {data[:8]!r}, as no library does")
    except (struct.error, IndexError, OverflowError):
        return f"it ends within its headers, after {len(data):,} bytes"
    except _Fault as found:
        return str(found)
    return None


def _within(data: bytes, offset: int, size: int) -> None:
    """Raise unless that part of the file is there."""
    if offset + size > len(data):
        raise _Fault(f"its headers speak of {offset + size:,} bytes, of which {len(data):,} are there")


def _elf(data: bytes) -> None:
    """Raise unless an ELF file is a library with all its segments and a sound dynamic section."""
    order = {1: "<", 2: ">"}.get(data[5])
    if data[4] not in (1, 2) or order is None:
        raise _Fault("its ELF header is damaged")
    wide = data[4] == 2
    (kind,) = struct.unpack_from(f"{order}H", data, 16)
    if kind != ELF_LIBRARY:
        raise _Fault(f"it is an ELF file of type {kind}, a shared library has {ELF_LIBRARY}")
    segments = list(_segments(data, order, wide))
    for segment in segments:
        if segment.size:
            _within(data, segment.offset, segment.size)
        if segment.kind == LOADED and segment.size > segment.extent:
            raise _Fault("a segment is larger in the file than in memory")
    _dynamic(data, segments, f"{order}{'qQ' if wide else 'iI'}")


def _segments(data: bytes, order: str, wide: bool) -> Iterator[_Segment]:
    """An ELF file's program headers."""
    (start,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 32 if wide else 28)
    size, count = struct.unpack_from(f"{order}HH", data, 54 if wide else 42)
    for at in range(start, start + size * count, size or 1):
        if wide:
            kind, _, offset, address, _, in_file, in_memory, _ = struct.unpack_from(f"{order}IIQQQQQQ", data, at)
        else:
            kind, offset, address, _, in_file, in_memory, _, _ = struct.unpack_from(f"{order}8I", data, at)
        yield _Segment(kind, offset, address, in_file, in_memory)


def _dynamic(data: bytes, segments: list[_Segment], entry: str) -> None:
    """Raise unless the tables that the dynamic section tells of lie in what is loaded; one of zeros tells of none."""
    loaded = [each for each in segments if each.kind == LOADED]
    found = {}
    for segment in segments:
        if segment.kind == DYNAMIC:
            usable = segment.size - segment.size % struct.calcsize(entry)
            for tag, value in struct.iter_unpack(entry, data[segment.offset :][:usable]):
                if tag == 0:
                    break
                found[tag] = value
    if not loaded or not {STRINGS, SYMBOLS} <= found.keys():
        raise _Fault("it has no table of symbols")
    for tag in POINTERS & found.keys():
        if not any(each.address <= found[tag] < each.address + each.size for each in loaded):
            raise _Fault("a table of its dynamic section lies outside of what is loaded")


def _universal(data: bytes) -> None:
    """Raise unless each of the Mach-O files in a universal one is a whole library."""
    (count,) = struct.unpack_from(">I", data, 4)
    for at in range(8, 8 + 20 * count, 20):
        offset, size = struct.unpack_from(">II", data, at + 8)
        _within(data, offset, size)
        _mach(data[offset : offset + size])


def _mach(data: bytes) -> None:
    """Raise unless a Mach-O file is a library with all its segments."""
    if data[:4] not in MACH:
        raise _Fault("its Mach-O header is damaged")
    order, at = MACH[data[:4]]
    kind, count, size = struct.unpack_from(f"{order}III", data, 12)
    if kind not in MACH_LIBRARIES:
        raise _Fault(f"it is a Mach-O file of type {kind}, no library")
    _within(data, at, size)
    for _ in range(count):
        command, length = struct.unpack_from(f"{order}II", data, at)
        if length < 8:
            raise _Fault("a load command of it is damaged")
        if command == SEGMENT_64:
            _within(data, *struct.unpack_from(f"{order}QQ", data, at + 40))
        elif command == SEGMENT:
            _within(data, *struct.unpack_from(f"{order}II", data, at + 32))
        at += length


def _pe(data: bytes) -> None:
    """Raise unless a PE file is a library with the raw data of all its sections."""
    (start,) = struct.unpack_from("<I", data, 0x3C)
    if data[start : start + 4] != b"PE\0\0":
        raise _Fault("its PE header is damaged")
    (sections,) = struct.unpack_from("<H", data, start + 6)
    optional, marks = struct.unpack_from("<HH", data, start + 20)
    if not marks & PE_LIBRARY:
        raise _Fault("it is a PE file, but no library")
    for at in range(start + 24 + optional, start + 24 + optional + 40 * sections, 40):
        size, offset = struct.unpack_from("<II", data, at + 16)
        _within(data, offset, size)
