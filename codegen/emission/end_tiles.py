"""The tiles at both ends of a free length in direct sums across the filters, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable

from codegen.emission.cformat import looped
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import FAR, Part, Variable
from codegen.emission.filter_tiles import FilterTiles
from codegen.emission.microkernel import Microkernel, index
from codegen.planning.algorithms.filter_blocks import Block
from codegen.planning.algorithms.tiling import Tile
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

Loops = tuple[tuple[str, ...], tuple[str, ...]]
Call = Callable[[CFunction, Part, Part], str]
"""The call of a tile, so many numbers of x and so many of y on."""


@dataclass(frozen=True)
class Ends:
    """Tiles with code of their own: the calls of the `opening` ones and of the `closing` ones.

    In C: outputs from `start` to before `end` lie between them, or between the borders; a tile of these ends before
    output `limit`. `told` says what the ends are, nothing where there are none.
    """

    tiles: tuple[Microkernel, ...]
    opening: str
    closing: str
    start: str
    end: str
    limit: str
    told: str

    @property
    def declared(self) -> str:
        """C for where the inner tiles start and end; none are left where all outputs go through the border."""
        start = f"first < outs ? {self.start} : outs" if self.opening else "first"
        return f"start = {start}, end = {self.end}"


def ends(builder: FilterTiles, block: Block, tag: str, loops: Loops, call: Call) -> Ends:
    """Those of a block of a free length, named by `tag`, called inside `loops`: at its start, at its end."""
    p, rows = builder.problem, block.rows
    before, after = rows * len(block.opening), rows * len(block.closing)
    if not (before or after):
        return Ends((), "", "", "first", "last", "last", "")
    name = f"{builder.name}_{rows}x{tag}"

    def made(tiles: tuple[Tile, ...], names: list[str]) -> tuple[Microkernel, ...]:
        return tuple(builder.tile(tile, block.panel, one) for tile, one in zip(tiles, names, strict=True))

    opening = made(block.opening, [f"{name}_at{at}" for at in range(0, before, rows)])
    closing = made(block.closing, [f"{name}_last{at}" for at in range(after, 0, -rows)])
    calls = (
        [call(tile.function, *_from_start(p, rows * i)) for i, tile in enumerate(opening)],
        [call(tile.function, *_from_end(p, after - rows * i)) for i, tile in enumerate(closing)],
    )
    first, last = (looped(heads, lines, 2) if lines else "" for heads, lines in zip(loops, calls, strict=True))
    end = f"outs - {after}" if after else "last"
    return Ends((*opening, *closing), first, last, str(before), end, "last", _told(before, after))


def _from_start(p: ConvProblem, output: int) -> tuple[Part, Part]:
    """The numbers of x and of y before the first sample that an output reads, and before that output."""
    return max(0, output * p.stride - p.pad_left) * p.channels, output * p.filters


def _from_end(p: ConvProblem, outputs: int) -> tuple[Part, Part]:
    """The same for the output that begins the last ones, so many of them."""
    sample, output = (Variable(f"({index((1, 'outs'), -before)})", FAR) for before in (outputs + p.pad_left, outputs))
    return (p.channels, sample), (p.filters, output)


def _told(before: int, after: int) -> str:
    """The outputs that have tiles of their own, as a sentence begins."""
    sides = [(side, count) for side, count in (("first", before), ("last", after)) if count]
    if all(count > 1 for _, count in sides):
        return f"{' and '.join(f'the {side} {count}' for side, count in sides)} outputs have"
    words = [f"the {side} output" if count == 1 else f"the {side} {count} outputs" for side, count in sides]
    return f"{' and '.join(words)} {'have' if before + after > 1 else 'has'}"
