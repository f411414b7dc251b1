"""The layers of a file as a table: a line each, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codegen.cli.terminal import Terminal

if TYPE_CHECKING:
    from codegen.planning.plan import KernelPlan
    from codegen.specs.kinds import Spec

__all__ = ["draw"]

HEADINGS = (
    "layer",
    "kind",
    "input",
    "output",
    "MACs",
    "weight bytes",
    "code bytes",
    "stack bytes",
    "workspace bytes",
    "algorithm",
    "cycles",
)
NUMBERS = (
    "MACs",
    "weight bytes",
    "code bytes",
    "stack bytes",
    "workspace bytes",
    "cycles",
)  # that stand at the right of their column


def draw(specs: Sequence[Spec], plans: Sequence[KernelPlan], terminal: Terminal) -> None:
    """The table, by rich on a terminal and as aligned text elsewhere; cycles, code and stack are estimates."""
    if terminal.json:
        return
    rows = [_row(spec, plan) for spec, plan in zip(specs, plans, strict=True)]
    rows += [_total(plans)] if len(rows) > 1 else []
    if terminal.out.isatty():
        _on_terminal(rows, terminal)
        return
    table = [HEADINGS, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    sides = [str.rjust if heading in NUMBERS else str.ljust for heading in HEADINGS]
    for row in table:
        cells = (side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True))
        terminal.result("  ".join(cells).rstrip() + "\n")


def _row(spec: Spec, plan: KernelPlan) -> tuple[str, ...]:
    from codegen.emission import banner
    from codegen.planning.footprint import estimate

    p = plan.problem
    outs = None if p.steps is None else p.out_steps(p.steps)
    shapes = (_shape(steps, lanes, p.channels_last) for steps, lanes in ((p.steps, p.channels), (outs, p.out_filters)))
    macs = f"{p.products:,} a step" if p.steps is None else f"{p.macs(p.steps):,}"
    growing = f" + {plan.workspace_step_bytes:,} a step" if plan.workspace_step_bytes else ""
    takes = (banner.weight_bytes(plan), estimate.code_bytes(plan), estimate.stack_bytes(plan))
    memory = *(f"{count:,}" for count in takes), f"{plan.workspace_bytes:,}{growing}"
    return spec.name, spec.kind, *shapes, macs, *memory, plan.algorithm.name, _cycles(plan)


def _total(plans: Sequence[KernelPlan]) -> tuple[str, ...]:
    """The sums; the largest stack and workspace, which serve all in turn; a dash where a free length has no number."""
    from codegen.emission import banner
    from codegen.errors.counting import counted
    from codegen.planning.footprint import estimate

    fixed = all(plan.problem.steps is not None for plan in plans)
    macs = f"{sum(plan.problem.macs(plan.problem.steps or 0) for plan in plans):,}" if fixed else "-"
    weights, code = (f"{sum(map(count, plans)):,}" for count in (banner.weight_bytes, estimate.code_bytes))
    stack = f"{max(map(estimate.stack_bytes, plans)):,}"
    grows = any(plan.workspace_step_bytes for plan in plans)
    workspace = "-" if grows else f"{max(plan.workspace_bytes for plan in plans):,}"
    cycles = f"{sum(plan.cost.cycles for plan in plans):,.0f}" if fixed else "-"
    return counted(len(plans), "layer"), "", "", "", macs, weights, code, stack, workspace, "", cycles


def _cycles(plan: KernelPlan) -> str:
    from codegen.planning.algorithms import cost

    told = f" for {cost.steps_told(plan.problem):,} steps" if plan.problem.steps is None else ""
    return f"{plan.cost.cycles:,.0f}{told}"


def _shape(steps: int | None, lanes: int, channels_last: bool) -> str:
    return f"({steps}, {lanes})" if channels_last else f"({lanes}, {steps})"


def _on_terminal(rows: Sequence[tuple[str, ...]], terminal: Terminal) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in NUMBERS else "left")
    for name, *others in rows:
        table.add_row(Text(name, style="cyan"), *map(Text, others))
    Console(file=terminal.out).print(table)
