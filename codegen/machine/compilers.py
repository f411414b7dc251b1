"""The C compiler: found, asked who it is, and made to compile; nothing that it says of its work is believed unseen.

A compiler is looked for as GENCONV_CC, CC, cc, gcc, clang, then `ziglang` from PyPI. docs/jit.md has the whole story.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from codegen.errors import GenConvError, ToolchainError, UsageError
from codegen.machine import compiler_process
from codegen.machine.work_folders import workshop
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["FLAGS", "Compiler", "Description", "chain", "describe", "find", "library", "time_limit"]

VARIABLES = ("GENCONV_CC", "CC")
COMMANDS = ("cc", "gcc", "clang")
POSIX = os.name == "posix"
SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")

# They follow a user's own arguments: -ffast-math in CC must not change a sum, or set flush-to-zero for all of Python.
FLAGS = ("-std=c99", "-O2", "-fno-fast-math", "-fno-unsafe-math-optimizations", "-ffp-contract=off")
EXPORT = '__attribute__((visibility("default")))' if POSIX else "__declspec(dllexport)"
SHARED = ("-shared", *(("-fPIC", "-fvisibility=hidden") if POSIX else ()), f"-DGENCONV_EXPORT={EXPORT}")
LIBRARIES = ("-lm",) if POSIX else ()

UNKNOWN_TARGET = '#error "written for '  # how a text begins to complain that is compiled for less than it needs
WITHOUT_VECTORS = '\nThis compiler has none of the instructions that the target needs: target="scalar" does without'

VERSION_SECONDS = 10.0


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
        """Compile the `.c` texts of `files` (the others are headers beside them) to a shared library: `output`'s bytes.

        Raises ToolchainError with the command and the end of its output, or with what is wrong with the library;
        OSError where no temporary folder can be had.
        """
        with workshop() as folder:
            for file, text in files.items():
                (folder.inside / file).write_text(text, encoding="utf-8", newline="\n")
            sources = [file for file in files if file.endswith(".c")]
            libraries = [word for word in arguments if word.startswith("-l")]  # after what uses them
            options = [word for word in arguments if not word.startswith("-l")]
            command = (*self.command, *options, "-o", output, *sources, *libraries)
            try:
                compiler_process.run(command, seconds=time_limit(), folder=folder)
                return library(folder.inside / output, command)
            except ToolchainError as error:
                way = WITHOUT_VECTORS if UNKNOWN_TARGET in str(error) else ""
                raise ToolchainError(f"{error}{way}{self.way_out}") from None

    @property
    def way_out(self) -> str:
        """A line to end a complaint with: where another compiler is named."""
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
    """The compilers to try in turn, each once; a configured one is tried alone."""
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
        path = shutil.which(os.path.expanduser(words[0]))
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
    text = compiler_process.run((*command, "--version"), seconds=min(VERSION_SECONDS, time_limit()))
    identity = hashlib.sha256("\0".join((*file, *command[1:], text)).encode("utf-8", "surrogateescape")).hexdigest()
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


def library(path: Path, command: Sequence[str]) -> bytes:
    """The bytes of the whole shared library that `command` says it made; nothing else that lies there is waited for.

    Raises ToolchainError with what is wrong with it.
    """
    from codegen.machine import library_image  # a warm start compiles nothing

    try:
        data, fault = _output(path)
    except FileNotFoundError:
        data, fault = b"", f"it wrote no {path.name}"
    except OSError as error:
        data, fault = b"", f"{path.name} cannot be read: {error.strerror}"
    if not fault and (damage := library_image.fault(data)):
        fault = f"{path.name} is no whole library: {damage}"
    if fault:
        raise ToolchainError(f"the compiler reported success, but {fault}\n  {shlex.join(command)}")
    return data


def _output(path: Path) -> tuple[bytes, str | None]:
    """What is in a regular file that is not too large, or why it is none. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"", f"what it made as {path.name} is no regular file"
        if status.st_size > compiler_process.OUTPUT_BYTES:
            return b"", f"{path.name} has {status.st_size:,} bytes, more than {compiler_process.OUTPUT_BYTES:,}"
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(compiler_process.OUTPUT_BYTES), None
    finally:
        os.close(descriptor)
