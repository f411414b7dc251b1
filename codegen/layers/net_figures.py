"""What a model's numbers are, before anything is compiled: multiply-adds, receptive field, delay."""

from __future__ import annotations

from functools import cached_property

from codegen.graph import reaches, work
from codegen.graph.graph import Graph
from codegen.graph.reaches import Reach
from codegen.graph.work import Work

__all__ = ["NetFigures"]


class NetFigures:
    """Figures that follow from the graph, without what no output needs."""

    graph: Graph

    @property
    def macs(self) -> int | None:
        """Multiply-adds of a sample by the direct algorithm; None for an input of any number of steps."""
        return None if self.graph.steps is None else self._work.macs

    @property
    def macs_per_step(self) -> float:
        """Multiply-adds for each step of the input, those of a call beside; of a known number their share in all."""
        steps = self.graph.steps
        return float(self._work.each) if steps is None else self._work.macs / steps

    @property
    def receptive_field(self) -> int | None:
        """Input steps from the first to the last that an output may read; None for all, or all before."""
        found = [reach.field if reach else None for reach in self._reaches]
        return None if None in found else max(one for one in found if one is not None)

    @property
    def delay(self) -> int | None:
        """Input steps that an output waits for at most beyond its own; None for all. In a stream it is the latency."""
        found = [reach.delay if reach else None for reach in self._reaches]
        return None if None in found else max(one for one in found if one is not None)

    def count_params(self) -> int:
        """The number of weights of all layers that an output needs."""
        return self._work.weights

    @cached_property
    def _work(self) -> Work:
        return work.total(work.works(self.graph.alive()))

    @cached_property
    def _reaches(self) -> tuple[Reach | None, ...]:
        found = reaches.reaches(self.graph)
        return tuple(found[at] for _, at in self.graph.outputs)
