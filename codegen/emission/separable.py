"""What `templates/separable.c.j2` prints: the chunks, the panel, the calls of both stages."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import ceil_over, times
from codegen.emission.inner import inner_names
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import chunk_loop, index, offset
from codegen.emission.writer import Writer
from codegen.planning.algorithms.separable import Schedule, is_padded, room
from codegen.planning.plan import KernelPlan

INNER = ("depthwise", "pointwise")  # what its inner functions compute, as their names end


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    panel, between = (size // p.item_bytes for size in room(p, schedule))
    first, second, *bias = weight_names(plan, name)
    spare = offset("between", between)
    calls = []
    for function, part, x, count, kernels, y in zip(
        inner_names(plan, name, INNER),
        plan.parts,
        ("x" if schedule.whole else "in", "between"),
        ("count", "now"),
        ([first], [second, *bias]),
        ("between", "y" if schedule.whole else offset("y", (p.filters, "from"))),
        strict=True,
    ):
        arguments = [x, *[count] * (not schedule.whole), *kernels, y, *[spare] * part.has_workspace]
        calls.append(f"{function}({', '.join(arguments)});")
    return {
        "schedule": schedule,
        "padded": is_padded(p) and not schedule.whole,
        "width": p.channels * p.depth_multiplier,
        "panel_numbers": panel,
        "channels_of": "" if p.channels == 1 else f"{p.channels} * ",
        "chunks": _chunks(plan, schedule),
        "chunk_loop": [chunk_loop(plan)] * (plan.sliced or not schedule.whole),
        "at": f"{times(p.stride, 'from')} - left" if is_padded(p) else times(p.stride, "from"),
        "count": index((p.stride, "now"), p.reach - p.stride),
        "calls": tuple(calls),
    }


def _chunks(plan: KernelPlan[Schedule], schedule: Schedule) -> str:
    """How many chunks there are: a number where it is known."""
    p = plan.problem
    if schedule.whole:
        return "1"
    return ceil_over("outs", schedule.outs) if p.steps is None else str(-(-p.out_steps(p.steps) // schedule.outs))


def least_outs(plan: KernelPlan[Schedule]) -> int:
    """The outputs that a chunk has at least: those of the last one, where they are known."""
    schedule, p = plan.schedule, plan.problem
    if p.steps is None or not p.out_steps(p.steps):
        return 0
    return p.out_steps(p.steps) % schedule.outs or schedule.outs


WRITER = Writer(template="separable.c.j2", view=view, inner=INNER, least_outs=least_outs)
