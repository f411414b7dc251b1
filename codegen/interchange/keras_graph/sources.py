"""The weights of Keras' layers: of live ones, and from the HDF5 of .keras and .h5 files, by the optional h5py.

A file is a stranger's: links to other files, virtual, chunked and packed arrays are refused, and an array's bytes lie
in the file before any memory is taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError, UsageError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.library import array
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["SIDES", "Legacy", "Live", "Stored", "opened"]

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # what files of Keras 3 call the layers of a model
ALIASES = {"kernel": ("depthwise_kernel",), "depthwise_kernel": ("kernel",)}  # of Keras 2 for DepthwiseConv1D
SIDES = ("forward_layer", "backward_layer")  # of a Bidirectional, which has two layers
MOST_NAMES = 1 << 16


@dataclass(frozen=True)
class Live:
    """A live model of Keras 3 or tf.keras."""

    model: Any

    def of(self, path: Sequence[str], group: str, words: Sequence[str]) -> Mapping[str, Array]:
        """The attributes of the layer; those of its cell, or of the layer in a wrapper."""
        found = self.model
        for name in path:
            around: Any = found if hasattr(found, "layers") else getattr(found, "layer", None)  # of a wrapper
            found = next((one for one in getattr(around, "layers", ()) if str(one.name) == name), None)
            if found is None:
                raise ConversionError(f"`{plainly('/'.join(path), NAME)}` is no layer of the model")
        found = getattr(found, group.rpartition("/")[2], found) if group.endswith(SIDES) else found
        holders = [found, getattr(found, "cell", None), getattr(found, "layer", None)]
        return {word: array(_held(holders, word), word) for word in words}


def _held(holders: Sequence[Any], word: str) -> Any:
    for holder in holders:
        for name in (word, *ALIASES.get(word, ())):
            held = getattr(holder, name, None)
            if held is not None and hasattr(held, "shape"):
                return held
    raise ConversionError(f"has no array `{word}`: it is not built, or its weights are elsewhere")


def opened(data: bytes, place: str) -> Any:
    """An HDF5 file of these bytes. Raises UsageError without h5py, ConversionError for what is none."""
    import io

    try:
        import h5py
    except ImportError:
        raise UsageError(f"{place}: files of Keras are read with h5py: pip install 'gen-conv[keras]'") from None
    try:
        return h5py.File(io.BytesIO(data), "r")
    except Exception as error:  # whatever the library says of a stranger's bytes
        raise ConversionError(f"{place}: is no readable HDF5 file ({plainly(error, NAME)})") from None


def _child(group: Any, name: str) -> Any:
    """What a group has by that name, in this file; None where there is nothing. Raises ConversionError."""
    import h5py

    try:
        for word in name.split("/"):
            link = group.get(word, getlink=True) if isinstance(group, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise ConversionError(f"`{plainly(name, NAME)}` is a link to elsewhere, which is not followed")
            group = group[word]
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(f"`{plainly(name, NAME)}` cannot be read ({plainly(error, NAME)})") from None
    return group


def _array(found: Any, place: str) -> Array:
    """The numbers of an HDF5 dataset that lie in the file as they are."""
    import h5py
    import numpy as np

    shown = f"its array `{plainly(place, NAME)}`"
    try:
        if not isinstance(found, h5py.Dataset):
            raise ConversionError(f"{shown} is not there")
        if found.dtype.kind != "f" or found.dtype.itemsize not in (2, 4, 8):
            raise ConversionError(f"{shown} is of {found.dtype}, expected floats")
        packed = found.chunks is not None or found.is_virtual or found.external
        if packed or found.id.get_storage_size() != found.size * found.dtype.itemsize:
            raise ConversionError(f"{shown} is packed or lies elsewhere; save the model with Keras itself")
        made: Array = np.asarray(found[()], found.dtype.newbyteorder("="))
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(f"{shown} cannot be read ({plainly(error, NAME)})") from None
    return made


@dataclass(frozen=True)
class Stored:
    """The model.weights.h5 of a .keras file: a group for each layer, its arrays numbered."""

    file: Any

    def of(self, path: Sequence[str], group: str, words: Sequence[str]) -> Mapping[str, Array]:
        """The arrays in Keras' order, which is that of `words`."""
        found = next((one for name in CONTAINERS if (one := _child(self.file, _placed(group, name))) is not None), None)
        for inside in ("", "cell/"):
            held = None if found is None else _child(found, f"{inside}vars")
            if held is not None and len(held) > 0:
                if len(held) != len(words):
                    raise ConversionError(f"has {len(held)} arrays in the file, expected {', '.join(words)}")
                return {word: _array(_child(held, str(i)), f"{group}/{i}") for i, word in enumerate(words)}
        if words:
            raise ConversionError(f"has no arrays in the file, expected {', '.join(words)}")
        return {}


def _placed(group: str, container: str) -> str:
    """The group where layers are in a container of that name."""
    return group.replace("layers/", f"{container}/")


@dataclass(frozen=True)
class Legacy:
    """A .h5 file of Keras: a group for each layer of the outermost model, its arrays by name."""

    file: Any

    def of(self, path: Sequence[str], group: str, words: Sequence[str]) -> Mapping[str, Array]:
        """The arrays whose names end in that of the weight, and have the layer's in them where models are in models."""
        weights = _child(self.file, "model_weights")
        held = _child(weights if weights is not None else self.file, path[0])
        if held is None:
            raise ConversionError("has no arrays in the file")
        names = _names(held, "weight_names")
        if group.endswith(SIDES):
            side = group.rpartition("/")[2].removesuffix("layer")
            names = [name for name in names if any(part.startswith(side) for part in name.split("/"))]
        return {word: _array(_child(held, _named(names, path, word)), word) for word in words}


def _named(names: Sequence[str], path: Sequence[str], word: str) -> str:
    for wanted in (word, *ALIASES.get(word, ())):
        found = [name for name in names if name.rpartition("/")[2].partition(":")[0] == wanted]
        inside = [name for name in found if path[-1] in name.split("/")]
        found = inside if len(path) > 1 or len(found) > 1 else found
        if len(found) == 1:
            return found[0]
    raise ConversionError(f"has no array `{word}` in the file, or several")


def _names(held: Any, attribute: str) -> list[str]:
    """A list of texts in an attribute."""
    try:
        found = held.attrs[attribute]
        if len(found) > MOST_NAMES:
            raise ConversionError(f"its `{attribute}` has {len(found):,} names, at most {MOST_NAMES:,} are read")
        return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in found]
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(f"its `{attribute}` cannot be read ({plainly(error, NAME)})") from None


def text_of(file: Any, attribute: str) -> bytes | None:
    """A text in an attribute of the file; None where it has none. Raises ConversionError."""
    try:
        found = file.attrs.get(attribute)
        data = found.encode("utf-8") if isinstance(found, str) else found
    except Exception as error:
        raise ConversionError(f"its `{attribute}` cannot be read ({plainly(error, NAME)})") from None
    if data is None or isinstance(data, bytes):
        return data
    raise ConversionError(f"its `{attribute}` is {exactly(type(data))}, expected a text")
