"""A .tflite of a TensorFlow Conv1D stack: the codes of TensorFlow Lite; a stranger's bytes: an error of ours."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import ConversionError, GenConvError
from codegen.interchange import files
from codegen.interchange.ledger import Ledger
from codegen.interchange.tflite import chain
from codegen.interchange.tflite.flat import Table, root

DATA = Path(__file__).parent.parent / "data" / "tflite"
"""By ai-edge-litert's schema; `double` are tflite-micro's outputs of `stack`, LiteRT's reference's of `batches`."""
NAMES = ("stack", "batches")


def codes(model: Any, x: Any) -> Any:
    for name in model:
        x = model[name](x)
    return x


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("name", NAMES)
def test_the_codes_of_tensorflow_lite(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stride, a depthwise layer, a dilation as an option or in batches, causal padding, tanh: 0 of 1,984 differ."""
    held = np.load(DATA / "outputs.npz")
    x = held[f"{name}/x"]
    monkeypatch.chdir(tmp_path)
    assert main.main(["import", str(DATA / f"{name}.tflite"), "-o", "q.conv"]) == 0
    text = Path("q.conv").read_text()
    for rounding in ("double", "fp32"):
        said = text.replace("dtype = int8 }", f"dtype = int8, rounding = {rounding} }}")
        y = codes(codegen.load(said, weights="q.npz"), x)
        assert y.size == 1984
        assert np.count_nonzero(y != held[f"{name}/{rounding}"]) == 0
    model = codegen.read(DATA / f"{name}.tflite")
    assert model.to_conv() == text
    assert np.array_equal(codes(model, x[:1]), held[f"{name}/double"][:1])


def test_what_the_layers_are() -> None:
    model = codegen.read(DATA / "batches.tflite")
    assert list(model) == ["conv", "depthwise", "conv_1", "conv_2"]
    first, each, dilated, last = (model[name].spec for name in model)
    assert (first.strides, first.padding, first.activation.name) == (2, "same", "relu")
    assert each.kind == "depthwise_conv1d"
    assert (dilated.dilation_rate, dilated.padding) == (3, (3, 3))  # of 8 padded steps 2 are cut again
    assert (last.padding, last.activation.name, last.output_scale) == ((2, 0), "tanh", 1 / 128)
    assert model.conv.kernel.dtype == np.int8


def read(data: bytes, tmp_path: Path) -> Any:
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    return chain.read(path, "m.tflite", Ledger())


SCALES = 291  # of the seeds below, one by which a bias has other scales than filters


@pytest.mark.long
def test_a_damaged_file_is_an_error_of_ours(tmp_path: Path, share: Callable[..., Any]) -> None:
    """Cut anywhere, and with any of many bytes changed, it is read or refused."""
    whole = (DATA / "stack.tflite").read_bytes()
    for end in share(range(0, len(whole), 397), 3):
        with pytest.raises(GenConvError):
            read(whole[:end], tmp_path)
    refused, seeds = 0, {SCALES, *share(range(400), 4)}
    for seed in seeds:
        rng = np.random.default_rng((8, seed))
        spoilt = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            spoilt[at] = rng.integers(0, 256)
        try:
            read(bytes(spoilt), tmp_path)
        except GenConvError:
            refused += 1
    assert refused > len(seeds) // 2


def test_tables_lead_nowhere_outside(tmp_path: Path) -> None:
    for data, told in [
        (b"", "is no TFL3 file"),
        (b"\0" * 4 + b"TFL2" + b"\0" * 40, "is no TFL3 file"),
        (struct.pack("<I", 4_000_000_000) + b"TFL3" + b"\0" * 40, "leads to byte 4,000,000,000 of 48"),
    ]:
        with pytest.raises(ConversionError, match=told):
            root(data, b"TFL3", "m").number(0, "I")
    vector = struct.pack("<HHHHiII", 6, 8, 4, 0, 8, 4, 1 << 30) + b"\0" * 8
    with pytest.raises(ConversionError, match="1,073,741,824 numbers of 4 bytes do not lie in its 28"):
        Table(vector, 8, "m").array(0, "f4")


def test_what_is_no_such_chain_is_told_at_once(tmp_path: Path) -> None:
    """Operators that are not known, each with its place."""
    whole = bytearray((DATA / "stack.tflite").read_bytes())
    path = tmp_path / "m.tflite"
    model = root(bytes(whole), b"TFL3", "m")
    for code in model.tables(1, "operator_codes"):
        if code.number(3, "i") == 28:
            at = code._field(3)
            assert at is not None
            whole[at : at + 4] = struct.pack("<i", 25)
            older = code._field(0)
            assert older is not None
            whole[older] = 25
    path.write_bytes(whole)
    expected = r"model.subgraphs\[0\].operators\[13\]`: builtin operator 25 is not read: only chains of int8"
    with pytest.raises(ConversionError, match=expected):
        files.read(path)
    assert ".tflite" in files.READERS
