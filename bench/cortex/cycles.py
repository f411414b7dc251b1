"""Estimated cycles of what a firmware executes in QEMU: blocks as they are traced, instructions as a core issues them.

An estimate from Arm's tables, not a chip's: code and data are near, nothing waits. Cortex-M4, DDI 0439B tables 3-1
and 7-1: a load takes 2 cycles, one of N registers N + 1, a taken branch 3, vfma 3. Cortex-M55: an
instruction of vectors keeps its pipe, that of loads and stores or that of arithmetic, for 2 cycles, while the other
pipe may begin; a load of one register takes 1, a taken branch 3, a loop's end nothing but itself.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Instruction", "Program", "cycles", "traced"]

LINE = re.compile(r"^\s*([0-9a-f]+):\t[0-9a-f ]+\t(\S+)\s*(.*)$")
BRANCH = re.compile(
    r"^(b|bl|bx|blx|cbz|cbnz|tbb|tbh|le|letp|wls|wlstp\.\w+|b(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le))(\.[nw])?$"
)
TAKEN = 3.0
SLOW = {"udiv": 6.0, "sdiv": 6.0, "vdiv.f32": 14.0, "vsqrt.f32": 14.0}
FUSED = ("vfma.f32", "vfms.f32", "vfnms.f32", "vfnma.f32", "vmla.f32", "vmls.f32")


@dataclass(frozen=True)
class Instruction:
    """One of a program's, at `at`, with the address of the one behind it."""

    at: int
    behind: int
    word: str
    operands: str

    @property
    def branches(self) -> bool:
        return bool(BRANCH.match(self.word)) or (self.word.startswith(("pop", "ldm")) and "pc" in self.operands)

    @property
    def target(self) -> int | None:
        """Where a direct branch goes."""
        found = re.search(r"\b([0-9a-f]+) <", self.operands)
        return int(found[1], 16) if found and self.branches else None

    @property
    def many(self) -> int:
        """Registers of a load or store of several, 0 for any other."""
        if not self.word.startswith(("push", "pop", "ldm", "stm", "vldm", "vstm", "vpush", "vpop")):
            return 0
        inside = self.operands[self.operands.find("{") + 1 : self.operands.find("}")]
        spans = [one.strip().split("-") for one in inside.split(",")]
        return sum(_number(span[-1]) - _number(span[0]) + 1 for span in spans)

    @property
    def loads(self) -> bool:
        return self.word.startswith(("ldr", "vldr")) and not self.vector

    @property
    def vector(self) -> bool:
        """Whether it is of Helium's registers."""
        return self.word.startswith("v") and bool(re.search(r"\bq[0-7]\b", self.operands))


def _number(register: str) -> int:
    fixed = {"sp": 13, "lr": 14, "pc": 15, "ip": 12, "fp": 11, "sl": 10, "sb": 9}
    return fixed.get(register) or int(register[1:])


class Program:
    """The instructions of an ELF file by address, and where its functions begin."""

    def __init__(self, elf: Path) -> None:
        text = subprocess.run(["arm-none-eabi-objdump", "-d", elf], capture_output=True, text=True, check=True).stdout
        found = [
            (int(m[1], 16), m[2], m[3].split("@")[0].split(";")[0]) for m in map(LINE.match, text.splitlines()) if m
        ]
        ends = [at for at, _, _ in found[1:]] + [found[-1][0] + 4]
        self.at = {at: Instruction(at, end, word, rest) for (at, word, rest), end in zip(found, ends, strict=True)}
        names = subprocess.run(["arm-none-eabi-nm", "-n", elf], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in names.splitlines()]
        self.functions = {row[2]: int(row[0], 16) & ~1 for row in rows if len(row) == 3 and row[1] in "tTwW"}
        starts = sorted(self.functions.values())
        self.ends = dict(zip(starts, [*starts[1:], 1 << 32], strict=True))

    def block(self, start: int, following: int) -> list[tuple[Instruction, bool]]:
        """The instructions from `start` on until the block that begins at `following`, and whether each jumps there."""
        found, at = [], start
        while at in self.at:
            one = self.at[at]
            found.append(one)
            if one.branches:
                break
            at = one.behind
        last = found[-1]
        if following not in (last.behind, last.target):
            found = [one for one in found if one.at < following or not start < following <= last.at]
        return [(one, one.branches and following != one.behind) for one in found]


def traced(command: Sequence[str], folder: Path, program: Program, name: str) -> Counter[tuple[int, int]]:
    """How often each block was followed by each other one in a call of the function `name`."""
    log = ("-d", "exec,nochain", "-D", "/dev/stdout", "-serial", "none")
    entry, caller = program.functions[name], program.functions["call"]
    inside, before, found, until = False, 0, Counter[tuple[int, int]](), program.ends[caller]
    with subprocess.Popen(
        [*command, *log], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if not line.startswith("Trace "):
                continue
            at = int(line.split("/", 2)[1], 16)
            if inside:
                found[before, at] += 1
                if caller <= at < until:
                    inside = False
            elif at == entry:
                inside = True
            before = at
    return found


def cycles(program: Program, blocks: Counter[tuple[int, int]], core: str) -> tuple[int, float]:
    """Instructions and estimated cycles of the blocks on a core."""
    count, total = 0, 0.0
    issue = _m55 if core == "cortex-m55" else _m4
    for (start, following), times in blocks.items():
        steps = program.block(start, following)
        count += times * len(steps)
        total += times * issue(steps)
    return count, total


def _m4(steps: Sequence[tuple[Instruction, bool]]) -> float:
    total = 0.0
    for one, taken in steps:
        if one.many:
            total += 1 + one.many + (TAKEN - 1 if taken else 0)
        elif one.word.startswith(("ldrd", "strd")):
            total += 3
        elif one.loads:
            total += 2
        elif one.word in FUSED:
            total += 3
        else:
            total += TAKEN if taken else SLOW.get(one.word, 1.0)
    return total


def _m55(steps: Sequence[tuple[Instruction, bool]]) -> float:
    now, free = 0.0, {True: 0.0, False: 0.0}
    for one, taken in steps:
        if one.vector:
            pipe = one.word.startswith(("vldr", "vstr", "vld", "vst"))
            now = max(now, free[pipe])
            free[pipe] = now + 2
            now += 1
        elif one.many:
            now += 1 + one.many / 2 + (TAKEN - 1 if taken else 0)
        elif taken:
            now += 1 if one.word.startswith(("le", "letp")) else TAKEN
        else:
            now += SLOW.get(one.word, 1.0)
    return max(now, *(when - 1 for when in free.values()))
