"""The blocks of filters of direct sums: the tiles that each walks over the output steps, at the borders and between."""

from __future__ import annotations

from codegen.planning.algorithms import cost, tiling
from codegen.planning.algorithms.tiling import Panel, Segment, Tile
from codegen.planning.ask import Ask
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import Key
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

PEELED_STEPS = 4096  # outputs in the borders that are looked at one by one
FEW = 2  # outputs from which on a free length has tiles for them
LONG = 16  # taps from which on neighbours at a border are worth tiles of their own


@dataclass(frozen=True)
class Block:
    """The filter blocks of one shape, and the tiles that each of them walks over the output steps.

    With a rolled border `tiles` is the interior's alone (one or two heights) and `segments` are the interior's. Of a
    free length `opening` are the tiles from its first output on, and `closing` those up to its last, where they have
    code of their own.
    """

    panel: Panel
    rows: int
    tiles: tuple[Tile, ...]
    segments: tuple[Segment, ...]
    opening: tuple[Tile, ...] = ()
    closing: tuple[Tile, ...] = ()

    @property
    def key(self) -> Key:
        """All of the block."""
        tiles, runs = tuple(tile.key for tile in self.tiles), tuple(run.key for run in self.segments)
        ends = tuple(tuple(tile.key for tile in some) for some in (self.opening, self.closing))
        return self.panel.key, self.rows, tiles, runs, *(ends if any(ends) else ())

    @property
    def heights(self) -> tuple[int, ...]:
        """The output steps of the tiles that are emitted, the most first; 1 where a border is all there is."""
        return tuple(sorted({tile.rows for tile in self.tiles}, reverse=True)) or (1,)


def peeled(problem: ConvProblem, panel: Panel, rows: int, form: str, most: int, laps: bool) -> Block | None:
    """The block with each border tile peeled, None for a free length or more than `most` multiply-adds in them.

    Where it `laps` the borders have tiles of their own, beside those of one height between them.
    """
    if problem.steps is None:
        return None
    first, last = tiling.interior(problem, problem.steps)
    if problem.out_steps(problem.steps) - (last - first) > PEELED_STEPS:
        return None
    if laps and last > first:
        return _beside_borders(problem, panel, rows, form, most)
    found = tiling.peel(problem, problem.steps, rows, 2 * most)
    if found is None:
        return None
    tiles, segments = found
    border = sum(_written(problem, panel, tile, form) for tile in tiles if tile != tiling.whole(problem, tile.rows))
    return Block(panel, rows, tiles, segments) if border <= most else None


def _beside_borders(problem: ConvProblem, panel: Panel, rows: int, form: str, most: int) -> Block | None:
    """The block of one height inside, and of tiles for the outputs at each border alone; None as in `peeled`."""
    steps, found = problem.known_steps, dict[Tile, int]()
    (first, last), outs = tiling.interior(problem, steps), problem.out_steps(steps)
    height, inside = tiling.lapped(first, last, rows)
    found[tiling.whole(problem, height)] = 0
    segments = [inside]
    for start, end in ((0, first), (last, outs)):
        at = start
        for count, size in tiling.split(end - start, rows):
            for _ in range(count):
                tile = tiling.tile_at(problem, steps, at, size)
                segments.append(Segment(at, 1, found.setdefault(tile, len(found))))
                at += size
    if form == "sliding":
        written = sum(tile.products for tile in found)
    else:
        written = sum(_written(problem, panel, tile, form) for tile in list(found)[1:])
    return Block(panel, rows, tuple(found), tuple(segments)) if written <= most else None


def _written(problem: ConvProblem, panel: Panel, tile: Tile, form: str) -> int:
    """The multiply-adds of a tile that are written out."""
    loops = {"straight": problem.terms, "sliding": problem.terms, "fused": 1, "nested": 1}.get(form, 0)
    cells = ((loops or span.last - span.first) * (span.bottom - span.top) for span in tile.spans)
    return sum(cells) * len(panel.offsets)


def rolled(problem: ConvProblem, panel: Panel, rows: int, form: str, most: int, laps: bool) -> Block:
    """The block with interior tiles only; for a free length one height, and the tiles at both ends.

    The last tile of the interior of a free length overlaps its neighbour, as that of any which `laps`. Its ends have
    at most `most` multiply-adds.
    """
    if problem.steps is None:
        ends = _ends(problem, panel, rows, form, most)
        return Block(panel, rows, (tiling.whole(problem, rows),), (), *ends)
    first, last = tiling.interior(problem, problem.steps)
    if laps and last > first:
        height, inside = tiling.lapped(first, last, rows)
        return Block(panel, rows, (tiling.whole(problem, height),), (inside,))
    tiles: list[Tile] = []
    segments: list[Segment] = []
    at = first
    for count, size in tiling.split(last - first, rows):
        segments.append(Segment(at, count, len(tiles)))
        tiles.append(tiling.whole(problem, size))
        at += count * size
    return Block(panel, rows, tuple(tiles), tuple(segments))


def _ends(
    problem: ConvProblem, panel: Panel, rows: int, form: str, most: int
) -> tuple[tuple[Tile, ...], tuple[Tile, ...]]:
    """The tiles at the start of a free length, and those at its end: none where they would be too much code.

    They are those of some long input. The end of a strided one, or of a padding that depends on the length, is not the
    same for all lengths.
    """
    if problem.centred:
        return (), ()
    steps = problem.reach + problem.pad_left + (2 * rows + problem.kernel_size) * problem.stride
    (first, last), outs = tiling.interior(problem, steps), problem.out_steps(steps)
    before, after = -(-first // rows), -(-(outs - last) // rows) if problem.stride == 1 else 0
    if rows * (before + after) > most:
        return (), ()
    opening = tuple(tiling.tile_at(problem, steps, rows * i, rows) for i in range(before))
    closing = tuple(tiling.tile_at(problem, steps, outs - rows * (after - i), rows) for i in range(after))
    written = sum(_written(problem, panel, tile, form) for tile in (*opening, *closing))
    return (opening, closing) if written <= most else ((), ())


def least_rows(rows: int, ask: Ask) -> int:
    """The fewest outputs that a free length has a tile for, where its tallest one has `rows`.

    In portable C there are no smaller ones. With vectors there are: one output at a time would read all weights again.
    """
    return rows if counts_bytes(ask.objective) or not ask.target.vector_bytes else min(rows, FEW)


def rows_of_few(problem: ConvProblem, block: Block, most: int, ask: Ask) -> tuple[int, ...]:
    """The rows of further tiles for outputs of a free length that are fewer than `most`, the largest first.

    Halves of the block's tile, and their halves: one output alone goes through the border.
    """
    rows, found = block.rows, list[int]()
    while problem.steps is None and rows >= least_rows(block.rows, ask) and rows > 1:
        found += [rows] if rows < most else []
        rows = -(-rows // 2)
    return tuple(found)


def sharing(problem: ConvProblem, block: Block, channels: int, ask: Ask) -> tuple[int, tuple[str, ...]]:
    """The neighbours at a free length's border that tiles of their own compute from the samples that they share.

    And which samples these are: `all` of the input, its `first` ones or its `last` ones; none where no tile is worth
    it. It is for long kernels that sum over one of `channels`; neighbours are as many as hide a multiply-add's latency.
    """
    core, long = ask.target.core, problem.kernel_size >= LONG and problem.dilation == 1 and channels == 1
    if problem.steps is not None or not long or counts_bytes(ask.objective):
        return 0, ()
    accumulators = int(core.pipeline.latency * cost.multiply_adds(core, 0))
    rows = max(2, accumulators // len(block.panel.offsets))
    far, pads = (rows - 1) * problem.stride, [problem.pads(steps) for steps in range(1, 1 + problem.stride)]
    left, right = (min(side) for side in zip(*pads, strict=True))
    before, after = far <= left, far + problem.stride - 1 <= right
    return rows, (*["all"] * (before and after), *["first"] * before, *["last"] * after)
