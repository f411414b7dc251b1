"""A kernel as a Python extension module, compiled ahead of time by cffi (API mode), to ship in somebody's wheel.

    import wake, numpy as np
    wake.lib.wake(wake.ffi.from_buffer("float[]", x), …, wake.ffi.from_buffer("float[]", y))

Same C text, compiler and flags as the JIT's, so the same bits.
"""

from __future__ import annotations

import importlib.util
import shlex
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

from codegen.emission.render import GeneratedSource
from codegen.errors import ToolchainError
from codegen.machine import compiler_process, compilers
from codegen.machine.files import write_all
from codegen.machine.work_folders import workshop

__all__ = ["build", "declarations"]

SCRIPT = """\
import os
import sys
from cffi import FFI, VerificationError

os.environ["CC"], os.environ["TMPDIR"] = {compiler!r}, "."
ffi = FFI()
ffi.cdef({cdef!r})
ffi.set_source({name!r}, {include!r}, sources={sources!r}, include_dirs=["layer"], extra_compile_args={flags!r})
try:
    print(ffi.compile(), end="")
except VerificationError as error:
    sys.exit(str(error))
"""
SETUP_SECONDS = 60.0  # beside the compiler's own time


def build(source: GeneratedSource, directory: Path) -> Path:
    """Compile `source` to the module `source.name` in `directory`; returns its file.

    `lib` has the header's functions, and its macros that are numbers as constants. Raises ToolchainError if setuptools,
    Python.h or the compiler is missing or fails.
    """
    compiler = compilers.find()
    _demand(compiler)
    assert compiler is not None
    with workshop() as place:
        folder = place.inside
        (folder / "layer").mkdir()  # apart, as cffi's own C file has the module's name too
        for file, text in source.files:
            (folder / "layer" / file).write_text(text, encoding="utf-8", newline="\n")
        script = SCRIPT.format(
            compiler=shlex.join(compiler.command),
            cdef=declarations(source),
            name=source.name,
            include=f'#include "{source.name}.h"',
            sources=[f"layer/{source.name}.c"],
            flags=[*compilers.FLAGS, *source.plan.target.flags],
        )
        (folder / "build_extension.py").write_text(script, encoding="utf-8")
        seconds = SETUP_SECONDS + compilers.time_limit()
        try:
            said = compiler_process.run((sys.executable, "build_extension.py"), seconds=seconds, folder=place)
            built = folder / said.splitlines()[-1]
            data = compilers.library(built, compiler.command)
        except ToolchainError as error:
            raise ToolchainError(f"{error}{compiler.way_out}") from None
    path = directory / built.name
    directory.mkdir(parents=True, exist_ok=True)
    write_all([(path, data)])
    return path


def declarations(source: GeneratedSource) -> str:
    """What cffi reads of the header: the macros that are numbers, and the functions."""
    macros = [f"#define {name} ..." for macro in source.macros for name in macro.numbers]
    functions = [f"{replace(one, linkage='').declarator};" for one in source.functions]
    return "\n".join((*macros, *functions, ""))


def _demand(compiler: compilers.Compiler | None) -> None:
    """Raise ToolchainError that names all that is missing at once."""
    missing = []
    if compiler is None:
        missing.append(f"a C compiler ({compilers.describe().problem})")
    if importlib.util.find_spec("setuptools") is None:
        missing.append("setuptools (`pip install gen-conv[pyext]`)")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        missing.append(f"Python's headers ({header}; the package python3-dev on Debian, python3-devel on Fedora)")
    if missing:
        raise ToolchainError(f"an extension module needs {' and '.join(missing)}")
