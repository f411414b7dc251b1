"""What an int8 kernel in assembly is given: a convolution's numbers as TensorFlow Lite defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codegen.problem.requantise import Requantise
from codegen.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from codegen.problem.conv_problem import ConvProblem


@dataclass(frozen=True, eq=False)
class Sums:
    """An int8 convolution of a known length, and what becomes of its sums.

    `weights` int8 of the problem's kernel_shape; `bias` (filters,) as it is in the file, before zero points. A sum is
    scaled by `multipliers` / 2**31 * 2**`shifts` in the `rounding` double or single, by `scales` float32 in fp32; then
    `zero` is added and the result clamped to [`low`, `high`], or looked up in `table` of 256 int8, that of -128 first.
    """

    problem: ConvProblem
    weights: NDArray[np.int8]
    bias: NDArray[np.int64]
    input_zero: int
    rounding: str
    multipliers: NDArray[np.int64]
    shifts: NDArray[np.int64]
    scales: NDArray[np.float32]
    zero: int
    low: int = -128
    high: int = 127
    table: NDArray[np.int8] | None = None

    @property
    def folded(self) -> NDArray[np.int64]:
        """(filters,) biases of sums over x itself, where padding holds the input's zero point."""
        return np.asarray(self.bias - self.input_zero * self.weights.astype(np.int64).sum(axis=(0, 1)))

    @property
    def bounds(self) -> NDArray[np.int64]:
        """(filters,) what no sum of any input passes, whatever its sign."""
        return np.asarray(np.abs(self.bias) + 255 * np.abs(self.weights.astype(np.int64)).sum(axis=(0, 1)))


def of_layer(p: ConvProblem, arrays: Sequence[NDArray[Any] | None]) -> Sums:
    """The numbers of a layer whose `arrays` are the kernel and what the epilogue reads."""
    kernel, *operands = arrays
    ending = p.epilogue.stages[-1]
    assert kernel is not None
    assert isinstance(ending, Requantise)
    named = dict(zip((one.name for one in p.epilogue.operands), operands, strict=True))
    nothing = np.zeros(p.filters, np.int64)
    bias, m, shift = (nothing if named.get(word) is None else named[word] for word in ("bias", "multiplier", "shift"))
    factor = named.get("factor")
    return Sums(
        p,
        kernel.astype(np.int8),
        np.asarray(bias, np.int64),
        p.zero,
        ending.rounding,
        np.broadcast_to(np.asarray(m, np.int64), p.filters),
        np.broadcast_to(np.asarray(shift, np.int64), p.filters),
        np.asarray(nothing if factor is None else factor, np.float32),
        ending.zero_point,
        ending.low,
        ending.high,
        np.asarray(ending.table, np.int8) if ending.table else None,
    )
