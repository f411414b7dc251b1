"""What a layer's numbers are, before anything is compiled: outputs, receptive field, multiplications."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from codegen.errors import ShapeError
from codegen.errors.quoting import exactly
from codegen.layers.weighted import Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem.problem import Problem

    Array = NDArray[Any]


class Figures(Held):
    """Figures that follow from the definition. Each raises ShapeError while the input's channels are not known."""

    @property
    def receptive_field(self) -> int:
        """Input steps from the first to the last that an output may read."""
        return self._built_problem().receptive_field

    @property
    def macs(self) -> int | None:
        """Multiplications of the direct algorithm for a sample, taps in the padding counted; None for a free length."""
        problem = self._built_problem()
        return None if problem.steps is None else problem.macs(problem.steps)

    @property
    def macs_per_step(self) -> int:
        """Multiplications of the direct algorithm for one output step of all filters."""
        return self._built_problem().products

    def output_steps(self, steps: int) -> int:
        """Output steps for an input of `steps` steps. Raises ShapeError where no output is left."""
        if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 0:
            raise ShapeError(f"`{self.name}`: output_steps: got {exactly(steps)}, expected a number of input steps")
        return self._outs(self._built_problem(), int(steps))

    def response(self, points: int = 512, rate: float = 1.0) -> tuple[Array, Array]:
        """(frequencies, the kernel's response at each): how a layer of one stage filters each channel for each filter.

        `points` frequencies from 0 to half of `rate`, the steps a second; the response is complex, (points, channels of
        a group, filters), that before a stride leaves outputs out. Raises UsageError for layers of several kernels.
        """
        from codegen.layers import response

        return response.of_kernel(self.name, self._built_problem(), self._made().arrays, points, rate)

    def plot_response(self, points: int = 512, rate: float = 1.0, axes: Any = None) -> Any:
        """Draw the magnitudes of `response` in decibels on `axes` of matplotlib, or on new ones, which are returned."""
        from codegen.layers import response

        frequencies, found = self.response(points, rate)
        return response.plotted(self.name, frequencies, found, rate != 1.0, axes)

    def _built_problem(self) -> Problem:
        return self._demand_built().problem
