"""What `templates/handed_on.c.j2` prints: the rewritten problem reads and writes the same arrays."""

from __future__ import annotations

from typing import Any

from codegen.plan import KernelPlan

TEMPLATE = "handed_on.c.j2"
SLICES_INNER = True


def lanes(plan: KernelPlan) -> set[int]:
    """The vector widths in use: the inner plan's alone."""
    return set()


def view(plan: KernelPlan, name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    prefix = f"{name}_" if plan.weights == "baked" else ""
    arguments = ["x", f"{prefix}kernel", *([f"{prefix}bias"] if plan.problem.bias else []), "y", "workspace"]
    arguments += ["slice", "slices"] if plan.sliced else []
    return {"call": f"{name}_inner{'_slice' if plan.sliced else ''}({', '.join(arguments)});"}
