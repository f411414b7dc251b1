"""Tiles of neighbours at the border of a long kernel: they share most of their samples, though none of their taps.

A sample is loaded once and multiplied with another tap for each output. What only some of the outputs read, before the
samples of all or behind them, is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from codegen.emission.microkernel import Loop, Microkernel, Row, Spelling, Step, accumulator, count_loop, index
from codegen.planning.algorithms.tiling import Panel
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

Terms = tuple[int | tuple[int, str], ...]

TOLD = {
    "all": "all samples of the input",
    "first": "the first samples, the later outputs some more",
    "last": "the last samples, the earlier outputs some more",
}


@dataclass(frozen=True)
class Sharing:
    """A tile of `rows` outputs; which samples these share: all of the input, its `first` ones or its `last` ones."""

    shared: str
    rows: int
    tile: Microkernel

    @property
    def told(self) -> str:
        return f"outputs that read {TOLD[self.shared]}"


@dataclass(frozen=True)
class Samples:
    """The loops of one tile: `wide` numbers from tap to tap, `columns` of them a vector each."""

    p: ConvProblem
    panel: Panel
    spell: Spelling
    rows: int
    wide: int
    columns: tuple[int, ...]
    channelwise: bool

    def loops(self, shared: str) -> tuple[Loop, ...]:
        """Those over the samples that only some outputs read, and over those that all read, in order."""
        far, ones = (self.rows - 1) * self.p.stride, range(self.rows)
        common = Loop(
            "the samples of all outputs",
            (count_loop("i", 0, "taps"),),
            tuple(self._steps(ones, (1, "i"), far if shared == "last" else 0)),
        )
        if shared == "all":
            return (common,)
        if shared == "first":
            return common, self._some(far, lambda j, r: r * self.p.stride > j, (1, "taps"))
        return self._some(far, lambda j, r: r * self.p.stride <= j), common

    def _some(self, count: int, reads: Callable[[int, int], bool], *at: tuple[int, str]) -> Loop:
        """`count` samples, each with the rows that read it."""
        steps = (
            step for j in range(count) for step in self._steps((r for r in range(self.rows) if reads(j, r)), *at, j)
        )
        return Loop("the samples of some outputs", (), tuple(steps))

    def _steps(self, rows: Iterable[int], *at: int | tuple[int, str]) -> Iterator[Step]:
        """One sample, loaded once, for some rows. No hold() between the loads and the products."""
        sample, spell = _scaled(self.p.channels, at), self.spell
        if self.channelwise:
            loads = tuple((f"x{i}", spell.load("x", *sample, o)) for i, o in enumerate(self.panel.offsets))
        else:
            loads = (("x0", spell.broadcast(f"x[{index(*sample)}]")),)
        yield Step(loads, ())
        yield Step((), tuple(Row(None, self._updates(r, at, len(loads))) for r in rows))

    def _updates(self, row: int, at: Terms, loaded: int) -> tuple[str, ...]:
        weights = (*_scaled(self.wide, at), -row * self.p.stride * self.wide)
        return tuple(
            self.spell.update(accumulator(row, i), f"x{min(i, loaded - 1)}", self.spell.weights(*weights, column))
            for i, column in enumerate(self.columns)
        )


def _scaled(factor: int, terms: Terms) -> Terms:
    return tuple(factor * one if isinstance(one, int) else (factor * one[0], one[1]) for one in terms)
