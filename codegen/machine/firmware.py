"""Firmware of emitted kernels: built for a microcontroller, run in an emulator, each call between guards and counted.

`-icount shift=3` makes an instruction 8 ns of the emulator's time, which SysTick counts: the same on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import cformat
from codegen.emission.cformat import CText
from codegen.emission.heads import templates
from codegen.errors import ToolchainError
from codegen.machine import compiler_process
from codegen.machine.boards import Board, board, installed
from codegen.machine.work_folders import workshop
from codegen.numbers import formats
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.ownership import Held
    from codegen.problem.targets import Target

    Array = NDArray[Any]

__all__ = ["FLAGS", "Case", "Outcome", "Sizes", "build", "compiler_told", "outcomes", "run", "sizes"]

FLAGS = ("-std=c99", "-O2")
GUARD = 64  # bytes before and behind each array
PAINTED = 2048  # bytes below the stack whose change is looked for
SHIFT, MICROSECOND = 3, 1000  # of nanoseconds
SECONDS = 300.0
VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}")
Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A kernel's files, the bytes of its workspace, an input, and what it must make of it; None: it is only counted.

    `outputs` are the numbers in y. The kernel has the case's name, or that of `function`, whose files another case may
    have; one of a free length is told `steps`.
    """

    name: str
    files: Files
    workspace: int
    x: Array
    outputs: int
    y: Array | None = None
    function: str = ""
    steps: int | None = None


@dataclass(frozen=True)
class Outcome:
    """Bytes of y that are wrong, bytes of guards that changed, instructions, bytes of stack, a hash of y."""

    wrong: int
    outside: int
    instructions: int
    stack: int
    hash: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of a kernel in flash: instructions with their constants, and const tables; and of RAM that is its own."""

    code: int
    tables: int
    ram: int


@dataclass(frozen=True)
class Told:
    """A case as the firmware's text has it."""

    name: CText
    function: CText
    steps: int | None
    type: CText
    x: CText
    y: CText
    compared: bool
    x_bytes: int
    y_bytes: int
    workspace: int
    item: int


@dataclass(frozen=True)
class View:
    """What firmware/main.c.j2 prints."""

    cases: tuple[Told, ...]
    guard: int
    painted: int
    x_bytes: int
    y_bytes: int
    workspace: int


def run(
    target: Target, cases: Sequence[Case], flags: Sequence[str] = FLAGS, kernels_by: Sequence[str] = ()
) -> dict[str, Outcome]:
    """Builds one firmware of all cases and runs it. Raises ToolchainError where a tool is missing or fails.

    `kernels_by` is a command that compiles the kernels in place of the board's compiler.
    """
    with workshop() as folder:
        emulating = build(folder, target, cases, flags, kernels_by)
        said = _done(emulating, folder)
    return outcomes(target, cases, said)


def build(
    folder: Held,
    target: Target,
    cases: Sequence[Case],
    flags: Sequence[str] = FLAGS,
    kernels_by: Sequence[str] = (),
    linked: Sequence[str] = (),
) -> tuple[str, ...]:
    """Builds firmware.elf of all cases in `folder`, with `linked` objects and libraries: the command that runs it."""
    on = board(target)
    compiler, emulator = installed(on.tools.compiler, on.tools), installed(on.tools.emulator, on.tools)
    _write(folder, (("main.c", _main(cases)), *(file for case in cases for file in case.files)))
    building = (compiler, *target.flags, *on.tools.libc)
    _done((*building, "-std=gnu11", "-O1", "-c", "main.c"), folder)
    command = (*kernels_by, *target.flags) if kernels_by else building
    objects = _compiled((*command, *flags), [file for case in cases for file in case.files], folder)
    _done((*building, *objects, "main.o", *linked, *_linking(on), "-lm", "-o", "firmware.elf"), folder)
    return emulator, *_emulating(on), "-kernel", "firmware.elf"


def outcomes(target: Target, cases: Sequence[Case], said: str) -> dict[str, Outcome]:
    """What the firmware of these cases said. Raises ToolchainError where it did not come to its end."""
    on = board(target)
    rows = [line.split() for line in said.splitlines() if line.startswith("case ")]
    if [row[1] for row in rows] != [case.name for case in cases]:
        raise ToolchainError(f"the firmware on {on.machine} did not come to its end:\n{said}")
    scale = MICROSECOND / on.megahertz / (1 << SHIFT)
    return {
        name: Outcome(int(wrong), int(outside), round(int(ticks) * scale), int(stack), int(hashed))
        for _, name, wrong, outside, ticks, stack, hashed in rows
    }


def sizes(target: Target, files: Files, flags: Sequence[str] = FLAGS) -> Sizes:
    """What the files of one kernel take, by the target's own compiler. Raises ToolchainError."""
    tools = board(target).tools
    compiler, size = installed(tools.compiler, tools), installed(tools.size, tools)
    with workshop() as folder:
        _write(folder, files)
        objects = _compiled((compiler, *target.flags, *tools.libc, *flags), files, folder)
        told = _done((size, "-A", "-d", *objects), folder)
    rows = [line.split() for line in told.splitlines()]
    found = [(row[0], int(row[1])) for row in rows if len(row) == 3 and row[0].startswith(".")]
    return Sizes(*(sum(count for name, count in found if name.startswith(kind)) for kind in KINDS))


def compiler_told(on: Board) -> str:
    """A board's compiler and its version, as a word each. Raises ToolchainError where it tells none."""
    with workshop() as folder:
        said = _done((installed(on.tools.compiler, on.tools), "-dumpfullversion"), folder).strip()
    if not VERSION.fullmatch(said):
        raise ToolchainError(f"`{on.tools.compiler} -dumpfullversion` gave no version: {said[:80]!r}")
    return f"{on.tools.compiler} {said}"


KINDS = (".text", ".rodata", (".data", ".bss"))  # sections of an object


def _write(folder: Held, files: Sequence[tuple[str, str]]) -> None:
    for name, text in files:
        (folder.inside / name).write_text(text, encoding="utf-8", newline="\n")


def _compiled(command: Sequence[str], files: Sequence[tuple[str, str]], folder: Held) -> list[str]:
    """The objects of all files that are no headers, each by a name of its own."""
    sources = [name for name, _ in files if not name.endswith(".h")]
    for number, source in enumerate(sources):
        _done((*command, "-c", source, "-o", f"{number}.o"), folder)
    return [f"{number}.o" for number in range(len(sources))]


def _done(command: Sequence[str], folder: Held) -> str:
    return compiler_process.run(command, seconds=SECONDS, folder=folder)


def _linking(on: Board) -> tuple[str, ...]:
    (flash, flash_size), (ram, ram_size) = on.flash, on.ram
    places = {
        "flash": flash,
        "flash_size": flash_size,
        "ram": ram,
        "ram_size": ram_size,
        "stack_size": PAINTED * 3 // 2,
    }
    symbols = [f"--defsym=__{name}={value}" for name, value in places.items()]
    return ("--oslib=semihost", "--crt0=hosted", f"-Wl,{','.join(symbols)}")


def _emulating(on: Board) -> tuple[str, ...]:
    quiet = ("-nographic", "-monitor", "none", "-serial", "none", "-icount", f"shift={SHIFT}")
    return ("-M", on.machine, *quiet, "-semihosting-config", "enable=on,target=native")


def _main(cases: Sequence[Case]) -> str:
    told = tuple(map(_told, cases))
    most = {word: max(getattr(case, word) for case in told) for word in ("x_bytes", "y_bytes", "workspace")}
    view = View(told, GUARD, PAINTED, **most)
    return str(templates().get_template("firmware/main.c.j2").render({"v": view}))


def _told(case: Case) -> Told:
    row = formats.row(case.x.dtype.name)
    y = cformat.table(case.y.ravel().tolist(), row) if case.y is not None else CText("")
    return Told(
        cformat.identifier(case.name),
        cformat.identifier(case.function or case.name),
        case.steps,
        CText(row.c),
        cformat.table(case.x.ravel().tolist(), row),
        y,
        case.y is not None,
        case.x.nbytes,
        case.outputs * row.bytes,
        case.workspace,
        row.bytes,
    )
