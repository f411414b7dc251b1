"""FlatBuffers as a stranger wrote them: every offset is held within the bytes before it is followed.

A table begins with the distance back to its vtable: u16 bytes of it, u16 bytes of the table, then for each field u16
where in the table it lies, 0 for a field that is left out. Strings, vectors and tables lie behind a u32 distance.
Source: flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Table", "root"]

MOST_TABLES = 1 << 16  # of a vector: tensors, operators, buffers
HEAD = 4  # bytes of a vtable before its first field


def root(data: bytes, identifier: bytes, place: str) -> Table:
    """The table that a file begins with. Raises ConversionError for a file of another kind."""
    if len(data) < 8 or data[4:8] != identifier:
        raise ConversionError(f"{place}: is no {identifier.decode()} file: these four letters are not at its byte 4")
    return Table(data, Table(data, 0, place).follow(0), place)


@dataclass(frozen=True)
class Table:
    """The table at byte `at`; `place` is how errors call it. Fields are numbered from 0."""

    data: bytes
    at: int
    place: str

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A number, in struct's letter for it; the default where it is left out."""
        at = self._field(field)
        return default if at is None else int(self._unpack(kind, at))

    def table(self, field: int, word: str) -> Table | None:
        """The table that the field leads to, None where it is left out."""
        at = self._field(field)
        return None if at is None else Table(self.data, self.follow(at), f"{self.place}.{word}")

    def tables(self, field: int, word: str) -> list[Table]:
        """The tables of a vector; none where it is left out. Raises ConversionError for more than MOST_TABLES."""
        found = self._vector(field, 4)
        if found is None:
            return []
        start, count = found
        if count > MOST_TABLES:
            raise self.wrong(f"`{word}` has {count:,} entries, at most {MOST_TABLES:,} are read")
        return [Table(self.data, self.follow(start + 4 * i), f"{self.place}.{word}[{i}]") for i in range(count)]

    def array(self, field: int, dtype: str) -> Array:
        """The numbers of a vector; none where it is left out."""
        import numpy as np

        kind = np.dtype(dtype).newbyteorder("<")
        found = self._vector(field, kind.itemsize)
        if found is None:
            return np.empty(0, kind)
        start, count = found
        return np.frombuffer(self.data, kind, count, start)

    def follow(self, at: int) -> int:
        """Where the distance at that byte leads."""
        return at + int(self._unpack("I", at))

    def wrong(self, told: str) -> ConversionError:
        """The error that says so at this place."""
        return ConversionError(f"{self.place}: {told}")

    def _vector(self, field: int, each: int) -> tuple[int, int] | None:
        at = self._field(field)
        if at is None:
            return None
        start = self.follow(at)
        count = int(self._unpack("I", start))
        if start + 4 + count * each > len(self.data):
            raise self.wrong(f"is damaged: {count:,} numbers of {each} bytes do not lie in its {len(self.data):,}")
        return start + 4, count

    def _field(self, field: int) -> int | None:
        vtable = self.at - int(self._unpack("i", self.at))
        size = int(self._unpack("H", vtable))
        if HEAD + 2 * field + 2 > size:
            return None
        offset = int(self._unpack("H", vtable + HEAD + 2 * field))
        return self.at + offset if offset else None

    def _unpack(self, kind: str, at: int) -> int | float:
        size = struct.calcsize("<" + kind)
        if not 0 <= at <= len(self.data) - size:
            raise self.wrong(f"is damaged: it leads to byte {at:,} of {len(self.data):,}")
        found: int | float = struct.unpack_from("<" + kind, self.data, at)[0]
        return found
