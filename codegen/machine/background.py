"""One daemon thread for work that nobody waits for: started when first wanted, let go at Python's end.

A task that fails is over, and no more. A child that was forked has none of it and begins anew.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from codegen.machine import compiler_process

__all__ = ["MOST_WAITING", "submit", "wait"]

Task = Callable[[], object]
MOST_WAITING = 256  # tasks; more are not taken
LAST_SECONDS = 2.0  # that Python's end waits for what is under way, of which a compiler is ended at once


class _Queue:
    """Tasks that wait, and the thread that does them while there are some."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[Task] = deque()
        self.thread: threading.Thread | None = None
        self.closed = False

    def put(self, task: Task) -> bool:
        with self.changed:
            if self.closed or len(self.waiting) >= MOST_WAITING:
                return False
            self.waiting.append(task)
            if self.thread is None:
                thread = threading.Thread(target=self._work, daemon=True, name="gen-conv background")
                try:
                    thread.start()
                except RuntimeError:  # a limit of the system, or Python's end
                    self.waiting.pop()
                    return False
                self.thread = thread
            return True

    def _work(self) -> None:
        while True:
            with self.changed:
                if self.closed or not self.waiting:
                    self.thread = None
                    self.changed.notify_all()
                    return
                task = self.waiting.popleft()
            with suppress(Exception, compiler_process.GivenUp):
                task()
            del task

    def idle(self, seconds: float) -> bool:
        """Whether all tasks are done, after so many seconds at most."""
        with self.changed:
            return self.changed.wait_for(lambda: self.thread is None, seconds)

    def close(self) -> None:
        """Take no more tasks, drop what waits, end the compiler that runs."""
        with self.changed:
            self.closed, thread = True, self.thread
            self.waiting.clear()
        if thread is not None and thread.ident is not None:
            compiler_process.give_up(thread.ident)
            self.idle(LAST_SECONDS)


_queue = _Queue()


def submit(task: Task) -> bool:
    """Have `task` done some time, after those before it; False where it is not taken: too many wait, or Python ends."""
    _closing()
    return _queue.put(task)


def wait(seconds: float) -> bool:
    """Wait until nothing is left to do, so many seconds at most; whether that is so. For tests and benchmarks."""
    return _queue.idle(seconds)


_registered: list[int] = []


def _closing() -> None:
    """Have Python's end close the queue, once."""
    if not _registered:
        _registered.append(os.getpid())
        atexit.register(lambda: _queue.close())


def _forked() -> None:
    """In a child the thread is not there, and the lock may be held by it."""
    global _queue
    _queue = _Queue()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
