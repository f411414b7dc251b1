"""The cost model: cycles by the figures of a core's row. What a plan takes in all is a `codegen.planning.cost.Cost`."""

from __future__ import annotations

from math import gcd, log2

from codegen.planning.ask import Ask
from codegen.planning.cost import counts_bytes
from codegen.problem.cores import Core, by_size
from codegen.problem.problem import Problem
from codegen.problem.targets import Target

FREE_STEPS = 1024  # the length that the cost of a free length is told for: see steps_told
MOST_ROWS = 16  # of a tile


def steps_told(problem: Problem, likely: int | None = None) -> int:
    """The input steps that a plan's cost is told for: the problem's own, and for a free length `likely`, or 1,024.

    Where the kernel reaches over more than half of 1,024 it is so many beyond its reach, so that there are outputs.
    """
    if problem.steps is not None:
        return problem.steps
    if likely is not None:
        return likely
    short = problem.receptive_field - 1 <= FREE_STEPS // 2
    return FREE_STEPS if short else FREE_STEPS + problem.receptive_field


def outs_told(problem: Problem, likely: int | None = None) -> int:
    """The output steps of `steps_told`."""
    return problem.out_steps(steps_told(problem, likely))


def outputs_are_far(problem: Problem, ask: Ask) -> bool:
    """Whether the outputs of a sample do not stay in the second-level cache."""
    size = outs_told(problem, ask.likely) * problem.filters * problem.item_bytes
    return size > ask.target.core.memory.outer


def fetches_outputs(problem: Problem, ask: Ask) -> bool:
    """Whether the lines of y that a tile writes are fetched beforehand: those of a far one, in code made for speed.

    They are, too, where the length is free and y may be far: of one that is near it costs nothing that can be measured.
    """
    far = may_be_longer(problem, ask) or outputs_are_far(problem, ask)
    return far and ask.target.vector_bytes > 0 and not counts_bytes(ask.objective)


def may_be_longer(problem: Problem, ask: Ask) -> bool:
    """Whether an input may be far longer than the one that costs are told for."""
    return problem.steps is None and (ask.likely is None or ask.longer)


def shared(products: int, ask: Ask) -> int:
    """What a kernel may write out of so many products, where several kernels are one layer's."""
    return products // ask.sharers


def sharers(kernels: int, ask: Ask) -> int:
    """How many kernels share a layer's budget of code, of so many: those where code is dear."""
    return kernels if ask.target.core.budget.laps else 1


def most_peeled(form: str, ask: Ask) -> int:
    """The multiply-adds that the border tiles of a block may have, written out, in a schedule of that form."""
    budget = ask.target.core.budget
    sliding = form == "sliding" and not counts_bytes(ask.objective)
    return shared(budget.sliding, ask) if sliding else budget.peeled


def step_cycles(rows: int, vectors: int, target: Target, vector_bytes: int, streamed: bool = False) -> float:
    """Cycles of one reduction step of a `rows` x `vectors` tile: multiply-adds, loads, latency or issue width.

    Where weights are `streamed` from afar their products are hidden behind the waiting for what feeds them.
    """
    pipe = target.core.pipeline
    products = rows * vectors * (1 if target.fma else 2)
    operands = rows + vectors
    fed = 0.0 if streamed else products / by_size(pipe.fed, vector_bytes)
    instructions = products + operands + pipe.turn
    ports = max(
        products / multiply_adds(target.core, vector_bytes),
        operands / pipe.loads,
        fed + operands / by_size(pipe.operands, vector_bytes),
        pipe.latency,
        instructions / pipe.issue,
    )
    return ports + by_size(pipe.wide_load, vector_bytes) * vectors + pipe.flash_wait * instructions


def spilling(target: Target, values: int) -> float:
    """What straight-line code of so many values at a time takes for those that the registers do not hold, a factor."""
    return 1 + target.core.pipeline.spilled * max(0.0, log2(2 * values / max(1, target.registers)))


def multiply_adds(core: Core, vector_bytes: int) -> float:
    """Multiply-adds of that width that the core begins in a cycle."""
    return by_size(core.pipeline.multiply_adds, vector_bytes)


def fed_cycles(core: Core, panel_bytes: int, rows: int, row_bytes: int, item_bytes: int) -> float:
    """At least so many cycles for a step whose weights (`row_bytes` a step, `panel_bytes` in all) come from afar."""
    return 0.0 if panel_bytes <= core.memory.near else (row_bytes + rows * item_bytes) / core.memory.feed


def far(core: Core, size: int) -> float:
    """Cycles to bring a byte of an array of `size` bytes into the first-level cache, beyond what computing hides."""
    return by_size(core.memory.levels, size)


def crowding(core: Core, rows: int, row_bytes: int) -> float:
    """What a tile's rows cost more for falling into the same sets of the first-level cache."""
    way = core.memory.way
    places = way // gcd(row_bytes, way) if row_bytes else 1
    return 1.0 if rows <= core.memory.ways * places else core.memory.crowded


def rows_that_fit(vectors: int, target: Target, lanes: int) -> int:
    """Most rows of accumulators that leave room for the weights and one broadcast, 0 if none."""
    if lanes == 1 and target.dialect.accumulators:
        return target.dialect.accumulators // vectors
    spare = vectors + (1 if target.fma else 2)
    return min(MOST_ROWS, (target.registers - spare) // vectors)


def in_lines(size: int, core: Core) -> int:
    """At least `size` bytes: whole cache lines."""
    return -(-size // core.memory.line) * core.memory.line
