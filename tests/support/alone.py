"""`pytest --alone K/N`: a share of the tests, in random order, each in a process of its own with nothing compiled.

The process is forked from one that has read the tests and run none. A test that leans on a neighbour fails here.
"""

from __future__ import annotations

import os
import pickle
import random
from argparse import ArgumentTypeError
from zlib import crc32

import pytest
from _pytest.runner import runtestprotocol


def share(text: str) -> tuple[int, int]:
    """K/N as numbers, 1 <= K <= N."""
    left, _, right = text.partition("/")
    if not (left.isdigit() and right.isdigit() and 1 <= int(left) <= int(right)):
        raise ArgumentTypeError(f"{text!r}: expected K/N with 1 <= K <= N, as in 3/10")
    return int(left), int(right)


class Alone:
    """The plugin; it works in each worker of pytest-xdist, as the order is the same in all."""

    def __init__(self, config: pytest.Config) -> None:
        if not hasattr(os, "fork"):
            raise pytest.UsageError("--alone needs a system that can fork")
        self.config = config
        self.part, self.parts = config.getoption("--alone")

    def pytest_report_header(self) -> str:
        return f"each of share {self.part} of {self.parts} in a process of its own, in random order"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        mine = [item for item in items if crc32(item.nodeid.encode()) % self.parts == self.part - 1]
        kept = set(mine)
        self.config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = sorted(mine, key=lambda item: item.nodeid)
        random.Random(self.part).shuffle(items)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self.reports(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """What a forked process found of one test; a failure where it did not come to an end."""
        end, start = os.pipe()
        child = os.fork()
        if not child:
            code = 1
            try:
                os.close(end)
                said = [
                    self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
                    for report in runtestprotocol(item, nextitem=None, log=False)
                ]
                with open(start, "wb") as pipe:
                    pickle.dump(said, pipe)
                code = 0
            finally:
                os._exit(code)  # nothing of the parent's is ended or flushed twice
        os.close(start)
        with open(end, "rb") as pipe:
            told = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            why = f"its process ended with {status}"
            return [pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")]
        from_data = self.config.hook.pytest_report_from_serializable
        return [from_data(config=self.config, data=data) for data in pickle.loads(told)]
