"""ONNX models as bytes, written field by field: tests need no onnx package, and can write what it would refuse."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

TYPES = {"float32": 1, "int64": 7, "float16": 10, "float64": 11, "int32": 6, "bool": 9}


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def inside(field: int, data: bytes | str) -> bytes:
    content = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, array: Any) -> bytes:
    """A TensorProto with raw data."""
    found = np.asarray(array)
    sizes = b"".join(number(1, size) for size in found.shape)
    return sizes + number(2, TYPES[str(found.dtype)]) + inside(8, name) + inside(9, found.tobytes())


def attribute(name: str, value: Any) -> bytes:
    head = inside(1, name)
    if isinstance(value, bool | int):
        return head + number(3, int(value)) + number(20, 2)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, bytes):  # a graph
        return head + inside(6, value) + number(20, 5)
    if isinstance(value, str):
        return head + inside(4, value) + number(20, 3)
    if isinstance(value, np.ndarray):
        return head + inside(5, tensor("", value)) + number(20, 4)
    return head + b"".join(number(8, one) for one in value) + number(20, 7)


def node(kind: str, inputs: str, outputs: str, name: str = "", domain: str = "", **attributes: Any) -> bytes:
    """A NodeProto; inputs and outputs are words with blanks between them, `-` for one that is left out."""
    words = [inside(1, "" if one == "-" else one) for one in inputs.split()]
    words += [inside(2, "" if one == "-" else one) for one in outputs.split()]
    rest = inside(3, name) + inside(4, kind) + inside(7, domain)
    return b"".join(words) + rest + b"".join(inside(5, attribute(*one)) for one in attributes.items())


def port(name: str, sizes: Sequence[int | str | None]) -> bytes:
    """A ValueInfoProto of float32; a text or None for a size that is free."""
    dims = b"".join(inside(1, number(1, size) if isinstance(size, int) else inside(2, size or "")) for size in sizes)
    return inside(1, name) + inside(2, inside(1, number(1, 1) + inside(2, dims)))


def branch(nodes: Iterable[bytes], outputs: Iterable[str], constants: Mapping[str, Any] | None = None) -> bytes:
    """A GraphProto in an attribute."""
    graph = b"".join(inside(1, one) for one in nodes) + b"".join(inside(12, port(one, ())) for one in outputs)
    return graph + b"".join(inside(5, tensor(*one)) for one in (constants or {}).items())


def model(
    nodes: Iterable[bytes],
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Iterable[str],
    constants: Mapping[str, Any] | None = None,
    extra: bytes = b"",
) -> bytes:
    """A ModelProto; `extra` is added to its graph."""
    graph = b"".join(inside(1, one) for one in nodes) + inside(2, "net")
    graph += b"".join(inside(5, tensor(*one)) for one in (constants or {}).items())
    graph += b"".join(inside(11, port(*one)) for one in inputs.items())
    graph += b"".join(inside(12, port(one, ())) for one in outputs)
    return number(1, 10) + inside(8, number(2, 17)) + inside(7, graph + extra)
