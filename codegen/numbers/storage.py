"""How weights lie in memory and in files: as they are computed with, or in a format that is widened when read.

Sums stay float32 and so does the bias. A weight w is stored as the nearest number that has a code, ties to even:
|stored - w| <= max(unit * |w|, tiny), which moves an output by at most the sum of max(unit * |w|, tiny) * |x|.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codegen.errors import UsageError
from codegen.errors.quoting import plainly
from codegen.errors.suggest import expected
from codegen.numbers.formats import STORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["AS_COMPUTED", "checked", "rounded", "stored"]

AS_COMPUTED = "float32"  # the word for weights in the layer's own dtype
ALSO = {"fp16": "float16", "half": "float16", "f16": "float16", "bf16": "bfloat16", "fp32": "float32"}  # elsewhere


def checked(storage: str, dtype: str = "float32") -> str:
    """`storage` if weights of a layer of `dtype` can be stored so. Raises UsageError."""
    if not isinstance(storage, str) or storage not in (AS_COMPUTED, *STORED):
        raise UsageError(f"unknown storage `{plainly(storage)}`: {expected(storage, (AS_COMPUTED, *STORED), ALSO)}")
    if storage in STORED and dtype != STORED[storage].computed:
        needs = f"storage={storage!r} is for layers that compute in {STORED[storage].computed}"
        raise UsageError(f"{needs}, got dtype {dtype}: leave one of them out")
    return storage


def rounded(weights: Array, storage: str, name: str = "kernel") -> Array:
    """`weights` as a kernel with that storage computes with them: float32, or as they are. Raises WeightsError."""
    row = STORED.get(storage)
    return row.decode(row.encode(weights, name)) if row else weights


def stored(arrays: Mapping[str, Array], storage: str, layer: str) -> dict[str, Array]:
    """A layer's arrays as its kernel computes with them: all but the bias rounded to `storage`. Raises WeightsError."""
    return {
        name: array if name == "bias" else rounded(array, storage, f"{layer}/{name}") for name, array in arrays.items()
    }
