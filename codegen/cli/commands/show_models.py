"""What `gen-conv show` tells of a model: each value with its shape, rate and work; the whole, and its stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from codegen.errors.counting import counted, separated

if TYPE_CHECKING:
    from codegen.graph.plans.overview import Blocks, Overview, Value, Whole

__all__ = ["drawn", "facts"]


def facts(model: Overview) -> dict[str, Any]:
    """The model as JSON tells it, by the schema of docs/json.md; `no_c`, `no_stream` are why it has none."""
    found: dict[str, Any] = {"name": model.name, "dtype": model.dtype, "values": list(map(_value, model.values))}
    found |= {"macs": model.work.macs, "macs_per_input_step": float(model.work.each)}
    found["receptive_field"] = model.reach.field if model.reach else None
    found["delay"] = model.reach.delay if model.reach else None
    whole, blocks = model.whole, model.blocks
    found |= {"no_c": whole} if isinstance(whole, str) else asdict(whole)
    return found | ({"no_stream": blocks} if isinstance(blocks, str) else {"stream": _stream(blocks)})


def _value(value: Value) -> dict[str, Any]:
    shape, (fixed, each), reach = value.shape, value.size, value.reach
    return {
        "name": value.name,
        "told": value.told,
        "shape": [shape.steps, shape.channels],
        "frames": shape.frames is not None,
        "rate": str(shape.rate) if shape.rate else None,
        "weights": value.work.weights,
        "macs_per_step": value.work.of_row,
        "macs": value.work.macs,
        "macs_per_input_step": float(value.work.each),
        "bytes": fixed,
        "bytes_per_input_step": float(each),
        "state_bytes": value.kept,
        "receptive_field": reach.field if reach else None,
        "delay": reach.delay if reach else None,
    }


def _stream(blocks: Blocks) -> dict[str, Any]:
    found = asdict(blocks)
    found.pop("workspace_step_bytes")
    return found | {"scratch_bytes": found.pop("workspace_bytes")}


def drawn(model: Overview) -> str:
    """The same for a person: a line a value, then the whole."""
    a_step = " a step" if model.free else ""
    lines: list[tuple[str, ...]] = [
        ("value", "shape", "rate", "delay", f"bytes{a_step}", "weights", f"MACs{a_step}", "made of")
    ]
    lines += map(_row, model.values)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = (str.ljust, str.ljust, *[str.rjust] * 5, str.ljust)
    cells = ((side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)) for line in lines)
    rows = ["  " + "  ".join(line).rstrip() for line in cells]
    return "\n".join([f"{model.name} (a model, {model.dtype})", *rows, *map("  {}".format, totals(model))]) + "\n"


def _row(value: Value) -> tuple[str, ...]:
    shape, work = value.shape, value.work
    told = f"{'frames of ' if shape.frames else ''}({shape.steps}, {shape.channels})"
    delay = "all" if value.reach is None else str(value.reach.delay or "")
    rate = str(shape.rate) if shape.rate else ""
    weights = f"{work.weights:,}" if work.weights else ""
    return value.name, told, rate, delay, many(*value.size), weights, many(work.macs, work.each), value.told


def many(fixed: int, each: Fraction) -> str:
    """So many a step of the input, or in a call; nothing for none."""
    if each and fixed:
        return f"{each!s} + {fixed:,}"
    if each:
        return f"{int(each):,}" if each.denominator == 1 else f"{float(each):,.4g}"
    return f"{fixed:,}" if fixed else ""


def totals(model: Overview) -> Iterator[str]:
    """A sentence each of the work, the reach, the memory and the blocks."""
    work = model.work
    parts = [f"{work.macs:,} a call"] if work.macs or not work.each else []
    parts += [f"{float(work.each):,.10g} a step of the input"] if work.each else []
    yield f"multiply-adds: {' and '.join(parts)}; {separated(work.weights, 'weight')}"
    yield f"receptive field: {_reach(model)}"
    yield f"in C: none, as {model.whole}" if isinstance(model.whole, str) else f"in C: {memory(model.whole)}"
    if isinstance(model.blocks, str):
        yield f"in blocks: none, as {model.blocks}"
        return
    told = model.blocks
    worst = f"{told.worst_macs:,} multiply-adds and {told.moved_bytes:,} bytes moved"
    yield f"in blocks of {told.block:,}: latency {counted(told.latency, 'step')}, worst call {worst}"
    flash = f"{told.flash_bytes:,} bytes of flash, of which {told.weight_bytes:,} are weights"
    kept = f"a state of {told.state_bytes:,} bytes, {told.workspace_bytes:,} of scratch, {told.stack_bytes:,} of stack"
    yield f"  {flash}; {kept}"


def _reach(model: Overview) -> str:
    if model.reach is None:
        return "all of the input"
    if model.reach.field is None:
        return f"all steps before, the last of them {_later(model.reach.delay)}"
    return f"{separated(model.reach.field, 'step')}, the last of them {_later(model.reach.delay)}"


def _later(delay: int) -> str:
    return f"{separated(delay, 'step')} after the output's own" if delay else "the output's own"


def memory(whole: Whole) -> str:
    """Bytes of flash, workspace and stack."""
    flash = f"{whole.flash_bytes:,} bytes of flash, of which {whole.weight_bytes:,} are weights"
    each = f" and {whole.workspace_step_bytes:,} an input step" if whole.workspace_step_bytes else ""
    room = f"{whole.workspace_bytes:,} bytes{each} of workspace, {whole.stack_bytes:,} of stack"
    return f"{counted(whole.stages, 'stage')}, {flash}; {room}"
