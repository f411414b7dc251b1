""".keras and .h5 files: the config of a model, and where its weights are."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, plainly
from codegen.interchange.keras_graph import walk
from codegen.interchange.keras_graph.part import Arrays
from codegen.interchange.keras_graph.sources import Legacy, Stored, opened, text_of
from codegen.interchange.ledger import Ledger
from codegen.interchange.sketch import Imported
from codegen.interchange.stranger import LARGEST_JSON, Item, bytes_of, json_of

__all__ = ["hdf5", "zipped"]

LARGEST = 1 << 30  # bytes of a file
MALFORMED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, KeyError)
MEMBERS = ("config.json", "model.weights.h5")
MOST_MEMBERS = 1 << 12


def zipped(path: Path, shown: str, ledger: Ledger, steps: int | None = None) -> Imported:
    """The model of a .keras file; `steps` of inputs that have any number of them. Raises ConversionError."""
    data = bytes_of(path, LARGEST)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > MOST_MEMBERS:
                raise ConversionError(f"{shown}: has more than {MOST_MEMBERS:,} members")
            config, weights = (_member(archive, name, shown, len(data)) for name in MEMBERS)
    except ConversionError:
        raise
    except MALFORMED as error:
        raise ConversionError(f"{shown}: is no readable .keras file ({plainly(error, NAME)})") from None
    return _imported(json_of(config, "config"), Stored(opened(weights, shown)), ledger, shown, steps)


def _member(archive: zipfile.ZipFile, name: str, shown: str, size: int) -> bytes:
    """A member that is no larger than the whole file, as Keras packs none."""
    info = archive.getinfo(name)
    if info.file_size > (LARGEST_JSON if name.endswith(".json") else size):
        raise ConversionError(f"{shown}: `{name}` claims {info.file_size:,} bytes of a file of {size:,}")
    with archive.open(info) as member:
        return member.read(info.file_size)


def hdf5(path: Path, shown: str, ledger: Ledger, steps: int | None = None) -> Imported:
    """The model of a .h5 file that Keras saved as a whole; `steps` of inputs that have any number of them.

    Raises ConversionError.
    """
    with opened(bytes_of(path, LARGEST), shown) as file:
        text = text_of(file, "model_config")
        if text is None:
            way = "it holds weights alone; save the whole model: model.save(path)"
            raise ConversionError(f"{shown}: has no `model_config`: {way}")
        return _imported(json_of(text, "model_config"), Legacy(file), ledger, shown, steps)


def _imported(item: Item, source: Arrays, ledger: Ledger, shown: str, steps: int | None) -> Imported:
    if not walk.is_model(item):
        kind = item.value.get("class_name") if isinstance(item.value, dict) else None
        told = f"a {plainly(kind, NAME)}, expected a Sequential or a functional model"
        raise ConversionError(f"{shown}: holds {told}: a class of somebody's own does not say what it computes")
    return walk.drawn(item, source, ledger, steps=steps)[0]
