"""The text of plans of `dots_channels`: its view, and its const tables, in the order of the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import expressions, integer_stage, lengths
from codegen.emission.dots import in_vectors
from codegen.emission.expressions import Array, Place, Variable
from codegen.emission.integer_stage import Stage
from codegen.emission.integer_tables import Factor, Table, rescaling
from codegen.emission.writer import Writer
from codegen.planning.algorithms import dots_channels, integer
from codegen.planning.algorithms.dots_channels import Plan
from codegen.problem.sums import folded
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


def _shifts(shift: np.ndarray) -> list[Table]:
    """Those to the right, and those to the left where there are any."""
    right = Table.of("shifts", (-shift).clip(0), "int32")
    return [right, *([Table.of("lefts", shift.clip(0), "int32")] if (shift > 0).any() else [])]


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables; what the input is moved by and its zero are multiplied into the bias."""
    import numpy as np

    kernel, *operands = weights
    dots = plan.target.dialect.dots
    assert kernel is not None
    assert dots is not None
    p, stage, lanes = plan.problem, _stage(plan, name), dots_channels.order(plan.problem, plan.schedule)
    given = zip((one.name for one in p.epilogue.operands), operands, strict=True)
    named = {word: array for word, array in given if array is not None}
    moved = dots.moved * kernel.astype(np.int64).sum(axis=(0, 1))
    first = (folded(p, kernel, named.get("bias")) - moved + 2**31) % 2**32 - 2**31  # sums of int32 wrap
    vectors = in_vectors(plan, stage.rounding)
    codes = dots_channels.pack(plan, kernel)
    made = [Table.of_codes("kernel", codes, plan.ask), Table.of("bias", first[lanes], "int32")]
    factor, left = Factor(""), False
    if not vectors:
        factor, more = rescaling(p, named, name, "")
        made += more
    elif "factor" in named:
        made.append(Table.of("factors", named["factor"][lanes], "float32"))
    else:
        shift = named["shift"].astype(np.int64)[lanes]
        left = bool((shift > 0).any())
        made.append(Table.of("multipliers", named["multiplier"][lanes], "int32"))
        made += _shifts(shift)
    if stage.ending.table:
        made.append(Table.of("table", np.array(stage.ending.table), "int8"))
    return {
        "tables": tuple((one.label, one.type, one.count, one.values) for one in made),
        "factor": factor,
        "left": left,
        "fp32": vectors and "factor" in named,
        "double": vectors and "factor" not in named,
        "low": stage.low,
        "high": stage.high,
        "zero": stage.ending.zero_point,
    }


WRITER = Writer(template="dots_channels.c.j2", view=view, tables=tables)
