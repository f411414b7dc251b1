"""The text of plans of `dots_channels`: its view, and its const tables, in the order of the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import dots_tables, expressions, integer_stage, lengths
from codegen.emission.dots_tables import in_vectors
from codegen.emission.expressions import Array, Place, Variable
from codegen.emission.integer_stage import Stage
from codegen.emission.writer import Writer
from codegen.planning.algorithms import dots_channels, integer
from codegen.planning.algorithms.dots_channels import Plan
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

__all__ = ["WRITER"]


@dataclass(frozen=True)
class Part:
    """One of the four vectors of a block: its sums, the bytes that it takes, and where its numbers lie."""

    sum: str
    four: str
    at: str
    w: str
    stored: str


@dataclass(frozen=True)
class View:
    """What the template prints beside what is in every kernel."""

    dialect: str
    lanes: int
    slots: int
    step: int
    parts: tuple[Part, ...]
    taps: int
    tap_heads: tuple[str, ...]
    rows: tuple[str, ...]
    block: int
    block_heads: tuple[str, ...]
    first_channel: str
    first_number: str
    channels: int
    zero: int
    free: bool
    centred: bool
    left: str
    steps: str
    first: str
    end: str
    sample: str
    vectors: bool
    looked_up: bool
    turns: bool = True
    dense: bool = False
    puts: bool = False
    rows_together: bool = False

    @property
    def several(self) -> bool:
        """Whether there are several fours of taps."""
        return self.slots > 4

    @property
    def stores(self) -> bool:
        return not self.vectors

    @property
    def plain(self) -> bool:
        """Whether codes are stored as they are."""
        return self.vectors and not self.looked_up


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    p, schedule, stage = plan.problem, plan.schedule, _stage(plan, name)
    wide = plan.target.dialect.name if plan.target.vector_bytes <= dots_channels.WIDEST else "avx2"
    outs = lengths.outs_of(p).text
    vectors = in_vectors(plan, stage.rounding)
    found = View(
        dialect=wide,
        lanes=schedule.lanes,
        slots=4 * dots_channels.fours(p),
        step=16 * schedule.lanes,
        parts=tuple(_part(i, schedule.lanes) for i in range(4)),
        taps=p.kernel_size,
        **_fours(4 * dots_channels.fours(p)),
        block=schedule.block,
        **_blocks(p.channels, schedule.block),
        channels=p.channels,
        zero=p.zero,
        free=p.steps is None,
        centred=p.centred and p.steps is None,
        left=lengths.padding(p)[0],
        steps=lengths.steps_of(p).text,
        first=f"{outs} * slice / slices" if plan.sliced else "0",
        end=f"{outs} * (slice + 1) / slices" if plan.sliced else outs,
        sample=Place.of(*lengths.sample_of(p).parts, (p.dilation, Variable.free("k"))).text,
        vectors=vectors,
        looked_up=vectors and bool(stage.ending.table),
    )
    return {"d": found, "s": stage}


def _fours(slots: int) -> dict[str, Any]:
    """The loop over fours of taps, or the block of the only one, and the four rows that are read there."""
    k, rows = Variable("k", slots - 4), Array("rows", slots)
    heads = (k.loop_by(4),) if k.most else ("",)
    return {"tap_heads": heads, "rows": tuple(f"{rows.number((1, k), i)} + c" for i in range(4))}


def _blocks(channels: int, block: int) -> dict[str, Any]:
    """The loop over blocks of channels, the first one of block j, and its place in the tables."""
    j = Variable.counted("j", -(-channels // block))
    first = Place.of(*expressions.block(j.most + 1, block, channels - block)).inside(channels, range(block))
    found = {"first_channel": first.text, "first_number": Place.of((block, j)).text}
    return {"block_heads": (j.loop,) * (j.most > 0), **found}


def _part(i: int, lanes: int) -> Part:
    at = Place.of((1, Variable.free("at")), i * lanes).text
    return Part(
        f"s{i}",
        f"four[{i}]",
        at,
        *(Place.of(i * size).in_array(pointer) for pointer, size in (("w", 4 * lanes), ("sums", lanes))),
    )


def _stage(plan: Plan, name: str) -> Stage:
    return integer_stage.stage(plan.problem, integer.Tile(1, 1), name, first=True, last=True)


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables, in the order of the lanes."""
    lanes = dots_channels.order(plan.problem, plan.schedule)
    return dots_tables.tables(plan, _stage(plan, name), name, weights, lambda numbers: numbers[lanes])


WRITER = Writer(template="dots_channels.c.j2", view=view, tables=tables)
