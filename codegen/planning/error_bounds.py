"""What a plan's kernel is held to: direct's bound or a transform's, and an rms error next to direct's.

A transform mixes the samples of a tile, so an output may lose what its neighbours' sums are worth. How much follows
from the roundings of its code (transforms.worst): on layers of real networks some five times direct's bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.numbers.formats import Format
from codegen.numbers.storage import AS_COMPUTED, rounded
from codegen.planning.transforms import normwise
from codegen.planning.transforms.normwise import Blockwise
from codegen.planning.transforms.worst import worst
from codegen.problem import reference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from codegen.planning.ask import Accuracy
    from codegen.planning.plan import KernelPlan, Transformed
    from codegen.problem.conv_problem import ConvProblem

    Array = NDArray[Any]

__all__ = ["OUTPUTS", "bound", "is_transform", "rms"]

OUTPUTS = 4096  # that an rms error is told for: over fewer, chance is seen
SECOND_ORDER = 1.01  # for products of roundings, which codegen.planning.transforms.worst leaves out
TABLE = 8  # roundings in an entry of a transform's own table, where float64 is all the precision that there is
ROOM = 0.5  # of the largest number: what may be reached before it is rounded


def is_transform(plan: KernelPlan) -> bool:
    """Whether `plan` computes otherwise than by direct sums, perhaps inside of another algorithm."""
    return any(True for _ in _transforms(plan))


def bound(plan: KernelPlan, accuracy: Accuracy, x: Array, kernel: Array, *operands: Array | None) -> Array:
    """The largest |computed - exact| that a right kernel of `plan` may show, for each output; as `reference.bound`.

    inf is no promise, NaN promises the value itself. Only class `exact` promises where a NaN or an infinity goes.
    """
    import numpy as np

    problem = plan.problem
    if plan.kernel_format.coded:
        return _stored(plan, accuracy, x, kernel, *operands)
    lost = _lost(plan, x, kernel, *operands) if is_transform(plan) else None
    allowed = reference.bound(problem, x, kernel, *operands, before=lost)
    return allowed if accuracy == "exact" else np.where(np.isnan(allowed), np.inf, allowed)


def _lost(plan: KernelPlan, x: Array, kernel: Array, *operands: Array | None) -> Array:
    """A transform's of the sums, (batch, 1, filters): one for all outputs of a sample and filter.

    The largest Σ|w||x| among the outputs at stride 1, those past the ends too, as a tile computes them and leaves them
    out; the largest |x| of the sample and |w| of the filter for what underflow takes and where overflow may begin.
    """
    import numpy as np

    problem, dtype, terms = plan.problem, plan.problem.format, plan.problem.terms + 1
    beyond = problem.reach - 1
    every = replace(problem, stride=1, pad_left=beyond, pad_right=beyond, centred=False)
    rows = x if problem.channels_last else np.swapaxes(x, 1, 2)
    largest = reference.magnitude(every, rows, kernel).max(axis=1, keepdims=True, initial=0)
    samples = np.abs(np.asarray(x, np.float64)).max(axis=(1, 2), keepdims=True, initial=0)
    weights = np.abs(np.asarray(kernel, np.float64)).max(axis=(0, 1))
    first, _ = reference.parted(problem, operands, "float64")
    added = 0.0 if first is None else np.abs(first)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [
            _of_blocks(used, problem, of, x, kernel, largest)
            if isinstance(used, Blockwise)
            else _of(used, of.group_channels, dtype, largest, samples, weights)
            for used, of in _transforms(plan)
        ]
        rounding, reached = (np.max(some, axis=0) for some in zip(*parts, strict=True))
        direct = terms / (1 - terms * dtype.unit) * (dtype.unit * largest + dtype.least)
        allowed = SECOND_ORDER * (np.maximum(rounding, direct) + dtype.unit * (largest + added))
        return np.where(reached + added <= ROOM * dtype.largest, allowed, np.inf)


def _of(
    used: Transformed, channels: int, dtype: Format, largest: Array, samples: Array, weights: Array
) -> tuple[Array, Array]:
    """What one transform loses in sums over so many channels, and the largest number that it may reach."""
    import numpy as np

    most, sums = worst(used.transform), used.parts * channels
    packed = 1 if dtype.single else used.transform.taps + TABLE  # roundings of a transformed weight, made in float64
    roundings = -(-sums // used.chunks) + used.chunks + packed
    below = most.from_samples * weights + most.from_weights * packed * samples + most.from_sums
    rounded_sums = most.products * roundings / (1 - roundings * dtype.unit)
    lost = dtype.unit * (most.linear + rounded_sums) * largest + sums * below * dtype.least
    reached = (most.samples * samples, most.weights * weights, most.sums * sums * samples * weights)
    return lost, np.maximum(np.maximum(*reached[:2]), reached[2])


def _of_blocks(
    used: Blockwise, problem: ConvProblem, of: ConvProblem, x: Array, kernel: Array, largest: Array
) -> tuple[Array, Array]:
    """The same of blocks: by the norms of x and of the kernel where the problem is that `of` the blocks."""
    import numpy as np

    samples, taps = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    alike = replace(of, steps=problem.steps, pad_left=problem.pad_left, pad_right=problem.pad_right)
    alike = replace(alike, centred=problem.centred, channels_last=problem.channels_last)
    if alike == problem:
        return normwise.lost(used, problem, samples if problem.channels_last else samples.swapaxes(1, 2), taps)
    return normwise.lost_of(used, problem.format, largest, np.abs(samples).max(initial=0), np.abs(taps).max(initial=0))


def _transforms(plan: KernelPlan) -> Iterator[tuple[Transformed | Blockwise, ConvProblem]]:
    """The transforms of the plan and its parts, each with the problem that it serves."""
    if plan.algorithm.transformed:
        yield plan.algorithm.transformed(plan.schedule), plan.problem
    for part in plan.parts:
        yield from _transforms(part)


def _stored(plan: KernelPlan, accuracy: Accuracy, x: Array, kernel: Array, *operands: Array | None) -> Array:
    """The bound with the weights that are stored, and how far the exact outputs lie from those of `kernel`.

    That is at most the sum of unit * |w| * |x| before the epilogue, with the storage's unit: docs/storage.md.
    """
    import numpy as np

    held = rounded(kernel, plan.storage)
    exact, moved = (reference.convolve(plan.problem, x, weights, *operands) for weights in (kernel, held))
    inside = bound(plan.asked(numbers=AS_COMPUTED), accuracy, x, held, *operands)
    with np.errstate(invalid="ignore"):
        return np.asarray(inside + np.where(np.isfinite(inside), np.abs(moved - exact), 0))


def rms(error: Array) -> float:
    """The root of the mean square."""
    mean: np.floating[Any] = (error.astype("float64") ** 2).mean()
    return float(mean**0.5)
