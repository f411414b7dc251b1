"""The DSP extension, two filters at a time: 4 positions of each, 8 sums in registers, 16 products in 15 instructions.

The bytes of two filters' weights lie interleaved, so that a word widens to a pair of 16-bit weights of each; rows of
the input are widened once, into a rolling buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from codegen.emission.cortex.rows import Rows, frame, octets, told, words
from codegen.emission.cortex.scaling import Scaling, scaling
from codegen.emission.cortex.sums import Sums
from codegen.planning.assembly.shape import Shape
from codegen.records import dataclass

SAVED = 36  # bytes of nine registers that are pushed
FRAME = ("x", "y", "rows", "end", "weights", "weights_end", "block", "now", "left", "row", "phase", "groups")


@dataclass(frozen=True)
class Load:
    """Two numbers of a position's window."""

    register: str
    at: int


@dataclass(frozen=True)
class Pair:
    """A position's sums of both filters; `x` holds two numbers of its window."""

    a: str
    b: str
    x: str


@dataclass(frozen=True)
class Stored:
    """A sum, and where it goes from the first position's output on."""

    register: str
    at: int


@dataclass(frozen=True)
class Together:
    """Sums that are made int8 at a time, each with the register that has it as a float."""

    each: tuple[tuple[Stored, str], ...]

    @property
    def two(self) -> bool:
        return len(self.each) == 2

    @property
    def first(self) -> Stored:
        return self.each[0][0]

    @property
    def last(self) -> Stored:
        return self.each[-1][0]


@dataclass(frozen=True)
class Filter:
    """The sums of one filter."""

    sums: tuple[Together, ...]


@dataclass(frozen=True)
class View(Rows):
    """What cortex/dsp_pairs.S.j2 prints."""

    position_numbers: tuple[int, ...]
    window_bytes: int
    group_weight_bytes: int
    parameter_bytes: int
    odd: bool
    sums_told: str
    later_sums: tuple[tuple[str, str], ...]
    unrolled: tuple[int, ...]
    loads: tuple[tuple[Load | None, tuple[Pair, ...]], ...]
    small: bool
    both: tuple[Filter, ...]
    table_held: bool
    params: str = "r9"


def view(sums: Sums, over: Shape, name: str) -> View | None:
    """The view of a layer; None where its sums do not fit."""
    how = scaling(sums)
    if how is None:
        return None
    walk, p, count, steps = over.walk, sums.problem, over.positions, over.steps
    odd, apart = p.group_filters % 2 == 1, p.filters * walk.phases
    tile = 8 + 4 * steps + 8 * how.words + 4 * odd
    return View(
        **told(sums, over, name),
        scaling=how,
        guard=GUARD_FLOAT if how.float else GUARD,
        slots=frame(FRAME, walk, SAVED),
        positions=count,
        position_numbers=tuple(range(count)),
        window_bytes=4 * steps,
        group_weight_bytes=tile * -(-p.group_filters // 2),
        parameter_bytes=4 * how.words,
        odd=odd,
        sums_told=f"r0 to r{2 * count - 1}",
        later_sums=tuple(_pair(j) for j in range(1, count)),
        unrolled=tuple(range(over.each)),
        loads=tuple(_loads(count, 2 * walk.pitch)),
        small=over.small,
        both=tuple(Filter(together(tuple(_stored(count, which, apart)), how)) for which in (0, 1)[: 2 - over.small]),
        table_held=how.table and not how.steep,
        aligned=4,
        data=tuple(_data(sums, how, steps)),
    )


GUARD = "defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_FEATURE_MVE)"
GUARD_FLOAT = f"{GUARD} && defined(__ARM_FP)"


def _pair(position: int) -> tuple[str, str]:
    return f"r{2 * position}", f"r{2 * position + 1}"


def _loads(count: int, pitch: int) -> Iterator[tuple[Load | None, tuple[Pair, ...]]]:
    """What is loaded after the first position's numbers, and the products that follow it."""
    pairs = [Pair(*_pair(j), x="r12" if j % 2 == 0 else "lr") for j in range(count)]
    yield (Load("lr", pitch - 4) if count > 1 else None), tuple(pairs[:2])
    if count > 2:
        yield Load("r12", 2 * pitch - 4), tuple(pairs[2:]) if count == 3 else ()
    if count > 3:
        yield Load("lr", 3 * pitch - 4), tuple(pairs[2:])


def together(sums: Sequence[Stored], how: Scaling) -> tuple[Together, ...]:
    """The sums of a filter: two at a time as floats, for which one instruction moves both."""
    each = 2 if how.float else 1
    parts = (sums[i : i + each] for i in range(0, len(sums), each))
    return tuple(Together(tuple(zip(part, ("s0", "s1"), strict=False))) for part in parts)


def _stored(count: int, which: int, apart: int) -> Iterator[Stored]:
    for j in range(count):
        yield Stored(_pair(j)[which], j * apart + which)


def _data(sums: Sums, how: Scaling, steps: int) -> Iterator[str]:
    """Tile by tile: two biases, the weights of two filters interleaved, the parameters of each."""
    p, folded = sums.problem, sums.folded
    starts = list(range(0, p.group_filters - 1, 2))
    if p.group_filters % 2:
        starts.append(p.group_filters - 2)
    for group in range(p.groups):
        for i, start in enumerate(starts):
            a = group * p.group_filters + start
            yield from words(folded[a : a + 2].tolist())
            packed = np.zeros((2 * steps, 2), np.int8)
            packed[: p.kernel_size * p.group_channels] = sums.weights[:, :, a : a + 2].reshape(-1, 2)
            yield from octets(packed.ravel().tolist())
            yield from words((*how.each[a], *how.each[a + 1]))
            if p.group_filters % 2:
                yield from words([starts[i + 1] - start if i + 1 < len(starts) else 0])
