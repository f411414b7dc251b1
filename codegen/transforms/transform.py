"""A Transform: m outputs of an r-tap correlation from R products, as two pieces of straight-line code and a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.transforms.expressions import Code

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Transform:
    """y[i] = sum over k of w[k] x[i + k], for i < `outputs`, k < `taps`, as inverse(forward(x) * (weights @ w)).

    `forward` maps the `outputs` + `taps` - 1 (or more) input rows to `points` rows, `inverse` these to the outputs;
    `weights` is (points, taps), float64.
    """

    name: str
    outputs: int
    taps: int
    points: int
    forward: Code
    inverse: Code
    weights: Array

    @property
    def inputs(self) -> int:
        return self.forward.inputs
