"""A stranger's JSON: a file within limits, its values asked for one by one, each error with the value's place."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from codegen.errors import ConversionError, UsageError
from codegen.errors.quoting import NAME, PATH, exactly, plainly
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Item", "bytes_of", "json_of", "numbers"]

LARGEST_JSON = 32 << 20  # bytes: 1.5 million weights as text
MOST = 1 << 20  # what any size may be: channels, taps, dilations


def bytes_of(path: str | os.PathLike[str], most: int) -> bytes:
    """A regular file of at most that many bytes. Raises UsageError where it cannot be read, ConversionError beyond."""
    shown = plainly(path, PATH)
    try:
        with open(Path(path), "rb", opener=_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise UsageError(f"`{shown}` is no regular file")
            if found.st_size > most:
                raise ConversionError(f"{shown}: has {found.st_size:,} bytes, at most {most:,} are read")
            return file.read(most + 1)
    except FileNotFoundError:
        raise UsageError(f"no file `{shown}`") from None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"cannot read `{shown}`: {getattr(error, 'strerror', None) or plainly(error)}") from None


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting for whoever would write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def json_of(data: bytes, place: str) -> Item:
    """The value of a JSON text. Raises ConversionError for what is none, or names a field twice."""
    if len(data) > LARGEST_JSON:
        raise ConversionError(f"{place}: its JSON has {len(data):,} bytes, at most {LARGEST_JSON:,} are read")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConversionError(f"{place}: `{plainly(twice, NAME)}` is there twice")
        return found

    def no_number(word: str) -> NoReturn:
        raise ConversionError(f"{place}: holds {word}, expected finite numbers")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConversionError):
            raise
        raise ConversionError(f"{place}: is no readable JSON ({plainly(error, NAME)})") from None
    return Item(value, place)


def numbers(found: object, place: str) -> Array:
    """Finite numbers of a list, or of equal lists in one, as float64. Raises ConversionError."""
    import numpy as np

    try:
        array: Array = np.asarray(found, "float64")
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ConversionError(f"{place}: expected numbers, or lists of as many numbers each") from None
    if not np.isfinite(array).all():
        raise ConversionError(f"{place}: holds numbers that are not finite")
    return array


@dataclass(frozen=True)
class Item:
    """A value of the file at `place`, such as config.layers[0].channels; what is asked of it raises ConversionError."""

    value: object
    place: str

    def wrong(self, told: str) -> ConversionError:
        """The error that says so at this place."""
        return ConversionError(f"{self.place}: {told}")

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> Item | None:
        """The field of that name; None where it is absent or null."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"expected an object with fields, got {exactly(self.value)}")
        found = self.value.get(name)
        return None if found is None else Item(found, f"{self.place}.{name}")

    def __getitem__(self, name: str) -> Item:
        found = self.get(name)
        if found is None:
            raise self.wrong(f"`{name}` is missing")
        return found

    def __iter__(self) -> Iterator[Item]:
        if not isinstance(self.value, list):
            raise self.wrong(f"expected a list, got {exactly(self.value)}")
        return (Item(one, f"{self.place}[{i}]") for i, one in enumerate(self.value))

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.value, list)

    def whole(self, least: int = 1, most: int = MOST) -> int:
        """A whole number between these."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise self.wrong(f"expected a whole number from {least} to {most:,}, got {exactly(value)}")

    def number(self) -> float:
        """A finite number."""
        value = self.value
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and isfinite(value):
            return float(value)
        raise self.wrong(f"expected a finite number, got {exactly(value)}")

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong(f"expected true or false, got {exactly(self.value)}")
        return self.value

    def word(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            raise self.wrong(f"expected a text, got {exactly(self.value)}")
        return self.value

    def numbers(self) -> Array:
        """Finite numbers, as float64, in the shape of the lists."""
        return numbers(self.value, self.place)
