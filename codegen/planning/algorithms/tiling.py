"""The walk over the output steps that the algorithms share: tiles, the taps that each of their rows has, and panels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from codegen.errors.counting import counted
from codegen.planning.plan import AnyPlan, Key
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

LOOKED_AT = 8  # outputs at a border, or a few more, whose taps are counted


@dataclass(frozen=True)
class Span:
    """Taps [first, last) that the rows [top, bottom) of a tile have in common."""

    first: int
    last: int
    top: int
    bottom: int

    @property
    def key(self) -> Key:
        return self.first, self.last, self.top, self.bottom


@dataclass(frozen=True)
class Tile:
    """The register tile's rows (output steps) and, span by span, the taps of each.

    `origin` is the sample of row 0's tap 0 relative to the pointer that the tile is called with: 0, or negative at the
    left border, where that sample would lie before the input.
    """

    rows: int
    spans: tuple[Span, ...]
    origin: int = 0

    @property
    def products(self) -> int:
        """The taps of all rows."""
        return sum((span.last - span.first) * (span.bottom - span.top) for span in self.spans)

    @property
    def key(self) -> Key:
        return self.rows, tuple(span.key for span in self.spans), self.origin


@dataclass(frozen=True)
class Segment:
    """`count` equal tiles from output step `start` on; `tile` indexes the schedule's tiles.

    The last one overlaps its neighbour by `lap` outputs, which are computed twice, with the same bits.
    """

    start: int
    count: int
    tile: int
    lap: int = 0

    @property
    def key(self) -> Key:
        return self.start, self.count, self.tile, *((self.lap,) if self.lap else ())

    def end(self, rows: int) -> int:
        """The output behind the last one, of tiles of `rows`."""
        return self.start + self.count * rows - self.lap


@dataclass(frozen=True)
class Panel:
    """`count` equal blocks of output lanes (filters or channels), `step` apart from `first` on; the last at `last`.

    Vector v of a block covers lanes [offsets[v], offsets[v] + lanes) of it. Vectors may overlap: a lane computed twice
    is stored twice, with the same bits, and no partial vector is ever loaded or stored.
    """

    first: int
    count: int
    step: int
    last: int
    lanes: int
    offsets: tuple[int, ...]

    @property
    def key(self) -> Key:
        return self.first, self.count, self.step, self.last, self.lanes, self.offsets

    @property
    def width(self) -> int:
        """Numbers in a packed row of a block: its vectors, overlaps counted."""
        return self.lanes * len(self.offsets)

    @property
    def covered(self) -> int:
        """Lanes that a block computes, overlaps not counted."""
        return max(self.offsets) + self.lanes

    @property
    def starts(self) -> tuple[int, ...]:
        return (*(self.first + j * self.step for j in range(self.count - 1)), self.last)

    @property
    def even(self) -> bool:
        """Whether the last block keeps the step, and does not overlap its neighbour."""
        return self.last == self.first + (self.count - 1) * self.step


def held(accumulators: int, lanes: int) -> str:
    """What a tile holds in registers, in words."""
    if lanes == 1:
        return counted(accumulators, "accumulator")
    return f"{counted(accumulators, 'accumulator vector')} of {lanes}"


Partition = tuple[tuple[int, int], ...]
"""Blocks of output lanes in order: ((vectors of a block, neighbouring blocks of so many), …)."""


@dataclass(frozen=True)
class Starts:
    """Where blocks begin: `count` of them, `step` apart from 0 on, the last at `last`. As a tuple of them reads."""

    count: int
    step: int
    last: int

    @property
    def key(self) -> Key:
        return self.count, self.step, self.last

    @classmethod
    def of(cls, size: int, rows: int) -> Starts:
        """Blocks of `rows` that cover `size`; the last one may overlap its neighbour."""
        count = -(-size // rows)
        return cls(count, rows, size - rows if count > 1 else 0)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        at = range(self.count)[index]
        return self.last if at == self.count - 1 else self.step * at

    def __iter__(self) -> Iterator[int]:
        return (self[at] for at in range(self.count))


def tap_by_tap(plan: AnyPlan) -> Key:
    """The order of direct sums: all channels of a tap, then those of the next one."""
    return ("taps",)


def split(size: int, rows: int) -> tuple[tuple[int, int], ...]:
    """`size` steps in the fewest tiles of at most `rows`, as equal as can be: ((tiles, rows of each), …)."""
    if size <= 0:
        return ()
    count = -(-size // rows)
    full = -(-size // count)
    small = full * count - size
    return tuple(part for part in ((count - small, full), (small, full - 1)) if part[0] > 0)


def lapped(first: int, last: int, rows: int) -> tuple[int, Segment]:
    """The outputs [first, last) in tiles of one height, at most `rows`, whose last may overlap: (height, these)."""
    size = last - first
    count = -(-size // rows)
    height = -(-size // count)
    return height, Segment(first, count, 0, count * height - size)


def interior(problem: ConvProblem, steps: int) -> tuple[int, int]:
    """The outputs [first, last) all of whose taps lie inside an input of `steps` samples."""
    outs, left = problem.out_steps(steps), problem.pads(steps)[0]
    first = min(outs, -(-left // problem.stride))
    last = min(outs, (steps + left - problem.reach) // problem.stride + 1)
    return first, max(first, last)


def at_borders(problem: ConvProblem, steps: int | None, width: int) -> tuple[int, float]:
    """The outputs that tiles of `width` leave to a border, and the share of the taps that these find, about.

    Of a free length: none where it is known, or nothing is known of it.
    """
    if problem.steps is not None or steps is None:
        return 0, 0.0
    (first, last), outs = interior(problem, steps), problem.out_steps(steps)
    tiled = last - first if last - first >= width else 0
    count = outs - tiled
    some = range(0, count, max(1, count // LOOKED_AT))
    ranges = (problem.taps(t if t < first or not tiled else t + tiled, steps) for t in some)
    found = sum(end - begin for begin, end in ranges)
    return count, found / (problem.kernel_size * max(1, len(some)))


def whole(problem: ConvProblem, rows: int) -> Tile:
    """The tile of `rows` output steps that have all taps."""
    return Tile(rows, (Span(0, problem.kernel_size, 0, rows),))


def tile_at(problem: ConvProblem, steps: int, start: int, rows: int) -> Tile:
    """The tile of the outputs [start, start + rows): each tap with the rows whose sample it finds inside the input."""
    ranges = [problem.taps(t, steps) for t in range(start, start + rows)]
    ends = sorted({end for having in ranges for end in having})
    spans: list[Span] = []
    for first, last in pairwise(ends):
        having = [row for row, taps in enumerate(ranges) if taps[0] <= first < taps[1]]
        if not having:
            continue
        top, bottom = having[0], having[-1] + 1
        if spans and spans[-1].last == first and (spans[-1].top, spans[-1].bottom) == (top, bottom):
            spans[-1] = Span(spans[-1].first, last, top, bottom)
        else:
            spans.append(Span(first, last, top, bottom))
    return Tile(rows, tuple(spans), min(0, start * problem.stride - problem.pads(steps)[0]))


@lru_cache(maxsize=64)
def peel(problem: ConvProblem, steps: int, rows: int, most: int) -> tuple[tuple[Tile, ...], tuple[Segment, ...]] | None:
    """All outputs in tiles of at most `rows`, taps outside the input left out; equal neighbours make one segment.

    None for more than `most` different tiles. Looks at each border tile once: the caller makes sure that the borders
    are short.
    """
    places: dict[Tile, int] = {}
    segments: list[Segment] = []
    before: Tile | None = None
    for tile, start, count in _tiles(problem, steps, rows):
        if before and (before.rows, before.spans) == (tile.rows, tile.spans):
            last = segments[-1]
            segments[-1] = Segment(last.start, last.count + count, last.tile)
            continue
        before = tile
        segments.append(Segment(start, count, places.setdefault(tile, len(places))))
        if len(places) > most:
            return None
    return tuple(places), tuple(segments)


def _tiles(problem: ConvProblem, steps: int, rows: int) -> Iterator[tuple[Tile, int, int]]:
    """The tiles in order: each at a border by itself, those inside together; (tile, its first output, how many)."""
    first, last = interior(problem, steps)
    at = 0
    for count, size in split(problem.out_steps(steps), rows):
        inside = min(count, max(0, -(-(first - at) // size)))
        beyond = max(inside, min(count, (last - at) // size))
        for index in range(inside):
            yield tile_at(problem, steps, at + index * size, size), at + index * size, 1
        if beyond > inside:
            yield whole(problem, size), at + inside * size, beyond - inside
        for index in range(beyond, count):
            yield tile_at(problem, steps, at + index * size, size), at + index * size, 1
        at += count * size


def panels(size: int, widths: tuple[int, ...], partition: Partition) -> tuple[Panel, ...]:
    """`size` output lanes as panels of the partition's blocks, in order; the last block may overlap its neighbour."""
    lanes = next(width for width in widths if width <= size)
    found: list[Panel] = []
    at = 0
    for vectors, count in partition:
        last = at + (count - 1) * vectors * lanes
        moved = min(last, size - vectors * lanes)
        if moved >= 0:
            offsets, last = tuple(i * lanes for i in range(vectors)), moved
        else:  # one block, which is wider than all lanes: its vectors overlap each other
            offsets = tuple(min(start, size - lanes) - at for start in range(at, size, lanes))
        first = at if count > 1 else last
        found.append(Panel(first, count, vectors * lanes if count > 2 else last - first, last, lanes, offsets))
        at += count * vectors * lanes
    return tuple(found)
