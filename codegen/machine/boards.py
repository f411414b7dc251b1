"""Boards: what a microcontroller's code is built with and what runs it here, a row for each target.

The machines are QEMU's, by their names; where flash and RAM lie there, and how fast SysTick counts.
Sources: QEMU's hw/arm/mps2.c, mps2-tz.c, microbit.c and nrf51_soc.c; picolibc's doc/linking.md for the symbols.
"""

from __future__ import annotations

import shutil

from codegen.errors import ToolchainError, UsageError
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["BOARDS", "Board", "Tools", "board", "installed"]


@dataclass(frozen=True)
class Tools:
    """Programs by their names: a C compiler with its `libc` flags, what tells an object's sizes, an emulator."""

    compiler: str
    libc: tuple[str, ...]
    size: str
    emulator: str
    packages: str


@dataclass(frozen=True)
class Board:
    """A machine of the emulator: (first address, bytes) of its flash and its RAM, its SysTick's MHz."""

    machine: str
    flash: tuple[int, int]
    ram: tuple[int, int]
    megahertz: float
    tools: Tools


ARM = Tools(
    "arm-none-eabi-gcc",
    ("--specs=picolibc.specs",),
    "arm-none-eabi-size",
    "qemu-system-arm",
    "gcc-arm-none-eabi picolibc-arm-none-eabi qemu-system-arm",
)
NEAR = (0, 0x400000), (0x20000000, 0x100000)
BOARDS: dict[str, Board] = {
    "cortex-m0": Board("microbit", (0, 0x40000), (0x20000000, 0x4000), 16, ARM),
    "cortex-m3": Board("mps2-an385", *NEAR, 25, ARM),
    "cortex-m4": Board("mps2-an386", *NEAR, 25, ARM),
    "cortex-m7": Board("mps2-an500", *NEAR, 25, ARM),
    "cortex-m33": Board("mps2-an505", (0x10000000, 0x200000), (0x38000000, 0x100000), 20, ARM),
    "cortex-m55": Board("mps3-an547", (0, 0x80000), (0x20000000, 0x80000), 32, ARM),
}


def board(target: Target) -> Board:
    """The row of a target. Raises UsageError for one that is no microcontroller."""
    found = BOARDS.get(target.name)
    if found is None:
        raise UsageError(f"target `{target.name}` is no microcontroller: expected one of {', '.join(BOARDS)}")
    return found


def installed(program: str, of: Tools) -> str:
    """The path of a program. Raises ToolchainError that says what to install."""
    found = shutil.which(program)
    if not found:
        raise ToolchainError(f"`{program}` is not on PATH: on Debian, apt-get install {of.packages}")
    return found
