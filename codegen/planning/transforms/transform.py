"""A Transform: m outputs of an r-tap correlation from R products, as two pieces of straight-line code and a matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from codegen.planning.transforms.expressions import Code
from codegen.planning.transforms.figures import FIGURES
from codegen.records import dataclass

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Transform:
    """y[i] = sum over k of w[k] x[stride*i + k], for i < `outputs`, k < `taps`, as inverse(forward(x) * (weights @ w)).

    `phases` are the transforms, of stride 1 and as many as the stride, that a strided one is made of, else ().
    `forward` maps the `inputs`, stride * (`outputs` - 1) + `taps` or more, to `points` rows, `inverse` these to the
    outputs; `weights` is (points, taps), float64. All three are made when they are first asked for: a planner that
    looks at many transforms needs no more than figures of them.
    """

    name: str
    outputs: int
    taps: int
    points: int
    inputs: int
    codelets: Callable[[], tuple[Code, Code]] = field(repr=False)
    matrix: Callable[[], Array] = field(repr=False)
    phases: tuple[Transform, ...] = ()

    @property
    def stride(self) -> int:
        return max(1, len(self.phases))

    @property
    def alone(self) -> int:
        """The points that have weights of their own; of the others each `outputs` share those of a single tap."""
        if not self.phases:
            return 0 if self.taps == 1 else self.points
        return sum(phase.alone for phase in self.phases)

    @property
    def distinct(self) -> tuple[int, ...]:
        """The first point of each different row of weights."""
        return (*range(self.alone), *range(self.alone, self.points, self.outputs))

    @property
    def forward(self) -> Code:
        return self._codelets[0]

    @property
    def inverse(self) -> Code:
        return self._codelets[1]

    @cached_property
    def weights(self) -> Array:
        return self.matrix()

    @cached_property
    def statements(self) -> tuple[int, int]:
        """How many statements `forward` and `inverse` have."""
        known = FIGURES.get((self.name, self.taps))
        if self.phases:
            into, back = (sum(counts) for counts in zip(*(phase.statements for phase in self.phases), strict=True))
            return into, back + self.outputs * (self.stride - 1)
        return known[:2] if known else (len(self.forward.statements), len(self.inverse.statements))

    @cached_property
    def _codelets(self) -> tuple[Code, Code]:
        return self.codelets()
