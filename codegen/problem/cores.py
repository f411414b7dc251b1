"""Cores: what a processor takes for what it does. codegen/planning/algorithms/cost.py reckons with it.

A number is a float or a double; a vector is as wide as the code's. The rows are in core_rows.py and cortex.py.
"""

from __future__ import annotations

from dataclasses import field
from math import inf

from codegen.records import dataclass

__all__ = ["Budget", "BySize", "Core", "Memory", "Moves", "Pipeline", "Rooms", "Setup", "by_size"]

BySize = tuple[tuple[float, float], ...]
"""Figures for what has up to so many bytes, a vector or an array: ((most bytes, figure), …), the last for any size."""

KIB, MIB = 1 << 10, 1 << 20


def by_size(table: BySize, size: int) -> float:
    """The figure for so many bytes."""
    return next(figure for most, figure in table if size <= most)


@dataclass(frozen=True)
class Pipeline:
    """What the core begins in a cycle, and cycles that arithmetic takes.

    `issue` instructions, `loads`, `stores` and `multiply_adds` a cycle. `latency` is what an accumulator takes
    until it can be used again; `turn` the instructions of a loop beside its work. `wide_load` are the cycles that a
    vector of weights costs beside all that. `fed` multiply-adds and `operands` a cycle, vectors and broadcast
    numbers that feed a register tile, take their cycles one after the other, where `loads` do not tell.
    `statements` of straight-line code are done for each multiply-add that could be, loads counted, which takes
    `spilled` of that more for each doubling of its values beyond half of the registers. `row_pass` is what a vector
    takes to become a row's activation: three passes and an exponential. `flash_wait` are the cycles that an
    instruction waits for the flash. `rescaled` are the instructions that make a code of int8 of a sum.
    """

    issue: float
    loads: float
    stores: float
    multiply_adds: BySize
    latency: float
    turn: int
    wide_load: BySize
    statements: float
    row_pass: float
    flash_wait: float = 0.0
    fed: BySize = ((inf, inf),)
    operands: BySize = ((inf, inf),)
    spilled: float = 0.0
    rescaled: float = 30.0


@dataclass(frozen=True)
class Setup:
    """Cycles before work begins.

    Of a register `tile` (bias, branch) and of each `accumulator` that starts and is stored; of an output at a `border`
    (which taps it has); of a block of a `transform`, and of a `row` of its tile (where it lies); of each `run` that is
    copied; of the first access to a `page`, until what lies in order there is fetched ahead. `tap` and `divided_tap`
    are what it takes to find out whether a tap lies inside the input, and whether on a step or on a zero between two. A
    `call` of a kernel from outside: what is little beside it is not felt.
    """

    tile: float
    accumulator: float
    border: float
    transform: float
    row: float
    run: float
    page: float
    tap: float
    divided_tap: float
    call: float


@dataclass(frozen=True)
class Moves:
    """Cycles to move a number.

    `copied` in a run, `in_order` one after the other, `alone` from anywhere, `transposed` in a square of vectors,
    `gathered` into a vector. `split` is what a vector takes more that may lie on two cache lines. `scattered` is told
    for a byte: written and read again where numbers lie apart in a large block.
    """

    copied: float
    in_order: float
    alone: float
    transposed: float
    gathered: float
    split: float
    scattered: float


@dataclass(frozen=True)
class Memory:
    """The caches. `levels` are ((bytes, cycles), …): what it takes to bring a byte of an array of up to so many bytes
    into the first-level cache, beyond what computing hides. `weights` are the same for those of a transform's products,
    which each block reads; of what they take `behind` is left where they are fetched while others are multiplied.

    `near` bytes of weights stay in the first-level cache beside the rows they are multiplied with; from the second one
    come `feed` bytes a cycle, and `crowded_feed` for each multiply-add where rows share sets. `ways` rows share a set
    without harm, addresses `way` bytes apart are in the same one, and tiles with more such rows take `crowded` times as
    long; `pitch` are the floats between rows of which few do. `outer` bytes stay in the second-level cache: each run of
    stores to more takes `store_run` cycles. Of what bytes cost, `streamed` is left where they are read in order, and
    `refetched` where a chunk reads the same weights again. `fetched` are the lines of outputs that are on their
    way while a transform stores others. `touched` are the cycles for each byte of a transform's workspace and points:
    they drive out what the code around a call reads. `page` and `line` in bytes; of more than `pages` pages the next
    one takes `lookup` cycles.
    """

    levels: BySize
    weights: BySize
    behind: float
    line: int
    page: int
    pages: int
    lookup: float
    way: int
    ways: int
    crowded: float
    pitch: int
    near: int
    feed: float
    crowded_feed: float
    outer: int
    store_run: float
    streamed: float
    refetched: float
    fetched: int
    touched: float

    @property
    def line_floats(self) -> int:
        """Floats in a cache line."""
        return self.line // 4


@dataclass(frozen=True)
class Rooms:
    """Sizes of what is worked on at a time, so that it stays near; of a tuple each is tried. Bytes, where not said.

    `input` of a chunk of outputs between two changes of the filters, which are `steps` at least and at most, and
    `steps_along` where vectors run along time; `strip` of a depthwise walk's rows and weights, for arrays within the
    second-level cache and beyond, in rows of `strip_row` at least; `panels` of what is transposed, whose runs are `run`
    numbers at least; `stages` between the stages of a separable convolution, `whole` up to which all of it is one
    chunk; `blocks` of transformed input, and `large_blocks` where there are more than `far_weights` numbers of weights;
    `rows` of a chunk of upsampled outputs, from which on longer ones gain nothing; `signal` rows of samples that are
    taken as channels, two arrays of which lie in the workspace. For gradients: `dz` of a panel, `x`
    of a channelwise chunk. A chunk is at least `halo` times as long as what it shares with the next one.
    """

    input: int
    steps: tuple[int, int]
    steps_along: int
    strip: tuple[int, int]
    strip_row: int
    panels: tuple[int, ...]
    run: int
    stages: tuple[int, ...]
    whole: int
    blocks: tuple[int, ...]
    large_blocks: tuple[int, ...]
    far_weights: int
    rows: int
    signal: int
    dz: int
    x: int
    halo: int = 4


@dataclass(frozen=True)
class Budget:
    """How much code is worth its speed, and the memory that there is.

    Multiply-adds of a tile that is all unrolled (`straight`), taps of a tile with a loop over the channels each
    (`taps`), multiply-adds in all border tiles of a block (`peeled`), of one whose weights stay in registers
    (`sliding`), statements of a transform's code (`codelet`), and of a loop's turn over a run of numbers (`turn`).
    `laps`: code is so dear that the last of a block's tiles overlaps its neighbour, and those which are left over have
    none of their own; `sliding` is then for all tiles of a block. `lengths` are the bytes of code that a kernel of a
    free length may have for inputs of a few steps, which know it. `endings` are the bytes of activations that a tile
    may have written out at its outputs: one that takes more stands once there, in a loop. `flash` and `ram` are the
    bytes that the chip has, None for as many as are wanted.
    """

    straight: int
    taps: int
    peeled: int
    sliding: int
    codelet: int
    turn: int = 0
    laps: bool = False
    lengths: int = 0
    endings: float = inf
    flash: int | None = None
    ram: int | None = None


@dataclass(frozen=True, repr=False)
class Core:
    """One processor, or several alike. `source` says where its figures come from: the machine, or the manual.

    `family` is the vendor and the family by which a CPU says that it is one, as `AuthenticAMD 25`; empty: none says so.
    """

    name: str
    source: str = field(compare=False)
    pipeline: Pipeline
    setup: Setup
    moves: Moves
    memory: Memory
    rooms: Rooms
    budget: Budget
    family: str = ""

    def __repr__(self) -> str:
        return f"Core({self.name!r})"

    def __hash__(self) -> int:
        return hash(self.name)
