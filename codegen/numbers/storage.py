"""How weights lie in memory and in files: as they are computed with, or as float16 or bfloat16, widened when read.

Sums stay float32 and so does the bias. A weight w is stored as the nearest number that has a code, ties to even:
|stored - w| <= max(unit * |w|, tiny), which moves an output by at most the sum of max(unit * |w|, tiny) * |x|.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codegen.errors import UsageError, WeightsError
from codegen.errors.quoting import plainly
from codegen.errors.suggest import expected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["AS_COMPUTED", "HALVES", "Half", "beyond", "checked", "half", "rounded", "stored"]

AS_COMPUTED = "float32"  # the word for weights in the layer's own dtype
ALSO = {"fp16": "float16", "half": "float16", "f16": "float16", "bf16": "bfloat16", "fp32": "float32"}  # elsewhere


@dataclass(frozen=True)
class Half:
    """A format of 16 bits: `unit` is its unit roundoff, `tiny` half the distance of its least numbers."""

    name: str
    unit: float
    tiny: float
    largest: float
    c: str = "uint16_t"
    bytes: int = 2

    @property
    def shifts(self) -> bool:
        """Whether a code is the upper half of a float32: bfloat16 is, float16 has fewer bits of exponent."""
        return self.name == "bfloat16"

    def encode(self, weights: Array, name: str = "kernel") -> NDArray[np.uint16]:
        """The nearest codes, uint16 of the same shape; NaN and infinities keep theirs.

        Raises WeightsError for a finite weight whose nearest code would be an infinity.
        """
        import numpy as np

        plain = np.ascontiguousarray(weights, np.float32)
        with np.errstate(over="ignore", under="ignore"):
            codes = plain.astype(np.float16).view(np.uint16) if not self.shifts else _upper(plain)
        lost = np.isinf(self.decode(codes)) & np.isfinite(plain)
        if lost.any():
            at = tuple(map(int, np.argwhere(lost)[0]))
            way = "scale the layer, or leave its weights in float32"
            if self.largest < HALVES["bfloat16"].largest:
                way = "store them as bfloat16, which reaches as far as float32, or scale the layer"
            raise beyond(name, at, plain[at], self.name, self.largest, way)
        return codes

    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """The numbers, float32, that the codes stand for: exact."""
        import numpy as np

        if self.shifts:
            return (codes.astype(np.uint32) << 16).view(np.float32)
        return codes.view(np.float16).astype(np.float32)

    def step(self, weights: Array) -> Array:
        """The most that each weight may have moved, float64."""
        import numpy as np

        return np.asarray(np.maximum(self.unit * np.abs(np.asarray(weights, np.float64)), self.tiny))


HALVES = {
    half.name: half
    for half in (
        Half("float16", 2.0**-11, 2.0**-25, 65504.0),
        Half("bfloat16", 2.0**-8, 2.0**-134, (2 - 2.0**-7) * 2.0**127),
    )
}


def half(storage: str) -> Half | None:
    """The format of that name; None for weights that are stored as they are computed with."""
    return HALVES.get(storage)


def checked(storage: str, dtype: str = "float32") -> str:
    """`storage` if weights of a layer of `dtype` can be stored so. Raises UsageError."""
    if not isinstance(storage, str) or storage not in (AS_COMPUTED, *HALVES):
        raise UsageError(f"unknown storage `{plainly(storage)}`: {expected(storage, (AS_COMPUTED, *HALVES), ALSO)}")
    if storage in HALVES and dtype != "float32":
        raise UsageError(
            f"storage={storage!r} is for layers that compute in float32, got dtype {dtype}: leave one of them out"
        )
    return storage


def rounded(weights: Array, storage: str, name: str = "kernel") -> Array:
    """`weights` as a kernel with that storage computes with them: float32, or as they are. Raises WeightsError."""
    kind = half(storage)
    return kind.decode(kind.encode(weights, name)) if kind else weights


def stored(arrays: Mapping[str, Array], storage: str, layer: str) -> dict[str, Array]:
    """A layer's arrays as its kernel computes with them: all but the bias rounded to `storage`. Raises WeightsError."""
    return {
        name: array if name == "bias" else rounded(array, storage, f"{layer}/{name}") for name, array in arrays.items()
    }


def beyond(name: str, at: tuple[int, ...], number: Any, word: str, largest: Any, way: str = "") -> WeightsError:
    """The error of a weight, the one at the index `at`, that the format `word` cannot hold."""
    got = f"weight {list(at)} of `{name}` is {number:g}, beyond {word}'s largest, {largest:g}"
    return WeightsError(f"{got}: {way or 'scale the layer, or give it dtype float64'}")


def _upper(plain: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32s, rounded to nearest, ties to even; a NaN stays one."""
    import numpy as np

    bits = plain.view(np.uint32)
    nearest = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(plain), (bits >> 16) | 0x40, nearest).astype(np.uint16)
