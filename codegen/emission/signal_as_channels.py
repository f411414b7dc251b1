"""What `templates/signal_as_channels.c.j2` prints: the signal cut into rows, the problem of rows, back in one line."""

from __future__ import annotations

from typing import Any

from codegen.emission.writer import Writer
from codegen.planning.algorithms.signal_as_channels import Schedule
from codegen.planning.plan import KernelPlan


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner = plan.schedule, plan.inner
    assert inner is not None
    assert inner.problem.steps is not None
    samples, sums = inner.problem.steps * schedule.width, schedule.rows * schedule.width
    return {
        "width": schedule.width,
        "samples": samples,
        "sums": sums,
        "sums_up": sums - 1,
        "bias_at": samples + sums,
        "inner_workspace": f"rows + {samples + sums + schedule.width}" if inner.workspace_bytes else "",
        "prefix": f"{name}_" if plan.weights == "baked" else "",
    }


WRITER = Writer(template="signal_as_channels.c.j2", view=view)
