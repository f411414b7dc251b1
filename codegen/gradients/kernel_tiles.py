"""Register tiles of a kernel's gradient, and the loops around them, for `templates/gradients/kernel.c.j2`."""

from __future__ import annotations

from codegen.emission.cformat import CText
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Row,
    Spelling,
    Step,
    accumulator,
    count_loop,
    starts,
    tile_function,
)
from codegen.errors.counting import counted
from codegen.gradients.kernel_functions import KernelFunctions
from codegen.gradients.kernel_loops import Around, Flush, Rows, TapPlaces, Taps, rows_of_sums
from codegen.gradients.plan import KernelGradientPlan, Panels
from codegen.gradients.row_tile import RowTile, Taken, row_tile
from codegen.planning.algorithms import tiling
from codegen.records import dataclass

__all__ = ["ChannelTiles", "KernelTiles", "RowTiles"]


@dataclass(frozen=True)
class Block:
    """The functions of panels of one width: `one_tap` covers one tap by `single`, `all_taps` all by `taps`."""

    one_tap: CFunction
    all_taps: CFunction
    tiles: tuple[Microkernel | RowTile, ...]
    single: tuple[Rows, ...]
    taps: tuple[Taps, ...]
    step: int  # numbers from one row of dz, as the tiles read it, to the next
    around: Around


class KernelTiles:
    """Builds the blocks of one plan under one C name."""

    broadcasts = True

    def __init__(self, plan: KernelGradientPlan, name: str) -> None:
        self.plan, self.name, self.problem = plan, name, plan.problem
        p, last = plan.problem, plan.problem.channels_last
        self.spell = Spelling(plan.lanes, plan.target.vector_bytes == 0, p.format.c)
        self.outs = p.known_outs
        self.chunked = plan.chunk < self.outs
        self.dz_filter, self.dz_time = (1, p.filters) if last else (self.outs, 1)
        self.x_time, self.x_channel = (p.channels, 1) if last else (1, p.known_steps)
        self.sum_row = p.filters if plan.direct else plan.padded
        self.functions = KernelFunctions(name, self.spell.c, plan.packed)
        self.in_numbers, self.out_numbers = p.known_steps * p.channels, self.outs * p.filters
        self.kernel_numbers = p.kernel_size * p.group_channels * p.filters
        x_step, x_tap = p.stride * self.x_time, p.dilation * self.x_time
        self.places = TapPlaces(x_step, x_tap, -p.pads(p.known_steps)[0] * self.x_time, self.sum_row * p.group_channels)

    @property
    def lanes(self) -> tuple[int, ...]:
        """The widths of vectors that the text has, the widest first."""
        return tuple(sorted({self.plan.lanes, 1}, reverse=True))

    def blocks(self) -> tuple[Block, ...]:
        return tuple(self._block(panels) for panels in self.plan.panels)

    def _block(self, panels: Panels) -> Block:
        width = panels.vectors * self.plan.lanes
        step = width if self.plan.packed else self.dz_time
        made: dict[str, Microkernel | RowTile] = {}
        taps = []
        at = 0
        for count, size in tiling.split(self.problem.kernel_size, self.plan.taps):
            rows = self._rows(made, size, panels.vectors, step)
            alone = count * size == self.problem.kernel_size
            taps.append(Taps(at, at + count * size, size, rows, alone, self.places))
            at += count * size
        single = self._rows(made, 1, panels.vectors, step) if self.edges or any(t.step == 1 for t in taps) else ()
        tiles = tuple(made.values())
        one_tap, all_taps = self.functions.one_tap(width), self.functions.all_taps(width)
        return Block(one_tap, all_taps, tiles, single, tuple(taps), step, self._places(panels, width))

    def _places(self, panels: Panels, width: int) -> Around:
        """The loops around a panel, and in them its first filter and the calls."""
        p, plan = self.problem, self.plan
        g, j = Variable.counted("g", p.groups), Variable.counted("j", panels.count)
        f = Variable("f", panels.first + (panels.count - 1) * width)  # the panel's first filter in its group
        lane = Place.of((width, j), panels.first)
        full = f.most + width <= p.group_filters
        rest = f"{p.group_filters} - f < {width} ? {p.group_filters} - f : {width}"
        wide = str(min(width, p.group_filters)) if full or not f.most else rest
        group_sums = p.group_filters if plan.direct else p.kernel_size * p.group_channels * plan.padded
        x = Array("x", self.in_numbers).at((p.group_channels * self.x_channel, g))
        of_group, one = (p.group_filters * self.dz_filter, g), (self.dz_filter, f)
        dz = Array("dz", self.out_numbers).at(*([] if plan.packed else [self._from]), of_group, one)
        sums = Array("sums", plan.sum_numbers or self.kernel_numbers).at((group_sums, g), (1, f))
        heads = tuple(variable.loop for variable in (g, j) if variable.most)
        return self._calls(heads, lane.text if f.most else None, width, wide, (x, dz, sums))

    @property
    def _output(self) -> Variable:
        """The output that a tile sums over, from its first on."""
        return Variable.counted("t", self.outs)

    @property
    def _from(self) -> Part:
        """The first output of a chunk, as a place in dz whose filters lie together."""
        return self.problem.filters, Variable("from", self.outs - 1 if self.chunked else 0)

    def _calls(
        self, heads: tuple[str, ...], lane: str | None, width: int, wide: str, arrays: tuple[str, str, str]
    ) -> Around:
        """The loops, the lane, and the calls that pack and that add up; `arrays` are x, dz and the sums."""
        packed, (x, dz, sums) = self.plan.packed, arrays
        ends = {} if self.chunked else {"from": "0", "to": str(self.outs)}
        pack = f"{self.functions.pack.call(dz=dz, wide=wide, width=str(width), **ends)};" if packed else ""
        call = f"{self.functions.all_taps(width).call(x=x, dz='panel' if packed else dz, sums=sums, **ends)};"
        return Around(heads or ("",) * (lane is not None), lane, pack, call)

    def flush(self) -> Flush:
        """What adds the sums, whose rows end in unused lanes, to the gradient."""
        p = self.problem
        g, i = Variable.counted("g", p.groups), Variable.counted("i", p.kernel_size * p.group_channels)
        f = Variable.counted("f", p.group_filters)
        to = Array("dkernel", self.kernel_numbers).number((p.filters, i), (p.group_filters, g), (1, f))
        line = f"{to} += {Array('sums', self.plan.padded).number((1, f))};"
        return Flush(
            rows_of_sums((g, i), self.plan.padded, f),
            line,
            "Adds the sums, whose rows end in unused lanes, to the gradient.",
        )

    @property
    def edges(self) -> bool:
        """Whether some taps of some outputs lie outside the input."""
        p = self.problem
        return tiling.interior(p, p.known_steps) != (0, self.outs)

    def _rows(self, made: dict[str, Microkernel | RowTile], taps: int, vectors: int, step: int) -> tuple[Rows, ...]:
        found, at = [], 0
        for count, size in tiling.split(self.problem.group_channels, self.plan.channels):
            tile = self._tile(taps, size, vectors, step)
            made.setdefault(tile.function.name, tile)
            end = at + count * size
            heads = (f"for (ptrdiff_t c = {at}; c < {end}; c += {size})",) if count > 1 else ()
            c = Place.of((1, Variable("c", end - size)) if count > 1 else at)
            found.append(Rows(tile.function, heads, c.scaled(self.x_channel), c.scaled(self.sum_row)))
            at += count * size
        return tuple(found)

    def _tile(self, taps: int, channels: int, vectors: int, step: int) -> Microkernel | RowTile:
        p, spell, lanes = self.problem, self.spell, self.plan.lanes
        cells = [(k, c) for k in range(taps) for c in range(channels)]
        shared = tuple(f"w{v}" for v in range(vectors))
        loads = tuple((name, spell.load("w", (step, "t"), v * lanes)) for v, name in enumerate(shared))
        rows = [self._row(row, k, c, shared) for row, (k, c) in enumerate(cells)]
        stores = []
        for row, (k, c) in enumerate(cells):
            for v in range(vectors):
                at, total = (k * p.group_channels + c) * self.sum_row + v * lanes, accumulator(row, v)
                if spell.plain:
                    stores.append(f"y[{at}] += {total};")
                else:
                    sum_now = f"{spell.load('y', at)} + {total}"
                    stores.append(spell.store("y", (at,), sum_now))
        words = f"{counted(taps, 'tap')} x " + self._across(channels, vectors * lanes)
        tag = f"{taps}x{channels}x{vectors * lanes}"
        zero = (spell.broadcast("0"),) * vectors
        loop = Loop("the outputs", (count_loop("t", 0, "count"),), (Step(loads, tuple(rows)),))
        return Microkernel(
            tile_function(f"{self.name}_{tag}", spell, "count"),
            f"{words}, summed over `count` outputs and added to y",
            spell.type,
            starts(len(cells), vectors, zero),
            shared,
            self.broadcasts,
            (loop,),
            tuple(stores),
        )

    def _row(self, row: int, k: int, c: int, shared: tuple[str, ...]) -> Row:
        """Tap k of channel c: one number of x times all vectors of dz."""
        p = self.problem
        where = Place.of((p.stride * self.x_time, self._output), k * p.dilation * self.x_time + c * self.x_channel).text
        updates = tuple(self.spell.update(accumulator(row, v), "s", name) for v, name in enumerate(shared))
        return Row(self.spell.broadcast(f"x[{where}]"), updates)

    @staticmethod
    def _across(channels: int, width: int) -> str:
        return f"{counted(channels, 'channel')} x {counted(width, 'filter')}"


class ChannelTiles(KernelTiles):
    """The same where each filter has a channel of its own: vectors of x beside vectors of dz."""

    broadcasts = False

    def _places(self, panels: Panels, width: int) -> Around:
        p, plan = self.problem, self.plan
        m, j = Variable.counted("m", p.group_filters), Variable.counted("j", panels.count)
        f = Variable("f", p.channels - width)
        lane = f"j < {panels.count - 1} ? {width} * j : {f.most}" if p.channels % width else Place.of((width, j)).text
        x, taken = Array("x", self.in_numbers).at((1, f), taken=width), p.kernel_size * plan.padded
        at: tuple[Part, ...] = ((p.group_filters, f), (1, m)) if m.most else (self._from, (1, f))
        dz = Array("dz", self.out_numbers).at(*at)
        sums = Array("sums", plan.sum_numbers or self.kernel_numbers).at((taken, m), (width, j))
        heads = tuple(variable.loop for variable in (m, j) if variable.most)
        return self._calls(heads, lane if f.most else None, width, str(width), (x, dz, sums))

    def flush(self) -> Flush:
        p, padded = self.problem, self.plan.padded
        m, k = Variable.counted("m", p.group_filters), Variable.counted("k", p.kernel_size)
        c, width = Variable.counted("c", p.channels), self.plan.panels[0].vectors * self.plan.lanes
        to = Array("dkernel", self.kernel_numbers).number((p.filters, k), (p.group_filters, c), (1, m))
        of, told = Place.of((1, c)).text, "Adds the sums to the gradient."
        if padded > p.channels:
            of = CText(f"c < {p.channels // width * width} ? c : {Place.of((1, c), padded - p.channels).text}")
            told = "Adds the sums to the gradient; of channels that two panels have, those of the first."
        return Flush(rows_of_sums((m, k), padded, c), f"{to} += sums[{of}];", told)

    def _row(self, row: int, k: int, c: int, shared: tuple[str, ...]) -> Row:
        """Tap k: each vector of dz times the channels' own numbers."""
        p, lanes = self.problem, self.plan.lanes
        at = k * p.dilation * self.x_time
        x = Place.of((p.stride * self.x_time, self._output), at)
        xs = [self.spell.load("x", *x.spelled, v * lanes) for v in range(len(shared))]
        updates = [self.spell.update(accumulator(row, v), xs[v], name) for v, name in enumerate(shared)]
        return Row(None, tuple(updates))

    @staticmethod
    def _across(channels: int, width: int) -> str:
        return counted(width, "channel")


class RowTiles(KernelTiles):
    """The same where each filter has a channel of its own, and its outputs lie together: vectors along time."""

    def _places(self, panels: Panels, width: int) -> Around:
        p = self.problem
        c, m = Variable.counted("c", p.channels), Variable.counted("m", p.group_filters)
        x = Array("x", self.in_numbers).at((p.known_steps, c))
        chunk: Part = (1, Variable("from", self.outs - 1 if self.chunked else 0))
        dz = Array("dz", self.out_numbers).at(chunk, (p.group_filters * self.outs, c), (self.outs, m))
        sums = Array("sums", self.kernel_numbers).at((p.group_filters, c), (1, m))
        heads = tuple(variable.loop for variable in (c, m) if variable.most)
        return self._calls(heads, None, width, "1", (x, dz, sums))

    @property
    def lanes(self) -> tuple[int, ...]:
        return self._taken(1, 1).widths

    def _tile(self, taps: int, channels: int, vectors: int, step: int) -> RowTile:
        return row_tile(self.name, self._taken(taps, vectors), self.sum_row)

    def _taken(self, taps: int, vectors: int) -> Taken:
        p, plan = self.problem, self.plan
        narrow = min((n for n in plan.target.lanes(p.dtype) if n > 1), default=1)
        return Taken(taps, p.dilation, p.stride, vectors, plan.lanes, min(narrow, plan.lanes), p.format.c)
