"""A file that is no .conv text is called by what it is, with the way from there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from codegen.errors import SpecErrors
from codegen.interchange import files
from codegen.language import reader, signatures

ROOT = Path(__file__).resolve().parents[2]


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return data.getvalue()


WAY = "`gen-conv import FILE -o NAME.conv`"
CASES = {
    "net.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras model", WAY),
    "net.h5": (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file", WAY),
    "w.npz": (zipped("stem/kernel.npy", "stem/bias.npy"), "a NumPy archive", "--weights"),
    "w.npy": (b"\x93NUMPY\x01\0", "a NumPy array", "--weights"),
    "w.safetensors": (b"\x3a\0\0\0\0\0\0\0" + b'{"stem/kernel":{"dtype":"F32"', "a safetensors file", "--weights"),
    "net.pt": (zipped("net/data.pkl", "net/version"), "a PyTorch file", "codegen.from_torch("),
    "old.pt": (b"\x80\x02\x8a\x0al\xfc\x9cF", "a pickle", "codegen.from_torch("),
    "net.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x05", "an ONNX model", WAY),
    "amp.nam": (b'{\n  "version": "0.5.0", "architecture": "WaveNet"}', "JSON, as neural amp models", WAY),
    "net.tflite": (b"\x1c\0\0\0TFL3\x14\0", "a LiteRT model", WAY),
    "any.zip": (zipped("readme.txt"), "a zip archive", "gen-conv new NAME"),
    "wide.conv": ("conv1d a { }".encode("utf-16"), "text in UTF-16", "save it as UTF-8"),
    "net.so": (b"\x7fELF\x02\x01", "a compiled program or library", "gen-conv new NAME"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_another_kind_is_called_by_its_name(name: str) -> None:
    data, what, way = CASES[name]
    with pytest.raises(SpecErrors) as caught:
        reader.read(data, name)
    [found] = caught.value.diagnostics
    assert (found.code, found.file) == ("E101", name)
    assert found.message.startswith(f"`{name}` is {what}")
    assert way in (found.hint or "")
    assert str(caught.value).count("\n") == 0  # no bytes are drawn


def test_what_is_imported_is_told_to_be_and_nothing_else() -> None:
    """Every suffix that `gen-conv import` reads, and none beside, is led there."""
    led = {Path(name).suffix for name, (*_, way) in CASES.items() if way == WAY}
    same = {".hdf5": ".h5", ".json": ".nam", ".aidax": ".nam"}  # of one beginning
    assert led == {same.get(suffix, suffix) for suffix in files.READERS}


def test_a_text_is_none_of_them() -> None:
    texts = [path.read_bytes() for path in ROOT.glob("**/*.conv") if path.parent.name != "language"]
    assert len(texts) > 10
    for text in (*texts, b"", b"\xef\xbb\xbf# a mark of UTF-8\n", "# ü\n".encode(), b"# \xff\n"):
        assert signatures.of(text) is None
