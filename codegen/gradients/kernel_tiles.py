"""What `templates/gradients/kernel.c.j2` prints: register tiles of a kernel's gradient, and the loops around them."""

from __future__ import annotations

from typing import Any

from codegen.emission import render
from codegen.emission.cformat import CText, ceil_over, floor_over, grouped
from codegen.emission.cfunction import CFunction
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
    tile_function,
)
from codegen.emission.relayout import Turn
from codegen.errors.counting import counted
from codegen.gradients.kernel_functions import KernelFunctions, Rows, Taps
from codegen.gradients.plan import KernelGradientPlan, Panels
from codegen.planning.algorithms import tiling
from codegen.records import dataclass

__all__ = ["text", "view"]


@dataclass(frozen=True)
class Block:
    """The functions of panels of one width: `one_tap` covers one tap by `single`, `all_taps` all by `taps`."""

    one_tap: CFunction
    all_taps: CFunction
    tiles: tuple[Microkernel, ...]
    single: tuple[Rows, ...]
    taps: tuple[Taps, ...]
    step: int  # numbers from one row of dz, as the tiles read it, to the next
    heads: tuple[str, ...]  # the loops over groups and panels but the last
    opening: str  # that one, with its brace; in it:
    lane: str  # the panel's first filter in its group
    pack: str  # the call that copies its dz, if one does
    call: str


class KernelTiles:
    """Builds the blocks of one plan under one C name."""

    broadcasts = True

    def __init__(self, plan: KernelGradientPlan, name: str) -> None:
        self.plan, self.name, self.problem = plan, name, plan.problem
        p, last = plan.problem, plan.problem.channels_last
        assert p.steps is not None
        self.spell = Spelling(plan.lanes, plan.target.vector_bytes == 0, p.format.c)
        self.outs = p.out_steps(p.steps)
        self.chunked = plan.chunk < self.outs
        self.dz_filter = 1 if last else self.outs
        self.x_time, self.x_channel = (p.channels, 1) if last else (1, p.steps)
        self.sum_row = p.filters if plan.direct else plan.padded
        self.functions = KernelFunctions(name, self.spell.c, plan.packed)

    def blocks(self) -> tuple[Block, ...]:
        return tuple(self._block(panels) for panels in self.plan.panels)

    def _block(self, panels: Panels) -> Block:
        width = panels.vectors * self.plan.lanes
        step = width if self.plan.packed else self.problem.filters
        made: dict[str, Microkernel] = {}
        taps = []
        at = 0
        for count, size in tiling.split(self.problem.kernel_size, self.plan.taps):
            rows = self._rows(made, size, panels.vectors, step)
            taps.append(Taps(at, at + count * size, size, rows))
            at += count * size
        single = self._rows(made, 1, panels.vectors, step) if self.edges or any(t.step == 1 for t in taps) else ()
        tiles = tuple(made.values())
        one_tap, all_taps = self.functions.one_tap(width), self.functions.all_taps(width)
        places = self._places(panels, width)
        return Block(one_tap, all_taps, tiles, single, tuple(taps), step, *places)

    def _places(self, panels: Panels, width: int) -> tuple[tuple[str, ...], str, str, str, str]:
        """The loops around a panel, and in them its first filter and the calls."""
        p, plan = self.problem, self.plan
        counts = {"g": p.groups, "j": panels.count}
        heads = tuple(count_loop(name, 0, count) for name, count in counts.items() if count > 1)
        many = p.groups > 1
        full = panels.first + panels.count * width <= p.group_filters
        rest = f"{p.group_filters} - f < {width} ? {p.group_filters} - f : {width}"
        group_dz = (p.group_filters * self.dz_filter * many, "g")
        wide = str(width) if full else rest
        group_sums = p.group_filters if plan.direct else p.kernel_size * p.group_channels * plan.padded
        x, sums = offset("x", (p.group_channels * self.x_channel * many, "g")), offset("sums", (group_sums * many, "g"))
        dz = offset("dz", group_dz, (self.dz_filter, "f"))
        if not plan.packed:
            dz = offset("dz", (p.filters * self.chunked, "from"), group_dz, (1, "f"))
        lane = index((width * (panels.count > 1), "j"), panels.first)
        return self._calls(heads, lane, width, wide, x, dz, f"{sums} + f")

    def _calls(
        self, heads: tuple[str, ...], lane: str, width: int, wide: str, x: str, dz: str, sums: str
    ) -> tuple[tuple[str, ...], str, str, str, str]:
        """The loops but the last, that one opened, the lane, and the calls that pack and that add up."""
        packed = self.plan.packed
        ends = {} if self.chunked else {"from": "0", "to": str(self.outs)}
        pack = f"{self.functions.pack.call(dz=dz, wide=wide, width=str(width), **ends)};" if packed else ""
        call = f"{self.functions.all_taps(width).call(x=x, dz='panel' if packed else dz, sums=sums, **ends)};"
        return heads[:-1], heads[-1] + " {" if heads else "{", lane, pack, call

    @property
    def edges(self) -> bool:
        """Whether some taps of some outputs lie outside the input."""
        p = self.problem
        assert p.steps is not None
        return tiling.interior(p, p.steps) != (0, self.outs)

    def _rows(self, made: dict[str, Microkernel], taps: int, vectors: int, step: int) -> tuple[Rows, ...]:
        found, at = [], 0
        for count, size in tiling.split(self.problem.group_channels, self.plan.channels):
            tile = self._tile(taps, size, vectors, step)
            made.setdefault(tile.function.name, tile)
            heads = (f"for (ptrdiff_t c = {at}; c < {at + count * size}; c += {size})",) if count > 1 else ()
            c = "c" if count > 1 else str(at)
            x, sums = (self._channel(step, c) for step in (self.x_channel, self.sum_row))
            found.append(Rows(tile.function, heads, x, sums))
            at += count * size
        return tuple(found)

    @staticmethod
    def _channel(step: int, c: str) -> str:
        """The place of channel c, a variable or a number, to add to a pointer."""
        where = index((step, c)) if c == "c" else str(step * int(c))
        return "" if where == "0" else f" + {where}"

    def _tile(self, taps: int, channels: int, vectors: int, step: int) -> Microkernel:
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
        where = index((p.stride * self.x_time, "t"), k * p.dilation * self.x_time + c * self.x_channel)
        updates = tuple(self.spell.update(accumulator(row, v), "s", name) for v, name in enumerate(shared))
        return Row(self.spell.broadcast(f"x[{where}]"), updates)

    @staticmethod
    def _across(channels: int, width: int) -> str:
        return f"{counted(channels, 'channel')} x {counted(width, 'filter')}"


class ChannelTiles(KernelTiles):
    """The same where each filter has a channel of its own: vectors of x beside vectors of dz."""

    broadcasts = False

    def _places(self, panels: Panels, width: int) -> tuple[tuple[str, ...], str, str, str, str]:
        p, plan = self.problem, self.plan
        counts = {"m": p.group_filters, "j": panels.count}
        heads = tuple(count_loop(name, 0, count) for name, count in counts.items() if count > 1)
        lane = index((width * (panels.count > 1), "j"))
        if p.channels % width:
            lane = f"j < {panels.count - 1} ? {width} * j : {p.channels - width}"
        many = p.group_filters > 1
        dz = (
            offset("dz", (p.group_filters, "f"), (1, "m"))
            if many
            else offset("dz", (p.filters * self.chunked, "from"), (1, "f"))
        )
        sums = offset("sums", (p.kernel_size * plan.padded * many, "m"), (width * (panels.count > 1), "j"))
        return self._calls(heads, lane, width, str(width), "x + f", dz, sums)

    def _row(self, row: int, k: int, c: int, shared: tuple[str, ...]) -> Row:
        """Tap k: each vector of dz times the channels' own numbers."""
        p, lanes = self.problem, self.plan.lanes
        at = k * p.dilation * self.x_time
        xs = [self.spell.load("x", (p.stride * self.x_time, "t"), at + v * lanes) for v in range(len(shared))]
        updates = [self.spell.update(accumulator(row, v), xs[v], name) for v, name in enumerate(shared)]
        return Row(None, tuple(updates))

    @staticmethod
    def _across(channels: int, width: int) -> str:
        return counted(width, "channel")


def view(plan: KernelGradientPlan, name: str) -> dict[str, Any]:
    """The template's variables."""
    p, tiles = plan.problem, (ChannelTiles if plan.channelwise else KernelTiles)(plan, name)
    dtype, vectors = p.format, plan.target.vector_bytes > 0
    return (
        _places(tiles)
        | _turn(plan, name)
        | {
            "p": p,
            "plan": plan,
            "name": name,
            "c": dtype.c,
            "dtype": dtype,
            "target": plan.target,
            "hold": vectors,
            "plain": not vectors,
            "lanes": tuple(sorted({plan.lanes, 1}, reverse=True)),
            "lane": plan.lanes,
            "blocks": tiles.blocks(),
            "functions": tiles.functions,
            "edges": tiles.edges,
            "chunks": [f"for (ptrdiff_t from = 0; from < {tiles.outs}; from += {plan.chunk})"] * tiles.chunked,
            "outs": tiles.outs,
        }
    )


def _turn(plan: KernelGradientPlan, name: str) -> dict[str, Any]:
    """The square that packs dz of channels_first, where vectors do."""
    if not plan.packed or plan.problem.channels_last or plan.lanes == 1:
        return {"turn": None}
    turn = Turn.of(plan.lanes, plan.problem.item_bytes, f"{name}_pick")
    return {"turn": turn, "turn_lines": turn.lines, "word": plan.problem.format.word}


def _places(tiles: KernelTiles) -> dict[str, Any]:
    """Where numbers lie: steps from one sample, tap, group, filter to the next, in x, in dz and in the sums."""
    p, plan, outs = tiles.problem, tiles.plan, tiles.outs
    width = plan.panels[0].vectors * plan.lanes
    assert p.steps is not None
    left = p.pads(p.steps)[0]
    tap_at = index((p.dilation, "k"), -left)
    return {
        "left": left,
        "in_numbers": p.steps * p.channels,
        "out_numbers": outs * p.filters,
        "x_at": index((p.stride * tiles.x_time, "first"), (p.dilation * tiles.x_time, "k"), -left * tiles.x_time),
        "tap_at": tap_at,
        "dz_time": p.filters,
        "sum_tap": tiles.sum_row * p.group_channels,
        "dkernel_at": index((p.filters, "k"), (p.group_filters, "c"), (int(p.group_filters > 1), "m")),
        "overlapped": f"c < {p.channels // width * width} ? c : {index((1, 'c'), plan.padded - p.channels)}"
        if plan.padded > p.channels
        else "c",
        "kernel_rows": p.kernel_size * p.group_channels,
        "kernel_numbers": p.kernel_size * p.group_channels * p.filters,
        "first_tap": ceil_over("-at", p.stride),
        "end_tap": floor_over("room", p.stride) + " + 1",
        "room": CText(f"{p.steps - 1} - {grouped(tap_at)}"),
    }


def text(view: dict[str, Any]) -> str:
    """The functions of a view, in which names of the vector spelling are marked."""
    return render.piece("gradients/kernel.c.j2", view) + render.piece("gradients/sums.c.j2", view)
