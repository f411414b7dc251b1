"""A model in sentences: its work, its reach, its memory, its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from codegen.errors.counting import counted, separated
from codegen.graph.plans.overview import Overview, Whole

__all__ = ["in_time", "many", "memory", "totals"]


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


def in_time(model: Overview, rate: float) -> str:
    """The same in seconds, for so many steps of the input a second."""
    parts = [f"{float(model.work.each) * rate / 1e6:,.4g} million multiply-adds a second"] if model.work.each else []
    reach, blocks = model.reach, model.blocks
    field = reach.field if reach else None
    parts += [f"a receptive field of {field * 1e3 / rate:.4g} ms"] if field is not None else []
    if not isinstance(blocks, str):
        late, long = (steps * 1e3 / rate for steps in (blocks.latency, blocks.block))
        parts.append(f"a latency of {late:.4g} ms; {blocks.block:,} steps are {long:.4g} ms")
    return f"at {rate:,.6g} steps a second: {', '.join(parts) or 'nothing that follows from it'}"


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
