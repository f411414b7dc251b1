"""What `templates/strides_as_channels.c.j2` prints: the samples copied by phases of the stride, the inner call."""

from __future__ import annotations

from typing import Any

from codegen.emission.cfunction import numbers, panel_function, reads, static, writes
from codegen.emission.expressions import Place, Variable
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.writer import Writer
from codegen.planning.algorithms.strides_as_channels import Schedule, panel_bytes
from codegen.planning.plan import KernelPlan

INNER = ("unstrided",)  # what its inner functions compute, as their names end


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner, p = plan.schedule, plan.inner, plan.problem
    arguments = ["rows", *weight_names(plan, name), "y"]
    if inner.workspace_bytes:
        arguments.append(f"rows + {panel_bytes(inner.problem, plan.target.core) // p.item_bytes}")
    arguments += ["slice", "slices"] if plan.sliced else []
    (function,), c = inner_functions(plan, name, INNER, sliced=plan.sliced), p.format.c
    left = p.pads(p.known_steps)[0]
    return {
        "schedule": schedule,
        "sample": Place.of((1, Variable.counted("phase", p.stride)), -left).text,
        "before": -left,
        "samples": schedule.length * p.stride,
        "stride_up": p.stride - 1,
        "channels_of": "" if p.channels == 1 else f"{p.channels} * ",
        "call": f"{function.of(*arguments)};",
        "panel_function": panel_function(name, c),
        "phase": static(f"{name}_phase", *reads(c, "x", alone=False), *numbers("at"), *writes(c, "row")),
    }


WRITER = Writer(template="strides_as_channels.c.j2", view=view, inner=INNER, slices_inner=True)
