"""What `templates/gradients/kernel.c.j2` prints: register tiles of a kernel's gradient, and the loops around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codegen.algorithms import walk
from codegen.cformat import ceil_over, floor_over, times
from codegen.dtypes import DTYPES
from codegen.emission.microkernel import Loop, Microkernel, Row, Spelling, Step, accumulator, count_loop, index, starts
from codegen.gradients.plan import KernelGradientPlan, Panels

__all__ = ["view"]


@dataclass(frozen=True)
class Rows:
    """The tiles that cover channels [first, end) of `taps` taps from each k on, `step` channels at a time."""

    tile: str
    first: int
    end: int
    step: int


@dataclass(frozen=True)
class Taps:
    """Taps [first, end), `step` at a time; `whole` outputs have all of these taps, by `rows`."""

    first: int
    end: int
    step: int
    rows: tuple[Rows, ...]

    @property
    def step_up(self) -> int:
        return self.step - 1


@dataclass(frozen=True)
class Block:
    """The functions of panels of one width: `single` covers one tap, `taps` all."""

    tag: str
    width: int
    vectors: tuple[int, ...]
    tiles: tuple[Microkernel, ...]
    single: tuple[Rows, ...]
    taps: tuple[Taps, ...]
    panels: Panels
    step: int  # numbers from one row of dz, as the tiles read it, to the next


class KernelTiles:
    """Builds the blocks of one plan under one C name."""

    def __init__(self, plan: KernelGradientPlan, name: str) -> None:
        self.plan, self.name, self.problem = plan, name, plan.problem
        p, last = plan.problem, plan.problem.channels_last
        assert p.steps is not None
        self.spell = Spelling(plan.lanes, plan.target.vector_bytes == 0, DTYPES[p.dtype].c)
        self.outs = p.out_steps(p.steps)
        self.x_time, self.x_channel = (p.channels, 1) if last else (1, p.steps)
        self.sum_row = p.filters if plan.direct else plan.padded

    def blocks(self) -> tuple[Block, ...]:
        return tuple(self._block(panels) for panels in self.plan.panels)

    def _block(self, panels: Panels) -> Block:
        width = panels.vectors * self.plan.lanes
        step = width if self.plan.packed else self.problem.filters
        made: dict[str, Microkernel] = {}
        taps = []
        at = 0
        for count, size in walk.split(self.problem.kernel_size, self.plan.taps):
            rows = self._rows(made, size, panels.vectors, step)
            taps.append(Taps(at, at + count * size, size, rows))
            at += count * size
        single = self._rows(made, 1, panels.vectors, step) if self.edges or any(t.step == 1 for t in taps) else ()
        offsets = tuple(v * self.plan.lanes for v in range(panels.vectors))
        return Block(str(width), width, offsets, tuple(made.values()), single, tuple(taps), panels, step)

    @property
    def edges(self) -> bool:
        """Whether some taps of some outputs lie outside the input."""
        p = self.problem
        assert p.steps is not None
        return walk.interior(p, p.steps) != (0, self.outs)

    def _rows(self, made: dict[str, Microkernel], taps: int, vectors: int, step: int) -> tuple[Rows, ...]:
        found, at = [], 0
        for count, size in walk.split(self.problem.group_channels, self.plan.channels):
            tile = self._tile(taps, size, vectors, step)
            made.setdefault(tile.name, tile)
            found.append(Rows(tile.name, at, at + count * size, size))
            at += count * size
        return tuple(found)

    def _tile(self, taps: int, channels: int, vectors: int, step: int) -> Microkernel:
        p, spell, lanes = self.problem, self.spell, self.plan.lanes
        cells = [(k, c) for k in range(taps) for c in range(channels)]
        shared = tuple(f"w{v}" for v in range(vectors))
        loads = tuple((name, spell.load("w", (step, "t"), v * lanes)) for v, name in enumerate(shared))
        rows = []
        for row, (k, c) in enumerate(cells):
            where = index((p.stride * self.x_time, "t"), k * p.dilation * self.x_time + c * self.x_channel)
            updates = tuple(spell.update(accumulator(row, v), "s", name) for v, name in enumerate(shared))
            rows.append(Row(spell.broadcast(f"x[{where}]"), updates))
        stores = []
        for row, (k, c) in enumerate(cells):
            for v in range(vectors):
                at, total = (k * p.group_channels + c) * self.sum_row + v * lanes, accumulator(row, v)
                if spell.plain:
                    stores.append(f"y[{at}] += {total};")
                else:
                    sum_now = f"{spell.load('y', at)} + {total}"
                    stores.append(spell.store("y", (at,), sum_now, None))
        words = f"{taps} tap{'s' * (taps > 1)} x {channels} channel{'s' * (channels > 1)}"
        tag = f"{taps}x{channels}x{vectors * lanes}"
        zero = (spell.broadcast("0"),) * vectors
        loop = Loop("the outputs", (count_loop("t", 0, "count"),), (Step(loads, tuple(rows)),))
        return Microkernel(
            f"{self.name}_{tag}",
            f"{words} x {vectors * lanes} filters, summed over `count` outputs and added to y",
            spell.type,
            starts(len(cells), vectors, zero),
            shared,
            True,
            (loop,),
            tuple(stores),
            ("count",),
        )


def view(plan: KernelGradientPlan, name: str) -> dict[str, Any]:
    """The template's variables."""
    p, tiles = plan.problem, KernelTiles(plan, name)
    dtype, vectors = DTYPES[p.dtype], plan.target.vector_bytes > 0
    return _places(tiles) | {
        "p": p,
        "plan": plan,
        "name": name,
        "c": dtype.c,
        "dtype": dtype,
        "target": plan.target,
        "half": None,
        "hold": vectors,
        "plain": not vectors,
        "lanes": tuple(sorted({plan.lanes, 1}, reverse=True)),
        "lane": plan.lanes,
        "blocks": tiles.blocks(),
        "edges": tiles.edges,
        "outs": tiles.outs,
    }


def _places(tiles: KernelTiles) -> dict[str, Any]:
    """Where numbers lie: steps from one sample, tap, group, filter to the next, in x, in dz and in the sums."""
    p, plan, outs = tiles.problem, tiles.plan, tiles.outs
    assert p.steps is not None
    left = p.pads(p.steps)[0]
    return {
        "left": left,
        "in_numbers": p.steps * p.channels,
        "out_numbers": outs * p.filters,
        "x_channel": tiles.x_channel,
        "x_at": times(p.stride * tiles.x_time, "first"),
        "x_tap": p.dilation * tiles.x_time,
        "x_left": left * tiles.x_time,
        "x_group": p.group_channels * tiles.x_channel,
        "dz_group": p.group_filters * (1 if p.channels_last else outs),
        "dz_time": p.filters,
        "dz_filter": 1 if p.channels_last else outs,
        "sum_row": tiles.sum_row,
        "sum_tap": tiles.sum_row * p.group_channels,
        "sum_group": p.group_filters if plan.direct else p.terms * plan.padded,
        "kernel_numbers": p.terms * p.filters,
        "first_tap": ceil_over("-at", p.stride),
        "end_tap": floor_over("room", p.stride) + " + 1",
        "room": p.steps - 1,
    }
