"""Sums: how large the sums of int8 layers can become for any input, so that int32 is proved to hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.errors import WeightsError
from codegen.problem.requantise import HIGHEST, LOWEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem.conv_problem import ConvProblem
    from codegen.problem.problem import Problem

    Array = NDArray[Any]

MOST = 2**31 - 1

__all__ = ["MOST", "folded", "hold", "largest"]


def folded(p: ConvProblem, kernel: Array, bias: Array | None) -> Array:
    """The bias of sums of kernel times x itself, int64 (filters,): the zero of x is multiplied out of them."""
    import numpy as np

    sums = kernel.astype(np.int64).sum(axis=(0, 1))
    return np.asarray((0 if bias is None else bias.astype(np.int64)) - p.zero * sums)


def largest(p: ConvProblem, kernel: Array, bias: Array | None) -> Array:
    """What no sum of a filter passes, in whichever order it is added up, with the zero multiplied out or not: int64."""
    import numpy as np

    each = np.abs(kernel.astype(np.int64)).sum(axis=(0, 1))
    first = np.maximum(np.abs(folded(p, kernel, bias)), 0 if bias is None else np.abs(bias.astype(np.int64)))
    return np.asarray(first + each * max(-LOWEST, HIGHEST - p.zero, p.zero - LOWEST))


def hold(problem: Problem, arrays: Sequence[Array | None], layer: str) -> int:
    """The largest sum that any input can make. Raises WeightsError with the filter where int32 does not hold it.

    `arrays` are the kernel and what the epilogue reads, as `problem.stage_weights` takes them.
    """
    kernel, *operands = arrays
    assert kernel is not None
    found = 0
    for stage, taps, given in problem.stage_weights(kernel, *operands):
        named = dict(zip((one.name for one in stage.epilogue.operands), given, strict=True))
        bound, shift = largest(stage, taps, named.get("bias")), named.get("shift")
        moved = bound if shift is None else bound << shift.astype(bound.dtype).clip(0)
        at = int(moved.argmax())
        if moved[at] > MOST:
            told = f"filter {at}: its sums can reach {int(moved[at]):,}, and int32 holds {MOST:,}"
            raise WeightsError(f"`{layer}`: {told}; scale the layer, or split it")
        found = max(found, int(bound.max()))
    return found
