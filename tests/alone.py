"""`pytest --alone K/N`: a share of the tests, in random order, each in a process of its own with nothing compiled.

A test that leans on a neighbour, on its own past or on what this machine's cache holds fails here.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import pytest

PASSED_ON = ("specs", "target")  # options that each test's own process is given


def share(text: str) -> tuple[int, int]:
    """K/N as numbers, 1 <= K <= N."""
    left, _, right = text.partition("/")
    if not (left.isdigit() and right.isdigit() and 1 <= int(left) <= int(right)):
        raise ArgumentTypeError(f"{text!r}: expected K/N with 1 <= K <= N, as in 3/10")
    return int(left), int(right)


class Alone:
    """The plugin; it works in each worker of pytest-xdist, as the order is the same in all."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.part, self.parts = config.getoption("--alone")

    def pytest_report_header(self) -> str:
        return f"each of share {self.part} of {self.parts} in a process of its own, in random order"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        mine = [crc32(item.nodeid.encode()) % self.parts == self.part - 1 for item in items]
        self.config.hook.pytest_deselected(items=[item for item, kept in zip(items, mine, strict=True) if not kept])
        items[:] = sorted((item for item, kept in zip(items, mine, strict=True) if kept), key=lambda item: item.nodeid)
        random.Random(self.part).shuffle(items)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        code, said = self.run(item.nodeid)
        outcome: Any = "passed" if code == 0 else "failed"
        report = pytest.TestReport(item.nodeid, item.location, {}, outcome, said if code else None, "call")
        item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def run(self, test: str) -> tuple[int, str]:
        """(exit code, output) of one test alone."""
        options = [f"--{name}={self.config.getoption(name)}" for name in PASSED_ON]
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *options, test]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        with TemporaryDirectory() as folder:
            environment = {**kept, "GENCONV_CACHE_DIR": str(Path(folder) / "cache")}
            done = subprocess.run(
                [*words, f"--basetemp={folder}/tests"],
                cwd=self.config.rootpath,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        return done.returncode, done.stdout
