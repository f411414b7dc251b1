"""The C programs of bench/drivers: compiled once a run, opened with ctypes, called by a loop in C."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.case import aligned, cases
from codegen.bench.contestant import Contestant, Loop
from codegen.errors import ToolchainError
from codegen.installed import folder
from codegen.machine import compilers
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Array, Case

FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared")
FIELDS = ("batch", "steps", "channels", "filters", "kernel_size", "stride", "dilation", "groups")


class Layer(ctypes.Structure):
    """bench_layer of driver.h."""

    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in (*FIELDS, "pad_left", "pad_right", "outs", "channels_last")),
        *((name, ctypes.c_void_p) for name in ("x", "kernel", "bias", "y")),
    )


@lru_cache(maxsize=64)
def library(name: str, *arguments: str) -> ctypes.CDLL:
    """bench/drivers/NAME.c, compiled with `arguments` after the drivers' own and opened. Raises ToolchainError."""
    compiler = compilers.find()
    if compiler is None:
        raise ToolchainError("no C compiler was found, so nothing can be timed: `gen-conv doctor` has details")
    place = folder("bench/drivers")
    files = {file: (place / file).read_text("utf-8") for file in (f"{name}.c", "driver.h")}
    built = compiler.build(files, (*FLAGS, *arguments), "driver.so")
    with tempfile.TemporaryDirectory(prefix="gen-conv-bench-", ignore_cleanup_errors=True) as temporary:
        path = Path(temporary) / f"{name}.so"
        path.write_bytes(built)
        return ctypes.CDLL(str(path))  # it stays open, and its code mapped, after the file has gone


def from_c(run: Any, state: Any) -> Loop:
    """Calls of a C function of one pointer, by a loop in C."""
    loop = library("timing").bench_loop
    loop.restype, loop.argtypes = None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
    return partial(loop, ctypes.cast(run, ctypes.c_void_p), state)


def address(array: Array | None) -> int | None:
    return None if array is None else array.ctypes.data


def empty(case: Case) -> Array:
    """An output full of NaN, so that what is not written is seen."""
    return aligned(np.full(case.out_shape, np.nan, np.float32))


@dataclass(frozen=True)
class CPeer:
    """A peer in C: bench/drivers/SOURCE.c, linked with `arguments`; with `baked`, compiled for each case, its sizes
    constants."""

    NAME: str
    PACKAGE: str
    source: str
    arguments: tuple[str, ...] = ()
    baked: bool = False

    def version(self) -> str:
        found = library(self.source, *self.arguments, *(_sizes(next(cases("Q"))) if self.baked else ()))
        found.peer_version.restype = ctypes.c_char_p
        return f"{self.NAME} {found.peer_version().decode()}"

    def contestants(self, case: Case, threads: int) -> Iterator[Contestant]:
        del threads  # oneDNN reads OMP_NUM_THREADS, the other drivers run on one
        found = library(self.source, *self.arguments, *(_sizes(case) if self.baked else ()))
        found.peer_open.restype = ctypes.c_void_p
        found.peer_open.argtypes = (ctypes.c_void_p, ctypes.c_int)
        for variant in range(ctypes.c_int.in_dll(found, "peer_variants").value):
            y = empty(case)
            layer = _layer(case, y)
            state = found.peer_open(ctypes.byref(layer), variant)
            if state:
                opened = _Opened(found, state, (case, layer, y))
                loop = from_c(found.peer_run, state)
                yield Contestant(str(variant), loop, partial(_same, y), case.problem.channels_last, opened)


def _same(y: Array) -> Array:
    return y


class _Opened:
    """A peer's state; closed with its last contestant."""

    def __init__(self, found: ctypes.CDLL, state: int, keeps: object) -> None:
        self._found, self._state, self._keeps = found, state, keeps

    def __del__(self) -> None:
        self._found.peer_close(ctypes.c_void_p(self._state))


def _layer(case: Case, y: Array) -> Layer:
    p = case.problem
    sizes = (case.batch, case.steps, p.channels, p.filters, p.kernel_size, p.stride, p.dilation, p.groups)
    left, right = p.pads(case.steps)
    arrays = (address(case.x), address(case.kernel), address(case.bias), address(y))
    return Layer(*sizes, left, right, case.outs, p.channels_last, *arrays)


def _sizes(case: Case) -> tuple[str, ...]:
    p = case.problem
    constants = {
        "STEPS": case.steps,
        "OUTS": case.outs,
        "CHANNELS": p.channels,
        "FILTERS": p.filters,
        "KERNEL": p.kernel_size,
        "STRIDE": p.stride,
        "DILATION": p.dilation,
        "GROUPS": p.groups,
        "PAD": p.pads(case.steps)[0],
        "BIAS": int(p.bias),
        "CHANNELS_LAST": int(p.channels_last),
    }
    return tuple(f"-D{name}={value}" for name, value in constants.items())


PEERS = (
    CPeer("LIBXSMM", "apt install libxsmm-dev", "libxsmm", ("-lxsmm", "-lxsmmnoblas", "-lm", "-ldl", "-lpthread")),
    CPeer("oneDNN", "apt install libdnnl-dev", "onednn", ("-ldnnl",)),
    CPeer("plain C", "a C compiler", "plain", ("-O3", "-march=native"), baked=True),
)
