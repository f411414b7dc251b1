"""The threads that run the slices of a kernel: started when first wanted, kept, started anew in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

__all__ = ["run"]

Call = Callable[[], object]
Answers = SimpleQueue[BaseException | None]
_workers: list[SimpleQueue[tuple[Call, Answers]]] = []
_starting = threading.Lock()


def run(calls: Sequence[Call]) -> None:
    """Run all `calls` at the same time, the first in this thread; returns when all have. Raises what one raised.

    Where no thread can be started (a limit of the system, or Python's end in a function of atexit) this one runs more.
    """
    if len(_workers) < len(calls) - 1:
        _start(len(calls) - 1)
    workers, answers = _workers[: len(calls) - 1], Answers()
    own = len(calls) - len(workers)
    for worker, call in zip(workers, calls[own:], strict=True):
        worker.put((call, answers))
    try:
        for call in calls[:own]:
            call()
    finally:
        errors = [answers.get() for _ in workers]
    for error in errors:
        if error is not None:
            raise error


def _start(count: int) -> None:
    """Have `count` workers, or as many as can be had."""
    with _starting, suppress(RuntimeError):
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
