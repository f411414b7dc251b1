"""Weight files: what is read, and a corpus of hostile ones, each refused by name before memory is spent on it."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codegen
from codegen.errors import ShapeError, UsageError, WeightsError
from codegen.layers import kinds, weights
from codegen.specs.kinds import KINDS
from codegen.specs.parameters import parameters

SHAPES = {"stem/kernel": (3, 2, 4), "stem/bias": (4,)}
RNG = np.random.default_rng(0)
ARRAYS = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
KERNEL, BIAS = ARRAYS["stem/kernel"], ARRAYS["stem/bias"]


# Making files, right and wrong


def npy(array: np.ndarray, **changes: Any) -> bytes:
    """A .npy member; `header`, `magic`, `length` and `data` replace a part of it."""
    plain = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    header = changes.get("header", repr(plain)).encode("latin-1")
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    length = changes.get("length", len(header))
    data = changes.get("data", array.tobytes())
    return changes.get("magic", b"\x93NUMPY\x01\x00") + struct.pack("<H", length) + header + data


def npz(members: dict[str, bytes] | None = None, kind: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    """A zip of SHAPES' members, with some replaced by `members` (None takes one away)."""
    found = {f"{name}.npy": npy(array) for name, array in ARRAYS.items()} | (members or {}) | more
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in found.items():
            if data is not None:
                archive.writestr(name, data)
    return out.getvalue()


def kernel(array: np.ndarray, **changes: Any) -> bytes:
    return npz({"stem/kernel.npy": npy(array, **changes)})


def twice() -> bytes:
    out = io.BytesIO(npz())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr("stem/kernel.npy", npy(KERNEL))
    return out.getvalue()


def declared(size: int, where: int = 24) -> bytes:
    """The zip's table says that the kernel is `size` bytes long (24: unpacked, 20: packed)."""
    data = bytearray(npz(kind=zipfile.ZIP_DEFLATED))
    at = data.index(b"PK\x01\x02")
    data[at + where : at + where + 4] = struct.pack("<I", size)
    return bytes(data)


def patched(find: bytes, replace: bytes, offset: int = 0, kind: int = zipfile.ZIP_STORED) -> bytes:
    data = bytearray(npz(kind=kind))
    at = data.index(find) + offset
    data[at : at + len(replace)] = replace
    return bytes(data)


def table(**changes: Any) -> dict[str, Any]:
    """The table of a right .safetensors file, with changes."""
    good: dict[str, Any] = {
        "stem/kernel": {"dtype": "F32", "shape": [3, 2, 4], "data_offsets": [0, 96]},
        "stem/bias": {"dtype": "F32", "shape": [4], "data_offsets": [96, 112]},
    }
    for name, change in changes.items():
        good["stem/" + name] |= change
    return good


def tensors(head: Any = None, data: bytes | None = None, length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(table() if head is None else head).encode()
    numbers = KERNEL.tobytes() + BIAS.tobytes() if data is None else data
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


class Loud:
    """Unpickling this would show."""

    ran: list[str] = []  # noqa: RUF012  # what a pickle would write to

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return Loud.ran.append, ("code ran",)


def objects() -> bytes:
    array = np.empty((3, 2, 4), object)
    array[...] = Loud()
    return npy(
        array, header=repr({"descr": "|O", "fortran_order": False, "shape": (3, 2, 4)}), data=pickle.dumps(array)
    )


WIDE = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"
DIGITS = "9" * 4_000  # of a number that Python reads and writes

NPZ: dict[str, tuple[Callable[[], bytes], str]] = {
    # what they hold
    "objects": (lambda: npz({"stem/kernel.npy": objects()}), "`stem/kernel`: got type `|O`"),
    "pickle": (lambda: npz({"stem/kernel.npy": pickle.dumps(Loud())}), "`stem/kernel`: cannot be read"),
    "complex": (lambda: kernel(KERNEL.astype("c8")), "`stem/kernel`: got type `<c8`, expected float16, float32"),
    "text": (lambda: kernel(np.full((3, 2, 4), "a")), "`stem/kernel`: got type `<U1`"),
    "bytes": (lambda: kernel(np.full((3, 2, 4), b"a")), "`stem/kernel`: got type `|S1`"),
    "bools": (lambda: kernel(KERNEL > 0), "`stem/kernel`: got type `|b1`"),
    "dates": (lambda: kernel(np.zeros((3, 2, 4), "M8[s]")), "`stem/kernel`: got type `<M8[s]`"),
    "long doubles": (lambda: kernel(KERNEL.astype("g")), "`stem/kernel`: got type `<f16`"),
    "records": (lambda: kernel(np.zeros(3, "f4,f4"), header="{'descr': [('a', '<f4')], 'shape': (3,)}"), "plain array"),
    # names
    "missing": (lambda: npz({"stem/bias.npy": None}), "`stem/bias`: missing, expected shape (4,)"),
    "extra": (lambda: npz({"stem/scale.npy": npy(BIAS)}), "`stem/scale`: not expected"),
    "misspelt": (
        lambda: npz({"stem/bias.npy": None, "stem/bais.npy": npy(BIAS)}),
        "`stem/bais`: not expected; did you mean `stem/bias`?",
    ),
    "climbing": (lambda: npz({"../../etc/passwd.npy": npy(BIAS)}), "`../../etc/passwd`: not expected"),
    "absolute": (lambda: npz({"/etc/passwd": b"root"}), "`/etc/passwd`: not expected"),
    "control characters": (lambda: npz({"\x1b[2J.npy": npy(BIAS)}), r"`\u{001b}[2J`: not expected"),
    "bidi name": (lambda: npz({"\u202egnp.npy": npy(BIAS)}), r"`\u{202e}gnp`: not expected"),
    "long name": (lambda: npz({"n" * 60_000: npy(BIAS)}), "n…`: not expected"),
    "folder": (lambda: npz({"stem/": b""}), "`stem/`: not expected"),
    "no .npy": (lambda: npz({"stem/bias.npy": None, "stem/bias.txt": npy(BIAS)}), "`stem/bias.txt`: not expected"),
    "twice": (twice, "`stem/kernel`: is there twice"),
    "with and without .npy": (lambda: npz({"stem/bias": npy(BIAS)}), "`stem/bias`: is there twice"),
    "many names": (lambda: npz({f"a{i}.npy": b"" for i in range(3000)}), "and 2988 more"),
    "too many names": (lambda: npz({f"{'a' * 900}{i}": b"" for i in range(1200)}), "table of contents takes"),
    # shapes
    "turned": (lambda: kernel(KERNEL.T.copy()), "got shape (4, 2, 3), expected (3, 2, 4); this looks like PyTorch's"),
    "flat": (lambda: kernel(KERNEL.ravel()), "`stem/kernel`: got shape (24,), expected (3, 2, 4)"),
    "scalar": (lambda: kernel(np.float32(1)), "`stem/kernel`: got shape (), expected (3, 2, 4)"),
    "many axes": (lambda: kernel(KERNEL.reshape((1,) * 20 + (3, 2, 4))), "got shape one of 23 axes"),
    "huge": (lambda: kernel(KERNEL, header=WIDE % "1152921504606846976, 2, 4"), "expected 36893488147419103232 for"),
    "overflowing": (lambda: kernel(KERNEL, header=WIDE % "4294967296, 4294967296, 4"), "bytes of numbers, expected"),
    "many digits": (
        lambda: kernel(KERNEL, header=WIDE % f"{DIGITS}, {DIGITS}"),
        "`stem/kernel`: got 96 bytes of numbers, exp",
    ),
    "digits of no type": (
        lambda: kernel(KERNEL, header=f"{{'descr': '|b1', 'fortran_order': False, 'shape': ({DIGITS}, {DIGITS}), }}"),
        "`stem/kernel`: got type `|b1`",
    ),
    "another name inside": (
        lambda: patched(b"stem/kernel.npy", struct.pack("<H", 400), -4),
        "`stem/kernel`: cannot be read (File name in directory",
    ),
    "negative": (lambda: kernel(KERNEL, header=WIDE % "-3, 2, 4"), "not that of a plain array of numbers"),
    "fractional": (lambda: kernel(KERNEL, header=WIDE % "3.0, 2, 4"), "not that of a plain array of numbers"),
    "digits": (lambda: kernel(KERNEL, header=WIDE % ("9" * 5000)), "`stem/kernel`: cannot be read"),
    "words": (lambda: kernel(KERNEL, header=WIDE % "True, 2, 4"), "not that of a plain array of numbers"),
    # headers
    "code": (lambda: kernel(KERNEL, header="__import__('os').system('true')"), "its header is no dictionary"),
    "code inside": (lambda: kernel(KERNEL, header="{'descr': print('ran')}"), "not that of a plain array"),
    "nesting": (lambda: kernel(KERNEL, header="{" * 5000 + "}" * 5000, length=9999), "not that of a plain array"),
    "no shape": (lambda: kernel(KERNEL, header="{'descr': '<f4', 'fortran_order': False}"), "lacks descr"),
    "order": (lambda: kernel(KERNEL, header=(WIDE % "3, 2, 4").replace("False", "'yes'")), "lacks descr"),
    "long header": (lambda: kernel(KERNEL, length=65_000), "its header claims 65000 bytes, at most 10000"),
    "no magic": (lambda: kernel(KERNEL, magic=b"NUMPY\x93\x01\x00"), "no .npy array of version 1, 2 or 3"),
    "version 9": (lambda: kernel(KERNEL, magic=b"\x93NUMPY\x09\x00"), "no .npy array of version 1, 2 or 3"),
    "version 2": (lambda: kernel(KERNEL, magic=b"\x93NUMPY\x02\x00"), "its header claims"),
    "empty member": (lambda: npz({"stem/kernel.npy": b""}), "no .npy array of version"),
    "half a header": (lambda: npz({"stem/kernel.npy": npy(KERNEL)[:40]}), "`stem/kernel`: cannot be read"),
    # sizes
    "truncated numbers": (lambda: kernel(KERNEL, data=KERNEL.tobytes()[:-4]), "got 92 bytes of numbers, expected 96"),
    "trailing numbers": (lambda: kernel(KERNEL, data=KERNEL.tobytes() + b"0"), "got 97 bytes of numbers, expected 96"),
    "bomb": (lambda: npz({"stem/kernel.npy": npy(KERNEL) + bytes(10**7)}, zipfile.ZIP_DEFLATED), "expected 96 for"),
    "bomb that fits": (lambda: declared(96 + 10**8), "`stem/kernel`: got"),
    "shorter than it says": (lambda: declared(500), "`stem/kernel`: got"),
    "longer than the file": (lambda: declared(2**31, where=20), "stem/kernel`: c"),  # claims more, or cannot be read
    # zips
    "truncated": (lambda: npz()[:-30], "is not a readable .npz file"),
    "half": (lambda: npz()[: len(npz()) // 2], "is not a readable .npz file"),
    "empty": (lambda: b"", "is not a readable .npz file"),
    "noise": (lambda: RNG.bytes(5000), "is not a readable .npz file"),
    "a .npy": (lambda: npy(KERNEL), "is not a readable .npz file"),
    "table elsewhere": (lambda: patched(b"PK\x05\x06", b"\xff\xff\xff\x7f", 16), "`stem/kernel`: cannot be read"),
    "huge table": (lambda: npz()[:-10] + b"\xff\xff\xff\x7f" + npz()[-6:], "is not a readable .npz file"),
    "flipped number": (lambda: patched(KERNEL.tobytes()[:8], b"\x00" * 8), "`stem/kernel`: cannot be read (Bad CRC"),
    "flipped stream": (lambda: patched(b"PK\x03\x04", b"\xff" * 20, 60, zipfile.ZIP_DEFLATED), "`stem/kernel`:"),
    "encrypted": (lambda: patched(b"PK\x01\x02", b"\x01", 8), "`stem/kernel`: cannot be read"),
    "lzma": (lambda: npz(kind=zipfile.ZIP_LZMA), "`stem/kernel`: is compressed in a way that NumPy does not write"),
    "bzip2": (lambda: npz(kind=zipfile.ZIP_BZIP2), "is compressed in a way"),
    "unknown compression": (lambda: patched(b"PK\x01\x02", b"\x63", 10), "is compressed in a way"),
    "member elsewhere": (lambda: patched(b"PK\x01\x02", b"\xff\xff\xff\x7f", 42), "cannot be read"),
    "other local name": (lambda: patched(b"stem/kernel", b"stem/KERNEL"), "`stem/kernel`: cannot be read"),
}

SAFETENSORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "truncated: 0 bytes"),
    "short": (lambda: b"\x01\x00", "truncated: 2 bytes"),
    "long table": (lambda: tensors(length=1 << 60), "truncated: "),
    "table of megabytes": (lambda: tensors(b" " * (2 << 20)), "its table takes 2097152 bytes"),
    "no JSON": (lambda: tensors(b"{not json"), "is not a readable .safetensors file"),
    "no text": (lambda: tensors(b"\xff\xfe{}"), "is not a readable .safetensors file"),
    "nesting": (lambda: tensors(b"[" * 500_000), "is not a readable .safetensors file"),
    "a list": (lambda: tensors([]), "its table is no JSON object"),
    "digits": (lambda: tensors(b'{"stem/kernel": ' + b"9" * 10_000 + b"}"), "is not a readable .safetensors file"),
    "twice": (
        lambda: tensors(json.dumps(table()).replace("stem/bias", "stem/kernel").encode()),
        "`stem/kernel`: is there twice",
    ),
    "missing": (lambda: tensors({"stem/kernel": table()["stem/kernel"]}, KERNEL.tobytes()), "`stem/bias`: missing"),
    "extra": (
        lambda: tensors(table() | {"more": {"dtype": "F32", "shape": [0], "data_offsets": [112, 112]}}),
        "`more`: not expected",
    ),
    "shape": (
        lambda: tensors(table(kernel={"shape": [4, 2, 3]})),
        "got shape (4, 2, 3), expected (3, 2, 4); this looks",
    ),
    "huge shape": (lambda: tensors(table(kernel={"shape": [1 << 60, 2, 4]})), "`stem/kernel`: got 96 bytes of numbers"),
    "negative shape": (lambda: tensors(table(kernel={"shape": [-3, -2, 4]})), "something else than whole numbers"),
    "float shape": (lambda: tensors(table(kernel={"shape": [3.0, 2, 4]})), "something else than whole numbers"),
    "true shape": (lambda: tensors(table(kernel={"shape": [3, 2, 4, True]})), "something else than whole numbers"),
    "three offsets": (
        lambda: tensors(table(kernel={"data_offsets": [0, 96, 96]})),
        "something else than whole numbers",
    ),
    "overlap": (lambda: tensors(table(bias={"data_offsets": [80, 96]})), "`stem/bias`: begins at byte 80, expected 96"),
    "hole": (lambda: tensors(table(bias={"data_offsets": [100, 116]})), "`stem/bias`: begins at byte 100"),
    "backwards": (lambda: tensors(table(bias={"data_offsets": [112, 96]})), "`stem/bias`: got -16 bytes"),
    "truncated": (lambda: tensors(data=KERNEL.tobytes()), "got 96 bytes of numbers, expected 112: truncated"),
    "trailing": (lambda: tensors(data=KERNEL.tobytes() * 2), "got 192 bytes of numbers, expected 112"),
    "bools": (
        lambda: tensors(table(bias={"dtype": "BOOL", "data_offsets": [96, 100]}), bytes(100)),
        "`stem/bias`: got type BOOL, expected float16",
    ),
    "many digits": (
        lambda: tensors(table(kernel={"shape": [int(DIGITS)] * 8, "data_offsets": [0, int(DIGITS)]})),
        "`stem/kernel`: got 9999999999",
    ),
    "digits of no type": (
        lambda: tensors(table(kernel={"dtype": "B" * 9_999, "shape": [int(DIGITS)] * 8})),
        "`stem/kernel`: got type BBBBBB",
    ),
    "digits as offsets": (
        lambda: tensors(table(bias={"shape": [1], "data_offsets": [int(DIGITS), int(DIGITS) + 4]})),
        "`stem/bias`: begins at byte 9999999999",
    ),
    "digits in text": (
        lambda: tensors(table(kernel={"shape": [DIGITS] * 9})),
        "`stem/kernel`: its row holds something",
    ),
    "a long name": (lambda: tensors({"n" * 9_999: {}}), "nn…`: its row must have dtype, shape"),
    "unknown type": (lambda: tensors(table(kernel={"dtype": "F8_E4M3"})), "`stem/kernel`: got type F8_E4M3"),
    "a number as type": (lambda: tensors(table(kernel={"dtype": 32})), "`stem/kernel`: its row holds"),
    "no offsets": (lambda: tensors({"stem/kernel": {"dtype": "F32", "shape": [3]}}), "its row must have dtype, shape"),
    "row of text": (lambda: tensors({"stem/kernel": "F32"}), "`stem/kernel`: its row must have"),
    "a zip": (npz, "truncated"),
}

CORPUS = [(".npz", name, *case) for name, case in NPZ.items()]
CORPUS += [(".safetensors", name, *case) for name, case in SAFETENSORS.items()]


@pytest.mark.long
@pytest.mark.parametrize(("suffix", "name", "make", "told"), CORPUS, ids=[f"{s[1:]}: {n}" for s, n, *_ in CORPUS])
def test_a_hostile_file_is_refused_by_name(
    suffix: str, name: str, make: Callable[[], bytes], told: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(make())
    Loud.ran.clear()
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            weights.read(path, SHAPES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert len(str(caught.value)) < 2_000, "a stranger's digits and names are cut"
    assert not Loud.ran
    assert peak < 40e6


@pytest.mark.long
def test_every_truncation_is_refused(tmp_path: Path, share: Callable[..., Any]) -> None:
    for suffix in (".npz", ".safetensors"):
        path = tmp_path / f"w{suffix}"
        weights.save(path, ARRAYS)
        whole = path.read_bytes()
        for length in share(range(len(whole)), 4):
            path.write_bytes(whole[:length])
            with pytest.raises(WeightsError):
                weights.read(path, SHAPES)


@pytest.mark.long
def test_every_flipped_byte_is_refused_or_harmless(tmp_path: Path, share: Callable[..., Any]) -> None:
    """In an .npz a checksum holds the numbers; what passes are dates, permissions and the like."""
    path = tmp_path / "w.npz"
    weights.save(path, ARRAYS)
    whole = path.read_bytes()
    passed = 0
    places = share(range(len(whole)), 3)
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            found = weights.read(path, SHAPES)
        except WeightsError:
            continue
        passed += 1
        assert all((found[name] == ARRAYS[name]).all() for name in SHAPES)
    assert passed < len(places) / 4


# What is read


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".NPZ"])
def test_what_was_saved_is_read_bit_for_bit(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    odd = ARRAYS | {"stem/bias": np.float32([np.nan, -0.0, np.inf, 1e-45])}
    weights.save(path, odd)
    found = weights.read(path, SHAPES)
    assert list(found) == list(SHAPES)
    for name, array in found.items():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.tobytes() == odd[name].tobytes()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_same_arrays_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    weights.save(first, ARRAYS)
    weights.save(second, {name: np.asfortranarray(array) for name, array in reversed(ARRAYS.items())})
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [first.name, second.name]


def test_other_readers_read_what_was_saved(tmp_path: Path) -> None:
    mixed = {"a/kernel": KERNEL.astype(np.float64), "a/bias": BIAS.astype(np.float16), "b/bias": BIAS}
    weights.save(tmp_path / "w.npz", mixed)
    with np.load(tmp_path / "w.npz", allow_pickle=False) as loaded:
        assert all((loaded[name] == array).all() and loaded[name].dtype == array.dtype for name, array in mixed.items())
    weights.save(tmp_path / "w.safetensors", mixed)
    reader = pytest.importorskip("safetensors.numpy", reason="pip install safetensors")
    loaded = reader.load_file(tmp_path / "w.safetensors")
    assert all((loaded[name] == array).all() and loaded[name].dtype == array.dtype for name, array in mixed.items())


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8", "i1", "u1", "<i2", ">i8", "<u4"])
def test_numpy_files_of_every_type_and_order(dtype: str, compressed: bool, tmp_path: Path) -> None:
    whole = np.arange(24).reshape(3, 2, 4)
    save = np.savez_compressed if compressed else np.savez
    arrays = {"stem/kernel": np.asfortranarray(whole.astype(dtype)), "stem/bias": whole.ravel()[:4].astype(dtype)}
    save(tmp_path / "w.npz", **arrays)
    for wanted in ("float32", "float64"):
        found = weights.read(tmp_path / "w.npz", SHAPES, wanted)
        assert found["stem/kernel"].dtype == wanted
        assert found["stem/kernel"].flags.c_contiguous
        assert (found["stem/kernel"] == whole).all()
        assert (found["stem/bias"] == [0, 1, 2, 3]).all()


def tensors_of_integers() -> tuple[bytes, dict[str, list[int]]]:
    """A .safetensors with a stem/bias of each whole type, the numbers written out by hand, and what they are."""
    table: dict[str, Any] = {}
    numbers: dict[str, list[int]] = {}
    data = b""
    for size in (8, 4, 2, 1):
        most = 1 << (8 * size - 1)
        for letter, found in (("I", [-most, -1, 2, most - 1]), ("U", [0, 1, most, 2 * most - 1])):
            name = f"{letter}{8 * size}/bias"
            raw = b"".join((number % (2 * most)).to_bytes(size, "little") for number in found)
            span = [len(data), len(data) + len(raw)]
            table[name] = {"dtype": name[:-5], "shape": [4], "data_offsets": span}
            numbers[name] = found
            data += raw
    return tensors(table, data), numbers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_numbers_of_safetensors_are_those_that_were_written(dtype: str, tmp_path: Path) -> None:
    file, numbers = tensors_of_integers()
    (tmp_path / "w.safetensors").write_bytes(file)
    found = weights.read(tmp_path / "w.safetensors", dict.fromkeys(numbers, (4,)), dtype)
    assert sorted(found) == [
        "I16/bias",
        "I32/bias",
        "I64/bias",
        "I8/bias",
        "U16/bias",
        "U32/bias",
        "U64/bias",
        "U8/bias",
    ]
    for name, array in found.items():
        assert array.dtype == dtype
        assert array.tolist() == [float(np.dtype(dtype).type(number)) for number in numbers[name]], name


BEYOND = {"stem/kernel": KERNEL.astype(float), "stem/bias": BIAS.astype(float)}
BEYOND["stem/kernel"][2, 0, 3] = -1e39


def written(path: Path, arrays: dict[str, np.ndarray], how: str) -> Any:
    """The arrays as `how` says: a mapping, or a file of that suffix; `fortran` turns them in it."""
    if how == "mapping":
        return arrays
    if how == "fortran":
        np.savez(path / "w.npz", **{name: np.asfortranarray(array) for name, array in arrays.items()})
        return path / "w.npz"
    weights.save(path / f"w.{how}", arrays)
    return path / f"w.{how}"


@pytest.mark.parametrize("how", ["mapping", "npz", "fortran", "safetensors"])
def test_a_finite_weight_that_becomes_infinite_is_told_with_its_place(how: str, tmp_path: Path) -> None:
    source = written(tmp_path, BEYOND, how)
    with pytest.raises(WeightsError) as caught:
        weights.read(source, SHAPES)
    assert "weight [2, 0, 3] of `stem/kernel` is -1e+39, beyond float32's largest, 3.40282e+38: " in str(caught.value)
    assert how == "mapping" or str(source) in str(caught.value)
    found = weights.read(source, SHAPES, "float64")
    assert found["stem/kernel"][2, 0, 3] == -1e39
    infinite = {name: np.where(abs(array) > 1e38, -np.inf, array) for name, array in BEYOND.items()}
    found = weights.read(written(tmp_path, infinite, how), SHAPES)
    assert found["stem/kernel"][2, 0, 3] == -np.inf, "one that was infinite stays so"


@pytest.mark.parametrize("how", ["npz", "fortran", "safetensors"])
def test_the_place_is_right_beyond_the_first_piece_of_a_file(how: str, tmp_path: Path) -> None:
    large = {"stem/kernel": np.zeros((3, 300, 500))}
    large["stem/kernel"][2, 250, 7] = 1e39
    with pytest.raises(WeightsError, match=r"weight \[2, 250, 7\] of `stem/kernel` is 1e\+39"):
        weights.read(written(tmp_path, large, how), {"stem/kernel": (3, 300, 500)})


def test_the_largest_number_that_rounds_to_a_finite_one_is_taken() -> None:
    most = 2.0**128 - 2.0**103  # halfway to what would be the next float32
    for number in (np.nextafter(most, 0), -np.nextafter(most, 0)):
        assert abs(weights.read({"a/bias": [number]}, {"a/bias": (1,)})["a/bias"][0]) == np.finfo(np.float32).max
    with pytest.raises(WeightsError, match=r"weight \[0\] of `a/bias`"):
        weights.read({"a/bias": [most]}, {"a/bias": (1,)})


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path: Path) -> None:
    halves = {name: (array.view(np.uint32) >> 16).astype("<u2") for name, array in ARRAYS.items()}
    head = table(kernel={"dtype": "BF16", "data_offsets": [0, 48]}, bias={"dtype": "BF16", "data_offsets": [48, 56]})
    head["__metadata__"] = {"format": "pt"}
    path = tmp_path / "w.safetensors"
    path.write_bytes(tensors(head, b"".join(half.tobytes() for half in halves.values())))
    found = weights.read(path, SHAPES)
    for name, array in found.items():
        assert (array == (halves[name].astype(np.uint32) << 16).view(np.float32)).all()
        np.testing.assert_allclose(array, ARRAYS[name], rtol=2**-7)


def test_each_array_has_its_own_dtype() -> None:
    found = weights.read(ARRAYS, SHAPES, {"stem/kernel": "float64", "stem/bias": "float32"})
    assert [array.dtype for array in found.values()] == [np.float64, np.float32]


def test_a_mapping_is_copied_and_converted() -> None:
    given = {"stem/bias": [1, 2, 3, 4], "stem/kernel": KERNEL}
    found = weights.read(given, SHAPES)
    assert list(found) == ["stem/kernel", "stem/bias"]
    assert found["stem/bias"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not np.shares_memory(found["stem/kernel"], KERNEL)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stem/bias": np.zeros(5)}, "`stem/bias`: got shape (5,), expected (4,)"),
        ({"stem/bias": np.array(["a"] * 4)}, "`stem/bias`: got type <U1"),
        ({"stem/bias": np.zeros(4, complex)}, "`stem/bias`: got type complex128"),
        ({"stem/bias": np.array([None] * 4)}, "`stem/bias`: got type object"),
        ({"stem/bias": [[1], [1, 2]]}, "`stem/bias`: got list, which does not become an array"),
        ({"stem/scale": np.zeros(4)}, "`stem/scale`: not expected"),
        ({10**5_000: np.zeros(4)}, "`<int>`: not expected"),
        ({"stem/kernel": np.zeros((4, 2, 3))}, "PyTorch's (filters, channels, taps): transpose it by (2, 1, 0)"),
    ],
)
def test_a_mapping_that_does_not_fit(change: dict[str, Any], told: str) -> None:
    with pytest.raises(WeightsError) as caught:
        weights.read(ARRAYS | change, SHAPES)
    assert told in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(WeightsError) as caught:
        weights.read({"stem/kernel": np.zeros((3, 2, 5)), "head/kernel": 1}, SHAPES)
    lines = str(caught.value).splitlines()
    assert lines[0] == "the weights given:"
    assert sorted(line.split("`")[1] for line in lines[1:]) == ["head/kernel", "stem/bias", "stem/kernel"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("w.txt", "got the suffix `.txt`, expected .npz or .safetensors; save it with codegen.weights.save"),
        ("w.weights.h5", "`.h5`, expected .npz or .safetensors; load it with Keras, then codegen.from_keras(model)"),
        ("w.keras", "load it with Keras, then codegen.from_keras(model).save_weights"),
        ("w.pt", "load it with PyTorch, then codegen.from_torch(module).save_weights"),
        ("w", "got the suffix ``"),
        ("missing.npz", "cannot read the weight file"),
        ("folder.npz", "is no regular file"),
        ("pipe.npz", "is no regular file"),
    ],
)
def test_paths_that_are_no_weight_files(path: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(WeightsError) as caught:
        weights.read(tmp_path / path, SHAPES)
    assert told in str(caught.value)


def test_what_save_refuses(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="array `a/bias`: got int64, expected float16"):
        weights.save(tmp_path / "w.npz", {"a/bias": np.arange(3)})
    with pytest.raises(WeightsError, match=r"got the suffix `\.pt`"):
        weights.save(tmp_path / "w.pt", ARRAYS)
    with pytest.raises(UsageError, match="cannot write"):
        weights.save(tmp_path / "none" / "w.npz", ARRAYS)
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("stored", ["float32", "float64"])
def test_memory_stays_below_twice_the_expected(suffix: str, stored: str, tmp_path: Path) -> None:
    shapes = {"big/kernel": (9, 512, 1024)}
    size = 4 * 9 * 512 * 1024
    path = tmp_path / f"big{suffix}"
    weights.save(path, {"big/kernel": np.ones(shapes["big/kernel"], stored)})
    tracemalloc.start()
    try:
        found = weights.read(path, shapes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found["big/kernel"].sum(dtype=np.float64) == 9 * 512 * 1024
    assert size <= peak < 1.5 * size


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS means what is meant on Linux")
def test_a_bomb_under_a_memory_limit(tmp_path: Path) -> None:
    """64 MiB of zeros in a small file, under an address limit that it would break: the error comes all the same."""
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("stem/kernel.npy", "w") as member:
            member.write(npy(KERNEL, header=WIDE % "3, 2, 4"))
            for _ in range(64):
                member.write(bytes(1 << 20))
        archive.writestr("stem/bias.npy", npy(BIAS))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), hard))
    try:
        with pytest.raises(WeightsError, match="`stem/kernel`: got 67108960 bytes of numbers, expected 96"):
            weights.read(path, SHAPES)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# What is written


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40) | st.sampled_from(
    [
        "../../etc/passwd",
        "/abs",
        "a.npy",
        "a\\b",
        "C:\\w",
        "stem/",
        ".",
        "..",
        "bias",
        "a/b/c",
        "__metadata_",
        "é",
        "名前/核",
    ]
)
SIZES = st.tuples(*[st.integers(0, 4)] * 2) | st.just(()) | st.tuples(st.integers(0, 5))
NUMBERS = st.sampled_from([np.dtype(word) for word in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")])


@pytest.mark.long
@given(
    st.dictionaries(NAMES, st.tuples(SIZES, NUMBERS), max_size=5),
    st.sampled_from([".npz", ".safetensors"]),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_saved_is_read(found: dict[str, Any], suffix: str, turned: bool) -> None:
    """Any name, shape, float type and order of bytes and axes; NumPy's reader and safetensors' see the same."""
    rng = np.random.default_rng(len(found))
    arrays = {name: rng.normal(size=shape).astype(dtype) for name, (shape, dtype) in found.items()}
    given = {name: np.asarray(array, order="F") for name, array in arrays.items()} if turned else arrays
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"w{suffix}"
        weights.save(path, given)
        shapes = {name: array.shape for name, array in arrays.items()}
        dtypes = {name: array.dtype.newbyteorder("=").name for name, array in arrays.items()}
        assert_same(weights.read(path, shapes, dtypes), arrays)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as loaded:
                assert_same({name: loaded[f"{name}.npy"] for name in arrays}, arrays)
        else:
            reader = pytest.importorskip("safetensors.numpy", reason="pip install safetensors")
            assert_same(reader.load_file(path), arrays)
        first = path.read_bytes()
        weights.save(path, arrays)
        assert path.read_bytes() == first


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert found[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        assert found[name].tobytes() == array.astype(found[name].dtype).tobytes()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "\ud800", "\u202egnp", "n" * 256, "__metadata__", 7, None])
def test_a_name_that_some_reader_would_not_give_back_is_not_written(name: Any, suffix: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be saved under that name; expected 1 to 255 printable") as caught:
        weights.save(tmp_path / f"w{suffix}", {name: BIAS})
    assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


FORMATS = [(".npz", "float16"), (".safetensors", "float16"), (".safetensors", "bfloat16")]


@pytest.mark.parametrize(("suffix", "storage"), FORMATS)
def test_halves_are_rounded_to_nearest_and_take_half_the_bytes(suffix: str, storage: str, tmp_path: Path) -> None:
    kernel = RNG.normal(size=(9, 64, 32)).astype(np.float32)
    kernel.flat[:4] = [0.0, -0.0, np.inf, 1e-7]
    bias = np.float32([1 / 3] * 32)
    whole, halved = tmp_path / f"w{suffix}", tmp_path / f"h{suffix}"
    weights.save(whole, {"a/kernel": kernel, "a/bias": bias})
    weights.save(halved, {"a/kernel": kernel, "a/bias": bias}, storage={"a/kernel": storage})
    assert whole.stat().st_size - halved.stat().st_size == pytest.approx(kernel.nbytes // 2, abs=64)
    found = weights.read(halved, {"a/kernel": kernel.shape, "a/bias": bias.shape})
    assert found["a/bias"].tobytes() == bias.tobytes()
    assert found["a/kernel"].tobytes() == storage_of(storage, kernel).tobytes()
    weights.save(whole, found, storage={"a/kernel": storage})
    assert whole.read_bytes() == halved.read_bytes()  # rounded once, they stay


def storage_of(word: str, array: np.ndarray) -> np.ndarray:
    """To nearest even, by NumPy for float16, for bfloat16 by the distance to its neighbours in float64."""
    if word == "float16":
        return array.astype(np.float16).astype(np.float32)
    low = (array.view(np.uint32) & 0xFFFF0000).view(np.float32)
    high = (low.view(np.uint32) + 0x10000).view(np.float32)
    with np.errstate(invalid="ignore"):
        down, up = (np.abs(np.float64(array) - np.float64(each)) for each in (low, high))
    odd = (low.view(np.uint32) >> 16) & 1 == 1
    return np.where((down < up) | ((down == up) & ~odd) | ~np.isfinite(array), low, high).astype(np.float32)


def test_bfloat16_is_seen_by_the_other_reader(tmp_path: Path) -> None:
    reader = pytest.importorskip("safetensors", reason="pip install safetensors")
    weights.save(tmp_path / "w.safetensors", ARRAYS, storage="bfloat16")
    entries = dict(reader.deserialize((tmp_path / "w.safetensors").read_bytes()))
    entry = entries["stem/bias"]
    assert (entry["dtype"], entry["shape"]) == ("BF16", [4])
    codes = np.frombuffer(bytes(entry["data"]), "<u2").astype(np.uint32) << 16
    assert (codes.view(np.float32) == storage_of("bfloat16", BIAS)).all()


@pytest.mark.parametrize(
    ("suffix", "storage", "array", "told"),
    [
        (
            ".npz",
            "bfloat16",
            BIAS,
            "array `a/bias`: a .npz has no bfloat16, as NumPy has none; save it as .safetensors",
        ),
        (".npz", "float16", np.float32([1e6]), "is 1e+06, beyond float16's largest, 65504: store them as bfloat16"),
        (
            ".safetensors",
            "float16",
            np.zeros(3),
            "array `a/bias`: got float64, expected float32 to be stored as float16",
        ),
    ],
)
def test_what_cannot_be_stored_in_half(suffix: str, storage: str, array: np.ndarray, told: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        weights.save(tmp_path / f"w{suffix}", {"a/bias": array}, storage=storage)
    assert told in str(caught.value)
    with pytest.raises(UsageError, match="unknown storage `int8`"):
        weights.save(tmp_path / f"w{suffix}", {"a/bias": BIAS}, storage="int8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_whole(
    step: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"w{suffix}"
    weights.save(path, ARRAYS)
    whole = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(UsageError, match="No space left on device"):
            weights.save(path, {name: array + 1 for name, array in ARRAYS.items()})
    assert path.read_bytes() == whole
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


KILLED = """
import os, sys
import numpy as np
from codegen import weights
step = sys.argv[2]
setattr(os, step, lambda *_, **__: os._exit(9))
weights.save(sys.argv[1], {"stem/bias": np.zeros(4, "f4")})
"""


@pytest.mark.live
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_that_dies_while_it_writes_leaves_the_old_file_whole(step: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(path, {"stem/bias": BIAS})
    assert subprocess.run([sys.executable, "-c", KILLED, path, step], check=False).returncode == 9
    assert (weights.read(path, {"stem/bias": (4,)})["stem/bias"] == BIAS).all()
    weights.save(path, {"stem/bias": BIAS + 1})
    assert (weights.read(path, {"stem/bias": (4,)})["stem/bias"] == BIAS + 1).all()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_layer_of_every_kind_saves_and_loads_its_weights(kind: str, dtype: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    words = {"kernel_size": 3, "input_shape": (None, 4), "dtype": dtype, "bias_initializer": "normal"}
    words |= {"filters": 6} if "filters" in parameters(KINDS[kind]) else {}
    first, second = (kinds.of(KINDS[kind](name="stem", **words)) for _ in range(2))
    assert any((a != b).any() for a, b in zip(first.weights, second.weights, strict=True))
    first.save_weights(path)
    second.load_weights(path)
    for a, b in zip(first.weights, second.weights, strict=True):
        assert a.dtype == b.dtype == dtype
        assert a.tobytes() == b.tobytes()
    assert list(weights.read(path, {f"stem/{n}": s for n, s in first.spec.weight_shapes().items()}, dtype))
    other = kinds.of(KINDS[kind](name="head", **words))
    before = other.get_weights()
    with pytest.raises(WeightsError, match="array `head/bias`: missing"):
        other.load_weights(path)
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))


@pytest.mark.compiles
def test_a_model_saves_and_loads_its_weights(tmp_path: Path) -> None:
    text = "conv1d a { input_shape = (None, 3), filters = 4, kernel_size = 3 }\n"
    text += "depthwise_conv1d b { input_shape = (None, 4), kernel_size = 5, use_bias = False }"
    first, second = codegen.load(text, seed=1), codegen.load(text, seed=2)
    for suffix in (".npz", ".safetensors"):
        path = tmp_path / f"w{suffix}"
        first.save_weights(path)
        second.load_weights(path)
        third = codegen.load(text, weights=path)
        for name, layer in first.items():
            for a, b, c in zip(layer.weights, second[name].weights, third[name].weights, strict=True):
                assert a.tobytes() == b.tobytes() == c.tobytes()
        second.load_weights({"a/kernel": np.zeros((3, 3, 4)), "a/bias": np.ones(4), "b/kernel": np.zeros((5, 4, 1))})
        assert (second.a(np.ones((1, 5, 3))) == 1).all()


def test_a_layer_without_weights_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        codegen.Conv1D(2, 3).save_weights(tmp_path / "w.npz")
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        codegen.Conv1D(2, 3).load_weights(tmp_path / "w.npz")
    assert not list(tmp_path.iterdir())
