"""Many kernels made at once: as many compilers run side by side as this process has cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from codegen.planning.ask import threads_asked

__all__ = ["cores", "make_all"]

Tell = Callable[[int], None]  # how many are done


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def make_all(tasks: Iterable[Callable[[], object]], jobs: int | None = None, tell: Tell | None = None) -> None:
    """Run each task once, at most `jobs` at a time (a core each without a number); `tell` hears how many are done.

    A task waits for its compiler most of the time, so threads of this process serve. The first that fails ends what was
    not begun, and its error is raised when those under way have ended. Raises UsageError for another `jobs`.
    """
    count = cores() if jobs is None else threads_asked(jobs, "jobs")
    tasks, done = tuple(tasks), 0
    say = tell or (lambda _: None)
    with ThreadPoolExecutor(min(count, max(1, len(tasks))), "gen-conv-warm") as pool:
        waiting = {pool.submit(task) for task in tasks}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=0.1, return_when=FIRST_EXCEPTION)
                for each in ended:
                    each.result()
                done += len(ended)
                say(done)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
