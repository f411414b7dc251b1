"""Libraries as files: one that ends too soon is told from a whole one before anything maps it."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.machine import library_image
from tests.support import cprogram

TEXT = "#include <math.h>\ndouble table[300] = {1}; double f(double x) { return sqrt(x) + table[7]; }\n"
COMPILERS = {
    "gcc": ("gcc", "gcc"),
    "clang": ("clang", "clang"),
    "tcc": ("tcc", "tcc"),
    "aarch64": ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
}


@pytest.fixture
def library(tmp_path: Path, need: Callable[..., Any]) -> Callable[[str], bytes]:
    """A library of a compiler, stripped: nothing follows what is loaded but the table of sections."""

    def make(name: str) -> bytes:
        compiler = need(cprogram.program, *COMPILERS[name])
        (tmp_path / "f.c").write_text(TEXT)
        command = [compiler, "-shared", "-fPIC", "-s", "-o", tmp_path / "f.so", tmp_path / "f.c", "-lm"]
        subprocess.run(command, check=True)
        return (tmp_path / "f.so").read_bytes()

    return make


@pytest.mark.compiles
@pytest.mark.skipif(sys.platform != "linux", reason="makes ELF files")
@pytest.mark.parametrize("name", COMPILERS)
def test_a_library_is_whole_and_its_truncations_are_not(name: str, library: Callable[[str], bytes]) -> None:
    whole = library(name)
    assert library_image.fault(whole) is None
    assert library_image.fault(whole + b"a trailer") is None
    loaded = max(segment.offset + segment.size for segment in library_image._segments(whole, "<", True))
    assert loaded > len(whole) // 2
    for size in {*range(200), *range(0, loaded, 97), loaded - 1}:
        assert library_image.fault(whole[:size]), size
    for size in range(0, loaded * 3 // 4, 97):  # a full disk: the size is right, and the rest zeros
        assert library_image.fault(whole[:size].ljust(len(whole), b"\0")), size


@pytest.mark.compiles
@pytest.mark.skipif(sys.platform != "linux", reason="loads an ELF file")
def test_what_is_taken_for_whole_does_not_kill_its_loader(tmp_path: Path, library: Callable[[str], bytes]) -> None:
    """Every truncation that passes is one that the loader survives: it can only miss the table of sections."""
    whole, path = library("gcc"), tmp_path / "cut.so"
    passed = [size for size in range(0, len(whole) + 1, 64) if library_image.fault(whole[:size]) is None]
    assert passed
    for size in (passed[0], passed[-1]):
        path.write_bytes(whole[:size])
        code = f"from ctypes import *; f = CDLL({str(path)!r}).f; f.restype = c_double; print(f(c_double(9)))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "3.0\n", done.stderr


@pytest.mark.compiles
@pytest.mark.skipif(sys.platform != "linux", reason="makes ELF files")
def test_no_damage_of_headers_makes_it_raise(library: Callable[[str], bytes]) -> None:
    whole, rng = library("gcc"), random.Random(0)
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(4, 700)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        assert isinstance(library_image.fault(bytes(data)), str | None)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is empty"),
        (b"garbage, and more of it", r"it begins with b'garbage,', as no library does"),
        (b"!<arch>\nmember", "as no library does"),
        (b"\x7fELF", r"it ends within its headers, after 4 bytes"),
        (b"\x7fELF" + bytes(100), "its ELF header is damaged"),
        (b"MZ", "it ends within its headers, after 2 bytes"),
        (b"MZ" + bytes(100), "its PE header is damaged"),
        (b"\xcf\xfa\xed\xfe", "it ends within its headers"),
    ],
)
def test_what_is_no_library_is_told(data: bytes, told: str) -> None:
    assert told in str(library_image.fault(data))


@pytest.mark.compiles
@pytest.mark.skipif(sys.platform != "linux", reason="reads this Python, an ELF file")
def test_a_program_is_no_library(tmp_path: Path, need: Callable[..., Any]) -> None:
    (tmp_path / "f.c").write_text("int f(void) { return 1; }\n")
    subprocess.run([need(cprogram.program, "gcc", "gcc"), "-c", "-o", tmp_path / "f.o", tmp_path / "f.c"], check=True)
    assert library_image.fault((tmp_path / "f.o").read_bytes()) == "it is an ELF file of type 1, a shared library has 3"


def mach(order: str = "<", wide: bool = True, kind: int = 6, offset: int = 512, size: int = 88) -> bytes:
    """A Mach-O library of one segment at `offset`, with all its bytes."""
    magic = (0xFEEDFACF if wide else 0xFEEDFACE).to_bytes(4, "little" if order == "<" else "big")
    words = "16s4Q4I" if wide else "16s4I4I"
    body = struct.pack(f"{order}{words}", b"__TEXT", 0, 4096, offset, size, 5, 5, 0, 0)
    command = struct.pack(f"{order}II", 0x19 if wide else 1, 8 + len(body)) + body
    head = struct.pack(f"{order}IIIIII", 0x01000007, 3, kind, 1, len(command), 0) + bytes(4 if wide else 0)
    return (magic + head + command).ljust(offset + size, b"\0")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_mach_o(order: str, wide: bool) -> None:
    whole = mach(order, wide)
    assert library_image.fault(whole) is None
    assert library_image.fault(whole[:-1]) == "its headers speak of 600 bytes, of which 599 are there"
    for size in (4, 20, 40, 100, 511):
        assert library_image.fault(whole[:size]), size
    assert library_image.fault(mach(order, wide, kind=8)) is None  # a bundle
    assert library_image.fault(mach(order, wide, kind=2)) == "it is a Mach-O file of type 2, no library"


def test_a_universal_file_is_as_whole_as_its_parts() -> None:
    part = mach()

    def universal(size: int) -> bytes:
        entries = b"".join(struct.pack(">5I", 7, 3, at, len(part), 12) for at in (4096, 8192))
        head = b"\xca\xfe\xba\xbe" + struct.pack(">I", 2) + entries
        return (head.ljust(4096, b"\0") + part.ljust(4096, b"\0") + part)[:size]

    assert library_image.fault(universal(8192 + len(part))) is None
    assert "speak of 8,792 bytes" in str(library_image.fault(universal(8192 + len(part) - 1)))
    assert library_image.fault(universal(5000))
    assert library_image.fault(universal(20)) == "it ends within its headers, after 20 bytes"


def pe(marks: int = 0x2000) -> bytes:
    """A PE library of two sections."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 128)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 2, 0, 0, 0, 240, marks)
    sections = b"".join(
        struct.pack("<8sIIII16s", name, 16, 4096, size, at, b"")
        for name, size, at in ((b".text", 512, 1024), (b".data", 256, 1536))
    )
    return (head.ljust(128, b"\0") + coff + bytes(240) + sections).ljust(1792, b"\0")


def test_pe() -> None:
    whole = pe()
    assert library_image.fault(whole) is None
    assert library_image.fault(whole[:-1]) == "its headers speak of 1,792 bytes, of which 1,791 are there"
    for size in (2, 60, 130, 300, 420, 1600):
        assert library_image.fault(whole[:size]), size
    assert library_image.fault(pe(marks=0x0002)) == "it is a PE file, but no library"
