"""Arrays at a layer's door: what callers hand over, as the contiguous NumPy arrays that a kernel takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import keras_words
from codegen.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

READY = 0x0101  # flags.num: C-contiguous and aligned
WRITABLE = READY | 0x0400
NUMBERS = "fiub"  # kinds that are cast: floats, whole numbers, bools


def taken(x: Any, dtype: np.dtype[Any], copy: str, axes: str, layer: str = "") -> Array:
    """`x` with three axes, in `dtype`, contiguous and aligned; as it is where it is so. Raises ShapeError.

    x may be an array, a buffer, a DLPack object or nested lists; copy="never" takes only what needs no copy. `axes` are
    the axes' names and `layer` the layer's, for messages.
    """
    if copy not in ("auto", "never"):
        raise ShapeError(f'copy: got {copy!r}, expected "auto" or "never"')
    found = _array(x, axes)
    if found.dtype.kind not in NUMBERS:
        raise ShapeError(f"x: got type {found.dtype}, expected {dtype} or numbers that can be cast to it")
    if found.ndim != 3:
        hint = "; one sample is a batch of one: x[None]" if found.ndim == 2 else ""
        told = f"x: got shape {found.shape} of {found.ndim} axes, expected {axes}{hint}"
        raise ShapeError(keras_words.after(told, keras_words.axes(layer, found.shape)))
    if found.dtype == dtype and found.flags.num & READY == READY:
        return found
    if copy == "never":
        what = f"{found.dtype}" if found.dtype != dtype else "not contiguous, or not aligned"
        way = f'pass numpy.ascontiguousarray(x, "{dtype}"), or leave copy="never" out'
        raise ShapeError(f'x: got an array that is {what}, expected contiguous {dtype} with copy="never"; {way}')
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, as in Keras
        return np.array(found, dtype, order="C")


def fitting(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], x: Array) -> Array:
    """`out` itself, if it is a writable contiguous array of that shape and dtype apart from x. Raises ShapeError."""
    expected = f"expected a {dtype} array of shape {shape}"
    if not isinstance(out, np.ndarray):
        raise ShapeError(f"out: got {type(out).__name__}, {expected}")
    if out.shape != shape or out.dtype != dtype:
        raise ShapeError(f"out: got {out.dtype} of shape {out.shape}, {expected}")
    if out.flags.num & READY != READY:
        raise ShapeError(f"out: got an array that is not C-contiguous and aligned, {expected}: numpy.empty makes one")
    if not out.flags.writeable:
        raise ShapeError(f"out: got a read-only array, {expected} that can be written to")
    if np.may_share_memory(out, x):  # both are contiguous, so that their bounds tell
        raise ShapeError(
            "out: shares memory with x, which is still read while out is written; give an array of its own"
        )
    return out


def _array(x: Any, axes: str) -> Array:
    """Whatever holds numbers as a NumPy array, without a copy where that is possible."""
    if type(x) is np.ndarray:
        return x
    try:
        if hasattr(x, "__dlpack__") and not isinstance(x, (np.ndarray, np.generic)):
            return np.from_dlpack(x)
        return np.asarray(x)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        got = f"x: got {type(x).__name__}, which does not become an array ({str(error)[:200]})"
        raise ShapeError(f"{got}; expected {axes}, in the CPU's memory and without gradients") from None
