"""Safetensors: 8 bytes of length, a JSON table, then the numbers (github.com/huggingface/safetensors, README).

The format is small enough to be read here, which lets a repeated name, a hole or an overlap be an error with its array.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from codegen.errors import WeightsError
from codegen.errors.quoting import NAME, plainly
from codegen.layers.weights.archive import NUMBERS, Archive, Header, regular_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE_LIMIT = 1 << 20
KINDS = {"F16": "f2", "F32": "f4", "F64": "f8", "BF16": "bf16"} | {
    f"{letter}{8 * size}": f"{kind}{size}" for letter, kind in (("I", "i"), ("U", "u")) for size in (1, 2, 4, 8)
}


class Safetensors(Archive):
    """An open .safetensors file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._headers: dict[str, Header] = {}
        self._starts: dict[str, int] = {}
        try:
            self._file = open(path, "rb")  # noqa: SIM115  # closed by close()
        except OSError as error:
            raise self.wrong(f"cannot be read: {error.strerror}") from None
        try:
            self._read_table()
        except (ValueError, RecursionError) as error:
            self._file.close()
            if isinstance(error, WeightsError):
                raise
            raise self.wrong(f"is not a readable .safetensors file ({plainly(error, NAME)})") from None

    @property
    def names(self) -> Collection[str]:
        """The table's names."""
        return self._headers

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def header(self, name: str) -> Header:
        """As the table has it."""
        return self._headers[name]

    def stream(self, name: str) -> BinaryIO:
        """The array's part of the file."""
        self._file.seek(self._starts[name])
        return cast(BinaryIO, Slice(self._file, self._headers[name].bytes))

    def _read_table(self) -> None:
        size, head = regular_size(self._file), self._file.read(8)
        length = int.from_bytes(head, "little")
        if len(head) < 8 or length > size - 8:
            raise self.wrong(f"truncated: {size} bytes, expected {8 + length} and the numbers")
        if length > TABLE_LIMIT:
            raise self.wrong(f"its table takes {length} bytes, at most {TABLE_LIMIT} expected")
        table = json.loads(self._file.read(length).decode("utf-8"), object_pairs_hook=self._once)
        if not isinstance(table, dict):
            raise ValueError("its table is no JSON object")
        table.pop("__metadata__", None)
        spans = {name: self._entry(name, entry) for name, entry in table.items()}
        self._demand_no_holes(spans, size - 8 - length)
        self._starts = {name: 8 + length + begin for name, (begin, _) in spans.items()}

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise self.wrong("is there twice", twice)
        return table

    def _entry(self, name: str, entry: Any) -> tuple[int, int]:
        """Take one row of the table; returns where its bytes begin and end."""
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise self.wrong("its row must have dtype, shape and data_offsets", name)
        shape, span = entry["shape"], entry["data_offsets"]
        if not (_counts(shape) and _counts(span) and len(span) == 2 and isinstance(entry["dtype"], str)):
            raise self.wrong(f"its row holds something else than whole numbers from 0: {plainly(entry, NAME)}", name)
        header = Header(KINDS.get(entry["dtype"]), plainly(entry["dtype"], 40), tuple(shape))
        # a type that is refused anyway needs no size
        if header.kind is not None and span[1] - span[0] != math.prod(shape) * NUMBERS[header.kind]:
            raise self.wrong(header.wanted(span[1] - span[0]), name)
        self._headers[name] = header
        return span[0], span[1]

    def _demand_no_holes(self, spans: Mapping[str, tuple[int, int]], size: int) -> None:
        """Each array begins where the one before it ends, the last ends with the file."""
        end = 0
        for name, (begin, stop) in sorted(spans.items(), key=lambda item: item[1]):
            if begin != end or stop < begin:
                raise self.wrong(f"begins at byte {plainly(begin)}, expected {plainly(end)}", name)
            end = stop
        if end != size:
            raise self.wrong(f"got {size} bytes of numbers, expected {plainly(end)}: truncated, or not what it claims")


class Slice(io.RawIOBase):
    """The next `left` bytes of a file; leaves it open."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        super().__init__()
        self._file, self._left = file, left

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes."""
        data = self._file.read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def dump(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a .safetensors of little-endian C-ordered arrays, the widest first so that each is aligned.

    Arrays of uint16 are bfloat16's codes.
    """
    table: dict[str, Any] = {}
    end = 0
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    for name, array in ordered:
        span = [end, end + array.nbytes]
        word = "BF16" if array.dtype.kind == "u" else f"{array.dtype.kind.upper()}{8 * array.itemsize}"
        table[name] = {"dtype": word, "shape": list(array.shape), "data_offsets": span}
        end = span[1]
    head = json.dumps(table, separators=(",", ":")).encode("utf-8")
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *(array.tobytes() for _, array in ordered)])


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
