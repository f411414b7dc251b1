"""Tensors: what another tool's arrays are while its graph is drawn, and how their axes are read.

Here a value is (steps, channels). There an array has any axes in any order, the batch among them: `axes` tells what
each of them is. So transposing, squeezing and flattening are no operations, as long as nothing asks for their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.graph.builder import Value
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Tensor", "Unserved", "axis_of", "pair", "served", "single"]

WORDS = {"n": "batch", "t": "steps", "c": "channels", "f": "channels * steps", "d": "directions", "1": "1"}
SPATIAL = "tc"


@dataclass(frozen=True)
class Unserved:
    """One of several outputs that is no value here: whoever reads it is told `why`."""

    why: str


def served(found: Any) -> Any:
    """One of several outputs. Raises ConversionError for one that is no value here."""
    if isinstance(found, Unserved):
        raise ConversionError(found.why)
    return found


@dataclass(frozen=True)
class Tensor:
    """A value, and its axes there: n the batch, t its steps, c its channels, 1 an axis of one number.

    f is channels and steps as one axis, all steps of a channel side by side: PyTorch's Flatten. d are the two
    directions of a recurrent layer, each with half of the channels. A letter that is
    missing stands for one step, or one channel. `masked` is the layer of Keras whose mask goes with it.
    """

    value: Value
    axes: str
    masked: str = ""

    @property
    def steps(self) -> int | None:
        """Steps where they are known."""
        return self.value.shape.steps

    @property
    def channels(self) -> int:
        return self.value.shape.channels

    def size(self, letter: str) -> int | None:
        """Numbers along an axis; None where they are not known. The batch counts as one."""
        steps = self.steps
        if "d" in self.axes and letter in "dc":
            return 2 if letter == "d" else self.channels // 2
        sizes = {"t": steps, "c": self.channels, "f": None if steps is None else steps * self.channels}
        return sizes.get(letter, 1)

    @property
    def sizes(self) -> list[int | None]:
        """Along all axes."""
        return [self.size(letter) for letter in self.axes]

    def of(self, value: Value) -> Tensor:
        """Another value with the same axes."""
        return replace(self, value=value)

    def __str__(self) -> str:
        return f"({', '.join(WORDS[letter] for letter in self.axes)})"

    def transposed(self, order: Sequence[int]) -> Tensor:
        """The axes in that order. Raises ConversionError for what is no order of them."""
        found = [axis_of(axis, len(self.axes)) for axis in order]
        if sorted(found) != list(range(len(self.axes))):
            raise ConversionError(f"axes in the order {list(order)} of an array of {len(self.axes)}")
        return replace(self, axes="".join(self.axes[axis] for axis in found))

    def unsqueezed(self, axis: int) -> Tensor:
        """A new axis of one number at that place: the one step or channel that had none, if there is one."""
        at = axis_of(axis, len(self.axes) + 1)
        free = [letter for letter in SPATIAL if letter not in self.axes and "f" not in self.axes]
        letter = next((letter for letter in free if self.size(letter) == 1), "1")
        return replace(self, axes=self.axes[:at] + letter + self.axes[at:])

    def squeezed(self, axes: Sequence[int] | None = None) -> Tensor:
        """Without those axes of one number, or without all that are known to have one; the batch stays."""
        count = len(self.axes)
        if axes is None:
            gone = {at for at, letter in enumerate(self.axes) if letter != "n" and self.size(letter) == 1}
        else:
            gone = {at for at in (axis_of(axis, count) for axis in axes) if self.axes[at] != "n"}
        for at in gone:
            if self.size(self.axes[at]) != 1:
                raise ConversionError(f"takes an axis of {self.size(self.axes[at])} away from {self}, expected of 1")
        return replace(self, axes="".join(letter for at, letter in enumerate(self.axes) if at not in gone))

    def flattened(self, first: int) -> Tensor:
        """All axes from `first` on as one."""
        at = axis_of(first, len(self.axes))
        kept, inside = self.axes[:at], [letter for letter in self.axes[at:] if letter != "1"]
        if "n" in inside:
            raise ConversionError(f"joins the batch of {self} with other axes; flatten from axis 1 on")
        spread = [letter for letter in inside if self.size(letter) != 1]
        if len(spread) <= 1:  # its numbers lie in one order
            letter = (spread or ["c"])[0]
            return Tensor(self.value, kept + letter) if letter not in kept else Tensor(self.value, kept + "1")
        if spread == ["c", "t"]:
            return Tensor(self.value, kept + "f")
        return Tensor(self.value.builder.function("flatten", self.value), kept + "c")

    def reshaped(self, sizes: Sequence[int]) -> Tensor:
        """The same numbers along axes of these sizes, the first the batch; -1 for one that follows from the others.

        Raises ConversionError for a shape that is neither of one axis, nor of two.
        """
        wanted = list(sizes)
        if self.axes.endswith("dc") and len(wanted) == len(self.axes) - 1 and wanted[-1] in (-1, self.channels):
            return replace(self, axes=f"{self.axes[:-2]}c")
        if len(wanted) == 1:
            return self._as_one()
        if not wanted or wanted[0] not in (1, -1, 0) or "n" not in self.axes[:1]:
            raise ConversionError(f"gives {self} the shape {wanted}; expected one that leaves the batch first")
        inner = [0 if size == 0 else size for size in wanted[1:]]
        inner = [
            self.sizes[at + 1] or 0 if size == 0 and at + 1 < len(self.axes) else size for at, size in enumerate(inner)
        ]
        spread = [size for size in inner if size != 1]
        if len(spread) <= 1:
            flat = self.flattened(1)
            at = next((at for at, size in enumerate(inner) if size != 1), len(inner) - 1)
            for place in range(len(inner)):
                if place != at:
                    flat = flat.unsqueezed(place + 1)
            return flat
        return self._as_two(inner)

    def _as_one(self) -> Tensor:
        """Its numbers along one axis, where only one has several."""
        spread = [letter for letter in self.axes if self.size(letter) != 1] or ["t"]
        if len(spread) > 1:
            raise ConversionError(f"joins the batch of {self} with other axes")
        return Tensor(self.value, spread[0])

    def _as_two(self, inner: Sequence[int]) -> Tensor:
        known = [self.size(letter) for letter in self.axes[1:]]
        if len(inner) == len(known) and all(a == b or (b is None and a < 1) for a, b in zip(inner, known, strict=True)):
            return self
        if sum(size != 1 for size in inner) > 2:
            way = "cut channels into parts by chunk or split"
            raise ConversionError(f"gives {self} the shape {list(inner)}; expected (batch, steps, channels): {way}")
        filled = _filled(inner, known)
        if filled == list(known):
            return self
        places = [at for at, size in enumerate(filled) if size != 1]
        if len(places) == 2 and [size for size in known if size != 1] == [filled[at] for at in places]:
            letters = iter(letter for letter in self.axes[1:] if self.size(letter) != 1)
            return replace(
                self, axes="n" + "".join(next(letters) if at in places else "1" for at in range(len(filled)))
            )
        if len(filled) != 2:
            raise ConversionError(f"gives {self} the shape {list(inner)}; expected (batch, steps, channels)")
        flat = self.flattened(1)
        value = flat.value if flat.axes != "nf" else None
        if value is None:
            raise ConversionError(f"takes {self} apart into {filled}; expected axes that stay whole")
        return Tensor(value.builder.function("reshape", value, steps=filled[0], channels=filled[1]), "ntc")


def _filled(inner: Sequence[int], known: Sequence[int | None]) -> list[int]:
    """The sizes with -1 replaced. Raises ConversionError where the sizes are not known."""
    total = 1
    for size in known:
        if size is None:
            raise ConversionError("gives an array of any number of steps another shape; give its input a length")
        total *= size
    rest = 1
    for size in inner:
        rest *= size if size > 0 else 1
    return [total // rest if size < 1 else size for size in inner]


def axis_of(axis: int, count: int) -> int:
    """The axis from 0 on. Raises ConversionError where there is none."""
    if not -count <= axis < count:
        raise ConversionError(f"axis {axis} of an array of {count}")
    return axis % count


def single(sizes: Sequence[int] | int, what: str) -> int:
    """The number of a list of one. Raises ConversionError."""
    found = [sizes] if isinstance(sizes, int) else list(sizes)
    if len(found) != 1:
        raise ConversionError(f"{what} is {found}: only operations along one axis are served")
    return found[0]


def pair(sizes: Sequence[int], what: str) -> tuple[int, int]:
    """(before, after). Raises ConversionError."""
    if len(sizes) != 2:
        raise ConversionError(f"{what} is {list(sizes)}: only operations along one axis are served")
    return sizes[0], sizes[1]
