"""Firmware of emitted kernels for tests: what codegen.machine.firmware runs, skipped where a tool is missing."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.machine import firmware
from codegen.machine.boards import BOARDS
from codegen.machine.firmware import Case, Outcome
from codegen.problem.targets import TARGETS
from tests.support.cprogram import program

__all__ = ["FLAGS", "Case", "Outcome", "run"]

FLAGS = ("-O1",)


def run(core: str, cases: Sequence[Case], flags: Sequence[str] = FLAGS, compiler: str = "") -> dict[str, Outcome]:
    """One firmware of all cases, run; kernels by `compiler`, clang or none. Raises Missing without a tool."""
    tools = BOARDS[core].tools
    for one in (tools.compiler, tools.emulator):
        program(one, tools.packages)
    target = TARGETS[core]
    clang: tuple[str, ...] = ()
    if compiler:  # which takes no assembly where it assumes that loads are aligned
        unaligned = ("-munaligned-access",) if target.dialect.assembly else ()
        clang = (program(compiler, compiler), "--target=arm-none-eabi", "-ffreestanding", *unaligned)
    return firmware.run(target, cases, flags, clang)
