"""What a kernel costs on a microcontroller: measured by its compiler and an emulator where they are, else estimated."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.board_facts import Measured
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError
from codegen.machine import firmware
from codegen.machine.boards import board, installed
from codegen.machine.firmware import Case, Outcome, Sizes
from codegen.planning.footprint import estimate
from codegen.problem import reference
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Figures", "case", "counted", "estimated", "figures", "measured"]


@dataclass(frozen=True)
class Figures:
    """Bytes in flash, bytes of RAM while it runs: `ram` in all, `scratch` of workspace, `stack`; what a call executes.

    `instructions` is None where nothing ran. `measured` tells of the bytes of flash, the instructions of the stack.
    """

    instructions: int | None
    flash_code: int
    flash_tables: int
    ram: int
    scratch: int
    stack: int
    measured: bool


def figures(source: GeneratedSource, flags: Sequence[str] = firmware.FLAGS) -> Figures:
    """Of the kernel of `source`, whose weights are const tables. Raises ToolchainError where a tool fails."""
    plan, tools = source.plan, board(source.plan.target).tools
    found, ran = estimated(source), None
    if not all(map(shutil.which, (tools.compiler, tools.size))):
        return found
    taken = firmware.sizes(plan.target, source.files, flags)
    if plan.problem.steps is not None and shutil.which(tools.emulator):
        ran = firmware.run(plan.target, [counted(source)], flags)[source.name]
    return _told(found, taken, ran)


def measured(source: GeneratedSource) -> Measured:
    """The same, all of it measured, for the head of the files. Raises ToolchainError where a tool is missing or fails.

    Raises UsageError for a target that is no microcontroller, and for a layer of any length, of which no call is usual.
    """
    plan, on = source.plan, board(source.plan.target)
    for program in (on.tools.compiler, on.tools.size, on.tools.emulator):
        installed(program, on.tools)
    if plan.problem.steps is None:
        raise UsageError(
            f"`{source.name}` takes any length, so no call of it is counted: give its steps, or leave this out"
        )
    found = figures(source)
    assert found.instructions is not None
    compiler = " ".join((firmware.compiler_told(on), *firmware.FLAGS))
    return Measured(
        found.instructions, found.flash_code, found.flash_tables, found.stack, compiler, f"QEMU's {on.machine}"
    )


def estimated(source: GeneratedSource) -> Figures:
    """The same by the planner's estimates."""
    plan = source.plan
    tables = estimate.told(plan).cost.code_bytes - estimate.code_bytes(plan)
    stack = estimate.stack_bytes(plan)
    return Figures(
        None, estimate.code_bytes(plan), tables, plan.workspace_bytes + stack, plan.workspace_bytes, stack, False
    )


def _told(found: Figures, taken: Sizes, ran: Outcome | None) -> Figures:
    stack = ran.stack if ran else found.stack
    count = ran.instructions if ran else None
    return Figures(
        count, taken.code, taken.tables, taken.ram + found.scratch + stack, found.scratch, stack, measured=True
    )


def counted(source: GeneratedSource) -> Case:
    """A call on random numbers whose outputs nobody compares."""
    p = source.plan.problem
    x = _random(p.in_shape(1, p.known_steps), p.format.whole)
    return Case(source.name, source.files, source.plan.workspace_bytes, x.astype(p.format.array), _outputs(source))


def case(source: GeneratedSource, arrays: Sequence[Array | None], seed: int = 0, steps: int | None = None) -> Case:
    """A call of an int8 kernel on random codes, with the definition's outputs to compare.

    One of a free length is called for `steps`, under a name that tells them.
    """
    p = source.plan.problem
    length = p.known_steps if steps is None else steps
    kernel, *operands = arrays
    assert kernel is not None
    x = _random(p.in_shape(1, length), whole=True, seed=seed).astype(np.int8)
    y = reference.convolve(p, x, kernel, *operands, dtype="int64").astype(np.int8)
    name = source.name if steps is None else f"{source.name}_{steps}"
    return Case(name, source.files, source.plan.workspace_bytes, x, y.size, y, source.name, steps)


def _outputs(source: GeneratedSource) -> int:
    p = source.plan.problem
    return int(p.known_outs * p.out_filters)


def _random(shape: Sequence[int], whole: bool, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(-128, 128, shape) if whole else rng.standard_normal(shape))
