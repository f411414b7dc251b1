"""What a file is that is no .conv text, told by its first bytes, and the way from there."""

from __future__ import annotations

__all__ = ["of"]

IMPORT = "`gen-conv import FILE -o NAME.conv` writes it as one, with its weights beside it"
IMPORT_WHOLE = f"{IMPORT}, where it is a whole model; weights alone are loaded with Keras"
FROM_TORCH = "load it with PyTorch: codegen.from_torch(module) is its model, whose .emit(folder) writes the C"
AS_WEIGHTS = "it holds weights: write the layers in a .conv file, and give this one with --weights"
BY_HAND = "write the layers in a .conv file: `gen-conv new NAME` writes one to start from"
AS_UTF_8 = "save it as UTF-8"

MEMBERS = {  # a name among a zip's first members → whose zip it is
    b".npy": ("a NumPy archive (.npz)", AS_WEIGHTS),
    b"data.pkl": ("a PyTorch file", FROM_TORCH),
    b"model.weights.h5": ("a Keras model (.keras)", IMPORT),
    b"metadata.json": ("a Keras model (.keras)", IMPORT),
}
STARTS = {
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file, as Keras saves models and weights (.h5)", IMPORT_WHOLE),
    b"\x93NUMPY": ("a NumPy array (.npy)", "save it in an .npz under LAYER/kernel, and give that with --weights"),
    b"\x80\x02": ("a pickle, as PyTorch saved models once", FROM_TORCH),
    b"\x80\x03": ("a pickle", BY_HAND),
    b"\x80\x04": ("a pickle", BY_HAND),
    b"\x80\x05": ("a pickle", BY_HAND),
    b"\x7fELF": ("a compiled program or library", BY_HAND),
    b"MZ\x90": ("a compiled program or library", BY_HAND),
    b"\x1f\x8b": ("a gzip archive", "unpack it"),
    b"\xff\xfe": ("text in UTF-16", AS_UTF_8),
    b"\xfe\xff": ("text in UTF-16", AS_UTF_8),
}
ONNX = ("an ONNX model", IMPORT)
TFLITE = ("a LiteRT model (.tflite)", f"{IMPORT}, where it is of int8")
JSON = ("JSON, as neural amp models (.nam) and RTNeural's are", f"of these, {IMPORT}")
ZIP = ("a zip archive", BY_HAND)
LOOKED_AT = 4_096


def of(data: bytes) -> tuple[str, str] | None:
    """(what it is, the way from there); None for what may be a .conv text."""
    head = data[:LOOKED_AT]
    if head.startswith(b"PK\x03\x04"):
        return next((kind for member, kind in MEMBERS.items() if member in head), ZIP)
    if head[4:8] == b"TFL3":
        return TFLITE
    if len(head) > 9 and head[8:10] == b'{"' and b"\0\0\0" in head[3:8]:
        return "a safetensors file", AS_WEIGHTS
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b":"):  # ir_version, then producer_name or graph
        return ONNX
    if head.lstrip()[:1] == b"{" and head.lstrip()[1:].lstrip()[:1] == b'"':
        return JSON
    return next((kind for start, kind in STARTS.items() if head.startswith(start)), None)
