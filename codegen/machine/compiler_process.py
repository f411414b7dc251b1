"""A compiler's process: under limits, and gone with all that it started when `run` returns."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache

from codegen.errors import ToolchainError
from codegen.machine.ownership import Held
from codegen.machine.work_folders import OUTPUT_BYTES

__all__ = ["MEMORY_BYTES", "OUTPUT_BYTES", "GivenUp", "give_up", "run"]

POSIX = os.name == "posix"
MEMORY_BYTES = 8 << 30  # of address space: gcc needs 0.1 GB for a kernel, zig maps far more than it uses
KEPT_BYTES, CHUNK = 1 << 14, 1 << 16  # of what it prints: kept in the end, read at a time
DRAIN_CHUNKS = 64  # read after its end, at most: a child that escaped may go on for ever
LOOK_SECONDS = 0.02  # how often to see whether it has ended
NAP_SECONDS = 0.00005  # the first of those that double, where its pipe is closed: mostly it ends at once
LAST_LINES = 20


class GivenUp(BaseException):
    """Raised in a thread whose compilers are given up: no error of theirs, so that no other compiler is tried."""


_given_up: set[int] = set()


def give_up(thread: int) -> None:
    """End what the thread of that identity compiles, or will: `run` raises GivenUp there. For Python's end."""
    _given_up.add(thread)


def _demand_wanted() -> None:
    if threading.get_ident() in _given_up:
        raise GivenUp


def run(command: Sequence[str], *, seconds: float, folder: Held | None = None) -> str:
    """The end of what `command` prints; the command and all of its process group are gone when this returns or raises.

    The child has limits on its time, memory and files, no input, and messages in English. Raises ToolchainError with
    the command and its last lines if it fails or takes longer than `seconds`.
    """
    _demand_wanted()
    with _ctrl_c_held() as let_go:
        process = _started(command, seconds, folder)
        status, text = _outcome(process, seconds, let_go)
    if status == 0:
        return text
    how = f"took longer than {seconds:g} s (GENCONV_CC_TIMEOUT)" if status is None else f"ended with status {status}"
    last = "\n".join(f"  {line}" for line in text.splitlines()[-LAST_LINES:])
    raise ToolchainError(f"the compiler {how}\n  {shlex.join(command)}\n{last}".rstrip())


@contextmanager
def _ctrl_c_held() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until what is yielded is called: a process must be known before, for only then can it be ended."""
    handler, came = signal.getsignal(signal.SIGINT), list[int]()
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield lambda: None  # Python's handlers run in the main thread alone
        return

    def let_go() -> None:
        signal.signal(signal.SIGINT, handler)
        while came:
            signal.raise_signal(came.pop())

    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield let_go
    finally:
        let_go()


def _started(command: Sequence[str], seconds: float, folder: Held | None) -> subprocess.Popen[bytes]:
    """The command's process, at the head of a group of its own. Raises ToolchainError where none can be started."""
    environment = {**os.environ, "LC_ALL": "C"}
    if folder is not None:
        environment["TMPDIR"] = str(folder.inside)  # so that what a killed compiler leaves goes with the folder
    try:
        with _starting():
            return subprocess.Popen(
                [*_limits(seconds), *command],
                cwd=folder.inside if folder else None,
                env=environment,
                pass_fds=folder.needed if folder else (),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=POSIX,
            )
    except OSError as error:
        raise ToolchainError(f"cannot start `{shlex.join(command)}`: {error.strerror}") from None


@lru_cache(maxsize=1)
def _starting() -> threading.RLock:
    """The lock that keeps another thread's fork out of a process' start.

    Its child would hold the writing end of Popen's pipes, for whose closing this process waits, while the child may
    wait for this process to end its turn at the cache.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


def _outcome(process: subprocess.Popen[bytes], seconds: float, let_go: Callable[[], None]) -> tuple[int | None, str]:
    """(exit status or None for too long, end of the output); an interrupted wait ends the process too."""
    tail = bytearray()
    try:
        let_go()
        ended = (_watch if POSIX else _await)(process, tail, seconds)
    finally:
        _kill(process)
        if process.stdout is not None:
            process.stdout.close()
    return process.returncode if ended else None, bytes(tail).decode("utf-8", "replace")


def _watch(process: subprocess.Popen[bytes], tail: bytearray, seconds: float) -> bool:
    """Keep the end of what it prints until it ends; False if that takes too long.

    The pipe's end is not waited for: a child of it may hold that for ever. No thread is started: at Python's own end,
    where functions of atexit may still want a kernel, there can be none.
    """
    assert process.stdout is not None
    deadline, printing, nap = time.monotonic() + seconds, True, NAP_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not _has_ended(process):
            _demand_wanted()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not printing:
                time.sleep(min(left, nap))
                nap = min(2 * nap, LOOK_SECONDS)
            elif selector.select(min(left, LOOK_SECONDS)):
                printing = _keep_tail(process, tail)
        for _ in range(DRAIN_CHUNKS):
            if not (printing and selector.select(0)):
                break
            printing = _keep_tail(process, tail)
    return True


def _keep_tail(process: subprocess.Popen[bytes], tail: bytearray) -> bool:
    """Read some of what it printed, however long that is, and keep the end; False where nothing more can come."""
    assert process.stdout is not None
    chunk = os.read(process.stdout.fileno(), CHUNK)
    tail += chunk
    del tail[:-KEPT_BYTES]
    return bool(chunk)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Where the system can, without reaping it: until then the id of its group is still its own."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # reaped by somebody else's wait, or by the system where SIGCHLD is ignored
        return True


def _await(process: subprocess.Popen[bytes], tail: bytearray, seconds: float) -> bool:
    """The same for Windows, whose pipes cannot be waited for: a thread reads."""

    def read() -> None:
        with suppress(OSError, ValueError):
            while _keep_tail(process, tail):
                pass

    reader = threading.Thread(target=read, daemon=True)
    try:
        reader.start()
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    except RuntimeError as error:
        raise ToolchainError(f"the compiler cannot be listened to: {error}") from None
    reader.join(1)
    return True


def _limits(seconds: float) -> tuple[str, ...]:
    """A shell that sets limits and becomes the command.

    subprocess' preexec_fn could do the same, but Python code between fork and exec can deadlock in a threaded process.
    """
    if not POSIX:
        return ()
    time_limit = int(seconds + 1) * (os.cpu_count() or 1)
    limits = (f"-t {time_limit}", f"-v {MEMORY_BYTES >> 10}", f"-f {OUTPUT_BYTES >> 9}", "-c 0")
    return "/bin/sh", "-c", "; ".join(f"ulimit {one} 2>/dev/null" for one in limits) + '; exec "$@"', "sh"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and, on POSIX, its whole group: cc1 and ld are the driver's children, and may outlive it."""
    if POSIX:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
