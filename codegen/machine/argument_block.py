"""The argument block of a compiled kernel, as templates/abi.h and templates/jit.c.j2 have it, and its workspace.

It points to the kernel and to the operands of the epilogue: an operand that has a field in the block by its name lies
there, pointers to the others follow the block in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.ending import OF_THE_BLOCK
from codegen.machine._abi import ffi
from codegen.planning.plan import KernelPlan
from codegen.problem.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["BYTES", "Block", "Held", "Holder", "blocks", "grown", "holder", "on_lines", "point"]

BYTES = ffi.typeof("char[]")
CALL, POINTERS, NULL = ffi.typeof("genconv_call_v1 *"), ffi.typeof("void *[]"), ffi.NULL
Block = tuple[Any, Any, Any]  # the block, the pointers behind it if any, its workspace: each lives as long
Held = tuple[Any, Any, tuple[Any, ...]]  # pointers to the kernel, to the operand of the block, to those behind it
Holder = Callable[[Any, Sequence[Any]], Held]
CACHE_LINE = 64
MOST_FILLED = 1 << 20  # bytes of a workspace whose every page is written beforehand


def holder(plan: KernelPlan) -> Holder:
    """Where a call of the plan's kernel finds the kernel and the operands; NULL for what is not there."""
    names = [operand.name for operand in plan.problem.epilogue.operands]
    own = names.index(OF_THE_BLOCK) if OF_THE_BLOCK in names else len(names)
    buffer = ffi.from_buffer

    def hold(kernel: Array | None, operands: Sequence[Array | None]) -> Held:
        first = NULL if kernel is None else buffer(BYTES, kernel)
        array = operands[own] if own < len(operands) else None
        return first, NULL if array is None else buffer(BYTES, array), ()

    def hold_more(kernel: Array | None, operands: Sequence[Array | None]) -> Held:
        others = [*operands[:own], *operands[own + 1 : len(names)]]
        behind = tuple(NULL if array is None else buffer(BYTES, array) for array in others)
        return (*hold(kernel, operands)[:2], behind)

    return hold if set(names) <= {OF_THE_BLOCK} else hold_more


def point(owner: Block, pointers: Held) -> None:
    """Let the block of `owner` point to what is held."""
    block, behind, _ = owner
    block.kernel, block.bias, others = pointers
    if others:
        behind[0 : len(others)] = others


def blocks(plan: KernelPlan, slices: int, steps: int) -> list[Block]:
    """An argument block a slice, each with a workspace of its own for inputs of `steps` steps."""
    made = [grown(_new(plan), plan, steps) for _ in range(slices)]
    for number, (block, _, _) in enumerate(made):
        block.slice, block.slices = number, slices
    return made


def _new(plan: KernelPlan) -> Block:
    behind = sum(operand.name != OF_THE_BLOCK for operand in plan.problem.epilogue.operands)
    if not behind:
        return ffi.new(CALL), None, None
    start = ffi.sizeof(CALL.item)
    memory = np.zeros(start + behind * ffi.sizeof(POINTERS.item), np.uint8)
    return ffi.from_buffer(CALL, memory), ffi.from_buffer(POINTERS, memory[start:]), None


def grown(owner: Block, plan: KernelPlan, steps: int) -> Block:
    """The argument block with a workspace for inputs of `steps` steps: its own where that is large enough."""
    (block, behind, workspace), size = owner, plan.workspace_bytes + steps * plan.workspace_step_bytes
    if not size or (workspace is not None and len(workspace) >= size):
        return owner
    memory = _filled(size + CACHE_LINE)
    start = -memory.ctypes.data % CACHE_LINE
    block.workspace = workspace = ffi.from_buffer(BYTES, memory[start : start + size])
    return block, behind, workspace


def _filled(size: int) -> Array:
    """Numbers near the largest ones, so that to read what was not written shows; of much memory zeros.

    The system hands these out page by page, once they are written: an input that needs little of them takes little.
    """
    return np.full(size, 0x7F, np.uint8) if size <= MOST_FILLED else np.zeros(size, np.uint8)


def on_lines(numbers: int, dtype: np.dtype[Any], target: Target, made: Callable[..., Array] = np.zeros) -> Array:
    """Zeros, or what `made` gives, from the start of a cache line on, so that no vector of them lies on two lines."""
    line = target.core.memory.line
    room = made(numbers * dtype.itemsize + line, np.uint8)
    start = -room.ctypes.data % line
    return room[start : start + numbers * dtype.itemsize].view(dtype)
