"""Pull: what takes the gradient of a loss by an op's output back to its inputs and its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Forward", "Given", "Pull"]

Pull: TypeAlias = "Callable[[Array], tuple[Sequence[Array], Mapping[str, Array]]]"
"""Of dy: the gradients by the inputs, and by the weights by their names. Sums run over the batch."""

Forward: TypeAlias = "Callable[[Any, Sequence[Array], Mapping[str, Array]], tuple[Array, Pull]]"
"""Of an op, its inputs, batch first, and its weights: the output and its pull."""

Given: TypeAlias = "Mapping[str, Array]"
