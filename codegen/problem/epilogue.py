"""Epilogue: what becomes of a problem's sums before they are its outputs, stage by stage, and what each stage reads.

    a bias, where the sums begin → sums of products → … → an activation → y

A stage is one record: its operands, its C, its meaning in NumPy, its share in the error, its words. Whoever plans,
writes, calls or proves a kernel goes through the stages and their operands, and knows none of them by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from codegen.errors import PlanError
from codegen.numbers.formats import Format
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Epilogue", "Lies", "Operand", "Plain", "Stage"]

Lies = Literal["filter", "output", "call"]
"""A number for each filter, one for each sum, in y's layout, or one for the whole call."""

Plain = int | str | bool | None | tuple["Plain", ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Operand:
    """An array that a stage reads beside the sums: an argument of the C function.

    Its numbers are `held_in` the format of that name, or in the problem's own.

    `within` is its name in the functions that are handed their part of it, `several` that of copies of it side by side.
    `factor`: sums are multiplied by it; else it is of the sums' own size.
    """

    name: str
    lies: Lies
    within: str
    several: str
    factor: bool = False
    held_in: str = ""

    @property
    def is_weight(self) -> bool:
        """Whether it is the same for all samples, so that it is baked where weights are."""
        return self.lies != "output"

    def numbers(self, filters: int) -> int:
        """The numbers of a weight."""
        return filters if self.lies == "filter" else 1


@dataclass(frozen=True)
class Stage:
    """One step on the way from the sums to y; a new one is a subclass of this and the text of its C.

    One that `begins` is its one operand, which the sums start from, or to which they are added; it needs no text. Any
    other is the function vN_`function`(sums, operands…) for each vector width N, written by the template `text`. How
    fast that grows with the sums is vN_`function`_slope(sums, operands…), and with an operand
    vN_`function`_slope_OPERAND(…) of the same: `slope_text` writes them all. A macro uses each of its arguments.
    `exact`: it makes no error on whole numbers, its factors powers of two.
    """

    name: ClassVar[str]
    operands: ClassVar[tuple[Operand, ...]] = ()
    begins: ClassVar[bool] = False
    exact: ClassVar[bool] = True

    @property
    def values(self) -> Plain:
        """What tells it from others of its name, in plain values, the same on any day."""
        return True

    @property
    def rowwise(self) -> bool:
        """Whether it takes all filters of an output step together."""
        return False

    @property
    def shares(self) -> int:
        """How many filters' sums make one output."""
        return 1

    @property
    def is_long(self) -> bool:
        """Whether its C takes so many operations that it should stand once, not at each store."""
        return False

    @property
    def function(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        return f"epilogue/{self.name}.c.j2"

    @property
    def slope_text(self) -> str:
        return f"epilogue/slopes/{self.name}.c.j2"

    @property
    def both_texts(self) -> tuple[str, ...]:
        """What writes the function and its slopes into one file."""
        return self.text, self.slope_text

    @property
    def slope_words(self) -> tuple[str, ...]:
        """The names of its slopes in C behind vN_: by the sums, then by each operand."""
        by_sums = f"{self.function}_slope"
        return by_sums, *(f"{by_sums}_{operand.name}" for operand in self.operands)

    def view(self) -> dict[str, object]:
        """What the text is given, beside the function's name (`act`), the `lanes`, the `dtype` and the `target`."""
        return {}

    def told(self, total: str) -> str:
        """What it makes of `total`, as mathematics: of filter f at output step t."""
        raise NotImplementedError

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        """What it makes of sums, (batch, out steps, filters), in their own type; operands can be broadcast to them.

        `held` is the format of the kernel that is meant: constants are rounded to it.
        """
        raise NotImplementedError

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        """How far a right kernel can be from y, what the stage makes of `sums`, where its own sums are off by `error`.

        Shapes as for `reference`. inf is no promise, NaN promises the value itself.
        """
        raise NotImplementedError

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        """How fast what it makes grows with the sums, and with each operand; they can be broadcast to the sums."""
        raise NotImplementedError

    def slope_errors(self, slopes: Sequence[Array], held: Format) -> tuple[Array, ...]:
        """How far the C of each may be off at its exact values: the rounding of one operation."""
        return tuple(held.unit * abs(slope) for slope in slopes)

    def pulled(self, dy: Array, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        """The loss' gradients by the sums and by each operand, where that by what it makes of `sums` is `dy`.

        (batch, out steps, filters) each: what an operand shares among sums is not yet added up.
        """
        return tuple(dy * slope for slope in self.slopes(sums, operands, held))


@dataclass(frozen=True)
class Epilogue:
    """The stages in the order in which they are applied; no two of a name. Raises PlanError for an order without sense.

    What begins comes first, and what takes whole rows last.
    """

    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        for place, stage in enumerate(self.stages):
            if names.count(stage.name) > 1:
                raise PlanError(f"the epilogue {' → '.join(names)} has two stages `{stage.name}`: expected one of each")
            if stage.begins and place:
                raise PlanError(f"the epilogue {' → '.join(names)}: `{stage.name}` is where sums begin, so it is first")
            if stage.begins and [operand.lies for operand in stage.operands] != ["filter"]:
                raise PlanError(f"sums cannot begin with `{stage.name}`: expected one operand that lies per filter")
            if stage.rowwise and stage != self.stages[-1]:
                raise PlanError(f"the epilogue {' → '.join(names)}: `{stage.name}` takes whole rows, so it is last")

    @property
    def operands(self) -> tuple[Operand, ...]:
        """What the stages read, in the order of the C function's arguments."""
        return tuple(operand for stage in self.stages for operand in stage.operands)

    @property
    def weights(self) -> tuple[Operand, ...]:
        """Those that are the same for all samples."""
        return tuple(operand for operand in self.operands if operand.is_weight)

    @property
    def of_filters(self) -> tuple[Operand, ...]:
        """Those that have a number for each filter."""
        return tuple(operand for operand in self.operands if operand.lies == "filter")

    @property
    def of_outputs(self) -> tuple[Operand, ...]:
        """Those that lie as y does."""
        return tuple(operand for operand in self.operands if operand.lies == "output")

    @property
    def first(self) -> Stage | None:
        """The stage that the sums begin with."""
        return self.stages[0] if self.stages and self.stages[0].begins else None

    @property
    def start(self) -> Epilogue:
        """What the sums begin with, and nothing after them."""
        return Epilogue((self.first,)) if self.first else Epilogue()

    @property
    def later(self) -> tuple[Stage, ...]:
        """The stages that follow the sums."""
        return self.stages[1:] if self.first else self.stages

    @property
    def rowwise(self) -> Stage | None:
        """The stage that takes all filters of an output step together."""
        return self.stages[-1] if self.stages and self.stages[-1].rowwise else None

    @property
    def row_stage(self) -> Stage:
        """The same where it is known to be there. Raises PlanError where it is not."""
        if self.rowwise is None:
            raise PlanError("no stage of the epilogue takes all filters of an output step together")
        return self.rowwise

    @property
    def before_rows(self) -> Epilogue:
        """All that each sum goes through by itself."""
        return Epilogue(self.stages[:-1]) if self.rowwise else self

    @property
    def linear(self) -> bool:
        """Whether there is nothing after the sums."""
        return not self.later

    @property
    def exact(self) -> bool:
        """Whether no stage makes an error on whole numbers."""
        return all(stage.exact for stage in self.stages)

    @property
    def shares(self) -> int:
        """How many filters' sums make one output."""
        return self.stages[-1].shares if self.stages else 1

    @property
    def is_long(self) -> bool:
        """Whether some stage after the sums should stand once, not at each store."""
        return any(stage.is_long for stage in self.later)

    def without(self, name: str) -> Epilogue:
        """The same without the stage of that name."""
        return Epilogue(tuple(stage for stage in self.stages if stage.name != name))

    def of_stages(self, arrays: Sequence[T]) -> tuple[tuple[Stage, tuple[T, ...]], ...]:
        """Each stage with its part of `arrays`, one for each operand."""
        found, at = [], 0
        for stage in self.stages:
            count = len(stage.operands)
            found.append((stage, tuple(arrays[at : at + count])))
            at += count
        return tuple(found)
