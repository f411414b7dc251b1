"""What `templates/direct_filters.c.j2` prints of a block: its functions, their calls, the loops around these."""

from __future__ import annotations

from itertools import takewhile

from codegen.emission.border import Border
from codegen.emission.cformat import CText, braced, looped, nest
from codegen.emission.end_tiles import Ends
from codegen.emission.microkernel import Microkernel, count_loop, index, offset
from codegen.planning.plan import AnyPlan
from codegen.records import dataclass


def lapping(most: int, rows: int, lap: int) -> str:
    """The head of the loop over the first outputs of tiles of `rows`, whose last begins at `most` and overlaps."""
    few = most - rows + lap
    step = f"t < {few} ? {rows} : {rows - lap}" if few else str(rows - lap)
    return f"for (ptrdiff_t t = 0; t <= {most}; t += {step})"


def outputs(first: int, end: int) -> str:
    """Outputs [first, end) in words."""
    return f"output {first}" if end == first + 1 else f"outputs {first} to {end - 1}"


@dataclass(frozen=True)
class Call:
    """A call of a tile inside its loops."""

    comment: str
    heads: tuple[str, ...]
    text: str


def _together(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Calls that have loops in common, from the outermost on, as one inside of those."""
    levels = zip(*(call.heads for call in calls), strict=False)
    common = [heads[0] for heads in takewhile(lambda heads: len(set(heads)) == 1, levels)]
    if len(calls) < 2 or not common:
        return calls
    each = [f"/* {call.comment} */\n{nest(call.heads[len(common) :], call.text, 0)}" for call in calls]
    told = "all outputs of one block of filters, then those of the next"
    return (Call(told, (), braced(common, "\n".join(each), 0)),)


@dataclass(frozen=True)
class BlockView:
    """A block's functions and its part of the public function.

    `edges` are the tiles with a run-time tap count, `border` the function that walks them (None if there is no border,
    or each of its tiles has code of its own); `left` and `right` are its calls. `calls` are the tiles of a fixed
    length; `heads` the loops inside of which `tile_call` computes the tile from output `at` on, of a free one, `strips`
    the loops around all steps; `ends` are the tiles at its ends. `fetched_rows` brings what a tile will write, before
    the `heads`, or `fetched` does, inside of them.
    Calls of a fixed length may be `joined` in the loop over the blocks. `sliced`: slices share the outputs.
    """

    rows: int
    chunk: int
    tiles: tuple[Microkernel, ...]
    edges: tuple[Microkernel, ...]
    border: Border | None
    calls: tuple[Call, ...]
    strips: tuple[str, ...]
    heads: tuple[str, ...]
    left: Call | None
    right: Call | None
    fetched_rows: str
    fetched: str
    tile_call: str
    ends: Ends
    joined: bool = False
    sliced: bool = False

    @property
    def all_calls(self) -> tuple[Call, ...]:
        """Of a fixed length: those of the border, then those of the tiles."""
        each = (*(call for call in (self.left, self.right) if call), *self.calls)
        return _together(each) if self.joined else each

    @property
    def between(self) -> tuple[str, str]:
        """The outputs of a free length between its ends or borders: from, to before."""
        return ("start", "end") if self.ends.tiles else ("first", "last")

    @property
    def chunks(self) -> CText:
        """How many chunks of a free length there are."""
        first, last = self.between
        if self.chunk == 1:
            return CText(f"{last} > {first} ? {last} - {first} : 0")
        if self.ends_alone:
            return CText(f"({last} - {first}) / {self.chunk}")
        if self.single:
            return CText(f"{last} > {first} ? ({last} - {first} + {self.chunk - 1}) / {self.chunk} : 0")
        return CText(f"{last} - {first} < {self.chunk} ? {last} > {first} : ({last} - {first}) / {self.chunk}")

    @property
    def single(self) -> bool:
        """Whether a chunk is one tile."""
        return self.chunk == self.rows

    @property
    def ends_alone(self) -> bool:
        """Whether the last slice does the tile that overlaps, beside that which it overlaps: no two write an output."""
        return self.sliced and self.single and self.overlaps

    @property
    def end(self) -> CText:
        """What a slice's loop over the chunks does more than its share."""
        first, last = self.between
        more = f" + (slice == slices - 1 && ({last} - {first}) % {self.chunk} > 0)"
        return CText(more if self.ends_alone else "")

    @property
    def place(self) -> CText:
        """Where the tile of a chunk begins, if that is all of it."""
        first, rows, limit = self.between[0], self.rows, self.ends.limit
        start = f"t = {index((1, first), (rows, 'chunk'))}"
        return CText(f"{start}, at = {limit} - t < {rows} ? {limit} - {rows} : t" if self.overlaps else start)

    @property
    def walk(self) -> CText:
        """The inner loops of a chunk around the tile, and what is fetched for it."""
        lines = [*filter(None, [self.fetched]), self.tile_call]
        if self.single:
            return CText("\n".join([*filter(None, [self.fetched_rows]), looped(self.heads, lines)]))
        if not self.overlaps:
            return CText(looped((*self.heads, "for (ptrdiff_t t = from; t < to; ++t)"), lines))
        limit, rows = self.ends.limit, self.rows
        at = f"const ptrdiff_t at = {limit} - t < {rows} ? {limit} - {rows} : t; /* the last one overlaps */"
        return CText(looped((*self.heads, f"for (ptrdiff_t t = from; t < to; t += {rows})"), [at, *lines]))

    @property
    def overlaps(self) -> bool:
        """Whether the last tile of several rows may overlap its neighbour."""
        return self.rows > 1


def fetches(
    plan: AnyPlan, lines: tuple[tuple[int, ...], ...], rows: int, y: str, row: str, alone: bool
) -> tuple[str, str]:
    """C that fetches what a tile of so many rows writes: whole rows from `row` on, or the `lines` from `y` on.

    Rows come before the loops around the tile, where they are few and no others lie between (`alone`).
    """
    p, memory = plan.problem, plan.target.core.memory
    numbers, (first, *others) = rows * p.filters, lines
    if alone and numbers * p.item_bytes <= memory.near:
        loop = f"for (ptrdiff_t i = 0; i < {numbers}; i += {memory.line // p.item_bytes})"
        each, last = (f"__builtin_prefetch({offset(row, at)}, 1);" for at in ((1, "i"), numbers - 1))
        return looped(("if (far)",), [loop, f"    {each}", last]), ""
    calls = [f"__builtin_prefetch({offset(y, (p.filters, 'r') if others else 0, at)}, 1);" for at in first]
    return "", looped(("if (far)", *[count_loop("r", 0, rows)] * bool(others)), calls)
