"""Call: one node of an ONNX graph with what its inputs are: tensors, or constants that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.onnx_graph.proto import Node
from codegen.interchange.tensors import Tensor, axis_of
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Call", "Draw", "Made", "demand_told"]

MOST = 1 << 24  # what a whole number may be: the size of an axis
ENDS = ("starts", "ends")  # of slices, which may stand for the end of an axis
FAR = (1 << 31) - 1
FREE = -(1 << 40)  # stands for a number of steps that is free among sizes
NEAR_FREE = (1 << 36, 1 << 50)  # what is computed of it lies between these, whatever the sign


def demand_told(*arrays: Array) -> None:
    """Raises ConversionError for a number that is made of a free number of steps."""
    for one in arrays:
        sizes = abs(one[()].astype("float64")) if one.dtype.kind in "fiu" else one
        if one.dtype.kind in "fiu" and ((sizes > NEAR_FREE[0]) & (sizes < NEAR_FREE[1])).any():
            raise ConversionError("is made of the number of steps, which is free; fix the length")


@dataclass(frozen=True)
class Call:
    """`inputs` are tensors, arrays, or None for those that are left out; `framed`: the batch is a sequence of frames.

    `free` are the names of the graph's inputs that are states: they are zeros.
    """

    node: Node
    drawing: Drawing
    inputs: Sequence[Tensor | Array | None]
    framed: bool = False

    @property
    def name(self) -> str:
        return self.node.name

    def tensor(self, at: int = 0) -> Tensor:
        """An input that is computed. Raises ConversionError for a constant."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if not isinstance(found, Tensor):
            raise ConversionError(f"has a constant as input {at}, expected a value that is computed")
        return found

    def constant(self, at: int, what: str) -> Array:
        """An input that is known. Raises ConversionError for one that is computed, or left out."""
        found = self.maybe(at, what)
        if found is None:
            raise ConversionError(f"has no {what}")
        return found

    def maybe(self, at: int, what: str) -> Array | None:
        """The same, None where it is left out."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if isinstance(found, Tensor):
            raise ConversionError(f"has {what} that are computed, expected constants")
        return found

    def weights(self, at: int, what: str, axes: int | None = None) -> Array:
        """A constant of floats, in the type of the graph. Raises ConversionError."""
        found = self.constant(at, what)
        if found.dtype.kind != "f" or (axes is not None and found.ndim != axes):
            expected = "" if axes is None else f" of {axes} axes"
            raise ConversionError(f"has {what} of {found.dtype} and shape {found.shape}, expected floats{expected}")
        made: Array = found.astype(self.drawing.sketch.builder.dtype)
        return made

    def whole(self, name: str, default: int) -> int:
        """An attribute that is a whole number. Raises ConversionError."""
        found = self.node.attributes.get(name, default)
        if not isinstance(found, int) or abs(found) > MOST:
            raise ConversionError(f"has {plainly(name, NAME)} = {exactly(found)}, expected a whole number")
        return found

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        found = self.node.attributes.get(name, default)
        if not isinstance(found, (int, float)):
            raise ConversionError(f"has {plainly(name, NAME)} = {exactly(found)}, expected a number")
        return float(f"{found:.7g}")

    def text(self, name: str, default: str) -> str:
        """An attribute that is a text."""
        found = self.node.attributes.get(name, default)
        if not isinstance(found, str):
            raise ConversionError(f"has {plainly(name, NAME)} = {exactly(found)}, expected a text")
        return found

    def sizes(self, name: str) -> list[int] | None:
        """An attribute that is a list of whole numbers; None where it is absent."""
        found = self.node.attributes.get(name)
        if found is None:
            return None
        if not isinstance(found, list) or not all(isinstance(one, int) and abs(one) <= MOST for one in found):
            raise ConversionError(f"has {plainly(name, NAME)} = {exactly(found)}, expected whole numbers")
        return found

    def listed(self, at: int, name: str) -> list[int] | None:
        """Whole numbers from an input, or from the attribute that older versions have; None where neither is there."""
        found = self.maybe(at, name)
        if found is None:
            given = self.node.attributes.get(name)
            if name in ENDS and isinstance(given, list) and all(isinstance(one, int) for one in given):
                return [max(-FAR, min(FAR, one)) for one in given]
            return self.sizes(name)
        if found.dtype.kind not in "iu" or found.ndim > 1:
            raise ConversionError(f"has {name} of {found.dtype}, expected whole numbers")
        numbers = [int(one) for one in found.reshape(-1)]
        if any(NEAR_FREE[0] < abs(one) < NEAR_FREE[1] for one in numbers):
            raise ConversionError(f"has {name} that depend on the number of steps, which is free; fix the length")
        return numbers

    def demand(self, name: str, *expected: object) -> None:
        """Raises ConversionError where an attribute is there with another value."""
        found = self.node.attributes.get(name, expected[0])
        if found not in expected:
            raise ConversionError(f"has {name} = {exactly(found)}, expected {exactly(expected[0])}")

    def along(self, x: Tensor, sizes: Sequence[int] | None, default: int, what: str) -> int:
        """The number for the steps, of those for all axes behind the first two; the others are `default`."""
        if sizes is None:
            return default
        places = x.axes[2:]
        if len(sizes) != len(places):
            raise ConversionError(f"has {what} = {list(sizes)} with {x}")
        other = [size for size, letter in zip(sizes, places, strict=True) if letter != "t"]
        if any(size not in (default, 1) for size in other):
            raise ConversionError(f"has {what} = {list(sizes)}, expected one axis of steps")
        return next((size for size, letter in zip(sizes, places, strict=True) if letter == "t"), default)

    def sides(self, x: Tensor) -> tuple[int, int]:
        """(left, right) of `pads` along the steps. Raises ConversionError for pads along other axes."""
        found = self.sizes("pads")
        if found is None:
            return 0, 0
        half = len(found) // 2
        sides = self.along(x, found[:half], 0, "pads"), self.along(x, found[half:], 0, "pads")
        if any(found[i] for i in range(len(found)) if x.axes[2:][i % half] != "t"):
            raise ConversionError(f"has pads = {found}, expected some along the steps alone")
        return sides

    def axis(self, default: int) -> int:
        """The attribute `axis`."""
        return self.whole("axis", default)

    def letter(self, x: Tensor, axis: int) -> str:
        """What an axis is."""
        return x.axes[axis_of(axis, len(x.axes))]


Made: TypeAlias = "Tensor | Array | Sequence[Tensor | Array | None]"
Draw: TypeAlias = Callable[[Call], "Made"]
