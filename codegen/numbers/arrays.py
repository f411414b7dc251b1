"""Arrays at a layer's door: what callers hand over, as the contiguous NumPy arrays that a kernel takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import GenConvError, ShapeError, keras_messages
from codegen.errors.quoting import exactly, plainly
from codegen.numbers import formats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

READY = 0x0101  # flags.num: C-contiguous and aligned
WRITABLE = READY | 0x0400
NUMBERS = "fiub"  # kinds that are cast: floats, whole numbers, bools
LAZY = ("resolve_neg", "resolve_conj")  # PyTorch's ways to carry out what a tensor has only noted, which DLPack forgets
CPU = "in the CPU's memory and without gradients"


def taken(x: Any, dtype: np.dtype[Any], copy: str, axes: str, layer: str = "") -> Array:
    """`x` with three axes, in `dtype`, contiguous and aligned; as it is where it is so. Raises ShapeError.

    x may be an array, a buffer, a DLPack object or nested lists; copy="never" takes only what needs no copy. `axes` are
    the axes' names and `layer` the layer's, for messages.
    """
    if not isinstance(copy, str) or copy not in ("auto", "never"):
        raise ShapeError(f'copy: got {exactly(copy)}, expected "auto" or "never"')
    if x is None:
        raise ShapeError(f"x: got None, expected {axes}")
    found = x if type(x) is np.ndarray else found_in(x, "x", ShapeError, f"{axes}, {CPU}")
    demand_numbers(found, dtype, "x", ShapeError)
    if found.ndim != 3:
        hint = "; one sample is a batch of one: x[None]" if found.ndim == 2 else ""
        told = f"x: got shape {found.shape} of {found.ndim} axes, expected {axes}{hint}"
        raise ShapeError(keras_messages.after(told, keras_messages.axes(layer, found.shape)))
    ready = found.dtype == dtype and found.flags.num & READY == READY
    if ready and (copy == "auto" or not _made_anew(x)):
        return found
    if dtype.kind == "i" and first_lost(found, found.astype(dtype)) is not None:
        raise ShapeError(
            f"x: got {found.dtype} with numbers that are no {dtype}; layer.quantize(x) makes codes of them"
        )
    if copy == "never":
        what = f"{found.dtype}" if found.dtype != dtype else "not contiguous, or not aligned"
        what = "made of what it was handed" if ready else what
        way = f'pass numpy.ascontiguousarray(x, "{dtype}"), or leave copy="never" out'
        raise ShapeError(f'x: got an array that is {what}, expected contiguous {dtype} with copy="never"; {way}')
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, as in Keras
        return np.array(found, dtype, order="C")


def fitting(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], x: Array) -> Array:
    """`out` itself, if it is a writable contiguous array of that shape and dtype apart from x. Raises ShapeError."""
    expected = f"expected a {dtype} array of shape {shape}"
    if not isinstance(out, np.ndarray) or _with_mask(out):  # which would hide what is written
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


def found_in(value: Any, name: str, wrong: type[GenConvError], expected: str = f"an array {CPU}") -> Array:
    """The numbers that `value` holds as a NumPy array, of any type and without a copy where that is possible.

    A tensor's sign or conjugate that is only noted is carried out first. Raises `wrong`, with `name`, for what does not
    become an array, and for an array some of whose values are masked.
    """
    try:
        for settle in LAZY:
            value = getattr(value, settle)() if hasattr(value, settle) else value
        found = _plain(value)
    except Exception as error:  # what a stranger's array raises is a stranger's matter
        reason = f"{type(value).__name__}, which does not become an array ({plainly(error, 200)})"
        way = "; pass it as x.detach().cpu().float(), a sparse one as x.to_dense()" if hasattr(value, "detach") else ""
        raise wrong(f"{name}: got {reason}; expected {expected}{way.replace('x.', f'{name}.')}") from None
    if _masked(value):
        way = "fill them first, as numpy.ma.filled(array, 0) does"
        raise wrong(f"{name}: got an array with masked values, which have no number; {way}")
    return found


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of PyTorch, which has been imported then."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def as_given(x: Any, out: Any, y: Array) -> Array:
    """`out` if it was given, and was filled; else y, as a tensor on its memory where x was one."""
    found: Array = out if out is not None else sys.modules["torch"].from_numpy(y) if is_tensor(x) else y
    return found


def memory_of(value: Any) -> Any:
    """The array on a tensor's memory, whatever else as it is: a tensor without one is refused where it is used."""
    plain = is_tensor(value) and value.device.type == "cpu" and not value.requires_grad
    return value.numpy() if plain else value


def _plain(value: Any) -> Array:
    """By DLPack; by NumPy's own ways where that fails, as its word on the reason is the clearer one."""
    if hasattr(value, "__dlpack__") and not isinstance(value, (np.ndarray, np.generic)):
        try:
            return np.from_dlpack(value)
        except Exception:
            if not hasattr(value, "__array__"):
                raise
    return np.asarray(value)


def _made_anew(value: Any) -> bool:
    """Whether an array of it is a copy: of a list, or of a tensor whose sign is only noted."""
    return isinstance(value, (list, tuple)) or bool(getattr(value, "is_neg", bool)())


def _masked(value: Any) -> bool:
    """Whether some of the numbers are masked, in an array or in one of a list of them."""
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return any(_with_mask(part) and np.ma.is_masked(part) for part in parts)


def _with_mask(value: Any) -> bool:
    """Whether it is one of NumPy's masked arrays, of which there is none before their module was imported."""
    return "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray)


def demand_numbers(found: Array, dtype: Any, name: str, wrong: type[GenConvError]) -> None:
    """Raises `wrong`, with `name`, for an array of what is not cast to `dtype`: complex numbers, texts, objects."""
    if found.dtype.kind in NUMBERS:
        return
    way = f'; {name}.astype("{dtype}") may make them' if found.dtype.kind == "V" and not found.dtype.names else ""
    raise wrong(f"{name}: got type {plainly(found.dtype)}, expected {dtype} or numbers that can be cast to it{way}")


def cast(value: Any, dtype: Any, name: str, wrong: type[GenConvError] = ShapeError) -> Array:
    """What `value` holds, in `dtype`, contiguous and aligned. Raises `wrong` for what holds no numbers."""
    dtype = np.dtype(dtype)
    if type(value) is np.ndarray and value.dtype == dtype and value.flags.num & READY == READY:
        return value
    found = found_in(value, name, wrong)
    demand_numbers(found, dtype, name, wrong)
    with np.errstate(over="ignore"):
        return np.require(found, dtype, ("C", "A", "E"))


def weight(found: Array, dtype: Any, name: str) -> Array:
    """A new contiguous array of weights in `dtype`. Raises WeightsError where a finite one becomes infinite."""
    with np.errstate(over="ignore"):
        made = np.array(found, dtype, order="C", subok=False)
    at = first_lost(found, made)
    if at is not None:
        place = tuple(map(int, np.unravel_index(at, found.shape)))
        raise formats.beyond(name, place, found[place], str(made.dtype), formats.row(str(made.dtype)).largest)
    return made


def first_lost(found: Array, made: Array) -> int | None:
    """The flat index of the first finite number of `found` that is infinite in `made`, its cast to another type.

    Of one cast to whole numbers the first that is another number there.
    """
    if made.dtype.kind == "i":
        other = made != found
        return int(other.argmax()) if other.any() else None
    if made.dtype.itemsize >= found.dtype.itemsize:
        return None
    lost = np.isinf(made) & np.isfinite(found)
    return int(lost.argmax()) if lost.any() else None
