"""Stages: what a model's function does one after the other, each as a frozen record of places and tables."""

from __future__ import annotations

from typing import Any, Literal

from codegen.graph.plans.place import LINE, Place
from codegen.graph.plans.tables import Table
from codegen.planning.plan import AnyPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.records import dataclass
from codegen.specs import model_kinds

__all__ = [
    "Convolved",
    "Each",
    "Framed",
    "Gathered",
    "Instruction",
    "Joined",
    "Normalized",
    "Operand",
    "Pooled",
    "Raised",
    "Recurrent",
    "Stage",
    "Summary",
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all have: the place `y` that is written, `tables` that are read, `spare` a buffer of its own, `told`."""

    y: Place
    tables: tuple[Table, ...] = ()
    spare: int | None = None
    told: str = ""

    @property
    def reads(self) -> tuple[Place, ...]:
        """The places that it reads."""
        raise NotImplementedError

    @property
    def ys(self) -> tuple[Place, ...]:
        """The places that it writes, `y` the first."""
        return (self.y,)

    @property
    def products(self) -> int:
        """Multiply-adds of a row that it makes."""
        return 0


@dataclass(frozen=True, kw_only=True)
class OfOne(Stage):
    """A stage that reads one place."""

    x: Place

    @property
    def reads(self) -> tuple[Place, ...]:
        return (self.x,)


@dataclass(frozen=True, kw_only=True)
class Convolved(OfOne):
    """A kernel of its own: `plan` on x, whose rows lie one behind the other. `added` is what its epilogue reads.

    `of` is the problem that it is planned for, of any length; in a stream the plan is for windows.
    """

    plan: AnyPlan
    of: Problem
    added: tuple[Place, ...] = ()

    @property
    def reads(self) -> tuple[Place, ...]:
        return (self.x, *self.added)

    @property
    def products(self) -> int:
        return self.of.products


@dataclass(frozen=True, kw_only=True)
class Raised(Convolved):
    """A kernel with zeros between its input's steps, in a stream: `of.up` outputs for each step.

    Those that are not all wanted, at the start and at the end, go by way of the first numbers of `spare`.
    """

    @property
    def aside(self) -> int:
        """The numbers of an input step's outputs, a multiple of a line."""
        numbers: int = self.plan.problem.up * self.plan.problem.out_filters
        return -(-numbers // LINE) * LINE


@dataclass(frozen=True)
class Instruction:
    """`word` of earlier instructions with the numbers `of`; `value` is what else it needs.

    read, spread: the operand with the number `value`, of its own channel or of its first; weight, number: a table with
    that number, a constant; + - * / max min; scaled: a product and a sum; where: the third for a negative first, else
    the second; activation: `value` on one; sqrt, abs, exp, log.
    """

    word: str
    of: tuple[int, ...] = ()
    value: Any = None


@dataclass(frozen=True)
class Operand:
    """A place that is read; `still`: its one row goes with each."""

    place: Place
    still: bool = False


@dataclass(frozen=True, kw_only=True)
class Each(Stage):
    """A `program` on each number by itself; its last instruction is what is written.

    It comes with rows of the places `beside`, although it does not read them.
    """

    operands: tuple[Operand, ...]
    program: tuple[Instruction, ...]
    beside: tuple[Place, ...] = ()

    @property
    def reads(self) -> tuple[Place, ...]:
        return tuple(operand.place for operand in self.operands)

    @property
    def flat(self) -> bool:
        """Whether all lies in one order, so that rows make no difference."""
        words = {one.word for one in self.program}
        return (
            words.isdisjoint({"spread", "weight"})
            and self.y.flat
            and all(not one.still and one.place.flat and one.place.like(self.y) for one in self.operands)
        )


@dataclass(frozen=True, kw_only=True)
class ByFrame(Each):
    """The frames of a stream, each by itself: `size` steps, `hop` apart in the sequence."""

    size: int
    hop: int

    @property
    def flat(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Framed(ByFrame):
    """A sequence cut into frames."""


@dataclass(frozen=True, kw_only=True)
class Joined(ByFrame):
    """Frames as a sequence."""


@dataclass(frozen=True, kw_only=True)
class Gathered(OfOne):
    """Rows of x as rows of y: `word` is pad, reflect, replicate (with `left` more before, `right` after).

    Or wrap in the same way, reverse, upsample by `size`, last, and in a stream crop (without the first `left` and the
    last `right`).
    """

    word: Literal["pad", "reflect", "replicate", "wrap", "reverse", "upsample", "last", "crop"]
    left: int = 0
    right: int = 0
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Pooled(OfOne):
    """The largest or the mean of windows of rows; `window` has their size, stride and padding."""

    word: Literal["max", "average"]
    window: ConvProblem
    count_padding: bool = False


@dataclass(frozen=True, kw_only=True)
class Summary(OfOne):
    """The largest, the mean or the sum of all rows."""

    word: Literal["max", "average", "sum"]


@dataclass(frozen=True, kw_only=True)
class Normalized(OfOne):
    """(x - mean) / sqrt(variance + epsilon) · gamma + beta, of each row, or of `groups` of channels over all rows."""

    epsilon: float
    scale: bool
    center: bool
    groups: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recurrent(OfOne):
    """The steps of a recurrent layer, of what its kernel made of its input, the bias in it; `first` are its states."""

    layer: model_kinds.Recurrent
    first: tuple[Place, ...] = ()

    @property
    def reads(self) -> tuple[Place, ...]:
        return (self.x, *self.first)

    @property
    def products(self) -> int:
        return self.layer.units * self.layer.gates * self.layer.units
