"""Firmware of emitted kernels, run bare-metal in QEMU: every call between guards, its instructions counted.

`-icount shift=6` makes an instruction 64 ns of QEMU's time, which SysTick counts: the same number on any machine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.cprogram import compile_c, program

GUARD = 64  # bytes before and behind each array


@dataclass(frozen=True)
class Board:
    """A machine of QEMU: the compiler's flags for its core, where flash and RAM lie, its SysTick's MHz."""

    machine: str
    flags: tuple[str, ...]
    flash: tuple[int, int]
    ram: tuple[int, int]
    megahertz: float


NEAR = (0, 0x400000), (0x20000000, 0x100000)
BOARDS = {
    "cortex-m4": Board("mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), *NEAR, 25),
    "cortex-m7": Board("mps2-an500", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), *NEAR, 25),
    "cortex-m33": Board(
        "mps2-an505",
        ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        (0x10000000, 0x200000),
        (0x38000000, 0x100000),
        20,
    ),
    "cortex-m55": Board(
        "mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard"), (0, 0x80000), (0x20000000, 0x80000), 32
    ),
}


@dataclass(frozen=True)
class Case:
    """An int8 kernel's text in assembly, its workspace in bytes, an input and what it must make of it."""

    name: str
    text: str
    workspace: int
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """Outputs that are wrong, bytes of guards that changed, instructions of the call."""

    wrong: int
    outside: int
    instructions: int


def run(board: Board, cases: Sequence[Case], folder: Path, flags: Sequence[str] = ("-O1",)) -> dict[str, Outcome]:
    """Builds one firmware of all cases and runs it. Raises Missing where a tool is not installed."""
    compiler = program("arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    emulator = program("qemu-system-arm", "qemu-system-arm")
    for case in cases:
        (folder / f"{case.name}.S").write_text(case.text)
    (folder / "main.c").write_text(_main(cases))
    (flash, flash_size), (ram, ram_size) = board.flash, board.ram
    places = f"__flash={flash},--defsym=__flash_size={flash_size},--defsym=__ram={ram},--defsym=__ram_size={ram_size}"
    libc = ("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted", f"-Wl,--defsym={places}")
    files = ["main.c", *(f"{case.name}.S" for case in cases)]
    link = (*libc, "-Wl,--defsym=__stack_size=0x1000", "-o", "firmware.elf")
    compile_c((compiler, "-mthumb", *board.flags, *flags, *files, *link), folder=folder)
    words = (emulator, "-M", board.machine, "-nographic", "-monitor", "none", "-serial", "none")
    more = ("-icount", "shift=6", "-semihosting-config", "enable=on,target=native", "-kernel", "firmware.elf")
    done = subprocess.run((*words, *more), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in (done.stdout + done.stderr).splitlines() if line.startswith("case ")]
    assert [row[1] for row in rows] == [case.name for case in cases]
    scale = 1000 / board.megahertz / 64
    return {row[1]: Outcome(int(row[2]), int(row[3]), round(int(row[4]) * scale)) for row in rows}


def _array(name: str, numbers: np.ndarray) -> str:
    return f"static const int8_t {name}[] = {{{', '.join(map(str, numbers.ravel().tolist()))}}};\n"


def _main(cases: Sequence[Case]) -> str:
    tables = "".join(_array(f"x_{case.name}", case.x) + _array(f"y_{case.name}", case.y) for case in cases)
    declared = "".join(f"void {case.name}(const int8_t *, int8_t *, void *);\n" for case in cases)
    calls = "".join(
        f'    try("{c.name}", {c.name}, x_{c.name}, {c.x.size}, y_{c.name}, {c.y.size}, {c.workspace});\n'
        for c in cases
    )
    size = {
        "x": max(case.x.size for case in cases),
        "y": max(case.y.size for case in cases),
        "w": max(case.workspace for case in cases),
    }
    buffers = "".join(f"static _Alignas(16) int8_t {key}b[{n} + {2 * GUARD} + 8];\n" for key, n in size.items())
    return HEAD + buffers + tables + declared + TRY + f"int main(void)\n{{\n{calls}    return 0;\n}}\n"


HEAD = """#include <stdint.h>
#include <stdio.h>
#include <string.h>
"""
TRY = f"""
static int changed(const int8_t *from, int count)
{{
    int found = 0;
    for (int i = 0; i < count; ++i) found += from[i] != 0x33;
    return found;
}}

static void try(const char *name, void (*kernel)(const int8_t *, int8_t *, void *), const int8_t *x, int numbers,
    const int8_t *y, int outputs, int workspace)
{{
    volatile uint32_t *const tick = (volatile uint32_t *)0xE000E010;
    int8_t *const in = xb + {GUARD} + 1, *const out = yb + {GUARD} + 3, *const room = wb + {GUARD};
    int wrong = 0;
    memset(xb, 0x33, sizeof xb), memset(yb, 0x33, sizeof yb), memset(wb, 0x33, sizeof wb);
    memcpy(in, x, numbers);
    tick[1] = 0xffffff, tick[2] = 0, tick[0] = 5;
    while (!tick[2]) {{ }} /* until it counts */
    const uint32_t before = tick[2];
    kernel(in, out, room);
    const uint32_t after = tick[2];
    for (int i = 0; i < outputs; ++i) wrong += out[i] != y[i];
    const int outside = changed(xb, {GUARD} + 1) + changed(in + numbers, {GUARD}) + changed(yb, {GUARD} + 3)
        + changed(out + outputs, {GUARD}) + changed(wb, {GUARD}) + changed(room + workspace, {GUARD});
    printf("case %s %d %d %lu\\n", name, wrong, outside, (unsigned long)(before - after));
}}

"""
