"""Summary: a layer as the table that Keras prints, by rich on a terminal, as plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from codegen.numbers.formats import COMPUTED

if TYPE_CHECKING:
    from codegen.layers.weighted import Held

HEADINGS = ("Layer (type)", "Output Shape", "Param #")


def show(layer: Held, trainable: bool, print_fn: Callable[[str], object] | None) -> None:
    """The table on standard output, or as plain text to `print_fn`."""
    if print_fn is not None or not sys.stdout.isatty():
        (print_fn or _to_stdout)(text(layer, trainable))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADINGS)
    table.add_row(*row(layer))
    console = Console()
    console.print(table)
    console.print("\n".join(totals(layer, trainable)), highlight=False)


def text(layer: Held, trainable: bool) -> str:
    """The table without a frame."""
    cells = (HEADINGS, row(layer))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), lines[1], "", *totals(layer, trainable)])


def row(layer: Held) -> tuple[str, str, str]:
    """(name and class, the output's shape, the parameters); a question mark for what a layer not built cannot know."""
    shape, count = "?", "?"
    if layer.built:
        shape = str(layer.compute_output_shape((None, *layer.spec.input_shape)))  # type: ignore[misc]  # it is built
        count = f"{layer.count_params():,}"
    return f"{layer.name} ({type(layer).__name__})", shape, count


def totals(layer: Held, trainable: bool) -> list[str]:
    """Keras' three lines: parameters, those that training changes, those that it does not, with their bytes."""
    count = layer.count_params() if layer.built else 0
    each = COMPUTED[layer.dtype].bytes
    parts = {"Total": count, "Trainable": count * trainable, "Non-trainable": count * (not trainable)}
    return [f"{name} params: {number:,} ({_size(number * each)})" for name, number in parts.items()]


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
