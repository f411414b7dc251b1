"""What a model's code and stack take, estimated for gcc -O2: kernels by their own estimates, the rest by its kind."""

from __future__ import annotations

from codegen.graph.plans.stages import Convolved, Each, Gathered, Normalized, Pooled, Recurrent, Stage, Summary
from codegen.graph.plans.tabled import Tabled
from codegen.graph.plans.tile_stage import Sums, Tiled
from codegen.planning.footprint import endings, estimate

__all__ = ["code_bytes", "stack_bytes"]

# gcc 12.2 -O2 on x86-64, scalar and AVX2, float32: what is left of the code of five models without their kernels.
STAGES: dict[type[Stage], int] = {Gathered: 150, Pooled: 250, Summary: 200, Normalized: 500, Recurrent: 1_000}
LOOP, INSTRUCTION, CALL, PLACE, SUM = 90, 25, 30, 8, 1_500
FRAME = 96  # bytes of stack beside those of the deepest kernel, and PLACE for each stage


def code_bytes(plan: Tabled) -> int:
    """Bytes of code and of its constants; tables of weights left out."""
    total = sum(map(estimate.code_bytes, plan.kernels)) + CALL * len(plan.stages)
    words = set[str]()
    for stage in dict.fromkeys(plan.stages):
        total += STAGES.get(type(stage), 0)
        if isinstance(stage, Each):
            total += LOOP + INSTRUCTION * len(stage.program)
            words |= {getattr(one.value, "name", "") for one in stage.program if one.word == "activation"}
        elif isinstance(stage, Tiled):
            total += SUM * sum(len(one.terms) for one in stage.sums) + INSTRUCTION * len(stage.program)
            words |= {getattr(one.value, "name", "") for one in stage.program if one.word == "activation"}
        elif isinstance(stage, Recurrent):
            words |= {one.name for one in stage.layer.curves}
    return total + sum(endings.BYTES.get(word, endings.UNKNOWN_LONG) for word in words)


def _between(stage: Tiled) -> int:
    """The numbers of a row that lie in memory between two sums, or between sums and their activation."""
    held = set[int]()
    for one in stage.program:
        held |= {of for of in one.of if isinstance(one.value, Sums) or one.word == "activation"}
    return sum(stage.widths[number] for number in held if stage.program[number].word != "read")


def _rows(stage: Tiled, plan: Tabled) -> int:
    """Of a tile."""
    return min(one.rows(plan.target.lanes(plan.dtype)[0]) for one in stage.sums)


def stack_bytes(plan: Tabled) -> int:
    """Bytes of stack at the deepest."""
    deepest = max(map(estimate.stack_bytes, plan.kernels), default=0)
    tiles = [stage for stage in plan.stages if isinstance(stage, Tiled)]
    if not any(buffer.apart for buffer in plan.buffers):  # else all is in registers
        deepest = max([deepest, *(_rows(stage, plan) * plan.format.bytes * _between(stage) for stage in tiles)])
    return deepest + FRAME + PLACE * sum(isinstance(stage, Convolved) for stage in plan.stages)
