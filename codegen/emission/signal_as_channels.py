"""What `templates/signal_as_channels.c.j2` prints: the signal cut into rows, the problem of rows, back in one line."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import ceil_over
from codegen.emission.ending import copies, from_copies
from codegen.emission.inner import inner_names
from codegen.emission.microkernel import index
from codegen.emission.writer import Writer
from codegen.planning.algorithms.signal_as_channels import Schedule, copied
from codegen.planning.plan import KernelPlan

INNER = ("rows_of_samples",)  # what its inner functions compute, as their names end


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner, p = plan.schedule, plan.inner, plan.problem
    extra, free = (inner.problem.kernel_size - 1) * schedule.width, p.steps is None
    sums = schedule.rows * schedule.width
    samples = sums + extra
    behind = samples + sums + schedule.width * copied(p)
    return {
        "inner": inner_names(plan, name, INNER)[0],
        "width": schedule.width,
        "samples": samples,
        "filled": "filled" if free else str(samples),
        "sums": sums,
        "rows_now": ceil_over("(to - from)", schedule.width),
        "count": index((schedule.width, "count"), extra) if free else str(samples),
        "counted": f"count + {inner.problem.kernel_size - 1}, " if free else "",
        "chunks": ceil_over("outs", sums) if p.steps is None else -(-p.out_steps(p.steps) // sums),
        "copies": copies(plan, name, samples + sums, schedule.width),
        "operands": from_copies(plan, name, 0),
        "inner_workspace": f"rows + {behind}" if inner.has_workspace else "",
        "prefix": f"{name}_" if plan.weights == "baked" else "",
    }


WRITER = Writer(template="signal_as_channels.c.j2", view=view, inner=INNER)
