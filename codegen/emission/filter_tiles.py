"""The register tiles of plans whose vectors run across the filters: whole, peeled at a border, or with counted taps."""

from __future__ import annotations

from dataclasses import replace

from codegen.emission.ending import Ending, Output
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Row,
    Spelling,
    Step,
    accumulator,
    count_loop,
    index,
    offset,
    starts,
    step_by,
    tile_function,
)
from codegen.emission.sharing import Samples, Sharing
from codegen.errors.counting import counted
from codegen.planning.algorithms import filter_blocks, tiling
from codegen.planning.algorithms.direct_filters import Schedule
from codegen.planning.algorithms.filter_blocks import Block
from codegen.planning.algorithms.tiling import Panel, Span, Tile
from codegen.planning.algorithms.written_out import steps_of_turn
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem


class FilterTiles:
    """Builds the tiles of one plan under one C name."""

    def __init__(self, plan: KernelPlan[Schedule], name: str, depthwise: bool = False) -> None:
        self.plan, self.name, self.depthwise = plan, name, depthwise
        self.problem: ConvProblem = plan.problem
        self.schedule: Schedule = plan.schedule
        self.groups = 1 if depthwise else self.problem.groups
        self.channels = 1 if depthwise else self.problem.group_channels  # that one output sums over
        self.filters = self.problem.filters // self.groups
        self.packed = plan.weights != "argument"

    def edges(self, block: Block, tag: str, *, joined: bool) -> tuple[Microkernel, ...]:
        """The border's tiles: of one row, and of all rows where so many neighbours have the same taps (`joined`)."""
        heights = [1]
        if joined and self.problem.dilation >= block.rows * self.problem.stride and block.rows > 1:
            heights.append(block.rows)
        return tuple(self._edge(rows, block.panel, f"{self.name}_edge_{rows}x{tag}") for rows in heights)

    def sharing(self, block: Block, tag: str) -> tuple[Sharing, ...]:
        """The border's tiles of neighbours that share their samples, where a kernel is long."""
        p, panel = self.problem, block.panel
        rows, kinds = filter_blocks.sharing(p, block, self.channels, self.plan.ask)
        spell, columns = Spelling.of(self.plan, panel.lanes), tuple(self._columns(panel))
        samples = Samples(p, panel, spell, rows, panel.width if self.packed else p.filters, columns, self.depthwise)
        comment = f"{counted(rows, 'output step')} x {self._across(panel)} at a border"
        found = []
        for kind in kinds:
            name = f"{self.name}_{kind}_{rows}x{tag}"
            tile = self._microkernel(name, comment, rows, panel, samples.loops(kind), ("taps",))
            found.append(Sharing(kind, rows, tile))
        return tuple(found)

    def few(self, block: Block, most: int, tag: str) -> tuple[Microkernel, ...]:
        """Tiles with all taps for fewer outputs than `most`, the largest first."""
        heights = filter_blocks.rows_of_few(self.problem, block, most, self.plan.ask)
        wholes = ((rows, tiling.whole(self.problem, rows)) for rows in heights)
        return tuple(self.tile(tile, block.panel, f"{self.name}_{rows}x{tag}") for rows, tile in wholes)

    def _columns(self, panel: Panel) -> list[int]:
        """Where the weights of a panel's vectors lie, from its first on."""
        return [i * panel.lanes for i in range(len(panel.offsets))] if self.packed else list(panel.offsets)

    def _across(self, panel: Panel) -> str:
        return counted(panel.covered, "channel" if self.depthwise else "filter")

    def tile_names(self, block: Block, tag: str) -> list[str]:
        seen: dict[int, int] = {}
        for segment in block.segments:
            seen.setdefault(segment.tile, segment.start)
        plain = Span(0, self.problem.kernel_size, 0, 0)
        names = []
        for i, tile in enumerate(block.tiles):
            whole = tile.spans == (Span(plain.first, plain.last, 0, tile.rows),) and tile.origin == 0
            names.append(f"{self.name}_{tile.rows}x{tag}" + ("" if whole else f"_at{seen[i]}"))
        return names

    def tile(self, tile: Tile, panel: Panel, name: str) -> Microkernel:
        if self.schedule.form == "sliding":
            loops: tuple[Loop, ...] = (self._sliding(tile, panel),) if tile.spans else ()
        else:
            loops = tuple(loop for span in tile.spans for loop in self._span(tile, span, panel))
        comment = f"{counted(tile.rows, 'output step')} x {self._across(panel)}"
        made = self._microkernel(name, comment, tile.rows, panel, loops)
        if not self.schedule.ahead or self.problem.steps is None:  # of a free length the walk fetches them
            return made
        lines = self.lines(tile.rows, panel)
        return replace(made, written=tuple(tuple(offset("y", at) for at in run) for run in lines))

    def lines(self, rows: int, panel: Panel) -> tuple[tuple[int, ...], ...]:
        """Numbers of y, one at least in each cache line that a tile writes: a tuple a run of neighbouring numbers.

        The last number is one of them, as a run may begin anywhere in a line.
        """
        out, line = self.problem.filters, self.plan.target.core.memory.line // self.problem.item_bytes
        apart = panel.covered < out and out > line
        size, runs = (panel.covered, rows) if apart else ((rows - 1) * out + panel.covered, 1)
        places = [[*range(run * out, run * out + size, line), run * out + size - 1] for run in range(runs)]
        return tuple(tuple(dict.fromkeys(run)) for run in places)

    def _edge(self, rows: int, panel: Panel, name: str) -> Microkernel:
        """The tile whose taps are counted at run time; x and w point at the first of them."""
        row_step = self.problem.channels
        span = Span(0, 1, 0, rows)
        if self.schedule.form == "fused" or (self.channels == 1 and row_step == 1 and self.problem.dilation == 1):
            head: tuple[str, ...] = (count_loop("i", 0, index((self.channels, "taps"))),)
            steps = (self._step(Tile(rows, (span,)), span, panel, tap=0, channel="i"),)
        else:
            head = (count_loop("k", 0, "taps"),)
            if self.channels > 1:
                head += (count_loop("c", 0, self.channels),)
            steps = (self._step(Tile(rows, (span,)), span, panel, tap="k", channel="c" if self.channels > 1 else 0),)
        loop = Loop("the taps inside the input", head, steps)
        comment = f"{counted(rows, 'output step')} x {self._across(panel)} at a border"
        return self._microkernel(name, comment, rows, panel, (loop,), ("taps",))

    def _microkernel(
        self, name: str, comment: str, rows: int, panel: Panel, loops: tuple[Loop, ...], extra: tuple[str, ...] = ()
    ) -> Microkernel:
        ending, out = Ending.of(self.plan, panel.lanes, across=True), self.problem.filters
        output = Output("y", tuple((r * out,) for r in range(rows)), panel.offsets)
        first = [ending.first(output.cell(ending, 0, v)) for v in range(len(panel.offsets))]
        shared = tuple(dict.fromkeys(name for loop in loops for step in loop.steps for name, _ in step.loads))
        begin = starts(rows, len(panel.offsets), first)
        broadcasts = any(row.broadcast for loop in loops for step in loop.steps for row in step.rows)
        function = tile_function(name, ending.spell, *extra, operands=ending.names)
        lines = output.lines(ending)
        return Microkernel(function, comment, ending.spell.type, begin, shared, broadcasts, loops, lines)

    def _span(self, tile: Tile, span: Span, panel: Panel) -> list[Loop]:
        taps, form = range(span.first, span.last), self.schedule.form
        rows = ""
        if span.bottom - span.top < tile.rows:
            rows = f", rows {span.top} to {span.bottom - 1}" if span.bottom - span.top > 1 else f", row {span.top}"
        words = (f"tap {span.first}" if len(taps) == 1 else f"taps {span.first} to {span.last - 1}") + rows
        channels = counted(self.channels, "channel")
        if form == "straight":
            steps = {k: tuple(self._step(tile, span, panel, k, c) for c in range(self.channels)) for k in taps}
            return [Loop(f"tap {k}{rows} x {channels}", (), steps[k]) for k in taps]
        if form == "fused":
            first, end = span.first * self.channels, span.last * self.channels
            each = steps_of_turn(self.plan, tile, span, len(panel.offsets))
            if end - first == each:
                run = tuple(self._step(tile, span, panel, 0, at) for at in range(first, end))
                return [Loop(f"{words} x {channels}", (), run)]
            head = f"for (ptrdiff_t i = {first}; i < {end}; {step_by('i', each)})"
            run = tuple(self._step(tile, span, panel, 0, "i", ahead) for ahead in range(each))
            return [Loop(f"{words} x {channels}: one contiguous run", (head,), run)]
        if form == "nested":
            several = len(taps) > 1
            heads = [count_loop("k", span.first, span.last)] * several
            channel: int | str = 0
            if self.channels > 1:
                heads.append(count_loop("c", 0, self.channels))
                channel = "c"
            step = self._step(tile, span, panel, "k" if several else span.first, channel)
            turn: tuple[Step, ...] = (step,)
            if self.depthwise:  # no hold() between the two: what a row loads is the next tap's of the row before
                turn = (Step(step.loads, ()), Step((), step.rows))
            return [Loop(f"{words} x {channels}", tuple(heads), turn)]
        return [
            Loop(
                f"tap {k}{rows} x {channels}, {counted(k * self.problem.dilation, 'sample')} on",
                (count_loop("c", 0, self.channels),),
                (self._step(tile, span, panel, k, "c"),),
            )
            for k in taps
        ]

    def _sliding(self, tile: Tile, panel: Panel) -> Loop:
        """All weights in registers; each input vector is loaded once and added to every output that it belongs to."""
        p, spell = self.problem, Spelling.of(self.plan, panel.lanes)
        wide = panel.width if self.packed else p.filters
        reads: dict[int, list[tuple[int, int]]] = {}  # by sample, counted from the tile's first: (row, tap)
        for span in tile.spans:
            for row in range(span.top, span.bottom):
                for tap in range(span.first, span.last):
                    sample = row * p.stride + tap * p.dilation + tile.origin
                    reads.setdefault(sample, []).append((row, tap))
        taps = sorted({tap for cells in reads.values() for _, tap in cells})
        columns = self._columns(panel)
        names = [f"_{v}" if len(columns) > 1 else "" for v in range(len(columns))]
        weights = Step(
            tuple(
                (f"w{tap}{name}", spell.weights(tap * wide + column))
                for tap in taps
                for name, column in zip(names, columns, strict=True)
            ),
            (),
        )
        rows = tuple(
            Row(
                spell.load("x", sample * p.channels + column),
                tuple(spell.update(accumulator(row, v), "s", f"w{tap}{names[v]}") for row, tap in sorted(cells)),
            )
            for sample, cells in sorted(reads.items())
            for v, column in enumerate(panel.offsets)
        )
        first = f"taps {taps[0]} to {taps[-1]}" if len(taps) > 1 else f"tap {taps[0]}"
        words = f"{first}, {counted(len(reads), 'sample')}, each loaded once"
        return Loop(words, (), (weights, Step((), rows)))

    def _step(self, tile: Tile, span: Span, panel: Panel, tap: int | str, channel: int | str, ahead: int = 0) -> Step:
        """The products of a channel of a tap, or of the one `ahead` steps of a run behind it."""
        problem = self.problem
        wide = panel.width if self.packed else problem.filters
        at = [_term(self.channels * wide, tap), _term(wide, channel), wide * ahead]
        spell = Spelling.of(self.plan, panel.lanes)
        columns = self._columns(panel)
        loads = tuple((f"w{i}", spell.weights(*at, o)) for i, o in enumerate(columns))
        row_step = problem.channels
        x_at = [_term(problem.dilation * row_step, tap), _term(1, channel), ahead]
        rows = []
        for r in range(span.top, span.bottom):
            base = (r * problem.stride + tile.origin) * row_step
            if self.depthwise:
                updates = tuple(
                    spell.update(accumulator(r, i), spell.load("x", *x_at, base + o), f"w{i}")
                    for i, o in enumerate(panel.offsets)
                )
                rows.append(Row(None, updates))
            else:
                updates = tuple(spell.update(accumulator(r, i), "s", f"w{i}") for i in range(len(panel.offsets)))
                rows.append(Row(spell.broadcast(f"x[{index(*x_at, base)}]"), updates))
        return Step(loads, tuple(rows))


def _term(factor: int, variable: int | str) -> int | tuple[int, str]:
    return factor * variable if isinstance(variable, int) else (factor, variable)
