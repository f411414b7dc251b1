"""What a tile's program does between its sums: loops over rows, and which values need memory on the way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field

from codegen.emission.expressions import Part, Place
from codegen.graph.plans.tile_stage import Sums, Tiled
from codegen.records import dataclass

__all__ = ["Loop", "Memory", "Phase", "in_memory", "memory", "phases", "root"]

FREE = ("read", "number", "part")  # said anew wherever they are read


@dataclass
class Loop:
    """Instructions on each number of rows of `channels`, by itself."""

    channels: int
    numbers: list[int] = field(default_factory=list)


@dataclass
class Phase:
    """The sums with the number `sums`, None for none, and the loops that follow."""

    sums: int | None
    loops: list[Loop] = field(default_factory=list)


@dataclass(frozen=True)
class Memory:
    """Rows in C, `stride` apart, from number `first` of a pointer on."""

    pointer: str
    stride: int
    first: int = 0

    def of(self, *parts: Part) -> str:
        """The pointer to a number of them."""
        return Place.of(*parts, self.first).in_array(self.pointer)


def root(stage: Tiled, number: int) -> int:
    """The instruction that a part is of, or itself."""
    while stage.program[number].word == "part":
        (number,) = stage.program[number].of
    return number


def phases(stage: Tiled) -> list[Phase]:
    """A program as sums and loops, in its order."""
    found, written = [Phase(None)], {one.number for one in stage.writes}
    for number, one in enumerate(stage.program):
        if isinstance(one.value, Sums):
            found.append(Phase(number))
        elif one.word not in FREE or number in written:
            loops = found[-1].loops
            made = loops[-1].numbers if loops else []
            parts = any(stage.program[of].word == "part" and root(stage, of) in made for of in one.of)
            if not loops or loops[-1].channels != stage.widths[number] or parts or root(stage, number) in made:
                loops.append(Loop(stage.widths[number]))
            loops[-1].numbers.append(number)
    return found if found[0].loops else found[1:]


def in_memory(stage: Tiled, found: Collection[Phase], inline: Collection[int]) -> set[int]:
    """The instructions whose rows must lie in memory; the first loops behind the sums `inline` read registers."""
    needed = {one.number for one in stage.writes}
    for phase in found:
        for place, loop in enumerate(phase.loops):
            for number in loop.numbers:
                for of in stage.program[number].of:
                    here = of in loop.numbers or (of == phase.sums and of in inline and place == 0)
                    if not here:
                        needed.add(root(stage, of))
        if phase.sums is not None:
            needed.update(root(stage, of) for of in stage.program[phase.sums].of)
    return {number for number in needed if stage.program[number].word not in FREE}


def memory(stage: Tiled, number: int) -> Memory:
    """Where the rows of an instruction are read: an argument's, or those of a local array."""
    one = stage.program[number]
    if one.word == "read":
        return Memory(f"x{one.value}", stage.operands[one.value].place.stride)
    if one.word == "part":
        whole = memory(stage, one.of[0])
        return Memory(whole.pointer, whole.stride, whole.first + one.value)
    return stored(stage, number)


def stored(stage: Tiled, number: int) -> Memory:
    """Where the rows of an instruction are written."""
    for place, write in enumerate(stage.writes):
        if write.number == number:
            return Memory(f"y{place}", write.place.stride)
    return Memory(f"m{number}", stage.widths[number])
