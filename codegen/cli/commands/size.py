"""`gen-conv size SPEC --weights W --target cortex-m4`: what each layer takes on a microcontroller."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import planning, reading
from codegen.cli.terminal import Terminal
from codegen.errors import UsageError
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.machine.board_figures import Figures
    from codegen.specs.kinds import Spec

__all__ = ["arguments", "run"]

HEADINGS = ("layer", "instructions", "cycles", "code", "tables", "RAM", "scratch", "stack", "MACs")
BAR = 20  # characters of the longest


@dataclass(frozen=True)
class Row:
    """A layer on a target: `cycles` are estimated; the rest as board_figures.Figures has it."""

    name: str
    target: str
    cycles: int
    macs: int
    figures: Figures

    def plain(self) -> dict[str, Any]:
        """As JSON tells it."""
        return {"name": self.name, "target": self.target, "cycles": self.cycles, "macs": self.macs} | asdict(
            self.figures
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """As HEADINGS say; what is estimated has a ~."""
        f, about = self.figures, "" if self.figures.measured else "~"
        ran = "" if f.instructions is not None else "~"
        count = "-" if f.instructions is None else f"{f.instructions:,}"
        flash = f"{about}{f.flash_code:,}", f"{about}{f.flash_tables:,}"
        return (
            self.name, count, f"~{self.cycles:,}", *flash, f"{ran}{f.ram:,}", f"{f.scratch:,}",
            f"{ran}{f.stack:,}", f"{self.macs:,}",
        )  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="cortex-m4")
    planning.of_accuracy(parser)
    planning.of_storage(parser)
    planning.of_objective(parser)
    planning.of_limits(parser)


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """A table for each target, of a line a layer and the totals."""
    specs = reading.specs(options)
    arrays = reading.weights(options, specs)
    missing = [spec for spec in specs if spec.name not in arrays]
    if missing:
        way = "give --weights FILE" if missing[0].problem.format.whole else "give --weights FILE, or --init for any"
        raise UsageError(f"`{missing[0].name}`: its tables are counted, too: {way}")
    terminal.report["sizes"] = []
    every = [argparse.Namespace(**vars(options) | {"target": target}) for target in targets(options.target)]
    for number, one in enumerate(every):
        target, rows = one.target, list(measured(specs, arrays, one))
        terminal.report["sizes"] += [row.plain() for row in rows]
        if number:
            terminal.result("")
        draw(target, rows, terminal)
    return 0


def targets(words: str) -> tuple[str, ...]:
    """The names, each once. Raises UsageError for a word that names no microcontroller, before anything is shown."""
    from codegen.machine import boards
    from codegen.problem.targets import target_named

    found = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    for name in found:
        boards.board(target_named(name))
    return found


def measured(specs: Sequence[Spec], arrays: Any, options: argparse.Namespace) -> Iterator[Row]:
    """The figures of each layer, on one target."""
    from codegen import pipeline
    from codegen.emission import board_facts
    from codegen.machine import board_figures
    from codegen.planning.algorithms import cost

    ask = replace(planning.asked(options), weights="baked")
    for spec in specs:
        with reading.naming(options, spec.name):
            source = pipeline.emitted(spec, ask, arrays[spec.name])
        p = source.plan.problem
        macs = p.macs(cost.steps_told(p))
        figures = board_figures.figures(source)
        yield Row(spec.name, ask.target.name, board_facts.cycles(source.plan, figures.instructions), macs, figures)


def draw(target: str, rows: Sequence[Row], terminal: Terminal) -> None:
    """Aligned text; on a terminal bars of flash and cycles, too."""
    if terminal.json:
        return
    table = [HEADINGS, *(row.cells for row in rows), *([_total(rows)] if len(rows) > 1 else [])]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    terminal.result(target)
    for first, *others in table:
        line = (first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)))
        terminal.result("  ".join(line))
    if terminal.out.isatty():
        _bars(rows, terminal)
    terminal.say(told(rows))


def told(rows: Sequence[Row]) -> str:
    """What the figures are."""
    how = (
        "flash as gcc compiles it with -O2" if rows[0].figures.measured else "flash estimated: no compiler for it here"
    )
    ran = all(row.figures.instructions is not None for row in rows)
    more = "instructions and stack of a call in QEMU" if ran else "stack estimated where nothing ran"
    return f"bytes; {how}; {more}; ~ is an estimate, and so are cycles"


def _total(rows: Sequence[Row]) -> tuple[str, ...]:
    """The sums; the largest of what serves all layers in turn."""
    f = [row.figures for row in rows]
    counts = [one.instructions for one in f]
    count = "-" if None in counts else f"{sum(one or 0 for one in counts):,}"
    sums = [sum(row.cycles for row in rows), sum(one.flash_code for one in f), sum(one.flash_tables for one in f)]
    most = [max(one.ram for one in f), max(one.scratch for one in f), max(one.stack for one in f)]
    macs = sum(row.macs for row in rows)
    return (f"{len(rows)} layers", count, f"~{sums[0]:,}", *(f"{one:,}" for one in (*sums[1:], *most, macs)))


def _bars(rows: Sequence[Row], terminal: Terminal) -> None:
    """Each layer's share of the largest one's bytes of flash and of its cycles."""
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "flash", "", "cycles", "", box=None, padding=(0, 1))
    flash = [row.figures.flash_code + row.figures.flash_tables for row in rows]
    most, slowest = max(*flash, 1), max(*(row.cycles for row in rows), 1)
    for row, count in zip(rows, flash, strict=True):
        bars = Bar(most, 0, count, width=BAR), Bar(slowest, 0, row.cycles, width=BAR)
        numbers = Text(f"{count:,}"), Text(f"~{row.cycles:,}")
        table.add_row(Text(row.name, style="cyan"), bars[0], numbers[0], bars[1], numbers[1])
    Console(file=terminal.out).print(table)
