"""What `templates/strides_as_channels.c.j2` prints: the samples copied by phases of the stride, the inner call."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import nest
from codegen.emission.cfunction import CFunction, Parameter, numbers, panel_function, reads, static, writes
from codegen.emission.expressions import FAR, Place, Variable
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import count_loop
from codegen.emission.writer import Writer
from codegen.planning.algorithms.strides_as_channels import Schedule, panel_bytes, rows_at
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem

INNER = ("unstrided",)  # what its inner functions compute, as their names end


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner, p = plan.schedule, plan.inner, plan.problem
    (function,), c = inner_functions(plan, name, INNER, sliced=plan.sliced), p.format.c
    weights, slices = weight_names(plan, name), ["slice", "slices"] if plan.sliced else []
    free = p.steps is None
    left = p.pads(p.steps or 0)[0]
    if free:
        spare = ["workspace"] * bool(inner.workspace_bytes)
        arguments = ["rows", "length", *weights, "y", *spare, *slices]
    else:
        behind = f"rows + {panel_bytes(inner.problem, plan.target.core) // p.item_bytes}"
        arguments = ["rows", *weights, "y", *[behind] * bool(inner.workspace_bytes), *slices]
    axes = _axes(p)
    phase = static(f"{name}_phase", *reads(c, "x", alone=False), *_counts(free), *writes(c, "row"))
    return {
        "schedule": schedule,
        "sample": Place.of((1, Variable.counted("phase", p.stride)), -left).text,
        "before": -left,
        "samples": (schedule.length or 0) * p.stride,
        "stride_up": p.stride - 1,
        "row": _row(p),
        "sizes": ", ".join(str(size) for size, _ in axes),
        "axes": ", ".join(word for _, word in axes),
        "channels_of": "" if p.channels == 1 else f"{p.channels} * ",
        "call": f"{function.of(*arguments)};",
        "panel_function": panel_function(name, c),
        "phase": phase,
        "fills": _fills(p, phase) if free and not p.channels_last else "",
        "copied": Place.of((p.stride, Variable("length", FAR))).text,
        "rows": Place.of(rows_at(inner, plan.target.core) // p.item_bytes).in_array(f"({c} *)workspace"),
        "length": Place.of((1, Variable("outs", FAR)), inner.problem.kernel_size - 1).text,
        "steps_in": "steps" if free else str(p.steps),
        "length_in": "length" if free else str(schedule.length),
    }


def _fills(p: ConvProblem, phase: CFunction) -> str:
    """The loops over the rows of an input of any length."""
    several = p.channels > 1
    x, row = ("x + steps * c", _row(p)) if several else ("x", "phase")
    channels = (count_loop("c", 0, p.channels),) if several else ()
    heads = (*channels, count_loop("phase", 0, p.stride))
    return nest(heads, f"{phase.of(x, 'phase - left', 'steps', 'length', f'rows + length * {row}')};")


def _axes(p: ConvProblem) -> list[tuple[int, str]]:
    """(size, word) of the axes of the panel but the samples."""
    phases = (p.stride, "phases")
    if p.group_channels == 1:
        return [(p.channels, "channels"), phases]
    groups = [(p.groups, "groups")] if p.groups > 1 else []
    return [*groups, phases, (p.group_channels, "channels")]


def _row(p: ConvProblem) -> str:
    """The panel's row of `phase` of channel c: those of a group lie together, by phases first."""
    if p.group_channels == 1:
        return f"({p.stride} * c + phase)"
    if p.groups == 1:
        return f"({p.channels} * phase + c)"
    each = p.group_channels
    return f"({p.stride * each} * (c / {each}) + {each} * phase + c % {each})"


def _counts(free: bool) -> tuple[Parameter, ...]:
    return numbers("at", "steps", "length") if free else numbers("at")


WRITER = Writer(template="strides_as_channels.c.j2", view=view, inner=INNER, slices_inner=True)
