"""C programs made of emitted kernels: many of them in one, fed with calls from a file (tests/driver.c)."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.inner import kernel_places
from codegen.emission.interface import stored
from codegen.problem.targets import TARGETS
from codegen.specs import names
from tests.support import precompiled

if TYPE_CHECKING:
    from codegen.emission.render import GeneratedSource
    from codegen.problem.targets import Target

HERE = Path(__file__).parent
HOSTED = tuple(name for name, row in TARGETS.items() if "cortex-m" not in row.machines)
"""Targets whose programs run here or under emulation; tests/machine/test_boards.py runs those of microcontrollers."""
PER_UNIT = 24  # kernels to a translation unit
WARNINGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
LIGHT = ("-Og",)  # half of -O1's work for gcc; what optimisation may change is a test of its own
SAME_BITS = ("-std=c99", "-ffp-contract=off")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")
THREADS = ("-fsanitize=thread", "-g1")


class Missing(Exception):
    """A program that a test needs is not installed; says what to install."""


@dataclass(frozen=True)
class Toolchain:
    """How to compile for a target and how to run what came out."""

    compiler: tuple[str, ...]
    runner: tuple[str, ...] = ()


def program(name: str, package: str) -> str:
    """The path of a program. Raises Missing."""
    found = shutil.which(name)
    if not found:
        raise Missing(f"needs {name}: apt-get install {package}")
    return found


def toolchain(target: Target, compiler: str = "gcc", *, run: bool = True) -> Toolchain:
    """A compiler for `target` with its flags, and what runs its programs here. Raises Missing."""
    from codegen.problem.targets import runs_here

    if not target.machines or runs_here(target) or ("x86_64" in target.machines and not run):
        return Toolchain((program(compiler, compiler), *target.flags))
    if "x86_64" in target.machines:
        raise Missing(f"needs a CPU with {', '.join(target.cpu)}")
    if "cortex-m" in target.machines:
        if run:
            raise Missing(f"needs a {target.name}: tests/support/firmware.py runs its code in QEMU")
        gnu = program("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
        other = (program("clang", "clang"), "--target=arm-none-eabi", "-ffreestanding")
        return Toolchain((*(other if compiler == "clang" else (gnu,)), *target.flags))
    if compiler == "clang":
        cross = (program("clang", "clang"), "--target=aarch64-linux-gnu")
    else:
        cross = (program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),)
    runner = (program("qemu-aarch64", "qemu-user"), "-L", "/usr/aarch64-linux-gnu") if run else ()
    return Toolchain((*cross, *target.flags), runner)


@dataclass(frozen=True)
class Call:
    """One run of kernel number `kernel` on one sample; arrays in the kernel's own dtype and layout.

    With `slices` the program runs as many slices in a shuffled order, and the whole, and compares. With `pack` it runs
    the kernel's pack function on `weights`; `outs` is then the count of packed numbers.
    """

    kernel: int
    x: np.ndarray
    weights: np.ndarray | None
    bias: np.ndarray | None
    steps: int
    outs: int  # numbers in y
    slices: int = 0
    pack: bool = False


class Program:
    """Kernels compiled into one program in `folder`; `run` feeds it calls."""

    def __init__(
        self,
        sources: Sequence[GeneratedSource],
        tools: Toolchain,
        folder: Path,
        flags: Iterable[str] = LIGHT,
        buffers: str = "guard",
    ) -> None:
        self.sources, self.tools, self.folder, self.buffers = tuple(sources), tools, folder, buffers
        for source in sources:
            (folder / f"{source.name}.h").write_text(source.header)
        units = [folder / "table.c"]
        units[0].write_text(table(sources))
        for start in range(0, len(sources), PER_UNIT):
            units.append(folder / f"unit_{start}.c")
            part = sources[start : start + PER_UNIT]
            units[-1].write_text("".join(private(source.code, start + i) for i, source in enumerate(part)))
        self.binary = folder / "program"
        static = ("-static",) if tools.runner else ()
        include = (f"-I{folder}", f"-I{HERE}")
        objects = [driver((*tools.compiler, *SAME_BITS, *flags), folder)]
        for unit in units:
            objects.append(unit.with_suffix(".o"))
            compile_c((*tools.compiler, *SAME_BITS, *flags, *include, "-c", str(unit), "-o", str(objects[-1])))
        compile_c((*tools.compiler, *flags, *static, "-pthread", *map(str, objects), "-o", str(self.binary)))

    def said(self, calls: Sequence[Call], timeout: float = 300) -> str:
        """What the program says on its standard error. Raises AssertionError with it where the program fails."""
        given = self.folder / "calls.bin"
        with given.open("wb") as file:
            for call in calls:
                file.write(self._record(call))
        words = (*self.tools.runner, str(self.binary), str(given), str(self._made), self.buffers)
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-4000:]}"
        return done.stderr

    @property
    def _made(self) -> Path:
        return self.folder / "outputs.bin"

    def run(self, calls: Sequence[Call], timeout: float = 300) -> list[np.ndarray]:
        """The outputs, flat, in the calls' order. Raises AssertionError with what the program said."""
        self.said(calls, timeout)
        flat, at, outputs = self._made.read_bytes(), 0, []
        for call in calls:
            dtype = self._dtype(call)
            outputs.append(np.frombuffer(flat, dtype, call.outs, at))
            at += call.outs * dtype.itemsize
        assert at == len(flat)
        return outputs

    def _dtype(self, call: Call) -> np.dtype[Any]:
        """Of the call's outputs: packed weights lie as they are stored."""
        plan = self.sources[call.kernel].plan
        return np.dtype(plan.kernel_format.array if call.pack else plan.problem.format.array)

    def _record(self, call: Call) -> bytes:
        plan = self.sources[call.kernel].plan
        dtype = np.dtype(plan.problem.dtype)
        stored = np.dtype(plan.kernel_format.array)
        arrays = ((call.x, dtype), (call.weights, stored), (call.bias, dtype))
        inputs = [None if array is None else array.astype(kind).tobytes() for array, kind in arrays]
        sizes = [-1 if data is None else len(data) for data in inputs]
        number = call.kernel + len(self.sources) * call.pack
        head = [
            number,
            call.steps,
            *sizes,
            call.outs * self._dtype(call).itemsize,
            plan.workspace(call.steps) or -1,
            call.slices,
        ]
        return np.array(head, np.int64).tobytes() + b"".join(data for data in inputs if data)


def driver(words: Sequence[str], folder: Path) -> Path:
    """The object of driver.c, compiled once in a session for each compiler and its flags; else in `folder`."""
    source = HERE / "driver.c"
    made_of = "\0".join((*words, source.read_text("utf-8"), (HERE / "driver.h").read_text("utf-8")))
    place = (precompiled.kept or folder) / f"driver_{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.o"
    if not place.exists():
        part = place.with_suffix(f".{os.getpid()}")
        compile_c((*words, f"-I{HERE}", "-c", str(source), "-o", str(part)))
        part.replace(place)
    return place


def compile_c(words: Sequence[str], folder: Path | None = None, timeout: float = 300) -> None:
    """Runs a compiler, in `folder` if given. Raises AssertionError with its complaints."""
    texts = [((folder or Path()) / word).read_text("utf-8") for word in words if word.endswith(".c")]
    words = (*words, *precompiled.words(words, texts))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr[:6000]}"


def private(code: str, number: int) -> str:
    """`code` with its vectors' names made its own, so that many kernels can share a translation unit."""
    return re.sub(r"\bv(\d+)(\w*)", rf"v\1n{number}\2", code)


def table(sources: Sequence[GeneratedSource]) -> str:
    """The C of `calls`, `sizes` and `names`: each kernel, then each pack function, behind one signature."""
    lines = ['#include "driver.h"', *(f'#include "{source.name}.h"' for source in sources)]
    calls = []
    for source in sources:
        plan = source.plan
        words = ["x", "steps" if plan.problem.steps is None else ""]
        if plan.weights != "baked":
            words += [f"{array} + {start}" if start else array for array, start in _kernels(source)]
            words += ["bias" if plan.problem.bias else ""]
        arguments = ", ".join(filter(None, [*words, "y", "workspace" if plan.has_workspace else ""]))
        whole = f"{source.name}({arguments});"
        slices = f"if (slices) {source.name}_slice({arguments}, slice, slices); else " if plan.sliced else ""
        lines += [*_call(source.name, slices + whole), *([_sizes(source)] if source.macros else [])]
        calls.append(source.name)
    for source in sources:
        packs = re.findall(rf"void ({source.name}_pack\w*)\(", source.header)
        lines += _call(f"{source.name}_pack", _packs(source, packs)) if packs else []
        calls.append(f"{source.name}_pack" if packs else "")
    texts = ", ".join(f'"{name}"' for name in calls)
    pointers = ", ".join(f"call_{name}" if name else "0" for name in calls)
    told = [f"sizes_{source.name}" if source.macros else "0" for source in sources]
    sizes = ", ".join([*told, *("0" for _ in sources)])
    tables = (("call_type calls", pointers), ("sizes_type sizes", sizes), ("char *const names", texts))
    return "\n".join([*lines, *(f"const {name}[] = {{ {held} }};" for name, held in tables), ""])


def _sizes(source: GeneratedSource) -> str:
    """The C of the bytes of y and of the workspace, by what the header has: macros, a function of the steps."""
    p, told = source.plan.problem, {macro.name: bool(macro.meaning.argument) for macro in source.macros}
    words = ("OUT_STEPS", "FILTERS", "OUT_FILTERS", "WORKSPACE_BYTES")
    outs, filters, narrower, room = (names.macro(source.name, word) for word in words)
    steps = outs if outs in told else f"{source.name}_out_steps(steps)"
    return (
        f"static void sizes_{source.name}(ptrdiff_t steps, ptrdiff_t told[2]) {{ (void)steps; "
        f"told[0] = (ptrdiff_t){p.format.bytes} * {steps} * {narrower if narrower in told else filters}; "
        f"told[1] = {room}{'(steps)' * told[room]}; }}"
    )


def _kernels(source: GeneratedSource) -> list[tuple[str, int]]:
    """Each kernel of the array of all in C: the array, and where the kernel begins in it."""
    typed = f"(const {stored(source.plan)} *)kernel"
    return [(typed if start else "kernel", start) for _, start in kernel_places(source.plan)]


def _packs(source: GeneratedSource, functions: list[str]) -> str:
    """The calls of the pack functions: one after the other from the array of all into that of all packed."""
    given, taken = kernel_places(source.plan.asked(weights="argument")), kernel_places(source.plan)
    typed = stored(source.plan)
    places = zip(functions, given, taken, strict=True)
    return " ".join(f"{f}((const {typed} *)kernel + {a}, ({typed} *)y + {b});" for f, (_, a), (_, b) in places)


def _call(name: str, body: str) -> list[str]:
    unused = ("x", "steps", "kernel", "bias", "workspace", "slice", "slices")
    return [
        f"static void call_{name}(const void *x, ptrdiff_t steps, const void *kernel, const void *bias, void *y, "
        "void *workspace, ptrdiff_t slice, ptrdiff_t slices)",
        f"{{ {', '.join(f'(void){word}' for word in unused)};",
        f"  {body} }}",
    ]
