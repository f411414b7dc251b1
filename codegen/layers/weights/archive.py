"""Archive: a weight file as names, headers and bytes; the part that both formats share."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from codegen.errors import WeightsError
from codegen.errors.quoting import NAME, PATH, plainly
from codegen.numbers.formats import WHOLE, beyond, row
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 1 << 20
# NumPy's kind and size → bytes of one number; bf16 has no NumPy type and is widened on reading
NUMBERS = {"f2": 2, "f4": 4, "f8": 8, "bf16": 2} | {f"{sign}{size}": size for sign in "iu" for size in (1, 2, 4, 8)}


@dataclass(frozen=True)
class Header:
    """What a file says of one array: `kind` a key of NUMBERS, None for what holds no numbers, `word` for messages."""

    kind: str | None
    word: str
    shape: tuple[int, ...]
    order: str = "<"
    fortran: bool = False

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * NUMBERS[self.kind or "f4"]

    @property
    def size(self) -> str:
        """The shape for messages, which a file may make of any digits."""
        return plainly(self.shape)

    def wanted(self, found: int) -> str:
        """That its numbers take another number of bytes than the `found` ones."""
        got = f"got {plainly(found)} bytes of numbers"
        return f"{got}, expected {plainly(self.bytes)} for {self.word} of shape {self.size}"

    def told(self, expected: tuple[int, ...], dtype: str = "float32") -> str | None:
        """What is wrong with it where an array of shape `expected` is wanted, to be cast to `dtype`; or None."""
        if self.kind is None:
            return f"got type {self.word}, expected float16, float32, float64 or whole numbers"
        if dtype in WHOLE and self.kind[0] not in "iu":
            return f"got type {self.word}, expected {dtype}: `gen-conv quantize` makes int8 layers of float weights"
        if self.shape == expected:
            return None
        got = self.size if len(self.shape) <= 8 else f"one of {len(self.shape)} axes"
        text = f"got shape {got}, expected {expected}"
        if len(expected) == 3 and self.shape == expected[::-1]:
            text += "; this looks like PyTorch's (filters, channels, taps): transpose it by (2, 1, 0)"
            text += ", as codegen.from_torch does"
        return text


class Archive(ABC):
    """An open weight file. Everything that reads raises WeightsError with the file's name for what is malformed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def names(self) -> Collection[str]:
        """The arrays' names, in the file's order, no two alike."""

    @abstractmethod
    def header(self, name: str) -> Header:
        """Type and shape of an array, held against the bytes that the file has for it."""

    @abstractmethod
    def stream(self, name: str) -> BinaryIO:
        """The array's bytes; for `read`."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def wrong(self, reason: object, name: str | None = None) -> WeightsError:
        """The error to raise for this file, or for one array in it."""
        place = plainly(self.path, PATH)
        return WeightsError(f"{place}: array `{plainly(name, NAME)}`: {reason}" if name else f"{place}: {reason}")

    def read(self, name: str, dtype: str) -> NDArray[Any]:
        """The array in C order and `dtype`. Its header must have been found right before."""
        import numpy as np

        header = self.header(name)
        try:
            flat = np.empty(math.prod(header.shape), dtype)
            with self.stream(name) as stream, np.errstate(over="ignore"):
                self._fill(flat, header, stream, name)
        except MemoryError:
            raise self.wrong(f"no memory for its {header.bytes} bytes", name) from None
        if header.fortran:
            return np.ascontiguousarray(flat.reshape(header.shape[::-1]).T)
        return flat.reshape(header.shape)

    def _fill(self, flat: NDArray[Any], header: Header, stream: BinaryIO, name: str) -> None:
        """Read and convert piece by piece: a conversion needs no second array."""
        from codegen.numbers.arrays import first_lost

        size = NUMBERS[header.kind or "f4"]
        step = CHUNK // size
        for first in range(0, len(flat), step):
            wanted = min(step, len(flat) - first) * size
            piece = _exactly(stream, wanted)
            if len(piece) < wanted:
                raise self.wrong(f"truncated: {first * size + len(piece)} of its {header.bytes} bytes are there", name)
            numbers, made = _numbers(piece, header), flat[first : first + step]
            made[:] = numbers
            lost = first_lost(numbers, made)
            if lost is not None:
                raise self._beyond(numbers[lost], made.dtype, first + lost, name)
        if stream.read(1):
            raise self.wrong(f"more than its {header.bytes} bytes are there", name)

    def _beyond(self, number: Any, dtype: Any, flat: int, name: str) -> WeightsError:
        """The error of a number, at that place among the array's bytes, that becomes infinite in `dtype`."""
        import numpy as np

        header = self.header(name)
        shape = header.shape[::-1] if header.fortran else header.shape
        at = tuple(map(int, np.unravel_index(flat, shape)))
        told = beyond(name, at[::-1] if header.fortran else at, number, str(dtype), row(str(dtype)).largest)
        return WeightsError(f"{plainly(self.path, PATH)}: {told}")


def regular_size(file: BinaryIO) -> int:
    """The length of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, fewer only at the end of the stream."""
    pieces, left = [], count
    while left and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _numbers(piece: bytes, header: Header) -> NDArray[Any]:
    import numpy as np

    if header.kind == "bf16":  # the upper half of a float32
        return (np.frombuffer(piece, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(piece, header.order + (header.kind or "f4"))
