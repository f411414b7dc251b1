"""The cost model: cycles of a register tile, from the ports of a current out-of-order core."""

from __future__ import annotations

from math import gcd, inf

from codegen.problem.problem import Problem
from codegen.problem.targets import Target

LATENCY = 4.4  # cycles until an accumulator can be used again: what a step of a small tile costs at least
LEVELS = (
    (24 << 10, 0.0),
    (200 << 10, 0.01),
    (1 << 20, 0.025),
    (8 << 20, 0.05),
    (inf, 0.2),
)  # (bytes, cycles a byte)
LOADED = 0.1  # cycles that a wide vector of weights in a step costs beside all that
WAYS, CROWDED = 7, 1.35  # rows that share a set without harm, beside the weights; what more of them cost
NEAR, FEED = 12 << 10, 24  # bytes of weights that stay in the first-level cache; bytes a cycle from the second
OUTER, RUN = 1 << 20, 0.5  # bytes of output beyond which each run of stores within a row costs so many cycles more
CALL = 12  # cycles to set up a tile: loads of the bias, stores, the branch

FREE_STEPS = 1024  # the length that the cost of a free length is told for: see steps_told


def steps_told(problem: Problem) -> int:
    """The input steps that a plan's cost is told for: the problem's own, and for a free length 1,024.

    Where the kernel reaches over more than half of these it is so many beyond its reach, so that there are outputs.
    """
    if problem.steps is not None:
        return problem.steps
    short = problem.receptive_field - 1 <= FREE_STEPS // 2
    return FREE_STEPS if short else FREE_STEPS + problem.receptive_field


def outs_told(problem: Problem) -> int:
    """The output steps of `steps_told`."""
    return problem.out_steps(steps_told(problem))


def step_cycles(rows: int, vectors: int, target: Target, vector_bytes: int) -> float:
    """Cycles of one reduction step of a `rows` x `vectors` tile: multiply-adds, loads, latency or issue width."""
    products = rows * vectors * (1 if target.fma else 2)
    ports = max(products / a_cycle(vector_bytes), (rows + vectors) / 2, LATENCY, (products + rows + vectors + 3) / 6)
    return ports + (LOADED * vectors if vector_bytes > 16 else 0.0)


def a_cycle(vector_bytes: int) -> int:
    """Multiply-adds of that width that a core does in a cycle: two, and one where it takes both halves for it."""
    return 1 if vector_bytes > 32 else 2


def fed_cycles(panel_bytes: int, rows: int, row_bytes: int, item_bytes: int) -> float:
    """At least so many cycles for a step whose weights (`row_bytes` a step, `panel_bytes` in all) come from afar."""
    return 0.0 if panel_bytes <= NEAR else (row_bytes + rows * item_bytes) / FEED


def far(size: int) -> float:
    """Cycles to bring a byte of an array of `size` bytes into the first-level cache, beyond what computing hides."""
    return next(cycles for most, cycles in LEVELS if size <= most)


def crowding(rows: int, row_bytes: int) -> float:
    """What a tile's rows cost more for falling into the same sets of the first-level cache (8 ways of 4 KiB)."""
    places = 4096 // gcd(row_bytes, 4096) if row_bytes else 1
    return 1.0 if rows <= WAYS * places else CROWDED


def rows_that_fit(vectors: int, target: Target, lanes: int) -> int:
    """Most rows of accumulators that leave room for the weights and one broadcast, 0 if none.

    Plain C is kept at 8 accumulators: it also runs where registers are few.
    """
    if lanes == 1 and target.vector_bytes == 0:
        return 8 // vectors
    spare = vectors + (1 if target.fma else 2)
    return min(16, (target.registers - spare) // vectors)
