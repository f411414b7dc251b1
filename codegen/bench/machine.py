"""What the machine allows, measured in the run itself: multiply-adds a second, bytes a second of each memory level."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.case import aligned
from codegen.bench.contestant import Contestant
from codegen.bench.drivers import from_c, library
from codegen.bench.timing import WALL, Clock
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.problem.targets import Target

TURNS = 20_000  # of the multiply-add loop in a call: some 30 µs
COPIED = 40e6  # bytes that a bandwidth is measured over, at least
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
USUAL = {"L1": 32 << 10, "L2": 512 << 10, "L3": 8 << 20}  # where the system does not tell
MOST_BYTES = 256 << 20  # of the buffer that stands for DRAM


@dataclass(frozen=True)
class Bandwidth:
    """GB/s of reading, and of copying (each byte counted once), in a buffer of `bytes`."""

    level: str
    bytes: int
    read: float
    copy: float


class Machine:
    """One thread's multiply-adds and bandwidths, for one target's vectors.

    `contestant` does `flops` floating-point operations a call: it takes part in every round, so that the peak meets the
    clock that the kernels meet.
    """

    def __init__(self, target: Target) -> None:
        self.lanes = target.lanes("float32")[0]
        chains = 24 if target.registers >= 32 else 12  # enough for two units of latency 5
        unvectorised = ("-fno-tree-vectorize", "-fno-tree-slp-vectorize")  # a scalar target's peak is scalar
        sizes = (f"-DLANES={self.lanes}", f"-DCHAINS={chains}", f"-DTURNS={TURNS}")
        self._library = library("machine", *target.flags, "-ffp-contract=fast", *unvectorised, *sizes)
        self._out = aligned(np.zeros(64, np.float32))
        self.flops = 2 * TURNS * chains * self.lanes
        loop = from_c(self._library.machine_fma, self._out.ctypes.data)
        self.contestant = Contestant("fma", loop, lambda: self._out, channels_last=True)

    def bandwidths(self, clock: Clock = WALL) -> Iterator[Bandwidth]:
        """By that clock, from half of each cache, and from a buffer four times the last one."""
        sizes = caches()
        last = max(sizes.values())
        for level, size in {**{name: size // 2 for name, size in sizes.items()}, "DRAM": 4 * last}.items():
            yield self._bandwidth(level, min(size, MOST_BYTES), clock)

    def _bandwidth(self, level: str, size: int, clock: Clock) -> Bandwidth:
        floats = size // 4 // (16 * self.lanes) * 16 * self.lanes
        buffer = aligned(np.ones(floats, np.float32))
        half = floats // 2
        turns = max(1, int(COPIED / size))
        arguments = (buffer.ctypes, ctypes.c_ssize_t(floats), self._out.ctypes)
        read = min(self._seconds(clock, "machine_read", turns, *arguments) for _ in range(9))
        arguments = (buffer.ctypes, ctypes.c_ssize_t(half), buffer[half:].ctypes)
        copy = min(self._seconds(clock, "machine_copy", turns, *arguments) for _ in range(9))
        return Bandwidth(level, size, turns * floats * 4e-9 / read, turns * half * 4e-9 / copy)

    def _seconds(self, clock: Clock, function: str, turns: int, *arguments: Any) -> float:
        run: Callable[..., None] = getattr(self._library, function)
        start = clock()
        run(ctypes.c_ssize_t(turns), *arguments)
        return (clock() - start) * 1e-9


def caches() -> dict[str, int]:
    """Bytes of each data cache of the first core."""
    found = {}
    for index in sorted(CACHES.glob("index*")):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
            bytes_ = int(size.rstrip("KM")) << (20 if size.endswith("M") else 10)
        except (OSError, ValueError):
            continue
        if kind != "Instruction":
            found[f"L{level}"] = bytes_
    return dict(sorted(found.items())) or USUAL


def cpu() -> str:
    """What the system calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return " ".join(next(named, platform.machine()).split())
