"""What a layer's numbers are, before anything is compiled: outputs, receptive field, multiplications."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

from codegen.errors import ShapeError
from codegen.errors.quoting import exactly
from codegen.layers.weighted import Held

if TYPE_CHECKING:
    from codegen.problem.problem import Problem


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
        if not isinstance(steps, Integral) or isinstance(steps, bool):
            raise ShapeError(f"`{self.name}`: output_steps: got {exactly(steps)}, expected a number of input steps")
        return self._outs(self._built_problem(), int(steps))

    def _built_problem(self) -> Problem:
        return self._demand_built().problem
