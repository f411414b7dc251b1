"""Cores: what a processor takes for what it does, one row each. codegen/planning/algorithms/cost.py reckons with it.

A number is a float or a double; a vector is as wide as the code's. docs/planning.md says how a row is fitted.
"""

from __future__ import annotations

from dataclasses import field, replace
from math import inf

from codegen.records import dataclass

__all__ = ["CORES", "Budget", "BySize", "Core", "Memory", "Moves", "Pipeline", "Rooms", "Setup", "by_size"]

BySize = tuple[tuple[float, float], ...]
"""Figures for what has up to so many bytes, a vector or an array: ((most bytes, figure), …), the last for any size."""

KIB, MIB = 1 << 10, 1 << 20


def by_size(table: BySize, size: int) -> float:
    """The figure for so many bytes."""
    return next(figure for most, figure in table if size <= most)


@dataclass(frozen=True)
class Pipeline:
    """What the core begins in a cycle, and cycles that arithmetic takes.

    `issue` instructions, `loads`, `stores` and `multiply_adds` a cycle. `latency` is what an accumulator takes until it
    can be used again; `turn` the instructions of a loop beside its work. `wide_load` are the cycles that a vector of
    weights costs beside all that, `operands` the vectors and broadcast numbers a cycle that feed a register tile,
    where `loads` do not tell. `statements` of straight-line code are done for each multiply-add that could be,
    spills and loads counted. `row_pass` is what a vector takes to become a row's activation: three passes and an
    exponential. `flash_wait` are the cycles that an instruction waits for the flash.
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
    operands: BySize = ((inf, inf),)


@dataclass(frozen=True)
class Setup:
    """Cycles before work begins.

    Of a register `tile` (bias, branch) and of each `accumulator` that starts and is stored; of an output at a `border`
    (which taps it has); of a call of a `transform`, and of a `row` of its tile (where it lies); of each `run` that is
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
    way while a transform stores others. `page` and `line` in bytes; of more than
    `pages` pages the next one takes `lookup` cycles.
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
    of a channelwise chunk.
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


@dataclass(frozen=True)
class Budget:
    """How much code is worth its speed, and the memory that there is.

    Multiply-adds of a tile that is all unrolled (`straight`), taps of a tile with a loop over the channels each
    (`taps`), multiply-adds in all border tiles of a block (`peeled`), of one whose weights stay in registers
    (`sliding`), statements of a transform's code (`codelet`), and of a loop's turn over a run of numbers (`turn`).
    `flash` and `ram` are the bytes that the chip has, None for as many as are wanted.
    """

    straight: int
    taps: int
    peeled: int
    sliding: int
    codelet: int
    turn: int = 0
    flash: int | None = None
    ram: int | None = None


@dataclass(frozen=True, repr=False)
class Core:
    """One processor, or several alike. `source` says where its figures come from: the machine, or the manual."""

    name: str
    source: str = field(compare=False)
    pipeline: Pipeline
    setup: Setup
    moves: Moves
    memory: Memory
    rooms: Rooms
    budget: Budget

    def __repr__(self) -> str:
        return f"Core({self.name!r})"

    def __hash__(self) -> int:
        return hash(self.name)


XEON = "bench/fit_core.py on Intel Xeon 2.80GHz (model 106; caches 48, 1280 and 49152 KiB), gcc 12.2, 2026-11-29"
LEVELS = ((24 * KIB, 0.0), (200 * KIB, 0.01), (MIB, 0.025))  # those of the first- and the second-level cache
X86 = Core(
    name="x86",
    source=(
        "fitted by hand with layers A to S of `gen-conv bench` on AMD Zen 3 (caches 32 and 512 KiB), gcc 12.2. "
        f"{XEON}, avx2: 2.00 multiply-adds and 2.00 loads a cycle, latency 4.00; 46 plans of 15 layers, estimate over "
        "cycles 0.98 in the median, 0.30 at worst (a strided one by way of channels). It met them better with "
        "pipeline.statements 0.77, setup.tile 24, setup.accumulator 1, moves.in_order 1 and memory.store_run 1, but "
        "then the plans taken took 1.080 times as long as the fastest, not 1.067: left as they are"
    ),
    pipeline=Pipeline(
        issue=6,
        loads=2,
        stores=1,
        multiply_adds=((32, 2.0), (inf, 1.0)),
        latency=4.4,
        turn=3,
        wide_load=((16, 0.0), (inf, 0.1)),
        statements=1.1,
        row_pass=14.0,
    ),
    setup=Setup(
        tile=12, accumulator=2, border=20, transform=400, row=1.2, run=4, page=500, tap=3, divided_tap=12, call=1000
    ),
    moves=Moves(copied=0.3, in_order=0.5, alone=1.6, transposed=0.38, gathered=0.6, split=0.35, scattered=0.65),
    memory=Memory(
        levels=(*LEVELS, (8 * MIB, 0.05), (inf, 0.2)),
        weights=(*LEVELS, (8 * MIB, 0.05), (inf, 0.2)),
        behind=0.0,
        line=64,
        page=4096,
        pages=64,
        lookup=6.0,
        way=4096,
        ways=7,
        crowded=1.35,
        pitch=256,
        near=12 * KIB,
        feed=24,
        crowded_feed=22,
        outer=MIB,
        store_run=0.5,
        streamed=0.5,
        refetched=0.25,
        fetched=48,
    ),
    rooms=Rooms(
        input=128 * KIB,
        steps=(24, 128),
        steps_along=256,
        strip=(24 * KIB, 32 * KIB),
        strip_row=512,
        panels=(48 * KIB, 160 * KIB, 480 * KIB, 1440 * KIB),
        run=16,
        stages=(8 * KIB, 24 * KIB, 96 * KIB),
        whole=MIB,
        blocks=(24 * KIB, 48 * KIB, 96 * KIB, 192 * KIB, 384 * KIB),
        large_blocks=(768 * KIB, 1536 * KIB, 3072 * KIB, 6144 * KIB),
        far_weights=1 << 18,
        rows=256,
        signal=4096,
        dz=16 * KIB,
        x=96 * KIB,
    ),
    budget=Budget(straight=192, taps=16, peeled=640, sliding=640, codelet=1500),
)
CORES: dict[str, Core] = {
    core.name: core
    for core in (
        X86,
        replace(X86, name="any", source="nothing is known of the core that runs the code: the figures of `x86`"),
        replace(
            X86,
            name="x86_512",
            source=(
                "the figures of `x86`, with layers A to S on AMD Zen 4, whose ports take 64 bytes in two halves. "
                f"{XEON}, avx512: latency 4.05; 50 plans of 15 layers, estimate over cycles 0.99 in the median, 0.15 "
                "at worst (depthwise, bound by memory there). Beside other processes it did 1.19 to 1.59 multiply-adds "
                "of 64 bytes a cycle; with 2, estimates missed by a factor of 2.05, not 1.50: left at 1. "
                "memory.weights and memory.behind are that Xeon's, whose last cache is far: with those of `x86` the "
                "plans taken were slower there, layer B 1.46 times, D 1.46, 128→128 K16 of 256 steps 2.0. "
                "pipeline.operands: there 16 x 1 tiles took 1.65 to 1.9 times as long a multiply-add as 6 x 4"
            ),
            pipeline=replace(X86.pipeline, operands=((32, inf), (inf, 0.6))),
            memory=replace(
                X86.memory,
                weights=(*LEVELS, (3 * MIB // 2, 0.05), (2 * MIB, 0.08), (8 * MIB, 0.15), (inf, 0.2)),
                behind=1.0,
            ),
        ),
        replace(X86, name="arm", source="the figures of `x86`, never measured on an ARM core"),
    )
}
