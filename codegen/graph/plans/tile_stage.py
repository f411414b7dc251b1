"""Tiled: several nodes of a graph for a few steps at a time, whose values go from one to the next without a buffer."""

from __future__ import annotations

from functools import cached_property

from codegen.graph.plans.place import Place
from codegen.graph.plans.stages import Instruction, Operand, Stage
from codegen.records import dataclass

__all__ = ["Sums", "Term", "Tiled", "Write", "across"]

MOST_ROWS = 16
MOST_SUMS = 16  # vectors of paired ones: there are those of weights and of what is loaded, too


@dataclass(frozen=True)
class Term:
    """What is added up for each step: `taps` rows of `channels` of the instruction `of`, times the table `table`.

    `apart`: which of the stage's dilations says how far the taps are apart, the last on the step; None for one tap.
    `paired`: channels are read two at a time, those with even numbers and those with odd ones summed apart.
    """

    of: int
    taps: int
    channels: int
    table: int
    apart: int | None = None
    paired: bool = False

    @property
    def products(self) -> int:
        """Those of one filter."""
        return self.taps * self.channels


@dataclass(frozen=True)
class Sums:
    """`filters` of them for each step: all terms in their order, and then the tables `starts`.

    `row`: from the weights of one channel to those of the next.
    """

    filters: int
    row: int
    starts: tuple[int, ...]
    terms: tuple[Term, ...]

    @property
    def paired(self) -> bool:
        """Whether channels of any term are read two at a time."""
        return any(term.paired for term in self.terms)

    def rows(self, lanes: int) -> int:
        """The most rows at a time, by vectors of `lanes`, of which those of all sums stay in registers."""
        return MOST_SUMS * lanes // (2 * self.filters) if self.paired else MOST_ROWS


def across(channels: int, widths: tuple[int, ...]) -> int:
    """The narrowest of the vectors that hold all channels of a step."""
    return min(lanes for lanes in widths if lanes >= channels)


@dataclass(frozen=True)
class Write:
    """A place for the rows of the instruction `number`."""

    number: int
    place: Place


@dataclass(frozen=True, kw_only=True)
class Tiled(Stage):
    """A `program` on rows, its instruction i of `widths[i]` channels; all that later stages read is among `writes`.

    Beside the words of a loop's program there are `sums` of Sums, and `part`: channels from `value` on. `lefts` are the
    rows before its own that it reads of each operand, `dilations` those between the taps of terms that have several.
    """

    operands: tuple[Operand, ...]
    program: tuple[Instruction, ...]
    widths: tuple[int, ...]
    writes: tuple[Write, ...]
    lefts: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def reads(self) -> tuple[Place, ...]:
        return tuple(one.place for one in self.operands)

    @property
    def ys(self) -> tuple[Place, ...]:
        return tuple(one.place for one in self.writes)

    @cached_property
    def sums(self) -> tuple[Sums, ...]:
        """All sums of products."""
        return tuple(one.value for one in self.program if isinstance(one.value, Sums))

    @property
    def products(self) -> int:
        """Multiply-adds of a step."""
        return sum(one.filters * term.products for one in self.sums for term in one.terms)
