"""The C that transforms a kernel's taps: for some channels at a time all points, each a sum of doubles, tap after tap.

Blocks of filters are widened once and held; four points at a time are summed over them, in loops whose lanes a compiler
makes vectors of, and are written in runs that are as long as the channels are many.
"""

from __future__ import annotations

from math import prod

from codegen.emission.cformat import CText, braced, literal, times
from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.emission.expressions import Part, Place, Variable
from codegen.emission.microkernel import index, step_by
from codegen.numbers.formats import COMPUTED
from codegen.planning.algorithms import tiling
from codegen.records import dataclass

__all__ = ["Call", "Points", "first_lane", "held_channels"]

ROWS = (4, 5, 3, 2)  # points that are summed at a time: the first that leaves none over; more sums fill the registers
HELD = 7 << 10  # bytes of widened taps: they lie on the stack, and gcc may hold them there once more
UNROLLED = 32  # taps: those of a longer kernel gcc would hold several times
LEAST_LANES = 2  # filters side by side that make vectors; of single ones no channels are gathered


@dataclass(frozen=True)
class Call:
    """Where the function is called: under these loops, from this place of the kernel, for that one of what is packed.

    `first` is the first tap, where the kernel has several parts.
    """

    heads: tuple[str, ...]
    source: Place
    target: Place
    first: str = ""

    def text(self, function: CFunction) -> CText:
        """The call of `function`."""
        first = (self.first,) if self.first else ()
        return CText(f"{function.of(self.source.in_array('kernel'), self.target.in_array('packed'), *first)};")


@dataclass(frozen=True)
class Points:
    """The transform of the taps of `channels` channels, for the filters of one of `panel`'s blocks.

    `matrix` is (points, taps that are read); `apart` are the numbers from one tap to the next and from one channel to
    the next in the kernel, `size` its taps, `stride` the numbers from one point to the next in what is packed. With
    `parts` a call's taps are those from its `first` on, zeros after the last. `c` is the type of the numbers.
    """

    matrix: tuple[tuple[float, ...], ...]
    panel: tiling.Panel
    channels: int
    apart: tuple[int, int]
    size: int
    stride: int
    parts: bool
    c: str
    call: Call

    def function(self, kernel: str) -> CFunction:
        """The function of the kernel of that name."""
        first = numbers("first") if self.parts else ()
        arrays = (*reads(self.c, "kernel", alone=False), *writes(self.c, "packed", alone=False))
        return static(f"{kernel}_points", *arrays, *first)

    @property
    def count(self) -> int:
        return len(self.matrix)

    @property
    def taps(self) -> int:
        return len(self.matrix[0])

    @property
    def rows(self) -> int:
        """The points that are summed at a time."""
        return min(self.count, next((rows for rows in ROWS if self.count % rows == 0), ROWS[0]))

    @property
    def last(self) -> int:
        """The first of the last ones, which may be some of those before."""
        return self.count - self.rows

    @property
    def even(self) -> bool:
        """Whether no point is summed twice."""
        return self.count % self.rows == 0

    @property
    def shape(self) -> CText:
        """The dimensions of the widened taps: blocks of lanes, taps, lanes."""
        return CText("".join(f"[{one}]" for one in (self._blocks, self.taps, *self._lane(self.panel.lanes))))

    @property
    def rows_text(self) -> tuple[CText, ...]:
        """The rows of the matrix."""
        wide = COMPUTED["float64"]
        return tuple(CText(", ".join(literal(value, wide) for value in row)) for row in self.matrix)

    @property
    def block_by_block(self) -> tuple[str, ...]:
        """The loop over the vectors of a block around all of it, where the taps of one at a time are held."""
        return _heads(self._counted[1]) if self._one_block else ()

    @property
    def _one_block(self) -> bool:
        return self.channels == 1 and _bytes(self.taps, self.panel) > HELD

    @property
    def widening(self) -> tuple[str, ...]:
        """The loops over the widened taps that are held."""
        return _heads(*self._counted[2:]) if self._one_block else _heads(*self._counted)

    @property
    def widened(self) -> CText:
        """What is done in them."""
        c, v, k, lane = self._counted
        tap, channel = self.apart
        here = Place.of((tap, k), (channel, c), first_lane(self.panel, v), (1, lane))
        at = Place.of(0) if self._one_block else Place.of((len(self.panel.offsets), c), (1, v))
        text = f"kernel[{here.text}]"
        if self.parts:
            text = f"first + {k.name} < {self.size} ? {text} : 0"
        held = "".join(f"[{one}]" for one in (at.text, k.name if k.most else 0, *self._lane("l")))
        return CText(f"taps{held} = {text};")

    @property
    def row_heads(self) -> tuple[str, ...]:
        """The loop over the rows of the matrix, so many at a time; none where these are all."""
        if self.rows == self.count:
            return ()
        row = "row" if self.even else "r"
        return (f"for (ptrdiff_t {row} = 0; {row} < {self.count}; {step_by(row, self.rows)})",)

    @property
    def _matrix(self) -> str:
        """The rows that are taken at a time."""
        return "m" if self.row_heads else "matrix"

    @property
    def summing(self) -> tuple[str, ...]:
        """The loops over the sums of `rows` points; where one over the taps is within, the lanes have theirs in it."""
        block = Variable.counted("v", self._blocks)
        return _heads(block) if self.taps > UNROLLED else _heads(block, self._counted[3])

    @property
    def sums(self) -> tuple[CText, ...]:
        """What is done in them: a sum a point, tap after tap; each stored."""
        rows, which, m = range(self.rows), "v" if self._blocks > 1 else "0", self._matrix
        if self.taps > UNROLLED:
            return self._in_a_loop(which)
        held = ["".join(f"[{one}]" for one in (which, k, *self._lane("l"))) for k in range(self.taps)]
        lines = [f"double s{r} = {m}[{r}][0] * taps{held[0]};" for r in rows]
        lines += [f"s{r} += {m}[{r}][{k}] * taps{held[k]};" for k in range(1, self.taps) for r in rows]
        return tuple(map(CText, (*lines, *(self._store(r, f"s{r}") for r in rows))))

    def _in_a_loop(self, which: str) -> tuple[CText, ...]:
        """The same with a loop over the taps, and one over the lanes in it."""
        rows, lane, heads, m = range(self.rows), self._lane("l"), _heads(self._counted[3]), self._matrix
        first, each = ("".join(f"[{one}]" for one in (which, k, *lane)) for k in (0, "k"))
        sums = ["s" + "".join(f"[{one}]" for one in (r, *lane)) for r in rows]
        begin = [f"{total} = {m}[{r}][0] * taps{first};" for r, total in enumerate(sums)]
        more = [f"{total} += {m}[{r}][k] * taps{each};" for r, total in enumerate(sums)]
        store = [self._store(r, total) for r, total in enumerate(sums)]
        turns = (heads, begin), ((f"for (ptrdiff_t k = 1; k < {self.taps}; ++k)", *heads), more), (heads, store)
        shape = "".join(f"[{one}]" for one in (self.rows, *self._lane(self.panel.lanes)))
        return CText(f"double s{shape};\n"), *(CText(braced(loops, "\n".join(lines), 0)) for loops, lines in turns)

    def _store(self, row: int, total: str) -> str:
        _, v, _, lane = self._counted
        block = v if self._one_block else Variable.counted("v", self._blocks)
        place = Place.of(row * self.stride, (self.panel.lanes, block), (1, lane))
        return f"{'to' if self.row_heads else 'packed'}[{place.text}] = ({self.c}){total};"

    @property
    def from_row(self) -> CText:
        """Where a row of points begins in what is packed."""
        return CText(index((self.stride, "row")))

    @property
    def _blocks(self) -> int:
        """The vectors that are held."""
        return 1 if self._one_block else self.channels * len(self.panel.offsets)

    @property
    def _counted(self) -> tuple[Variable, Variable, Variable, Variable]:
        """Channel, vector of a block, tap, lane."""
        counts = {"c": self.channels, "v": len(self.panel.offsets), "k": self.taps, "l": self.panel.lanes}
        c, v, k, lane = (Variable.counted(name, count) for name, count in counts.items())
        return c, v, k, lane

    def _lane(self, index: int | str) -> tuple[int | str, ...]:
        """The index of a lane, where there are several."""
        return (index,) if self.panel.lanes > 1 else ()


def first_lane(panel: tiling.Panel, v: Variable) -> Part:
    """The first filter of vector v of a block, counted from the block's: the last vector may overlap its neighbour."""
    offsets = panel.offsets
    step = offsets[1] if len(offsets) > 1 else 0
    if offsets[-1] == step * v.most:
        return step, v
    return 1, Variable(f"(v < {v.most} ? {times(step, 'v')} : {offsets[-1]})", offsets[-1])


def held_channels(channels: int, taps: int, panel: tiling.Panel) -> int:
    """The channels whose taps are held at once: the most that divide all of them and fit."""
    if panel.lanes < LEAST_LANES:
        return 1
    each = _bytes(taps, panel)
    return max(
        count for count in range(1, channels + 1) if channels % count == 0 and (count == 1 or count * each <= HELD)
    )


def _bytes(taps: int, panel: tiling.Panel) -> int:
    """Of the widened taps of a channel for a block."""
    return prod((taps, panel.width, COMPUTED["float64"].bytes))


def _heads(*loops: Variable) -> tuple[str, ...]:
    """The heads of the loops that turn more than once."""
    return tuple(one.loop for one in loops if one.most)
