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
    samples = cformat.times(clock.up, first)
    room = index((1, samples), clock.room)
    return f"n[{number}] = {samples} >= {-clock.room} ? {_over(room, clock.stride)} + 1 : 0;"


def in_all(number: int, clock: Clock) -> str:
    """The same of all rows at the end."""
    if text := _plain(number, clock, clock.left + clock.right):
        return text
    first = f"n[{clock.of[0]}]"
    if clock.up > 1:
        spread, more = cformat.times(clock.up, first), 1 - clock.up + clock.left + clock.right - clock.reach
        return f"n[{number}] = {spread} >= {max(1, -more)} ? {_over(index((1, spread), more), clock.stride)} + 1 : 0;"
    if clock.centred:
        return f"n[{number}] = {first} > 0 ? {_over(f'{first} - 1', clock.stride)} + 1 : 0;"
    least, room = clock.reach - clock.left - clock.right, index((1, first), clock.left + clock.right - clock.reach)
    return f"n[{number}] = {first} >= {max(1, least)} ? {_over(room, clock.stride)} + 1 : 0;"


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


def _over(total: str, stride: int) -> str:
    return cformat.floor_over(total, stride)
