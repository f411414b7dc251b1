"""The parts of kernels of dots as text: vectors of sums, what they read, tiles, and the loops around these."""

from __future__ import annotations

from codegen.records import dataclass

__all__ = ["Load", "Sum", "Tile", "Walk"]


@dataclass(frozen=True)
class Sum:
    """A vector of sums: its variable, its place in the tables, the weights that it takes, how it is stored."""

    name: str
    at: str
    weights: str
    stored: str


@dataclass(frozen=True)
class Load:
    """What is read at the place `at`: a vector of weights, or four bytes of the row `number` and its sums."""

    name: str
    at: str
    number: int = 0
    sums: tuple[Sum, ...] = ()


@dataclass(frozen=True)
class Tile:
    """A function: its loops over the bytes of a window, what it reads and adds up there; `step` bytes of weights."""

    function: str
    told: str
    loops: tuple[str, ...]
    weights: tuple[Load, ...]
    rows: tuple[Load, ...]
    step: int

    @property
    def turns(self) -> bool:
        """Whether the weights are read in a loop."""
        return bool(self.loops)

    @property
    def sums(self) -> tuple[Sum, ...]:
        return tuple(one for row in self.rows for one in row.sums)


@dataclass(frozen=True)
class Walk:
    """The loops over the blocks and rows that one tile serves, and its call there."""

    loops: tuple[str, ...]
    call: str
