"""The walk of `direct_steps` over a sample: chunks of outputs, in each the border before, the tiles, the border after.

What is known before it runs is a number in the C: where the length is, most of it; a border that no output has, and a
tile that none fits, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emission import border
from codegen.emission.border import padded
from codegen.emission.cformat import counted, times
from codegen.emission.expressions import Place, Variable
from codegen.emission.interface import out_steps
from codegen.emission.lengths import first_whole, last_whole, padding
from codegen.emission.microkernel import chunk_loop
from codegen.planning.algorithms.direct_steps import Schedule
from codegen.planning.plan import KernelPlan
from codegen.records import dataclass

FROM, TO, FIRST = (Variable.free(name) for name in ("from", "to", "first"))
Range = tuple[Place, Place]


@dataclass(frozen=True)
class Walk:
    """`opening` are the statements before the first chunk, `loop` the head over the chunks where there are several.

    In a chunk, after what is `declared` there, `before` and `after` are the outputs of the border on either side,
    `tiles` those of the tile: (the first, the end), None where there are none. `whole`: the tiles end where their
    outputs do. `once`: there is one tile.
    """

    opening: tuple[str, ...]
    loop: tuple[str, ...]
    declared: tuple[str, ...]
    before: Range | None
    tiles: Range | None
    after: Range | None
    whole: bool = False
    once: bool = False

    @property
    def has_border(self) -> bool:
        return self.before is not None or self.after is not None


@dataclass(frozen=True)
class Chunk:
    """The outputs from `first` to before `end`; those from `low` to before `high` in tiles."""

    first: int
    low: int
    high: int
    end: int


def walk(plan: KernelPlan, name: str) -> Walk:
    """The walk of the plan's function `name`."""
    p, schedule = plan.problem, plan.schedule
    assert isinstance(schedule, Schedule)
    if p.steps is None:
        return _free(plan, schedule, name)
    outs, size = p.out_steps(p.steps), _size(schedule)
    chunks = tuple(_chunks(outs, schedule))
    before, after = any(one.low > one.first for one in chunks), any(one.end > one.high for one in chunks)
    fits = any(one.high > one.low for one in chunks)
    if len(chunks) == 1 and not plan.sliced:
        return _alone(chunks[0], schedule, before, fits, after)
    first, last = schedule.interior or (0, 0)
    count = max(1, outs // size)
    longer = ", the last one longer" if count > 1 and outs % size else ""
    opening = f"const ptrdiff_t chunks = {count}; /* of {counted(min(size, outs), 'output')}{longer} */"
    made = _named(schedule, str(outs), str(first), str(last), (before, last < outs, after))
    tiles = made.tiles if fits else None
    return Walk((opening,), (chunk_loop(plan),), made.declared, made.before, tiles, made.after)


def joins(plan: KernelPlan) -> bool:
    """Whether a vector of neighbours at a border ever has the same taps."""
    p, schedule = plan.problem, plan.schedule
    assert isinstance(schedule, Schedule)
    if p.steps is None:
        return border.joins_at_some_length(p, schedule.lanes, schedule.width)
    chunks = tuple(_chunks(p.out_steps(p.steps), schedule))
    ranges = (ends for one in chunks for ends in ((one.first, one.low), (one.high, one.end)))
    return border.joins(p, p.steps, ranges, schedule.lanes)


def _alone(one: Chunk, schedule: Schedule, before: bool, fits: bool, after: bool) -> Walk:
    """One chunk of a known length: numbers alone."""
    first, low, high, end = map(Place.of, (one.first, one.low, one.high, one.end))
    tiled = one.high - one.low
    return Walk(
        (),
        (),
        (),
        (first, low) if before else None,
        (low, high) if fits else None,
        (high, end) if after else None,
        tiled % schedule.width == 0,
        tiled == schedule.width,
    )


def _free(plan: KernelPlan, schedule: Schedule, name: str) -> Walk:
    """Chunks of a length that is known when it runs."""
    p, size = plan.problem, _size(schedule)
    (before, after), few = padded(p), schedule.width > max(1, plan.least_outs)
    opening = [f"const ptrdiff_t outs = {out_steps(name).call()};"]
    if p.centred:
        opening.append(f"const ptrdiff_t left = {padding(p)[0]};")
    if after:
        opening.append("/* outputs up to last - 1 have all their taps before the input's end */")
        opening.append(f"const ptrdiff_t last = {last_whole(p)};")
    first = first_whole(p)
    if before and first.known is None:
        opening.append(f"const ptrdiff_t first = {first.text}; /* and from this one on behind its start */")
        first = FIRST.place
    made = _named(schedule, "outs", first.text, "last", (before, after, few or before or after))
    if len(schedule.starts) == 1 and not plan.sliced:  # no other block of filters reads what a chunk has read
        declared = ("const ptrdiff_t from = 0, to = outs;", *made.declared[1:])
        return Walk(tuple(opening), (), declared, made.before, made.tiles, made.after)
    opening.append(f"/* chunks of {counted(size, 'output')}, the last one longer */")
    some = "outs" if size == 1 else f"outs < {size} ? outs > 0 : outs / {size}"
    opening.append(f"const ptrdiff_t chunks = {some};")
    return Walk(tuple(opening), (chunk_loop(plan),), made.declared, made.before, made.tiles, made.after)


@dataclass(frozen=True)
class _Named:
    """A chunk's ranges in variables, as in Walk."""

    declared: tuple[str, ...]
    before: Range | None
    tiles: Range
    after: Range | None


def _named(schedule: Schedule, outs: str, first: str, last: str, some: tuple[bool, bool, bool]) -> _Named:
    """What a chunk knows when it runs.

    `some`: whether outputs before `first` and from `last` on exist, and any that come after a chunk's tiles.
    """
    starts, ends, after = some
    after = after and (ends or schedule.width > 1)  # a tile of one output leaves none over
    size, low, high = _size(schedule), FROM, TO
    declared = [f"const ptrdiff_t from = {times(size, 'chunk')}, to = chunk + 1 < chunks ? from + {size} : {outs};"]
    if starts:
        declared.append(f"const ptrdiff_t lo = {first} < from ? from : {first} < to ? {first} : to;")
        low = Variable.free("lo")
    if ends:
        declared.append(f"const ptrdiff_t end = {last} > to ? to : {last} > {low.name} ? {last} : {low.name};")
        high = Variable.free("end")
    if after and schedule.width > 1:
        few = f"{high.name} - {low.name} < {schedule.width} ? {low.name} : {high.name}"
        declared.append(f"const ptrdiff_t hi = {few}; /* too few for a tile: to the border */")
        high = Variable.free("hi")
    before = (FROM.place, low.place) if starts else None
    return _Named(tuple(declared), before, (low.place, high.place), (high.place, TO.place) if after else None)


def _size(schedule: Schedule) -> int:
    """Outputs of a chunk: whole tiles."""
    return max(1, schedule.chunk // schedule.width) * schedule.width


def _chunks(outs: int, schedule: Schedule) -> Iterator[Chunk]:
    """The chunks of a known length; of many, those that differ: at the ends, and where the interior begins or ends."""
    size, (first, last) = _size(schedule), schedule.interior or (0, 0)
    count = max(1, outs // size)
    for i in sorted({0, 1, first // size, (last - 1) // size, last // size, count - 1}):
        if 0 <= i < count:
            start, end = size * i, size * (i + 1) if i + 1 < count else outs
            low = min(max(first, start), end)
            high = max(min(last, end), low)
            yield Chunk(start, low, low if high - low < schedule.width else high, end)
