"""What `templates/separable.c.j2` prints: the chunks, the panel, the calls of the stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.emission.cformat import ceil_over, times
from codegen.emission.cfunction import panel_function
from codegen.emission.ending import handed
from codegen.emission.expressions import Place, Variable
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import chunk_loop
from codegen.emission.writer import Writer
from codegen.planning.algorithms.separable import Schedule, between, chunks_are_alike, comes_in_chunks, is_padded, room
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Chain
from codegen.records import dataclass


@dataclass(frozen=True)
class Buffer:
    """What the stage of that `number` makes, of that `shape`, in the workspace at the C expression `place`."""

    name: str
    place: str
    shape: str
    number: int


def inner(plan: KernelPlan[Schedule, Chain]) -> tuple[str, ...]:
    """What its inner functions compute, as their names end."""
    return plan.problem.names


def view(plan: KernelPlan[Schedule, Chain], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    panel, *sizes = (size // p.item_bytes for size in room(p, schedule, plan.target.core))
    buffers, spare = _buffers(p, schedule, sizes)
    step = Place.of((0 if schedule.whole else p.filters, Variable.free("from")))
    names, out = [buffer.name for buffer in buffers], step.in_array("y")
    kernels, operands = weight_names(plan, name), handed(plan, name, str, step.in_array)
    alike, calls = schedule.whole or chunks_are_alike(p, schedule), []
    for i, (function, part) in enumerate(zip(inner_functions(plan, name, p.names), plan.parts, strict=True)):
        x = names[i - 1] if i else "x" if schedule.whole else "in"
        given = kernels[i], *(operands if i == len(names) else ())
        counted = [] if alike else ["now" if i else "count"]
        arguments = [x, *counted, *given, [*names, out][i], *[spare] * part.has_workspace]
        calls.append(f"{function.of(*arguments)};")
    return {
        "schedule": schedule,
        "padded": is_padded(p) and not schedule.whole,
        "between": buffers[0],
        "further": buffers[1:],
        "panel_numbers": panel,
        "channels_of": "" if p.channels == 1 else f"{p.channels} * ",
        "chunks": _chunks(plan, schedule),
        "chunk_loop": [chunk_loop(plan)] * (plan.sliced or not schedule.whole),
        "first_out": _first_out(p, schedule),
        "at": f"{times(p.stride, 'from')} - left" if is_padded(p) else times(p.stride, "from"),
        "left_now": 0 if p.steps is None else p.pads(p.steps)[0],
        "alike": alike,
        "count": Place.of((p.stride, Variable.free("now")), p.reach - p.stride).text,
        "counted": str(schedule.samples) if alike else "count",
        "calls": tuple(calls),
        "panel_function": panel_function(name, p.format.c),
    }


def _buffers(p: Chain, schedule: Schedule, sizes: Sequence[int]) -> tuple[tuple[Buffer, ...], str]:
    """What lies between the stages, of so many numbers each, and the C expression of the place behind."""
    found, before = [], ""
    for number, (shape, size) in enumerate(zip(between(p, schedule), sizes, strict=True), 1):
        name = "between" if number == 1 else f"between_{number}"
        laid = shape if p.channels_last or comes_in_chunks(p) else reversed(shape)
        found.append(Buffer(name, before, ", ".join(map(str, laid)), number))
        before = Place.of(size).in_array(name)
    return tuple(found), before


def _chunks(plan: KernelPlan[Schedule, Chain], schedule: Schedule) -> str:
    """How many chunks there are: a number where it is known."""
    p = plan.problem
    if schedule.whole:
        return "1"
    return ceil_over("outs", schedule.outs) if p.steps is None else str(-(-p.out_steps(p.steps) // schedule.outs))


def _first_out(p: Chain, schedule: Schedule) -> str:
    """The first output of a chunk: the last one may overlap its neighbour."""
    each = times(schedule.outs, "chunk")
    if not schedule.laps:
        return each
    assert p.steps is not None
    last = p.out_steps(p.steps) - schedule.outs
    return f"{each} < {last} ? {each} : {last}"


def least_outs(plan: KernelPlan[Schedule, Chain]) -> int:
    """The outputs that a chunk has at least: those of the last one, where they are known."""
    schedule, p = plan.schedule, plan.problem
    if p.steps is None or not p.out_steps(p.steps):
        return 0
    return schedule.outs if schedule.laps else p.out_steps(p.steps) % schedule.outs or schedule.outs


WRITER = Writer(template="separable.c.j2", view=view, inner=inner, least_outs=least_outs)
