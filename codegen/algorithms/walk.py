"""The walk over the output steps that the algorithms share: tiles, the taps that each of their rows has, and panels."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.problem import ConvProblem


@dataclass(frozen=True)
class Span:
    """Taps [first, last) that the rows [top, bottom) of a tile have in common."""

    first: int
    last: int
    top: int
    bottom: int


@dataclass(frozen=True)
class Tile:
    """The register tile's rows (output steps) and, span by span, the taps of each.

    `origin` is the sample of row 0's tap 0 relative to the pointer that the tile is called with: 0, or negative at the
    left border, where that sample would lie before the input.
    """

    rows: int
    spans: tuple[Span, ...]
    origin: int = 0


@dataclass(frozen=True)
class Segment:
    """`count` equal tiles from output step `start` on; `tile` indexes the schedule's tiles."""

    start: int
    count: int
    tile: int


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
    def width(self) -> int:
        """Numbers in a packed row of a block: its vectors, overlaps counted."""
        return self.lanes * len(self.offsets)

    @property
    def starts(self) -> tuple[int, ...]:
        return (*(self.first + j * self.step for j in range(self.count - 1)), self.last)

    @property
    def even(self) -> bool:
        """Whether the last block keeps the step, and does not overlap its neighbour."""
        return self.last == self.first + (self.count - 1) * self.step


def split(size: int, rows: int) -> tuple[tuple[int, int], ...]:
    """`size` steps in the fewest tiles of at most `rows`, as equal as can be: ((tiles, rows of each), …)."""
    if size <= 0:
        return ()
    count = -(-size // rows)
    full = -(-size // count)
    small = full * count - size
    return tuple(part for part in ((count - small, full), (small, full - 1)) if part[0] > 0)


def interior(problem: ConvProblem, steps: int) -> tuple[int, int]:
    """The outputs [first, last) all of whose taps lie inside an input of `steps` samples."""
    outs, left = problem.out_steps(steps), problem.pads(steps)[0]
    first = min(outs, -(-left // problem.stride))
    last = min(outs, (steps + left - problem.reach) // problem.stride + 1)
    return first, max(first, last)


def whole(problem: ConvProblem, rows: int) -> Tile:
    """The tile of `rows` output steps that have all taps."""
    return Tile(rows, (Span(0, problem.kernel_size, 0, rows),))


def tile_at(problem: ConvProblem, steps: int, start: int, rows: int) -> Tile:
    """The tile of the outputs [start, start + rows): each tap with the rows whose sample it finds inside the input."""
    ranges = [problem.taps(t, steps) for t in range(start, start + rows)]
    spans: list[Span] = []
    for tap in range(problem.kernel_size):
        having = [row for row, (first, last) in enumerate(ranges) if first <= tap < last]
        if not having:
            continue
        top, bottom = having[0], having[-1] + 1
        if spans and spans[-1].last == tap and (spans[-1].top, spans[-1].bottom) == (top, bottom):
            spans[-1] = Span(spans[-1].first, tap + 1, top, bottom)
        else:
            spans.append(Span(tap, tap + 1, top, bottom))
    return Tile(rows, tuple(spans), min(0, start * problem.stride - problem.pads(steps)[0]))


def peel(problem: ConvProblem, steps: int, rows: int) -> tuple[tuple[Tile, ...], tuple[Segment, ...]]:
    """All outputs in tiles of at most `rows`, taps outside the input left out; equal neighbours make one segment.

    Looks at each border tile once: the caller makes sure that the borders are short.
    """
    first, last = interior(problem, steps)
    tiles: list[Tile] = []
    segments: list[Segment] = []

    def add(tile: Tile, start: int, count: int) -> None:
        last = segments[-1] if segments else None
        if last and (tiles[last.tile].rows, tiles[last.tile].spans) == (tile.rows, tile.spans):
            segments[-1] = Segment(last.start, last.count + count, last.tile)
            return
        if tile not in tiles:
            tiles.append(tile)
        segments.append(Segment(start, count, tiles.index(tile)))

    at = 0
    for count, size in split(problem.out_steps(steps), rows):
        end = at + count * size
        inside = min(count, max(0, -(-(first - at) // size)))
        beyond = max(inside, min(count, (last - at) // size))
        for index in range(inside):
            add(tile_at(problem, steps, at + index * size, size), at + index * size, 1)
        if beyond > inside:
            add(whole(problem, size), at + inside * size, beyond - inside)
        for index in range(beyond, count):
            add(tile_at(problem, steps, at + index * size, size), at + index * size, 1)
        at = end
    return tuple(tiles), tuple(segments)


def panels(size: int, widths: tuple[int, ...], vectors: tuple[int, ...]) -> tuple[Panel, ...]:
    """`size` output lanes as panels: `vectors` are the blocks' vector counts in order (see `partition`)."""
    lanes = next(width for width in widths if width <= size)
    starts = [min(i * lanes, size - lanes) for i in range(-(-size // lanes))]
    blocks: list[tuple[int, tuple[int, ...]]] = []
    at = 0
    for count in vectors:
        part = starts[at : at + count]
        at += count
        even = tuple(i * lanes for i in range(count))
        moved = min(part[0], size - count * lanes)
        if moved >= 0:
            blocks.append((moved, even))
        else:
            blocks.append((part[0], tuple(start - part[0] for start in part)))
    return tuple(_runs(blocks, lanes))


def _runs(blocks: list[tuple[int, tuple[int, ...]]], lanes: int) -> list[Panel]:
    """Blocks of one shape and an even step between them, merged; the last one may come early."""
    merged: list[Panel] = []
    for first, offsets in blocks:
        previous = merged[-1] if merged else None
        if previous and previous.offsets == offsets and previous.even:
            step = previous.step or first - previous.first
            merged[-1] = Panel(previous.first, previous.count + 1, step, first, lanes, offsets)
        else:
            merged.append(Panel(first, 1, 0, first, lanes, offsets))
    return merged
