"""NumPy's .npz: a zip of .npy members (numpy/lib/format.py tells the format), read without NumPy's own reader.

That one reads a member before its shape can be judged, and a header's length before its limit; here both come after.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from codegen.errors import WeightsError
from codegen.errors.quoting import NAME, PATH, plainly
from codegen.layers.weights.archive import NUMBERS, Archive, Header, regular_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
HEADER_LIMIT = 10_000  # NumPy's own limit, in bytes
CONTENTS_LIMIT = 1 << 20  # bytes of a zip's table of contents, and of any one read
ENTRY_BYTES = 512  # what an expected array may take in that table
DEFLATE_RATIO = 1032  # the format cannot do better: a longest match of 258 bytes in 2 bits
ITEM = re.compile(r"""\s*['"](\w+)['"]\s*:\s*(?:['"]([^'"]*)['"]|(True|False)|\(([\d\s,]*)\))\s*(?:,|$)""")
DESCR = re.compile(r"([<>=|]?)([a-zA-Z]\d+)")
MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,  # of which UnicodeError is one
    OverflowError,
    NotImplementedError,
    RuntimeError,  # an encrypted member
)


class Npz(Archive):
    """An open .npz file; `count` arrays are expected in it."""

    def __init__(self, path: Path, count: int) -> None:
        super().__init__(path)
        with self._told(None):
            self._file = BoundedFile(path, CONTENTS_LIMIT + ENTRY_BYTES * count)
            self._size = regular_size(cast(BinaryIO, self._file))
            try:
                self._zip = zipfile.ZipFile(cast(BinaryIO, self._file))
                self._members = self._named()
            except BaseException:
                self._file.close()
                raise
        self._headers: dict[str, tuple[Header, int]] = {}

    @property
    def names(self) -> Collection[str]:
        """The members' names without `.npy`."""
        return self._members

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def header(self, name: str) -> Header:
        """From the member's first bytes; its declared size must be that of its numbers."""
        if name not in self._headers:
            with self._told(name):
                self._headers[name] = self._header(name)
        return self._headers[name][0]

    def stream(self, name: str) -> BinaryIO:
        """The member, its header skipped; the zip's checksum is held at the end."""
        with self._told(name):
            member = self._zip.open(self._members[name])
            member.read(self._headers[name][1])
        return cast(BinaryIO, Told(member, self, name))

    def _named(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        for member in self._zip.infolist():
            name = member.filename.removesuffix(".npy")
            if name in members:
                raise self.wrong("is there twice", name)
            members[name] = member
        return members

    def _header(self, name: str) -> tuple[Header, int]:
        member = self._members[name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.wrong("is compressed in a way that NumPy does not write; save it with numpy.savez", name)
        with self._zip.open(member) as stream:
            header, skip = _parsed(stream)
        # an array whose type is refused anyway needs no size
        if header.kind is not None and member.file_size != skip + header.bytes:
            raise self.wrong(header.wanted(member.file_size - skip), name)
        if member.file_size > member.compress_size * DEFLATE_RATIO or member.compress_size > self._size:
            raise self.wrong(f"claims {member.file_size} bytes in {member.compress_size} packed ones", name)
        return header, skip

    @contextmanager
    def _told(self, name: str | None) -> Iterator[None]:
        """Whatever the zip and zlib modules raise becomes a WeightsError with the place."""
        try:
            yield
        except WeightsError:
            raise
        except MALFORMED as error:
            why = plainly(error, 2 * NAME)  # which may quote a name of the file
            what = f"is not a readable .npz file ({why})" if name is None else f"cannot be read ({why})"
            raise self.wrong(what, name) from None


class Told(io.RawIOBase):
    """A member's bytes, with its archive's errors."""

    def __init__(self, member: Any, archive: Npz, name: str) -> None:
        super().__init__()
        self._member, self._archive, self._name = member, archive, name

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes."""
        with self._archive._told(self._name):
            return cast(bytes, self._member.read(size))

    def close(self) -> None:
        """Close the member."""
        self._member.close()
        super().close()


class BoundedFile(io.FileIO):
    """A file that refuses to be read in larger pieces than `limit` bytes: a zip's table of contents is read in one."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path)
        self.limit = limit

    def read(self, size: int | None = -1) -> bytes:
        """As FileIO's; raises WeightsError beyond the limit."""
        if size is None or size < 0:
            size = regular_size(cast(BinaryIO, self)) - self.tell()
        if size > self.limit:
            raise WeightsError(
                f"{plainly(self.name, PATH)}: its table of contents takes {size} bytes, at most {self.limit} expected"
            )
        return super().read(size) or b""


def dump(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of an uncompressed .npz of little-endian C-ordered arrays; the same arrays give the same bytes.

    Raises WeightsError for uint16, which are bfloat16's codes.
    """
    from numpy.lib import format as npy

    codes = next((name for name, array in arrays.items() if array.dtype.kind == "u"), None)
    if codes is not None:
        way = "save it as .safetensors, or as float16"
        raise WeightsError(f"array `{codes}`: a .npz has no bfloat16, as NumPy has none; {way}")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(arrays.items()):
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980, the zip's first day
            member.create_system, member.external_attr = 3, 0o644 << 16
            head = io.BytesIO()
            npy.write_array_header_1_0(head, npy.header_data_from_array_1_0(array))
            archive.writestr(member, head.getvalue() + array.tobytes())
    return out.getvalue()


def _parsed(stream: Any) -> tuple[Header, int]:
    """The header at the start of a .npy stream and its length in bytes. Raises ValueError."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != MAGIC or start[6] not in (1, 2, 3):
        raise ValueError("no .npy array of version 1, 2 or 3")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"its header claims {length} bytes, at most {HEADER_LIMIT} expected")
    text = stream.read(length).decode("latin-1")
    return _fields(text), 8 + width + length


def _fields(text: str) -> Header:
    """A Header from `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, without evaluating it."""
    inside = text.strip()
    if not (inside.startswith("{") and inside.endswith("}")):
        raise ValueError("its header is no dictionary")
    found, inside = {}, inside[1:-1].rstrip()
    while inside:
        item = ITEM.match(inside)
        if not item:
            raise ValueError("its header is not that of a plain array of numbers")
        found[item[1]] = item[2] if item[2] is not None else item[3] or f"({item[4]})"
        inside = inside[item.end() :].strip()
    if set(found) != {"descr", "fortran_order", "shape"} or found["fortran_order"] not in ("True", "False"):
        raise ValueError("its header lacks descr, fortran_order or shape")
    shape = tuple(int(number) for number in re.findall(r"\d+", found["shape"]))
    descr = DESCR.fullmatch(found["descr"])
    kind = descr[2] if descr and descr[2] in NUMBERS else None
    order = descr[1] if descr and descr[1] in ("<", ">") else "="
    return Header(kind, f"`{plainly(found['descr'], 40)}`", shape, order, found["fortran_order"] == "True")
