"""Weights: arrays named LAYER/parameter, from a mapping or a file that is not trusted, held to the spec's shapes.

Nothing is unpickled and nothing is evaluated. All names, types, shapes and sizes are compared with what the spec
expects before the first number is read; then exactly the expected arrays are made, in pieces, so that memory stays
below twice their size whatever the file claims.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen import files
from codegen.errors import WeightsError
from codegen.registry import suggestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.weights.archive import Archive

__all__ = ["read", "save"]

Shape = tuple[int, ...]
SUFFIXES = (".npz", ".safetensors")
RECIPE = "save it with codegen.weights.save, or numpy.savez(path, **{'LAYER/kernel': …, 'LAYER/bias': …})"
SHOWN = 12


def read(
    source: str | os.PathLike[str] | Mapping[str, Any],
    shapes: Mapping[str, Shape],
    dtype: str | Mapping[str, str] = "float32",
) -> dict[str, NDArray[Any]]:
    """The arrays of `shapes`, in its order, new and C-contiguous, from a .npz or .safetensors file or a mapping.

    Floats and whole numbers are converted to `dtype` (one for all, or one a name), as Keras does. Raises WeightsError
    for everything else: the message lists each array at fault, what was got and what is expected.
    """
    dtypes = {name: dtype if isinstance(dtype, str) else dtype[name] for name in shapes}
    if isinstance(source, Mapping):
        return _from_mapping(source, shapes, dtypes)
    path = Path(source)
    with _opened(path, len(shapes)) as archive:
        _demand(str(path), shapes, archive.names, lambda name: archive.header(name).told(shapes[name]))
        return {name: archive.read(name, dtypes[name]) for name in shapes}


def save(path: str | os.PathLike[str], arrays: Mapping[str, Any]) -> None:
    """Write float arrays as .npz or .safetensors, by the path's suffix: same arrays, same bytes; atomically.

    Raises WeightsError for another suffix or an array that is not float16, float32 or float64.
    """
    import numpy as np

    path = Path(path)
    kept = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in kept.items():
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise WeightsError(f"array `{name}`: got {array.dtype}, expected float16, float32 or float64")
    kept = {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in kept.items()}
    suffix = _suffix(path)
    if suffix == ".npz":
        from codegen.weights.npz import dump
    else:
        from codegen.weights.safetensors import dump
    files.write_all([(path, dump(kept))])


def _opened(path: Path, count: int) -> Archive:
    """The archive in that file, its table of contents read; `count` arrays are expected."""
    suffix = _suffix(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise WeightsError(f"`{path}` is no regular file; give a .npz or .safetensors file")
    except OSError as error:
        raise WeightsError(f"cannot read the weight file `{path}`: {error.strerror}") from None
    if suffix == ".npz":
        from codegen.weights.npz import Npz

        return Npz(path, count)
    from codegen.weights.safetensors import Safetensors

    return Safetensors(path)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise WeightsError(f"`{path}`: got the suffix `{suffix}`, expected {' or '.join(SUFFIXES)}; {RECIPE}")
    return suffix


def _from_mapping(
    arrays: Mapping[str, Any], shapes: Mapping[str, Shape], dtypes: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    import numpy as np

    from codegen.weights.archive import NUMBERS, Header

    found = {name: _array(name, arrays[name]) for name in shapes if name in arrays}

    def told(name: str) -> str | None:
        array = found[name]
        kind = array.dtype.str[1:] if array.dtype.str[1:] in NUMBERS else None
        return Header(kind, str(array.dtype), array.shape).told(shapes[name])

    _demand("the weights given", shapes, [str(name) for name in arrays], told)
    with np.errstate(over="ignore"):
        return {name: np.array(found[name], dtypes[name], order="C") for name in shapes}


def _array(name: str, value: Any) -> NDArray[Any]:
    import numpy as np

    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        got = f"array `{name}`: got {type(value).__name__}, which does not become an array ({str(error)[:200]})"
        raise WeightsError(got) from None


def _demand(place: str, shapes: Mapping[str, Shape], names: Collection[str], told: Callable[[str], str | None]) -> None:
    """Raises one WeightsError with every array that is missing, not expected, or told to be wrong."""
    present = set(names)
    missing = [name for name in shapes if name not in present]
    extra = [name for name in names if name not in shapes]
    wrong = [f"array `{name}`: missing, expected shape {shapes[name]}" for name in missing]
    wrong += [f"array `{_shown(name)}`: not expected{suggestion(name, missing[:SHOWN])}" for name in extra[:SHOWN]]
    reasons = ((name, told(name)) for name in shapes if name in present)
    wrong += [f"array `{name}`: {reason}" for name, reason in reasons if reason]
    count = len(wrong) + len(extra[SHOWN:])
    if count > 1:
        rest = [f"and {count - SHOWN} more"] if count > SHOWN else []
        raise WeightsError("\n  ".join([f"{place}:", *wrong[:SHOWN], *rest]))
    if wrong:
        raise WeightsError(f"{place}: {wrong[0]}")


def _shown(name: str) -> str:
    """A stranger's name, short and printable."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= 80 else text[:77] + "…"
