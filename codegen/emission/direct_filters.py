"""What `templates/direct_filters.c.j2` prints: the tiles and the walk of plans whose vectors run across the filters.

Serves `direct_filters` (an input number is broadcast to a row) and `depthwise` (each filter has its own input).
"""

from __future__ import annotations

import math
from typing import Any

from codegen.emission import kernel_layouts, lengths
from codegen.emission.border import Border, joins, joins_at_some_length, padded
from codegen.emission.cformat import grouped
from codegen.emission.cfunction import CFunction
from codegen.emission.end_tiles import Ends, ends
from codegen.emission.ending import handed, weight_name
from codegen.emission.expressions import FAR, Part, Place, Variable
from codegen.emission.filter_tiles import FilterTiles
from codegen.emission.filter_views import BlockView, Call, fetches, lapping, outputs
from codegen.emission.microkernel import FIRST_SLICE, LAST_SLICE, Microkernel, count_loop, share
from codegen.emission.writer import Writer
from codegen.errors.counting import counted
from codegen.planning.algorithms import filter_blocks
from codegen.planning.algorithms.direct_filters import Schedule
from codegen.planning.algorithms.filter_blocks import Block
from codegen.planning.algorithms.tiling import Panel, Segment
from codegen.planning.algorithms.written_out import activated
from codegen.planning.plan import KernelPlan

Lane = list[Part]


def view(plan: KernelPlan[Schedule], name: str, *, depthwise: bool = False) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, problem = plan.schedule, plan.problem
    return {
        "blocks": FiltersView(plan, name, depthwise).blocks(),
        "most_rows": _most_rows(schedule),
        "first_whole": lengths.first_whole(problem).text,
        "last_whole": lengths.last_whole(problem),
        "ends_padded": padded(problem)[1],
        "bounded": any(padded(problem)) or _most_rows(schedule) > max(1, plan.least_outs),
        "few": _most_rows(schedule) > max(1, plan.least_outs),
        "ahead": schedule.ahead,
        "near_outs": plan.target.core.memory.outer // (problem.filters * problem.item_bytes),
    }


def _most_rows(schedule: Schedule) -> int:
    return max(block.rows for block in schedule.blocks)


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use."""
    return {block.panel.lanes for block in plan.schedule.blocks}


class FiltersView:
    """Builds the block views of one plan under one C name."""

    def __init__(self, plan: KernelPlan[Schedule], name: str, depthwise: bool = False) -> None:
        self.plan, self.name, self.depthwise = plan, name, depthwise
        self.tiles = FilterTiles(plan, name, depthwise)
        self.problem, self.schedule = self.tiles.problem, self.tiles.schedule
        self.groups, self.channels = self.tiles.groups, self.tiles.channels
        self.filters, self.packed = self.tiles.filters, self.tiles.packed

    @property
    def joined(self) -> bool:
        """Whether the loop over blocks stands around all outputs of a known length: one is less code than several."""
        return self.plan.target.core.budget.laps and not self.plan.sliced

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

    def _block(self, block: Block, number: int, base: int) -> BlockView:
        letter = "" if len(self.schedule.blocks) == 1 else "abcdefgh"[number]
        tag = f"{block.panel.covered}{letter}"
        names = self.tiles.tile_names(block, tag)
        tiles = tuple(self.tiles.tile(tile, block.panel, names[i]) for i, tile in enumerate(block.tiles))
        sides = self._border_ends(block)
        edges = self.tiles.edges(block, tag, joined=self._joins(block)) if any(sides) else ()
        border = None
        if edges:
            tap_weights = self.channels * (block.panel.width if self.packed else self.problem.filters)
            name = f"{self.name}_border_{tag}"
            border = Border.of(name, edges, block.rows, self.problem, tap_weights, ())
            border, edges = self._with_more_tiles(border, edges, block, tag)
        calls = tuple(self._call(block, segment, tiles[segment.tile].function, base) for segment in block.segments)
        heads, weights, lane = self._place(block, base)
        x, y = Place.of(*self._x_lane(block.panel)).in_array("x"), Place.of(*lane).in_array("y")
        chunk = block.rows if self.depthwise else max(1, self.schedule.chunk // block.rows) * block.rows
        arrays = x, weights, self._beside(lane), y
        left = self._border_call(border, FIRST_SLICE, sides[0], heads, arrays, own=bool(block.opening))
        right = self._border_call(border, LAST_SLICE, sides[1], heads, arrays)
        strips, heads = self._strips(block.panel, heads)
        at = "at" if block.rows > 1 else "t"
        sample = Variable(grouped(lengths.sample_of(self.problem, Variable.free(at).place).text), FAR)
        step = (self.problem.filters, Variable(at, FAR))
        x_at, y_at = Place.of((self.problem.channels, sample)).in_array(x), Place.of(step).in_array(y)
        arguments = (x_at, weights, *self._beside(lane, step), y_at)
        tile = f"{tiles[0].function.of(*arguments)};" if tiles else ""
        own, fetched, row = self._ends(block, tag, base), ("", ""), Place.of(step).in_array("y")
        if self.problem.steps is None and self.schedule.ahead:
            alone = self.depthwise and bool(heads) and not strips and len(self.schedule.blocks) == 1
            fetched = fetches(self.plan, self.tiles.lines(block.rows, block.panel), block.rows, y_at, row, alone)
        return BlockView(
            block.rows, chunk, tiles, edges, border, calls, strips, heads, left, right, *fetched, tile, own,
            self.joined, self.plan.sliced,
        )  # fmt: skip

    def _with_more_tiles(
        self, border: Border, edges: tuple[Microkernel, ...], block: Block, tag: str
    ) -> tuple[Border, tuple[Microkernel, ...]]:
        """The border, and its tiles, with those of a free length for several neighbours."""
        most, sharing = _most_rows(self.schedule), self.tiles.sharing(block, tag)
        few = self.tiles.few(block, most, tag) if most > max(1, self.plan.least_outs) else ()
        heights = filter_blocks.rows_of_few(self.problem, block, most, self.plan.ask)
        functions = {rows: tile.function for rows, tile in zip(heights, few, strict=False)}
        made = (tile for rows, tile in zip(heights, few, strict=False) if rows < block.rows)
        return border.with_tiles(self.problem, sharing, functions), (*made, *edges, *(one.tile for one in sharing))

    def _ends(self, block: Block, tag: str, base: int) -> Ends:
        """The tiles at the ends of a free length, and their calls."""
        heads, weights, lane = self._place(block, base)
        inside = "if (first < outs)", *heads
        sliced = ((one,) * self.plan.sliced for one in (FIRST_SLICE, LAST_SLICE))
        first, last = ((*one, *inside) for one in sliced)

        def call(tile: CFunction, numbers: Part, step: Part) -> str:
            x = Place.of(*self._x_lane(block.panel), numbers).in_array("x")
            return f"{tile.of(x, weights, *self._beside(lane, step), Place.of(*lane, step).in_array('y'))};"

        return ends(self.tiles, block, tag, (first, last), call)

    def _border_ends(self, block: Block) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """The outputs of the border on either side, None where there is none: (from, to before)."""
        p = self.problem
        if p.steps is None:
            before, after = padded(p)
            few = _most_rows(self.schedule) > max(1, self.plan.least_outs) or block.opening or block.closing
            return ("0", "first") if before or few else None, ("last", "outs") if after and not block.closing else None
        if self.schedule.peeled or self.schedule.interior is None:
            return None, None
        (first, last), outs = self.schedule.interior, p.out_steps(p.steps)
        return ("0", str(first)) if first else None, (str(last), str(outs)) if last < outs else None

    def _joins(self, block: Block) -> bool:
        """Whether neighbours at the border ever go through one tile."""
        p = self.problem
        if self.joined and activated(p):
            return False
        if p.steps is None:
            ends = bool(block.opening), bool(block.closing)
            return joins_at_some_length(p, block.rows, _most_rows(self.schedule), ends)
        first, last = self.schedule.interior or (0, 0)
        return joins(p, p.steps, ((0, first), (last, p.out_steps(p.steps))), block.rows)

    def _border_call(
        self,
        border: Border | None,
        word: str,
        ends: tuple[str, str] | None,
        heads: tuple[str, ...],
        arrays: tuple[str, str, tuple[str, ...], str],
        own: bool = False,
    ) -> Call | None:
        """The border's call for the outputs between `ends`, in the slice of `word`.

        `arrays` are x, the weights, what the epilogue reads, and y.
        `own`: the side has tiles with code of their own, unless all outputs go through the border.
        """
        if border is None or ends is None:
            return None
        first, end = ends
        skipped = "taps in the padding are skipped"
        told = f"{outputs(int(first), int(end))}: {skipped}" if end.isdigit() else ""
        few = ("if (first == outs)",) * own
        return Call(told, (*(word,) * self.plan.sliced, *few, *heads), border.call(*arrays, first, end))

    def _strips(self, panel: Panel, heads: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The loops around all steps and those inside them, where a strip of the blocks is walked at a time."""
        blocks = self.schedule.strip // panel.step if panel.count > 1 else 0
        if not 0 < blocks < panel.count:
            return (), heads
        end = f"strip + {blocks}"
        if panel.count % blocks:
            end = f"({end} < {panel.count} ? {end} : {panel.count})"
        outer = f"for (ptrdiff_t strip = 0; strip < {panel.count}; strip += {blocks})"
        return (outer,), (count_loop("j", "strip", end),)

    @property
    def _group(self) -> Variable:
        return Variable.counted("g", self.groups)

    def _lane(self, panel: Panel) -> Lane:
        """The first filter of block j of group g."""
        return [(self.filters, self._group), *kernel_layouts.panel_block(panel), panel.first]

    def _x_lane(self, panel: Panel) -> Lane:
        """The first input channel of block j of group g."""
        return self._lane(panel) if self.depthwise else [(self.channels, self._group)]

    def _place(self, block: Block, base: int) -> tuple[tuple[str, ...], str, Lane]:
        """The loops over groups and blocks, and inside them the argument for w, and the first filter."""
        panel, p = block.panel, self.problem
        j = Variable.counted("j", panel.count)
        heads = tuple(variable.loop for variable in (self._group, j) if variable.most)
        lane, numbers = self._lane(panel), math.prod(p.kernel_shape)
        where, taken = Place.of(*lane), (self._rows_of_weights - 1) * p.filters + panel.covered
        if self.packed:
            taken, numbers = panel.width * self._rows_of_weights, self.groups * self._group_weights
            where = Place.of((self._group_weights, self._group), (taken, j), base)
        return heads, where.inside(numbers, range(taken)).in_array(weight_name(self.plan.ask, self.name)), lane

    def _beside(self, lane: Lane, *output: Part) -> tuple[str, ...]:
        """What the epilogue reads of the filters from `lane` on, of their outputs so much further on."""
        filters, outputs = Place.of(*lane), Place.of(*lane, *output)
        return handed(self.plan, self.name, filters.in_array, outputs.in_array)

    def _call(self, block: Block, segment: Segment, tile: CFunction, base: int) -> Call:
        problem, rows = self.problem, block.tiles[segment.tile].rows
        heads, weights, lane = self._place(block, base)
        steps = problem.steps
        assert steps is not None
        heads, (each, t) = self._walk(block, segment, heads)
        sample = max(0, segment.start * problem.stride - problem.pads(steps)[0])
        x_step = (each * problem.stride * problem.channels, t), sample * problem.channels
        x = Place.of(*self._x_lane(block.panel), *x_step)
        step = (each * problem.filters, t), segment.start * problem.filters
        y = Place.of(*lane, *step)
        x.inside(steps * problem.channels, self._read(block, segment))
        y.inside(problem.out_steps(steps) * problem.filters, range((rows - 1) * problem.filters + block.panel.covered))
        arguments = (x.in_array("x"), weights, *self._beside(lane, *step), y.in_array("y"))
        comment = f"{outputs(segment.start, segment.end(rows))}: {counted(segment.count, 'tile')} of {rows}"
        comment += ", of which the last overlaps its neighbour" if segment.lap else ""
        return Call(comment, heads, f"{tile.of(*arguments)};")

    def _walk(
        self, block: Block, segment: Segment, heads: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[int, Variable]]:
        """The loops over the tiles of a segment and over blocks, and the outputs that a tile is from the first one."""
        rows, problem = block.tiles[segment.tile].rows, self.problem
        each = rows, Variable.counted("t", segment.count)
        first, last = share(segment.count) if self.plan.sliced else ("0", str(segment.count))
        chunk = max(1, self.schedule.chunk // rows)
        if segment.lap:
            most = (segment.count - 1) * rows - segment.lap
            return (*heads, lapping(most, rows, segment.lap)), (1, Variable("t", most))
        if self.joined and segment.count > 1:
            return (*heads, count_loop("t", first, last)), each
        if self.depthwise and segment.count > 1:  # rows of channels, one tile's after the other
            strips, heads = self._strips(block.panel, heads)
            return (*strips, count_loop("t", first, last), *heads), each
        if segment.count > 1 == self.schedule.chunk:  # whole rows of y, one tile's after the other
            return (count_loop("t", first, last), *heads), each
        if segment.count > 2 * chunk and block.panel.count * self.groups > 1:
            end = f"(from + {chunk} < {last} ? from + {chunk} : {last})"
            outer = f"for (ptrdiff_t from = {first}; from < {last}; from += {chunk})"
            return (outer, *heads, count_loop("t", "from", end)), each
        if segment.count > 1:
            return (*heads, count_loop("t", first, last)), each
        if self.plan.sliced:
            assert problem.steps is not None
            half = FIRST_SLICE if 2 * segment.start < problem.out_steps(problem.steps) else LAST_SLICE
            return (half, *heads), each
        return heads, each

    def _read(self, block: Block, segment: Segment) -> range:
        """The numbers of x that a tile reads, from the first to the last, counted from the place that it is handed."""
        p, tile = self.problem, block.tiles[segment.tile]
        across = block.panel.covered if self.depthwise else self.channels
        samples = [
            row * p.stride + tap * p.dilation + tile.origin
            for span in tile.spans
            for row, tap in ((span.top, span.first), (span.bottom - 1, span.last - 1))
        ]
        return range(min(samples) * p.channels, max(samples) * p.channels + across) if samples else range(0)


WRITER = Writer(template="direct_filters.c.j2", view=view, lanes=lanes, packing=kernel_layouts.by_groups)
