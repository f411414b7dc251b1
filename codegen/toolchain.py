"""The C compiler: found, asked who it is, run under limits. The only room that starts a process.

A compiler is looked for as GENCONV_CC, CC, cc, gcc, clang, then `ziglang` from PyPI. docs/jit.md has the whole story.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from codegen.errors import GenConvError, ToolchainError, UsageError
from codegen.targets import Target

__all__ = ["FLAGS", "Compiler", "Description", "chain", "describe", "find", "run", "workshop"]

VARIABLES = ("GENCONV_CC", "CC")
COMMANDS = ("cc", "gcc", "clang")
POSIX = os.name == "posix"
SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")

# They follow a user's own arguments: -ffast-math in CC must not change a sum, or set flush-to-zero for all of Python.
FLAGS = ("-std=c99", "-O2", "-fno-fast-math", "-fno-unsafe-math-optimizations", "-ffp-contract=off")
EXPORT = '__attribute__((visibility("default")))' if POSIX else "__declspec(dllexport)"
SHARED = ("-shared", *(("-fPIC", "-fvisibility=hidden") if POSIX else ()), f"-DGENCONV_EXPORT={EXPORT}")
LIBRARIES = ("-lm",) if POSIX else ()

MEMORY_BYTES = 8 << 30  # of address space: gcc needs 0.1 GB for a kernel, zig maps far more than it uses
OUTPUT_BYTES = 256 << 20  # of one file that the compiler writes
KEPT_BYTES = 1 << 14  # of what it prints
LAST_LINES, VERSION_SECONDS = 20, 10.0


@dataclass(frozen=True)
class Compiler:
    """A C compiler that answers `--version`.

    `command` starts with an absolute path; `found` says by what: a variable, a command of PATH, or ziglang. `version`
    is the first line that it prints, `identity` a hash over its file, its age, its arguments and all that it prints.
    """

    command: tuple[str, ...]
    found: str
    version: str
    identity: str

    @property
    def configured(self) -> bool:
        """Whether the user chose it, so that its failure is an error and never a reason to try another."""
        return self.found in VARIABLES

    def flags(self, target: Target) -> tuple[str, ...]:
        """The arguments of `shared`: part of the cache's key."""
        return (*FLAGS, *SHARED, *target.flags)

    def shared(self, text: str, target: Target) -> bytes:
        """One C text to the bytes of a shared library; raises as `build`."""
        return self.build({"kernel.c": text}, (*self.flags(target), *LIBRARIES), f"kernel{SUFFIX}")

    def build(self, files: Mapping[str, str], arguments: Sequence[str], output: str) -> bytes:
        """Compile the `.c` texts of `files` (the others are headers beside them) to the bytes of `output`.

        Raises ToolchainError with the command and the end of its output, OSError where no temporary folder can be had.
        """
        with workshop() as folder:
            for file, text in files.items():
                (folder / file).write_text(text, encoding="utf-8", newline="\n")
            sources = [file for file in files if file.endswith(".c")]
            libraries = [word for word in arguments if word.startswith("-l")]  # after what uses them
            options = [word for word in arguments if not word.startswith("-l")]
            command = (*self.command, *options, "-o", output, *sources, *libraries)
            try:
                run(command, seconds=time_limit(), folder=folder)
                return (folder / output).read_bytes()
            except ToolchainError as error:
                raise ToolchainError(f"{error}{self._way_out()}") from None
            except FileNotFoundError:
                message = f"the compiler said nothing and wrote no {output}\n  {shlex.join(command)}"
                raise ToolchainError(f"{message}{self._way_out()}") from None

    def _way_out(self) -> str:
        chosen = f"The compiler is the one in {self.found}: name another there, or unset it to have one found"
        return f"\n{chosen if self.configured else 'Name another compiler in GENCONV_CC'}"


@dataclass(frozen=True)
class Description:
    """What `gen-conv doctor` says about the compiler; `problem` is why there is none."""

    path: Path | None
    version: str | None
    found: str | None
    problem: str | None


def find() -> Compiler | None:
    """The compiler to use, None where there is none; raises ToolchainError if a variable names a broken one."""
    return next(chain(), None)


def chain() -> Iterator[Compiler]:
    """The compilers to try in turn, each once; a configured one stands alone."""
    for variable in VARIABLES:
        if value := os.environ.get(variable, "").strip():
            yield _configured(variable, value)
            return
    seen = set()
    for found, command in _commands():
        try:
            compiler = _identify(command, found)
        except (OSError, ToolchainError):
            continue  # there, but it does not run: the next one may
        if compiler.identity not in seen:
            seen.add(compiler.identity)
            yield compiler


def describe() -> Description:
    """Which compiler would be used, or why none; raises nothing."""
    try:
        compiler = find()
    except GenConvError as error:
        return Description(None, None, None, str(error))
    if compiler is None:
        missing = f"none of {', '.join(COMMANDS)} is on PATH and ziglang is not installed"
        return Description(None, None, None, f"{missing}: install gcc or clang, or `pip install gen-conv[zig]`")
    return Description(Path(compiler.command[0]), compiler.version, compiler.found, None)


def _commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """(how found, command) of all that could be a compiler here."""
    for name in COMMANDS:
        if path := shutil.which(name):
            yield name, (os.path.abspath(path),)
    if sys.executable and importlib.util.find_spec("ziglang"):
        yield "ziglang", (sys.executable, "-m", "ziglang", "cc", "-target", _zig_target())


def _zig_target() -> str:
    """This machine by zig's name: without one, zig compiles for this very CPU, and the cache may serve others."""
    machine = platform.machine().lower()
    libc = "gnu" if platform.libc_ver()[0] == "glibc" else "musl"
    system = {"darwin": "macos", "win32": "windows-gnu"}.get(sys.platform, f"linux-{libc}")
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    return f"{name}-{system}"


def _configured(variable: str, value: str) -> Compiler:
    """The compiler that a variable names, perhaps with arguments."""
    try:
        words = [value] if shutil.which(value) else shlex.split(value, posix=POSIX)
        path = shutil.which(words[0])
        if path is None:
            raise ToolchainError(f"no program `{words[0]}` was found")
        return _identify((os.path.abspath(path), *words[1:]), variable)
    except (OSError, ValueError, ToolchainError) as error:
        hint = f"set {variable} to a C compiler such as `gcc`, or unset it to have one found"
        raise ToolchainError(f"{variable}={value!r} does not work as a C compiler: {error}\n{hint}") from None


def _identify(command: tuple[str, ...], found: str) -> Compiler:
    """Ask `command` for its version, once in this process for each state of its file."""
    status = os.stat(command[0])
    return _version(command, found, (os.path.realpath(command[0]), str(status.st_mtime_ns), str(status.st_size)))


@lru_cache(maxsize=32)
def _version(command: tuple[str, ...], found: str, file: tuple[str, ...]) -> Compiler:
    text = run((*command, "--version"), seconds=min(VERSION_SECONDS, time_limit()))
    identity = hashlib.sha256("\0".join((*file, *command[1:], text)).encode()).hexdigest()
    return Compiler(command, found, text.strip().partition("\n")[0].strip(), identity)


def time_limit() -> float:
    """Seconds that one compilation may take: GENCONV_CC_TIMEOUT, 60 without it. Raises UsageError for no number."""
    value = os.environ.get("GENCONV_CC_TIMEOUT", "").strip() or "60"
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise UsageError(f"GENCONV_CC_TIMEOUT={value!r}: expected seconds, more than 0 and at most 86400")
    return seconds


@contextmanager
def workshop() -> Iterator[Path]:
    """A private folder, removed in the end.

    tempfile.TemporaryDirectory is not used, as the exit of a child forked meanwhile would remove it under the compiler.
    """
    folder = Path(tempfile.mkdtemp(prefix="gen-conv-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(command: Sequence[str], *, seconds: float, folder: Path | None = None) -> str:
    """The end of what `command` prints; the command and all that it starts are gone when this returns or raises.

    The child has limits on its time, memory and files, no input, and messages in English. Raises ToolchainError with
    the command and its last lines if it fails or takes longer than `seconds`.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    if folder is not None:
        environment["TMPDIR"] = str(folder)  # so that what a killed compiler leaves goes with the folder
    try:
        with _starting():
            process = subprocess.Popen(
                [*_limits(seconds), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=POSIX,
            )
    except OSError as error:
        raise ToolchainError(f"cannot start `{shlex.join(command)}`: {error.strerror}") from None
    status, text = _outcome(process, seconds)
    if status == 0:
        return text
    how = f"took longer than {seconds:g} s (GENCONV_CC_TIMEOUT)" if status is None else f"ended with status {status}"
    last = "\n".join(f"  {line}" for line in text.splitlines()[-LAST_LINES:])
    raise ToolchainError(f"the compiler {how}\n  {shlex.join(command)}\n{last}".rstrip())


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


def _outcome(process: subprocess.Popen[bytes], seconds: float) -> tuple[int | None, str]:
    """(exit status or None for too long, end of the output); an interrupted wait ends the process too."""
    assert process.stdout is not None
    tail = bytearray()
    reader = threading.Thread(target=_keep_tail, args=(process.stdout, tail), daemon=True)
    reader.start()
    waiter = threading.Thread(target=process.wait, daemon=True)  # wait(seconds) would look every 50 ms only
    waiter.start()
    try:
        waiter.join(seconds)
    finally:
        if (status := process.returncode) is None:
            _kill(process)
        reader.join(1)
    return status, bytes(tail).decode("utf-8", "replace")


def _keep_tail(stream: IO[bytes], tail: bytearray) -> None:
    """Read `stream` to its end, however long it is, and keep its end."""
    with stream:
        while chunk := os.read(stream.fileno(), 1 << 16):
            tail += chunk
            del tail[:-KEPT_BYTES]


def _limits(seconds: float) -> tuple[str, ...]:
    """A shell that sets limits and becomes the command.

    subprocess' preexec_fn could do the same, but Python code between fork and exec can deadlock in a threaded process.
    """
    if not POSIX:
        return ()
    time = int(seconds + 1) * (os.cpu_count() or 1)
    limits = (f"-t {time}", f"-v {MEMORY_BYTES >> 10}", f"-f {OUTPUT_BYTES >> 9}", "-c 0")
    return "/bin/sh", "-c", "; ".join(f"ulimit {one} 2>/dev/null" for one in limits) + '; exec "$@"', "sh"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and, on POSIX, its whole group: cc1 and ld are the driver's children."""
    if POSIX:
        with suppress(ProcessLookupError, PermissionError):  # not yet reaped, so the group's id is still its own
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
