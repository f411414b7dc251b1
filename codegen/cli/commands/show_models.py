"""What `gen-conv show` tells of a model: each value with its shape, rate and work; the whole, and its stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from codegen.errors import UsageError
from codegen.report.model_words import in_time, many, totals

if TYPE_CHECKING:
    from pathlib import Path

    from codegen.graph.plans.overview import Blocks, Overview, Value

__all__ = ["draw", "drawn", "facts"]


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
        "made_of": value.told,
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


def drawn(model: Overview, rate: float | None = None) -> str:
    """The same for a person: a line a value, then the whole, and what it is at so many steps a second."""
    a_step = " a step" if model.free else ""
    lines: list[tuple[str, ...]] = [
        ("value", "shape", "rate", "delay", f"bytes{a_step}", "weights", f"MACs{a_step}", "made of")
    ]
    lines += map(_row, model.values)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = (str.ljust, str.ljust, *[str.rjust] * 5, str.ljust)
    cells = ((side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)) for line in lines)
    rows = ["  " + "  ".join(line).rstrip() for line in cells]
    whole = [*totals(model), *([] if rate is None else [in_time(model, rate)])]
    return "\n".join([f"{model.name} (a model, {model.dtype})", *rows, *map("  {}".format, whole)]) + "\n"


def _row(value: Value) -> tuple[str, ...]:
    shape, work = value.shape, value.work
    told = f"{'frames of ' if shape.frames else ''}({shape.steps}, {shape.channels})"
    delay = "all" if value.reach is None else str(value.reach.delay or "")
    rate = str(shape.rate) if shape.rate else ""
    weights = f"{work.weights:,}" if work.weights else ""
    return value.name, told, rate, delay, many(*value.size), weights, many(work.macs, work.each), value.told


def draw(model: Overview, file: Path) -> None:
    """Writes the picture of a model. Raises UsageError for too large a model, or a file that cannot be one."""
    from codegen.machine import files
    from codegen.report import model_picture

    if file.suffix != ".svg":
        raise UsageError(f"--picture `{file}`: expected a name that ends in .svg")
    files.prepare(file.parent)
    files.write_all([(file, model_picture.drawn(model).encode("utf-8"))])
