"""The rows of each clock of a stream in C: so far, and in all at the end."""

from __future__ import annotations

from codegen.emission import cformat
from codegen.emission.microkernel import index
from codegen.graph.plans.clocks import Clock

__all__ = ["in_all", "so_far"]


def so_far(number: int, clock: Clock) -> str:
    """The statement that counts rows so far."""
    if text := _plain(number, clock, clock.left):
        return text
    first = f"n[{clock.of[0]}]"
    return f"n[{number}] = {_windows(cformat.times(clock.up, first), clock.room, -clock.room, clock.stride)};"


def in_all(number: int, clock: Clock) -> str:
    """The same of all rows at the end."""
    if text := _plain(number, clock, clock.left + clock.right):
        return text
    first = f"n[{clock.of[0]}]"
    more = clock.left + clock.right - clock.reach
    if clock.up == 1 and clock.centred:
        more = -1
    spread, room = cformat.times(clock.up, first), more + 1 - clock.up
    return f"n[{number}] = {_windows(spread, room, max(1, -room), clock.stride)};"


def _windows(samples: str, room: int, least: int, stride: int) -> str:
    """The windows in `samples` and `room` more, of which the first lies there from `least` samples on."""
    if stride > 1:
        return f"{samples} >= {least} ? {cformat.floor_over(index((1, samples), room), stride)} + 1 : 0"
    return samples if (room, least) == (-1, 1) else f"{samples} >= {least} ? {index((1, samples), room + 1)} : 0"


def _plain(number: int, clock: Clock, more: int) -> str:
    """The statement of a rule that is alike so far and in all, but for `more` rows of padding; empty for others."""
    first = f"n[{clock.of[0]}]"
    if clock.rule == "times":
        return f"n[{number}] = {cformat.times(clock.stride, first)};"
    if clock.rule == "padded":
        return f"n[{number}] = {first} > 0 ? {index((1, first), more)} : 0;"
    return _least(number, clock) if clock.rule == "least" else ""


def _least(number: int, clock: Clock) -> str:
    text = f"n[{clock.of[0]}]"
    for one in clock.of[1:]:
        text = f"{cformat.grouped(text)} < n[{one}] ? {cformat.grouped(text)} : n[{one}]"
    return f"n[{number}] = {text};"
