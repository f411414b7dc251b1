"""Fuzz the emitted C for warnings: random files through gcc and clang, with all that the README promises and more.

A finding is the first warning of a file, and how the file came about. Compilers that are missing are passed over; with
none `cprogram.Missing` is raised.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import defaultdict
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from codegen.problem.targets import Target
from tests.fuzz import emitted_kinds
from tests.fuzz.emitted import Emitted, emitted
from tests.support import cprogram

COMPILERS = ("gcc", "clang")
AT_ONCE = 60  # files to a call of a compiler


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """`count` random files through each compiler, every third no single layer of floats; (tried, findings)."""
    of_target: dict[Target, list[Emitted]] = defaultdict(list)
    for one in chain(emitted(count - count // 3, seed), emitted_kinds.emitted(count // 3, seed)):
        of_target[one.target].append(one)
    findings, missing = [], []
    for compiler in COMPILERS:
        for target, files in of_target.items():
            try:
                tools = cprogram.toolchain(target, compiler, run=False)
            except cprogram.Missing as error:
                missing.append(error)
                continue
            for start in range(0, len(files), AT_ONCE):
                findings += _warnings(tools, files[start : start + AT_ONCE])
    if len(missing) == len(COMPILERS) * len(of_target):
        raise missing[0]
    return count, findings


def _warnings(tools: cprogram.Toolchain, files: list[Emitted]) -> list[str]:
    """What the compiler says of these files, one by one where it says anything of all."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        names = [one.write(folder) for one in files]
        sysroot = ("-I/usr/aarch64-linux-gnu/include",) if "--target=aarch64-linux-gnu" in tools.compiler else ()
        words = (*tools.compiler, *sysroot, *cprogram.WARNINGS, "-O1", "-ffp-contract=off", "-fsyntax-only")
        if not _said(words, names, folder):
            return []
        said = ((one, _said(words, [name], folder)) for one, name in zip(files, names, strict=True))
        compiler = Path(tools.compiler[0]).name
        return [f"{compiler}: {text.splitlines()[0]} ({one.told})" for one, text in said if text]


def _said(words: tuple[str, ...], names: list[str], folder: Path) -> str:
    done = subprocess.run([*words, *names], cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    errors = [line for line in done.stderr.splitlines() if ": error: " in line or ": warning: " in line]
    return "\n".join(errors) or (done.stderr if done.returncode else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tried, found = run(given.count, given.seed)
    print(*found, f"{tried} files, {len(found)} findings", sep="\n")
