"""What `templates/direct_filters.c.j2` prints: the tiles and the walk of plans whose vectors run across the filters.

Serves `direct_filters` (an input number is broadcast to a row) and `depthwise` (each filter has its own input).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codegen.algorithms.direct_filters import Block, Schedule
from codegen.algorithms.walk import Panel, Segment, Span, Tile
from codegen.emission.border import Border
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Row,
    Spelling,
    Step,
    accumulator,
    act_name,
    count_loop,
    index,
    offset,
    starts,
)
from codegen.plan import KernelPlan
from codegen.problem import ConvProblem

TEMPLATE = "direct_filters.c.j2"


def view(plan: KernelPlan, name: str, *, depthwise: bool = False) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, problem = plan.schedule, plan.problem
    assert isinstance(schedule, Schedule)
    borders: tuple[tuple[int, int], ...] = ()
    if schedule.interior is not None and not schedule.peeled and problem.steps is not None:
        first, last = schedule.interior
        outs = problem.out_steps(problem.steps)
        borders = tuple(pair for pair in ((0, first), (last, outs)) if pair[0] < pair[1])
    return {
        "blocks": FiltersView(plan, name, depthwise).blocks(),
        "borders": borders,
        "most_rows": max(block.rows for block in schedule.blocks),
    }


def lanes(plan: KernelPlan) -> set[int]:
    """The vector widths in use."""
    assert isinstance(plan.schedule, Schedule)
    return {block.panel.lanes for block in plan.schedule.blocks}


@dataclass(frozen=True)
class Call:
    """A call of a tile inside its loops."""

    comment: str
    heads: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class BlockView:
    """A block's functions and its part of the public function.

    `edges` are the tiles with a run-time tap count, `border` the function that walks them (None if borders are peeled);
    `calls` the tiles of a fixed length; `heads`, `x`, `weights`, `y` where a block's numbers lie inside its loops.
    """

    rows: int
    chunk: int
    tiles: tuple[Microkernel, ...]
    edges: tuple[Microkernel, ...]
    border: Border | None
    calls: tuple[Call, ...]
    heads: tuple[str, ...]
    x: str
    weights: str
    y: str


class FiltersView:
    """Builds the block views of one plan under one C name."""

    def __init__(self, plan: KernelPlan, name: str, depthwise: bool = False) -> None:
        assert isinstance(plan.schedule, Schedule)
        self.plan, self.name, self.depthwise = plan, name, depthwise
        self.problem: ConvProblem = plan.problem
        self.schedule: Schedule = plan.schedule
        self.groups = 1 if depthwise else self.problem.groups
        self.channels = 1 if depthwise else self.problem.group_channels  # that one output sums over
        self.filters = self.problem.filters // self.groups
        self.packed = plan.weights != "argument"

    def blocks(self) -> tuple[BlockView, ...]:
        views, base = [], 0
        for number, block in enumerate(self.schedule.blocks):
            views.append(self._block(block, number, base))
            base += block.panel.count * block.panel.width * self._rows_of_weights
        return tuple(views)

    @property
    def _rows_of_weights(self) -> int:
        return self.problem.kernel_size * self.channels

    @property
    def _group_weights(self) -> int:
        """Packed numbers of one group."""
        return sum(b.panel.count * b.panel.width for b in self.schedule.blocks) * self._rows_of_weights

    # ---- tiles -------------------------------------------------------------------------------------------------

    def _block(self, block: Block, number: int, base: int) -> BlockView:
        letter = "" if len(self.schedule.blocks) == 1 else "abcdefgh"[number]
        tag = f"{self._span_of(block.panel)}{letter}"
        names = self._tile_names(block, tag)
        tiles = tuple(self._tile(tile, block.panel, names[i]) for i, tile in enumerate(block.tiles))
        edges = () if self.schedule.peeled else self._edges(block, tag)
        border = None
        if edges:
            tap_weights = self.channels * (block.panel.width if self.packed else self.problem.filters)
            border = Border.of(f"{self.name}_border_{tag}", edges, block.rows, self.problem, tap_weights, ())
        calls = tuple(self._call(block, segment, names[segment.tile], base) for segment in block.segments)
        heads, weights, y = self._place(block, base)
        x = offset("x", *self._x_lane(block.panel))
        chunk = max(1, self.schedule.chunk // block.rows) * block.rows
        return BlockView(block.rows, chunk, tiles, edges, border, calls, heads, x, weights, y)

    def _edges(self, block: Block, tag: str) -> tuple[Microkernel, ...]:
        """The border's tiles: of one row, and of all rows where so many neighbours have the same taps."""
        heights = [1]
        if self.problem.dilation >= block.rows * self.problem.stride and block.rows > 1:
            heights.append(block.rows)
        return tuple(self._edge(rows, block.panel, f"{self.name}_edge_{rows}x{tag}") for rows in heights)

    @staticmethod
    def _span_of(panel: Panel) -> int:
        return max(panel.offsets) + panel.lanes

    def _tile_names(self, block: Block, tag: str) -> list[str]:
        seen: dict[int, int] = {}
        for segment in block.segments:
            seen.setdefault(segment.tile, segment.start)
        plain = Span(0, self.problem.kernel_size, 0, 0)
        names = []
        for i, tile in enumerate(block.tiles):
            whole = tile.spans == (Span(plain.first, plain.last, 0, tile.rows),) and tile.origin == 0
            names.append(f"{self.name}_{tile.rows}x{tag}" + ("" if whole else f"_at{seen[i]}"))
        return names

    def _tile(self, tile: Tile, panel: Panel, name: str) -> Microkernel:
        loops = tuple(loop for span in tile.spans for loop in self._span(tile, span, panel))
        comment = f"{tile.rows} output step{'s' * (tile.rows > 1)} x {self._span_of(panel)} filters"
        return self._microkernel(name, comment, tile.rows, panel, loops)

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
        comment = f"{rows} output step{'s' * (rows > 1)} x {self._span_of(panel)} filters at a border"
        return self._microkernel(name, comment, rows, panel, (loop,), ("taps",))

    def _microkernel(
        self, name: str, comment: str, rows: int, panel: Panel, loops: tuple[Loop, ...], extra: tuple[str, ...] = ()
    ) -> Microkernel:
        spell, out = Spelling.of(self.plan, panel.lanes), self.problem.filters
        first = [spell.load("b", o) if self.problem.bias else spell.broadcast("0") for o in panel.offsets]
        stores = tuple(
            spell.store("y", (r * out + o,), accumulator(r, i), act_name(self.problem))
            for r in range(rows)
            for i, o in enumerate(panel.offsets)
        )
        shared = tuple(f"w{i}" for i in range(len(panel.offsets))) if loops else ()
        begin = starts(rows, len(panel.offsets), first)
        broadcasts = bool(loops) and not self.depthwise
        return Microkernel(name, comment, spell.type, begin, shared, broadcasts, loops, stores, extra)

    def _span(self, tile: Tile, span: Span, panel: Panel) -> list[Loop]:
        taps, form = range(span.first, span.last), self.schedule.form
        words = f"tap {span.first}" if len(taps) == 1 else f"taps {span.first} to {span.last - 1}"
        if span.bottom - span.top < tile.rows:
            words += f", rows {span.top} to {span.bottom - 1}" if span.bottom - span.top > 1 else f", row {span.top}"
        channels = f"{self.channels} channels" if self.channels > 1 else "1 channel"
        if form == "straight":
            return [
                Loop(
                    f"tap {k}{words.partition(',')[1]}{words.partition(',')[2]} x {channels}",
                    (),
                    tuple(self._step(tile, span, panel, k, c) for c in range(self.channels)),
                )
                for k in taps
            ]
        if form == "fused":
            head = count_loop("i", span.first * self.channels, span.last * self.channels)
            step = self._step(tile, span, panel, 0, "i")
            return [Loop(f"{words} x {channels}: one contiguous run", (head,), (step,))]
        if form == "nested":
            heads = [count_loop("k", span.first, span.last)]
            channel: int | str = 0
            if self.channels > 1:
                heads.append(count_loop("c", 0, self.channels))
                channel = "c"
            step = self._step(tile, span, panel, "k", channel)
            return [Loop(f"{words} x {channels}", tuple(heads), (step,))]
        rows = words.partition(",")[2]
        return [
            Loop(
                f"tap {k}{',' + rows if rows else ''} x {channels}, {k * self.problem.dilation} samples on",
                (count_loop("c", 0, self.channels),),
                (self._step(tile, span, panel, k, "c"),),
            )
            for k in taps
        ]

    def _step(self, tile: Tile, span: Span, panel: Panel, tap: int | str, channel: int | str) -> Step:
        problem = self.problem
        wide = panel.width if self.packed else problem.filters
        at = [_term(self.channels * wide, tap), _term(wide, channel)]
        spell = Spelling.of(self.plan, panel.lanes)
        columns = [i * panel.lanes for i in range(len(panel.offsets))] if self.packed else list(panel.offsets)
        loads = tuple((f"w{i}", spell.load("w", *at, o)) for i, o in enumerate(columns))
        row_step = problem.channels
        x_at = [_term(problem.dilation * row_step, tap), _term(1, channel)]
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

    # ---- the walk ----------------------------------------------------------------------------------------------

    def _lane(self, panel: Panel) -> list[int | tuple[int, str]]:
        """The first filter of block j of group g."""
        group = (self.filters if self.groups > 1 else 0, "g")
        if panel.even:
            return [group, (panel.step, "j"), panel.first]
        return [group, (1, f"(j < {panel.count - 1} ? {panel.step} * j : {panel.last - panel.first})"), panel.first]

    def _x_lane(self, panel: Panel) -> list[int | tuple[int, str]]:
        """The first input channel of block j of group g."""
        if self.depthwise:
            return self._lane(panel)
        return [(self.channels if self.groups > 1 else 0, "g")]

    def _place(self, block: Block, base: int) -> tuple[tuple[str, ...], str, str]:
        """The loops over groups and blocks, and inside them the arguments for w and b, and that for y."""
        panel, heads = block.panel, []
        if self.groups > 1:
            heads.append(count_loop("g", 0, self.groups))
        if panel.count > 1:
            heads.append(count_loop("j", 0, panel.count))
        lane = where = self._lane(panel)
        if self.packed:
            turn = panel.width * self._rows_of_weights if panel.count > 1 else 0
            where = [(self._group_weights if self.groups > 1 else 0, "g"), (turn, "j"), base]
        prefix = f"{self.name}_" if self.plan.weights == "baked" else ""
        weights = offset(f"{prefix}kernel", *where)
        if self.problem.bias:
            weights += ", " + offset(f"{prefix}bias", *lane)
        return tuple(heads), weights, offset("y", *lane)

    def _call(self, block: Block, segment: Segment, name: str, base: int) -> Call:
        problem, rows = self.problem, block.tiles[segment.tile].rows
        heads, weights, y = self._place(block, base)
        steps = problem.steps
        assert steps is not None
        chunk = max(1, self.schedule.chunk // rows)
        if segment.count > 2 * chunk and block.panel.count > 1:
            end = f"(from + {chunk} < {segment.count} ? from + {chunk} : {segment.count})"
            outer = f"for (ptrdiff_t from = 0; from < {segment.count}; from += {chunk})"
            heads = (outer, *heads, count_loop("t", "from", end))
        elif segment.count > 1:
            heads += (count_loop("t", 0, segment.count),)
        turn = rows if segment.count > 1 else 0
        sample = max(0, segment.start * problem.stride - problem.pads(steps)[0])
        x_turn = (turn * problem.stride * problem.channels, "t")
        x = offset("x", *self._x_lane(block.panel), x_turn, sample * problem.channels)
        y = y + offset("", (turn * problem.filters, "t"), segment.start * problem.filters)
        last = segment.start + segment.count * rows - 1
        comment = f"outputs {segment.start} to {last}: {segment.count} tile{'s' * (segment.count > 1)} of {rows}"
        return Call(comment, heads, f"{name}({x}, {weights}, {y});")


def _term(factor: int, variable: int | str) -> int | tuple[int, str]:
    return factor * variable if isinstance(variable, int) else (factor, variable)
