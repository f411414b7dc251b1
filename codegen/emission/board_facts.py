"""What a banner tells of a microcontroller: flash, RAM, cycles, and floats that the core has no unit for."""

from __future__ import annotations

from codegen.errors import counting
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Problem
from codegen.problem.requantise import Requantise
from codegen.problem.targets import Target

__all__ = ["facts", "in_software", "rounding"]

ROUNDINGS = {
    "double": "double: the product to 32 bits, ties up, then its shift, ties away from 0",
    "single": "single: once, ties up",
    "fp32": "fp32: in float32, ties to even",
}


def facts(plan: KernelPlan) -> tuple[tuple[str, str], ...]:
    """Lines of a banner; none for a target with an operating system. All are estimates but the workspace."""
    if not plan.target.dialect.bare:
        return ()
    from codegen.planning.algorithms import cost
    from codegen.planning.footprint import estimate

    told = estimate.told(plan).cost
    code, stack = estimate.code_bytes(plan), estimate.stack_bytes(plan)
    tables, room = told.code_bytes - code, plan.workspace_bytes
    steps = f" for {cost.steps_told(plan.problem):,} steps" if plan.problem.steps is None else ""
    flash = f"about {counting.about(told.code_bytes)} bytes: {counting.about(code)} of code, {tables:,} of tables"
    ram = (
        f"about {counting.about(room + stack)} bytes in a call: {room:,} of workspace, {counting.about(stack)} of stack"
    )
    software = in_software(plan.target, plan.problem)
    return (
        ("flash", flash),
        ("RAM", f"{ram}; 0 between calls"),
        ("cycles", f"about {counting.about(round(plan.cost.cycles))}{steps}, estimated for {plan.target.name}"),
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
