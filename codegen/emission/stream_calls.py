"""The calls between the functions of a stream's file, for the templates of templates/stream/."""

from __future__ import annotations

from typing import Any

from codegen.emission import cformat, interface, lengths
from codegen.emission.ending import operand_names
from codegen.emission.expressions import FAR, Array, Part, Place, Variable
from codegen.emission.stream_functions import StreamFunctions
from codegen.emission.stream_interface import Interface
from codegen.planning.streams import StreamPlan

__all__ = ["calls", "some"]

DONE = Variable("done", FAR)  # outputs of the call so far


def some(plan: StreamPlan) -> str:
    """The C of whether not all outputs of a step may be the stream's; empty where they always are."""
    if plan.walk.up == 1 or not plan.scratch_rows:
        return ""
    words = ["!x"] * (plan.most_flushed > 0) + ["state->skip > 0"] * (plan.skip > 0)
    return " || ".join(words)


def calls(plan: StreamPlan, face: Interface) -> dict[str, Any]:
    """The calls between the functions, and what is declared for the file alone."""
    inside = StreamFunctions(face)
    arguments = [one.name for one in inside.rest.parameters if one.name != "state"]
    return {
        "calls": _between(plan, inside),
        "inside": inside,
        "unused": [] if plan.most_flushed else arguments,
        "out": _out(plan),
        "outs_of_room": lengths.out_steps(plan.walk),
        "taken": "" if plan.direct else _taken(plan),
        "padding": _padding(plan),
    }


def _between(plan: StreamPlan, inside: StreamFunctions) -> dict[str, str]:
    """The calls themselves."""
    late = Place.of((_apart(plan), DONE)).in_array("y")
    rest_steps = _rest_steps(plan, inside)

    def pushed(**given: str) -> str:
        names = {one.name for one in inside.push.parameters}
        return inside.push.call(**{name: value for name, value in given.items() if name in names})

    return {
        "take": inside.take.call("m"),
        "blocks": pushed(x_steps="n", most=cformat.times(plan.walk.up, "n"), y=late if plan.lead else "y"),
        "lead": pushed(x="NULL", x_steps="0", n="state->lead", most="0"),
        "rest": pushed(x="NULL", x_steps="0", n=rest_steps, most=str(plan.rest)),
        "keep": _kept(plan, inside),
        **_windows(plan, inside),
        **_wrapped(plan, inside, rest_steps),
    }


def _windows(plan: StreamPlan, inside: StreamFunctions) -> dict[str, str]:
    """Calls of the inner function: on a window, on one behind outputs that are late, on x itself."""
    p, walk, h, name = plan.problem, plan.walk, plan.history, inside.face.name
    weights = tuple(one.name for one in inside.face.weights)
    tables = (f"{name}_{label}" for label, _ in interface.kernels(plan.inner))
    held = (f"{name}_{label}" for label in operand_names(plan.inner, name))
    if plan.problem.format.whole:
        weights = ()  # the inner function has tables of its own
    elif plan.ask.weights == "baked":
        weights = (*tables, *held)
    own = plan.scratch_rows * p.out_filters
    space = Array("state->scratch", plan.scratch_numbers).at(own, taken=plan.scratch_numbers - own)
    more = (space,) if plan.inner.has_workspace else ()

    def call(x: str, steps: str, y: str) -> str:
        return inside.steps.of(x, steps, *weights, y, *more)

    if walk.up > 1:
        rows = Array("state->history", plan.state_numbers).at((p.channels, _at(plan)), taken=(h + 1) * p.channels)
        return {"window": call(rows, Place.of((1, Variable("m", FAR)), h).text, "to")}
    first = Place.of((1, _at(plan)), (-1, Variable("state->ahead", FAR)), h)
    rows = Place.of(_row(plan, first)).in_array("state->history")
    zeros = (p.out_filters, Variable("zeros" if plan.turned[1] else "(done + zeros)", FAR))
    late_out = Place.of(zeros).in_array("state->scratch" if plan.turned[1] else "y")
    return {
        "window": call(rows, _reached(walk.stride, "outs", walk.reach), _out(plan)),
        "late_window": call(rows, _reached(walk.stride, "outs - zeros", walk.reach), late_out),
        "direct": call("x", "n", "y"),
    }


def _at(plan: StreamPlan) -> Variable:
    """The place in the ring that the next step takes."""
    return Variable("state->at", plan.ring - 1)


def _taken(plan: StreamPlan) -> str:
    """The row of the buffer that it takes: those of the history come before the ring."""
    row = _row(plan, Place.of(plan.history, (1, _at(plan))))
    return Array("state->history", plan.state_numbers).at(row, taken=plan.problem.channels)


def _kept(plan: StreamPlan, inside: StreamFunctions) -> str:
    """The copy of the ring's last rows, from `begin` to before `end`, to before its first place."""
    channels, history = plan.problem.channels, Array("state->history", plan.state_numbers)
    if not plan.history:
        return ""
    late, early = Variable("begin", plan.rows - 1), Variable(f"(begin - {plan.ring})", plan.history - 1)
    count = cformat.scaled(channels, "end - begin")
    there, here = (history.at((channels, row), taken=channels) for row in (late, early))
    return inside.copy.of(there, count, here)


def _row(plan: StreamPlan, row: Place) -> Part:
    """Where a row of the buffer begins."""
    if not row.terms:
        return plan.problem.channels * row.constant
    return plan.problem.channels, Variable(cformat.grouped(row.text), row.most)


def _apart(plan: StreamPlan) -> int:
    """Numbers from an output step to the next in y."""
    return 1 if plan.turned[1] else plan.problem.out_filters


def _out(plan: StreamPlan) -> str:
    """Where outputs of a window are written."""
    out = Place.of((plan.problem.out_filters, DONE)).in_array("y")
    if plan.turned[1]:
        return "state->scratch"
    return f"some ? state->scratch : {out}" if some(plan) else out


def _reached(stride: int, outs: str, reach: int) -> str:
    """The steps that so many outputs read."""
    return Place.of((stride, Variable(cformat.grouped(outs) if stride > 1 else outs, FAR)), reach - stride).text


def _wrapped(plan: StreamPlan, inside: StreamFunctions, rest_steps: str) -> dict[str, str]:
    """Calls in the public functions: of those that are handed the columns of y, or of each other."""
    turned_out = plan.turned[1]

    def columns(counted: str) -> dict[str, str]:
        return {"columns": counted} if turned_out else {}

    y = Place.of((_apart(plan), Variable("outs", FAR))).in_array("y")
    coming = inside.outs.call("state->lead + n" if plan.lead else "n")
    if plan.walk.up > 1:
        left = f"{plan.rest} > state->skip ? {plan.rest} - state->skip : 0" if plan.skip else str(plan.rest)
    else:
        left = inside.outs.call(rest_steps)
    return {
        "process": inside.blocks.call(**columns(coming)),
        "flush": inside.rest.call(**columns(left)),
        "whole_blocks": inside.blocks.call(n="steps", **columns(inside.face.outs)),
        "whole_rest": inside.rest.call(y=y, **columns(inside.face.outs)),
    }


def _rest_steps(plan: StreamPlan, inside: StreamFunctions) -> str:
    """The zeros behind the last step that the flush takes in."""
    p = plan.walk
    if p.up > 1:
        return str(-(-plan.rest // p.up))
    if _padding(plan):
        return inside.behind.call()
    return str(p.pad_left + p.pad_right - plan.stage.left if p.centred else p.pad_right)


def _padding(plan: StreamPlan) -> dict[str, Any] | None:
    """The C of the zeros behind the last step, where they depend on the number of steps."""
    p = plan.walk
    if not p.centred or p.stride == 1 or not plan.most_flushed:
        return None
    left = plan.stage.left
    steps = Place.of((1, Variable("state->ahead", FAR)), p.stride * (left + 1 + p.reach) - left - 1)
    return {"past": f"({steps.text}) % {p.stride}", "most": p.pad_left + p.pad_right - left}
