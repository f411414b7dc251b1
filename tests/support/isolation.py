"""What keeps one test's kernels from another, at the price of the self-tests alone.

Each test has an empty cache, and this process forgets what it has loaded: nothing that a neighbour published or proved
can serve. The compiler itself is spared: it makes the same bytes of the same text and arguments, so these are kept for
the session, and it optimises little, which changes no bit that a kernel computes (tests/kernels/test_conformance.py
holds that). What follows, from the self-test to the publishing, happens in each test anew; with --alone, all of it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from codegen.machine import compilers
from tests.support import cprogram, precompiled

if TYPE_CHECKING:
    from codegen.problem.targets import Target

REMEMBERING = (("pipeline", "compiled"), ("gradients.backward", "way"), ("gradients.libraries", "Backward"))
INSTALLED = {os.path.abspath(path) for name in compilers.COMMANDS if (path := shutil.which(name))}
number = itertools.count()
compile_shared = compilers.Compiler.shared


def forget() -> None:
    """Let this process forget the kernels that it has loaded."""
    for module, name in REMEMBERING:
        if loaded := sys.modules.get(f"codegen.{module}"):
            getattr(loaded, name).cache_clear()


def empty_cache(folders: pytest.TempPathFactory) -> str:
    """A folder for one test's cache, not there yet."""
    return str(folders.getbasetemp() / "caches" / f"{os.getpid()}-{next(number)}")


def refuse_the_compiler(patch: pytest.MonkeyPatch) -> None:
    """Let a test fail that compiles, where those that do were to be left out."""

    def refused(*_: object, **__: object) -> None:
        pytest.fail("it compiles and does not say so: give it @pytest.mark.compiles", pytrace=False)

    patch.setattr(compilers.Compiler, "build", refused)
    patch.setattr(cprogram, "program", refused)


def refuse_programs(patch: pytest.MonkeyPatch) -> None:
    """Let a test fail that starts a program, where those that leave this process were to be left out."""

    def refused(process: object, words: object, *_: object, **__: object) -> None:
        told = f"it starts {words} and does not say so"
        pytest.fail(f"{told}: give it @pytest.mark.compiles, or live where that is no compiler", pytrace=False)

    patch.setattr(subprocess.Popen, "__init__", refused)


def spare_the_compiler(patch: pytest.MonkeyPatch, folders: pytest.TempPathFactory) -> None:
    """Let an installed compiler compile each text once in a session, all workers of pytest-xdist together, and lightly.

    gcc takes 2.3 times as long for -O2 as for -Og.
    """
    base = folders.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    kept.mkdir(exist_ok=True)
    precompiled.keep(kept / "headers")

    def shared(compiler: compilers.Compiler, text: str, target: Target) -> bytes:
        if compiler.command[0] not in INSTALLED:
            return compile_shared(compiler, text, target)
        flags = tuple(cprogram.LIGHT[0] if flag == "-O2" else flag for flag in compiler.flags(target))
        made_of = "\0".join((compiler.identity, *flags, text))
        path = kept / hashlib.sha256(made_of.encode()).hexdigest()
        if not path.exists():
            made = path.with_suffix(f".{os.getpid()}")
            given = (*flags, *precompiled.words((*compiler.command, *flags), [text]), *compilers.LIBRARIES)
            made.write_bytes(compiler.build({"kernel.c": text}, given, f"kernel{compilers.SUFFIX}"))
            made.replace(path)
        return path.read_bytes()

    patch.setattr(compilers.Compiler, "shared", shared)
