"""What `templates/by_length.c.j2` prints: the call of the function that serves an input's length."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from codegen.emission.ending import handed
from codegen.emission.inner import inner_names
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import offset
from codegen.emission.writer import Writer
from codegen.planning.algorithms.by_length import Schedule
from codegen.planning.plan import KernelPlan

INNER = ("length",)  # what its inner functions compute, as their names end


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, (kernel,) = plan.schedule, weight_names(plan, name)[:1]
    places = list(accumulate((part.packed_numbers for part in plan.parts), initial=0))
    names = inner_names(plan, name, INNER)
    sliced = ["slice", "slices"] * plan.sliced
    calls = []
    for i in schedule.turn:
        operands, spare = handed(plan, name, str, str), ["workspace"] * plan.parts[i].has_workspace
        given = ["x", "steps", offset(kernel, places[i]), *operands, "y", *spare, *sliced]
        calls.append(f"{names[i]}{'_slice' * plan.sliced}({', '.join(given)});")
    heads = [f"{'else ' * (i > 0)}if (steps < {limit})" for i, limit in enumerate(schedule.limits)]
    branches = [{"head": head, "call": call} for head, call in zip((*heads, "else"), calls, strict=True)]
    return {"branches": branches}


WRITER = Writer(template="by_length.c.j2", view=view, inner=INNER, slices_inner=True)
