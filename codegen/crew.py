"""The threads that run the slices of a kernel: started when first wanted, kept, started anew in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

__all__ = ["run"]

Call = Callable[[], object]
Answers = SimpleQueue[BaseException | None]
_workers: list[SimpleQueue[tuple[Call, Answers]]] = []
_starting = threading.Lock()


def run(calls: Sequence[Call]) -> None:
    """Run all `calls` at the same time, the first in this thread; returns when all have. Raises what one raised."""
    while len(_workers) < len(calls) - 1:
        _start(len(calls) - 1)
    answers: Answers = SimpleQueue()
    for worker, call in zip(_workers, calls[1:], strict=False):
        worker.put((call, answers))
    try:
        calls[0]()
    finally:
        errors = [answers.get() for _ in calls[1:]]
    for error in errors:
        if error is not None:
            raise error


def _start(count: int) -> None:
    """Have at least `count` workers."""
    with _starting:
        while len(_workers) < count:
            orders: SimpleQueue[tuple[Call, Answers]] = SimpleQueue()
            threading.Thread(target=_work, args=(orders,), daemon=True, name=f"gen-conv {len(_workers)}").start()
            _workers.append(orders)


def _work(orders: SimpleQueue[tuple[Call, Answers]]) -> None:
    while True:
        call, answers = orders.get()
        try:
            call()
            answers.put(None)
        except BaseException as error:  # told to the caller, whose thread it belongs to
            answers.put(error)
        del call, answers


def _forked() -> None:
    """In a child no worker lives, and the lock may be held by a thread that is not there."""
    global _starting
    _workers.clear()
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
