"""Protocol buffers: the fields of a message in bytes, without knowing what they mean.

Source: protobuf.dev/programming-guides/encoding. Nothing is copied but numbers: texts and messages are views.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from codegen.errors import ConversionError

__all__ = ["Fields", "fields", "floats", "text", "whole", "wholes"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 1 << 20  # of one message
LONGEST_TEXT = 1 << 12

Fields = dict[int, list["int | memoryview"]]


def fields(data: memoryview, what: str) -> Fields:
    """The values of all fields by number: whole numbers, or bytes. Raises ConversionError for what is no message."""
    found: Fields = {}
    try:
        for count, (number, value) in enumerate(_walk(data)):
            if count >= MOST_FIELDS:
                raise ConversionError(f"{what}: has more than {MOST_FIELDS:,} fields")
            found.setdefault(number, []).append(value)
    except (IndexError, ValueError, struct.error):
        raise ConversionError(f"{what}: is damaged or truncated, or no ONNX") from None
    return found


def _walk(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(kind)
        if not number or size > len(data) - at:
            raise ValueError(size)
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise ValueError(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def whole(found: Sequence[int | memoryview], default: int = 0) -> int:
    """The last value as an int64."""
    return _signed(found[-1]) if found and isinstance(found[-1], int) else default


def wholes(found: Sequence[int | memoryview]) -> list[int]:
    """Repeated int64, packed or one by one. Raises ConversionError."""
    made: list[int] = []
    for value in found:
        if isinstance(value, int):
            made.append(_signed(value))
            continue
        at = 0
        try:
            while at < len(value):
                number, at = _varint(value, at)
                made.append(_signed(number))
        except (IndexError, ValueError):
            raise ConversionError("a list of numbers is damaged") from None
    return made


def floats(found: Sequence[int | memoryview]) -> list[float]:
    """Repeated float32, packed or one by one. Raises ConversionError."""
    made: list[float] = []
    for value in found:
        if isinstance(value, int) or len(value) % 4:
            raise ConversionError("a list of numbers is damaged")
        made += struct.unpack(f"<{len(value) // 4}f", value)
    return made


def text(found: Sequence[int | memoryview]) -> str:
    """The last value as text, cut where it is endless."""
    if not found or isinstance(found[-1], int):
        return ""
    return bytes(found[-1][:LONGEST_TEXT]).decode("utf-8", "replace")
