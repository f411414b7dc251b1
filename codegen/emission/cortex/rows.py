"""What the templates of a kernel's buffer, of its frame, of tables and of a file print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from codegen.emission.cformat import integer
from codegen.emission.cortex.scaling import Scaling
from codegen.emission.cortex.sums import Sums
from codegen.planning.assembly.shape import FARTHEST, Shape
from codegen.planning.assembly.walk import Walk
from codegen.records import dataclass


@dataclass(frozen=True)
class Slot:
    """A word of the stack frame."""

    name: str
    at: int


def frame(names: Sequence[str], walk: Walk, pushed: int) -> tuple[Slot, ...]:
    """Words of the frame, in order, and its bytes, a multiple of 8; behind it and so many `pushed` bytes the caller's.

    There are the steps and the outputs of a free length.
    """
    names = (*names, *(["first"] if walk.band or walk.free else []))
    size = -(-len(names) // 2) * 8
    slots = [Slot(f"at_{name}", 4 * i) for i, name in enumerate(names)]
    told = [Slot(f"at_{name}", size + pushed + 4 * i) for i, name in enumerate(("steps", "outs"))]
    return (*slots, Slot("frame", size), *(told[: walk.free + walk.counted]))


def words(numbers: Iterable[int]) -> Iterator[str]:
    """Lines of 32-bit words."""
    return _lines(".word", numbers, 8)


def octets(numbers: Iterable[int]) -> Iterator[str]:
    """Lines of bytes."""
    return _lines(".byte", numbers, 16)


def halves(numbers: Iterable[int]) -> Iterator[str]:
    """Lines of 16-bit numbers."""
    return _lines(".short", numbers, 16)


def _lines(directive: str, numbers: Iterable[int], count: int) -> Iterator[str]:
    given = iter(numbers)
    while row := list(islice(given, count)):
        yield f"{directive} {', '.join(map(integer, row))}"


@dataclass(frozen=True)
class Sample:
    """A number of the input, so far from the first of four."""

    register: str
    at: int


@dataclass(frozen=True)
class Rows:
    """What every kernel prints of its walk, of the rows in its buffer and of its file; the kernels' views add theirs.

    Labels begin with `tag`. `row_words` are the whole words of a row, `row_tail` numbers the bytes behind them. `four`
    are four samples of one channel, within reach of one register where they are `near_rows`. `workspace` is in bytes.
    A `banded` call is told its first row, one of a `free` length its steps, a `counted` one its outputs. `padded`: rows
    are read that lie outside of the input. `several`: there are positions behind those in the buffer. `parted`: the
    positions of a phase come in parts, for which rows are filled. A window has `taps` rows, `taps_beyond` those of a
    stride. Windows that share no row may be `adjoining`, together `window_rows`.
    """

    name: str
    tag: str
    scaling: Scaling
    guard: str
    slots: tuple[Slot, ...]
    channels: int
    group_channels: int
    group_filters: int
    filters: int
    groups: int
    taps: int
    taps_beyond: int
    parted: bool
    positions: int
    more_positions: int
    rows: int
    steps_rounded: int
    row_step: int
    row_step_less: int
    row_bytes: int
    row_rest: int
    row_words: int
    row_tail: tuple[int, ...]
    one_channel: bool
    four: tuple[Sample, ...]
    near_rows: bool
    gathered: bool
    side_by_side: bool
    input_zero: int
    buffer_row_bytes: int
    buffer_bytes: int
    words_only: bool
    phases: int
    phases_less: int
    cut: int
    first_row: int
    banded: bool
    free: bool
    counted: bool
    padded: bool
    several: bool
    adjoining: bool
    window_rows: int
    stride: int
    stride_steps: int
    position_steps: int
    position_bytes: int
    skipped_steps: int
    apart: bool
    workspace: int
    aligned: int
    data: tuple[str, ...]
    table_lines: tuple[str, ...]


def told(sums: Sums, over: Shape, name: str) -> dict[str, Any]:
    """The fields of `Rows` that a problem and its walk decide."""
    walk, p, item = over.walk, sums.problem, over.item
    step = walk.row_step
    return _input(sums, walk) | {
        "name": name,
        "tag": "",
        "taps": p.kernel_size,
        "taps_beyond": p.kernel_size - walk.stride,
        "parted": walk.line,
        "more_positions": walk.most - over.held,
        "rows": walk.rows(over.held),
        "buffer_row_bytes": item * p.group_channels,
        "buffer_bytes": over.buffer_bytes,
        "words_only": item * p.group_channels % 4 == 0,
        "phases": walk.phases,
        "phases_less": walk.phases - 1,
        "cut": walk.cut,
        "first_row": -walk.left,
        "banded": walk.band > 0 or walk.free,
        "free": walk.free,
        "counted": walk.counted,
        "padded": walk.padded,
        "several": walk.counted or walk.most > over.held,
        "adjoining": walk.position_steps == p.kernel_size * step,
        "window_rows": over.positions * p.kernel_size,
        "stride": walk.stride,
        "stride_steps": p.stride,
        "position_steps": walk.position_steps,
        "position_bytes": p.filters * walk.phases,
        "skipped_steps": walk.position_steps - p.kernel_size * step,
        "apart": walk.apart,
        "workspace": over.workspace,
        "table_lines": tuple(octets(sums.table.tolist())) if sums.table is not None else (),
    }


def _input(sums: Sums, walk: Walk) -> dict[str, Any]:
    """Those of rows as they lie in the input."""
    p, step = sums.problem, walk.row_step
    return {
        "channels": p.channels,
        "group_channels": p.group_channels,
        "group_filters": p.group_filters,
        "filters": p.filters,
        "groups": p.groups,
        "steps_rounded": walk.steps + step - 1,
        "row_step": step,
        "row_step_less": step - 1,
        "row_bytes": p.channels * step,
        "row_rest": p.channels * step - p.group_channels,
        "row_words": p.group_channels // 4,
        "row_tail": tuple(range(p.group_channels % 4)),
        "one_channel": p.group_channels == 1,
        "four": tuple(Sample(f"r{6 + i}", i * p.channels * step) for i in range(4)),
        "near_rows": 3 * p.channels * step <= FARTHEST,
        "gathered": p.group_channels == 1 and 7 * p.channels * step < 1 << 16,
        "side_by_side": p.channels * step == p.group_channels,
        "input_zero": sums.input_zero,
    }
