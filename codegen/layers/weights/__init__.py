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

from codegen.errors import WeightsError
from codegen.errors.quoting import NAME, PATH, plainly
from codegen.functions.registry import suggestion
from codegen.machine import files
from codegen.numbers.formats import STORED
from codegen.numbers.storage import AS_COMPUTED, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.weights.archive import Archive, Header

__all__ = ["read", "save"]

Shape = tuple[int, ...]
SUFFIXES = (".npz", ".safetensors")
RECIPE = "save it with codegen.weights.save, or numpy.savez(path, **{'LAYER/kernel': …, 'LAYER/bias': …})"
ELSEWHERE = {  # other libraries' files, which are read by those libraries alone → the way from there
    (".h5", ".hdf5", ".keras"): "load it with Keras, then codegen.from_keras(model).save_weights; or, of a "
    "whole model, `gen-conv import FILE` writes them as .safetensors",
    (".pt", ".pth", ".ckpt", ".bin"): "load it with PyTorch, then codegen.from_torch(module).save_weights",
}
LONGEST = 255  # characters of an array's name; a layer's has 63 at most
SHOWN = 12


def read(
    source: str | os.PathLike[str] | Mapping[str, Any],
    shapes: Mapping[str, Shape],
    dtype: str | Mapping[str, str] = "float32",
    single: Collection[str] = (),
) -> dict[str, NDArray[Any]]:
    """The arrays of `shapes`, in its order, new and C-contiguous, from a .npz or .safetensors file or a mapping.

    Floats and whole numbers are converted to `dtype` (one for all, or one a name), as Keras does; to int8 and int32
    only whole numbers that these hold. An array of `single` may be one number for all, of shape (). Raises WeightsError
    for everything else: the message lists each array at fault, what was got and what is expected.
    """
    dtypes = {name: dtype if isinstance(dtype, str) else dtype[name] for name in shapes}
    if isinstance(source, Mapping):
        return _filled(_from_mapping(source, shapes, dtypes, single), shapes)
    path = _path(source)
    with _opened(path, len(shapes)) as archive:
        told = _telling(archive.header, shapes, dtypes, single)
        _demand(plainly(path, PATH), shapes, archive.names, told)
        return _filled({name: archive.read(name, dtypes[name]) for name in shapes}, shapes)


def _telling(
    header: Callable[[str], Header], shapes: Mapping[str, Shape], dtypes: Mapping[str, str], single: Collection[str]
) -> Callable[[str], str | None]:
    """What is wrong with an array by its header."""

    def told(name: str) -> str | None:
        found = header(name)
        return found.told(() if name in single and found.shape == () else shapes[name], dtypes[name])

    return told


def _filled(found: dict[str, NDArray[Any]], shapes: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    """The arrays, what is one number for all as often as it counts."""
    import numpy as np

    return {
        name: array if array.shape == shapes[name] else np.full(shapes[name], array) for name, array in found.items()
    }


def save(
    path: str | os.PathLike[str], arrays: Mapping[str, Any], *, storage: str | Mapping[str, str] = AS_COMPUTED
) -> None:
    """Write arrays as .npz or .safetensors, by the path's suffix: same arrays, same bytes.

    With `storage` float16 or bfloat16 (one for all, or one a name) float32 arrays are rounded to that, to nearest even,
    and take half the bytes; bfloat16 is for .safetensors, as NumPy has no such type. float32 leaves all as they are.
    A file that is there stays whole until the new one is: it is replaced at once or not at all. Raises WeightsError for
    another suffix, an array that is not float16, float32, float64, int8 or int32, and a name that no reader would take;
    UsageError where the file cannot be written.
    """
    path = _path(path)
    suffix = _suffix(path)
    stored = {name: storage if isinstance(storage, str) else storage.get(name, AS_COMPUTED) for name in arrays}
    kept = {_named(name): _floats(name, array, stored[name]) for name, array in arrays.items()}
    if suffix == ".npz":
        from codegen.layers.weights.npz import dump
    else:
        from codegen.layers.weights.safetensors import dump
    files.write_all([(path, dump(kept))])


def _path(value: object) -> Path:
    try:
        return Path(value)  # type: ignore[arg-type]  # what is no path is told
    except TypeError:
        expected = f"the path of a {' or '.join(SUFFIXES)} file, or a mapping with the arrays by name"
        raise WeightsError(f"weights: got {plainly(value)}, expected {expected}") from None


def _named(name: object) -> str:
    """An array's name, if every reader of both formats gives it back."""
    if isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name != "__metadata__":
        return name
    rule = (
        f"1 to {LONGEST} printable characters, and not safetensors' own word __metadata__; a layer's are LAYER/kernel"
    )
    raise WeightsError(f"array {_shown(ascii(name))}: cannot be saved under that name; expected {rule}")


def _floats(name: str, array: Any, storage: str) -> NDArray[Any]:
    """The array, little-endian and C-contiguous; bfloat16 as its codes, uint16."""
    import numpy as np

    found = _array(name, array)
    if found.dtype.str[1:] not in ("f2", "f4", "f8", "i1", "i4"):
        raise WeightsError(f"array `{name}`: got {found.dtype}, expected float16, float32 or float64, int8 or int32")
    row = STORED.get(checked(storage))
    if row:
        if found.dtype != row.computed:
            raise WeightsError(f"array `{name}`: got {found.dtype}, expected {row.computed} to be stored as {storage}")
        codes = row.encode(found, name).reshape(found.shape)
        found = codes.view(row.own) if row.own else codes if row.filed else row.decode(codes)
    return np.asarray(found, found.dtype.newbyteorder("<"), order="C")


def _opened(path: Path, count: int) -> Archive:
    """The archive in that file, its table of contents read; `count` arrays are expected."""
    suffix = _suffix(path)
    place = plainly(path, PATH)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise WeightsError(f"cannot read the weight file `{place}`: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise WeightsError(f"cannot read the weight file `{place}`: {plainly(error)}") from None
    if not regular:
        raise WeightsError(f"`{place}` is no regular file; give a .npz or .safetensors file")
    if suffix == ".npz":
        from codegen.layers.weights.npz import Npz

        return Npz(path, count)
    from codegen.layers.weights.safetensors import Safetensors

    return Safetensors(path)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        way = next((way for theirs, way in ELSEWHERE.items() if suffix in theirs), RECIPE)
        raise WeightsError(
            f"`{plainly(path, PATH)}`: got the suffix `{plainly(suffix)}`, expected {' or '.join(SUFFIXES)}; {way}"
        )
    return suffix


def _from_mapping(
    arrays: Mapping[str, Any], shapes: Mapping[str, Shape], dtypes: Mapping[str, str], single: Collection[str]
) -> dict[str, NDArray[Any]]:
    from codegen.layers.weights.archive import NUMBERS, Header
    from codegen.numbers.arrays import weight

    found = {name: _array(name, arrays[name]) for name in shapes if name in arrays}

    def header(name: str) -> Header:
        array = found[name]
        kind = array.dtype.str[1:] if array.dtype.str[1:] in NUMBERS else None
        return Header(kind, str(array.dtype), array.shape)

    told = _telling(header, shapes, dtypes, single)
    _demand("the weights given", shapes, [name if isinstance(name, str) else plainly(name) for name in arrays], told)
    return {name: weight(found[name], dtypes[name], name) for name in shapes}


def _array(name: str, value: Any) -> NDArray[Any]:
    from codegen.numbers.arrays import found_in

    return found_in(value, f"array `{name}`", WeightsError)


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
    return plainly(name, NAME)
