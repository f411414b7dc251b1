"""Batches of a search in processes of their own, as what writes beside its arrays ends its process.

A module's work prints `trying …` before each trial, and a line for what is wrong after it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support import precompiled

ROOT = Path(__file__).resolve().parents[2]


class Batches(NamedTuple):
    """`module` tries `size` random `things` in a batch, each with so many `trials`; `usual` of them unless told."""

    module: str
    things: str
    size: int
    usual: int
    trials: int = 1

    def run(self, count: int, seed: int, sanitize: bool = False) -> tuple[int, list[str]]:
        """(tried, findings) of `count` things; with `sanitize` under AddressSanitizer and UBSan."""
        findings, environment = [], {**os.environ, **precompiled.handed()}
        if sanitize:
            shared = ["gcc", "-print-file-name=libasan.so"]
            place = subprocess.run(shared, capture_output=True, text=True, check=True).stdout.strip()
            environment |= {"LD_PRELOAD": place, "ASAN_OPTIONS": "detect_leaks=0"}
        for batch in range(-(-count // self.size)):
            size = min(self.size, count - self.size * batch)
            words = ["-m", self.module, "--work", str(size), "--seed", str(1000 * seed + batch)]
            done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
            lines = done.stdout.splitlines()
            findings += [line for line in lines if not line.startswith("trying ")]
            if done.returncode:
                last = lines[-1] if lines else f"before the first of the {self.things}"
                findings.append(f"the process ended with {done.returncode}, {last}: {done.stderr[-600:]}")
            elif sum(line.startswith("trying ") for line in lines) != self.trials * size:
                findings.append(f"batch {batch} tried fewer than {size} {self.things}")
        return count, findings

    def main(self, told: str | None, work: Callable[[int, int], None]) -> None:
        """The module as a command: a batch of `work` in the processes, or the whole search."""
        parser = argparse.ArgumentParser(description=told)
        parser.add_argument("--count", type=int, default=self.usual)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--sanitize", action="store_true")
        parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
        options = parser.parse_args()
        if options.work is not None:
            return work(options.work, options.seed)
        tried, findings = self.run(options.count, options.seed, options.sanitize)
        print(*findings, f"{tried:,} {self.things}, {len(findings)} findings", sep="\n")
        return sys.exit(bool(findings))


def sanitized() -> bool:
    """Whether this process is one of a search with sanitizers."""
    return bool(os.environ.get("LD_PRELOAD"))
