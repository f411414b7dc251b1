"""Writer: what emission knows of an algorithm, as one record. Packing: how C lays its kernel out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic

from codegen.emission.cformat import CText
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import Place
from codegen.emission.point_sums import Points
from codegen.planning.plan import AnyPlan, KernelPlan, P, S
from codegen.records import dataclass


@dataclass(frozen=True)
class Move:
    """Numbers of a kernel in the order in which they are stored: under the loops `heads` that of `place`.

    Where it is `looked_up`, the packing's own function takes it from there, by this first tap, step and these phases.
    """

    heads: tuple[str, ...]
    place: Place
    looked_up: tuple[int, ...] = ()

    def text(self, weight: CFunction) -> str:
        """The statement that stores a number; `weight` is that function."""
        at = self.place.text
        number = weight.of("kernel", *map(str, self.looked_up), at) if self.looked_up else f"kernel[{at}]"
        return f"*packed++ = {number};"


@dataclass(frozen=True)
class Packing:
    """`moves` follow each other, for each of `groups` if any; or `points` are made of the taps; or each of `parts` is
    packed in its place.

    With a `tap_step` the parts of a kernel are packed, whose taps lie so far apart.
    """

    moves: tuple[Move, ...]
    points: Points | None = None
    tap_step: int | None = None
    groups: int = 0
    parts: tuple[PartPacking, ...] = ()

    @property
    def transforms(self) -> bool:
        """Whether points are made of taps, here or in a part."""
        return self.points is not None or any(part.packing.transforms for part in self.parts)


@dataclass(frozen=True)
class PartPacking:
    """How the kernel is packed for `plan`, from number `at` on, by a function whose name begins with `word`."""

    word: str
    plan: AnyPlan
    at: int
    packing: Packing


@dataclass(frozen=True)
class Beside:
    """A file beside NAME.c that holds its function where the preprocessor's condition `instead` is met."""

    file: str
    text: str
    instead: CText


Arrays = Sequence[Any]
PackingOf = Callable[[AnyPlan], Packing | None]


def _no_lanes(plan: AnyPlan) -> set[int]:
    return set()


def _no_packing(plan: AnyPlan, inner: PackingOf) -> None:
    return None


def _nothing(plan: AnyPlan, name: str, weights: Arrays, banner: Sequence[str]) -> None:
    return None


def _unknown(plan: AnyPlan) -> int:
    return 0


@dataclass(frozen=True)
class Writer(Generic[S, P]):
    """The text of an algorithm's plans. `S` is the type of their schedules, `P` that of their problems.

    `view(plan, name)` are the variables of `template`, a file of templates/, beside those of every kernel.
    `lanes(plan)` are the vector widths in use beside those of the plan's inner ones. `packing(plan, inner)` is how C
    packs the plan's one kernel, None where it cannot; `inner` tells it of the plan's inner ones. `inner` is what the
    functions of the plan's inner ones compute, as their names end. `tables(plan, name, weights)` are variables that
    depend on the weights where these are baked, and `tables` among them, in place of those of every kernel.
    `beside(plan, name, weights, banner)` is a further file that such a plan can have.
    """

    template: str
    view: Callable[[KernelPlan[S, P], str], dict[str, Any]]
    lanes: Callable[[KernelPlan[S, P]], set[int]] = _no_lanes
    packing: Callable[[KernelPlan[S, P], PackingOf], Packing | None] = _no_packing
    slices_inner: bool = False  # a slice of the kernel is one of its inner function
    inner: tuple[str, ...] | Callable[[KernelPlan[S, P]], tuple[str, ...]] = ("inner",)
    counts_outs: bool = True  # the text asks NAME_out_steps for the outputs of a free length
    least_outs: Callable[[KernelPlan[S, P]], int] = _unknown  # the outputs that each call of an inner one has at least

    tables: Callable[[KernelPlan[S, P], str, Arrays], dict[str, Any]] | None = None
    beside: Callable[[KernelPlan[S, P], str, Arrays, Sequence[str]], Beside | None] = _nothing

    def words(self, plan: KernelPlan[S, P]) -> tuple[str, ...]:
        """`inner` of a plan."""
        return self.inner(plan) if callable(self.inner) else self.inner
