"""What a banner tells of a microcontroller: flash, RAM, cycles, and floats that the core has no unit for.

All are estimates, unless the file was compiled and run before its banner was written.
"""

from __future__ import annotations

from math import ceil

from codegen.errors import counting
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Problem
from codegen.problem.requantise import Requantise
from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["Measured", "cycles", "facts", "in_software", "rounding"]

ROUNDINGS = {
    "double": "double: the product to 32 bits, ties up, then its shift, ties away from 0",
    "single": "single: once, ties up",
    "fp32": "fp32: in float32, ties to even",
}


@dataclass(frozen=True)
class Measured:
    """What a compiler made of a kernel and an emulator counted.

    Bytes of `code`, of const `tables` and of `stack`; the `instructions` of a call. `compiler` is its name, version and
    flags, `machine` the emulator's.
    """

    instructions: int
    code: int
    tables: int
    stack: int
    compiler: str
    machine: str


def facts(plan: KernelPlan, measured: Measured | None = None) -> tuple[tuple[str, str], ...]:
    """Lines of a banner; none for a target with an operating system. Of what was not `measured` they are estimates."""
    if not plan.target.dialect.bare:
        return ()
    return (*(_memory(plan) if measured is None else _measured(plan, measured)), *_cycles(plan, measured))


def _measured(plan: KernelPlan, found: Measured) -> tuple[tuple[str, str], ...]:
    total, room, stack = found.code + found.tables, plan.workspace_bytes, found.stack
    return (
        ("flash", f"{total:,} bytes: {found.code:,} of code, {found.tables:,} of tables"),
        ("RAM", f"{room + stack:,} bytes in a call: {room:,} of workspace, {stack:,} of stack; 0 between calls"),
        ("executes", f"{counting.separated(found.instructions, 'instruction')} a call, counted on {found.machine}"),
    )


def _memory(plan: KernelPlan) -> tuple[tuple[str, str], ...]:
    from codegen.planning.footprint import estimate

    told = estimate.told(plan).cost
    code, stack = estimate.code_bytes(plan), estimate.stack_bytes(plan)
    tables, room = told.code_bytes - code, plan.workspace_bytes
    flash = f"about {counting.about(told.code_bytes)} bytes: {counting.about(code)} of code, {tables:,} of tables"
    ram = (
        f"about {counting.about(room + stack)} bytes in a call: {room:,} of workspace, {counting.about(stack)} of stack"
    )
    return ("flash", flash), ("RAM", f"{ram}; 0 between calls")


def cycles(plan: KernelPlan, instructions: int | None = None) -> int:
    """The estimate of a call: no less than the core needs to issue `instructions`, where these were counted."""
    return max(round(plan.cost.cycles), ceil((instructions or 0) / plan.target.core.pipeline.issue))


def _cycles(plan: KernelPlan, measured: Measured | None) -> tuple[tuple[str, str], ...]:
    from codegen.planning.algorithms import cost

    steps = f" for {cost.steps_told(plan.problem):,} steps" if plan.problem.steps is None else ""
    software = in_software(plan.target, plan.problem)
    taken = cycles(plan, measured.instructions if measured else None)
    return (
        ("cycles", f"about {counting.about(taken)}{steps}, estimated for {plan.target.name}"),
        *((("floats", software),) if software else ()),
    )


def in_software(target: Target, problem: Problem) -> str:
    """What is slow where the target has no unit for the problem's numbers; nothing where it has one."""
    name = problem.format.name
    if not target.dialect.bare or name not in target.dialect.software:
        return ""
    return (
        f"{target.name} computes {name} in software, fifty to a hundred cycles an operation: int8 is many times as fast"
    )


def rounding(problem: Problem) -> tuple[tuple[str, str], ...]:
    """The line that says how sums of whole numbers become codes."""
    stages = [stage for one in problem.stages for stage in one.epilogue.stages]
    found = dict.fromkeys(stage.rounding for stage in stages if isinstance(stage, Requantise))
    return tuple(("rounding", ROUNDINGS[word]) for word in found)
