"""What `templates/signal_as_channels.c.j2` prints: the signal cut into rows, the problem of rows, back in one line."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import ceil_over
from codegen.emission.cfunction import numbers, reads, static, writes
from codegen.emission.ending import copies, from_copies, weight_name
from codegen.emission.expressions import Place, Variable
from codegen.emission.inner import inner_functions
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
    (function,), c = inner_functions(plan, name, INNER), p.format.c
    counted = [f"count + {inner.problem.kernel_size - 1}"] if free else []
    kernel = weight_name(plan.ask, name)
    spare = [f"rows + {samples + sums + schedule.width * copied(p)}"] if inner.has_workspace else []
    return {
        "call": f"{function.of('rows', *counted, kernel, *from_copies(plan, name, 0), 'sums', *spare)};",
        "moved": static(f"{name}_copy", *reads(c, "from"), *writes(c, "to"), *numbers("count")),
        "width": schedule.width,
        "samples": samples,
        "filled": "filled" if free else str(samples),
        "sums": sums,
        "rows_now": ceil_over("(to - from)", schedule.width),
        "count": Place.of((schedule.width, Variable.free("count")), extra).text if free else str(samples),
        "chunks": ceil_over("outs", sums) if p.steps is None else -(-p.out_steps(p.steps) // sums),
        "copies": copies(plan, name, samples + sums, schedule.width),
    }


WRITER = Writer(template="signal_as_channels.c.j2", view=view, inner=INNER)
