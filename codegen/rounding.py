"""What a plan's kernel is held to: direct's bound or a transform's, and an rms error next to direct's.

A transform mixes the samples of a tile, so an output may lose what its neighbours' sums are worth. What can be proved
for any data multiplies the absolute values of three matrices and n roundings: 1,000 to 100,000 times what is seen, it
would let any slip pass. So the bound here is a promise, with a margin of five and more on all that was tried.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen import reference
from codegen.algorithms.transformed import Schedule
from codegen.plan import MOST_NOISE
from codegen.storage import AS_COMPUTED, rounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from codegen.plan import Accuracy, KernelPlan

    Array = NDArray[Any]

__all__ = ["OUTPUTS", "bound", "is_transform", "rms"]

OUTPUTS = 4096  # that an rms error is told for: over fewer, chance is seen


def is_transform(plan: KernelPlan) -> bool:
    """Whether `plan` computes otherwise than by direct sums, perhaps inside of another algorithm."""
    return any(map(is_transform, plan.parts)) or isinstance(plan.schedule, Schedule)


def bound(plan: KernelPlan, accuracy: Accuracy, x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """The largest |computed - exact| that a right kernel of `plan` may show, for each output; as `reference.bound`.

    Before the activation a transform's is the largest of direct's bounds in the sample, filter by filter, times the
    class' multiple of the rms error.
    """
    problem = plan.problem
    if plan.half:
        return _stored(plan, accuracy, x, kernel, bias)
    if not is_transform(plan):
        return reference.bound(problem, x, kernel, bias)
    beyond = problem.reach - 1  # outputs past the ends count too: a tile computes them and leaves them out
    every = replace(problem, stride=1, pad_left=beyond, pad_right=beyond, centred=False)
    largest = reference.lost(every, x, kernel, bias).max(axis=1, keepdims=True, initial=0)
    return reference.bound(problem, x, kernel, bias, before=MOST_NOISE[accuracy] * largest)


def _stored(plan: KernelPlan, accuracy: Accuracy, x: Array, kernel: Array, bias: Array | None) -> Array:
    """The bound with the weights that are stored, and how far the exact outputs lie from those of `kernel`.

    That is at most the sum of unit * |w| * |x| before the activation, with the storage's unit: docs/storage.md.
    """
    import numpy as np

    held = rounded(kernel, plan.storage)
    exact, moved = (reference.convolve(plan.problem, x, weights, bias) for weights in (kernel, held))
    inside = bound(replace(plan, storage=AS_COMPUTED), accuracy, x, held, bias)
    return np.asarray(inside + np.abs(moved - exact))


def rms(error: Array) -> float:
    """The root of the mean square."""
    mean: np.floating[Any] = (error.astype("float64") ** 2).mean()
    return float(mean**0.5)
