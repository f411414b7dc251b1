"""What `templates/row_activation.c.j2` prints: the call for the sums, and the functions that take a row or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from codegen.emission import kernel_layouts
from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static, writes
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import count_loop, offset, step_by
from codegen.emission.vectors import spelled
from codegen.emission.writer import Writer
from codegen.planning.algorithms.row_activation import Schedule, sums_at
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

INNER = ("sums",)  # what its inner functions compute, as their names end


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use, beside the inner plan's."""
    return set(plan.schedule.widths)


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner, p = plan.schedule, plan.inner, plan.problem
    before, grows = sums_at(plan)
    steps = ["steps"] * (p.steps is None)
    spare = ["workspace"] * inner.has_workspace
    arguments = ["x", *steps, *weight_names(plan, name), "sums" if schedule.apart else "y", *spare]
    blocks, (function,) = _blocks(p, schedule, name), inner_functions(plan, name, INNER)
    wide = [segment.lanes for block in blocks for segment in block.segments if segment.lanes > 1]
    return {
        "call": f"{function.of(*arguments)};",
        "apart": schedule.apart,
        "sums_at": offset("", (grows, "steps"), before),
        "passes": f"rows/{p.epilogue.row_stage.function}.c.j2",
        "blocks": blocks,
        "summed": [] if schedule.apart or not (p.channels_last or _counts(p)) else _of_lanes(lane_sum, name, wide),
        "compared": _of_lanes(lane_most, name, wide) if p.channels_last and not schedule.apart else [],
        "half": p.out_filters,
    }


@dataclass(frozen=True)
class OfLanes:
    """A function of all lanes of a vector; `half` as many as these."""

    function: CFunction
    lanes: int

    @property
    def half(self) -> int:
        return self.lanes // 2


def lane_sum(kernel: str, lanes: int) -> CFunction:
    """The sum of all lanes."""
    return static(f"{kernel}_sum_{lanes}", Parameter("x", spelled(lanes)), returns=spelled(1))


def lane_most(kernel: str, lanes: int) -> CFunction:
    """The largest of all lanes and `most`."""
    given = Parameter("x", spelled(lanes)), Parameter("most", spelled(1))
    return static(f"{kernel}_most_{lanes}", *given, returns=spelled(1))


def _of_lanes(function: Callable[[str, int], CFunction], kernel: str, widths: Iterable[int]) -> tuple[OfLanes, ...]:
    return tuple(OfLanes(function(kernel, lanes), lanes) for lanes in widths)


def _counts(p: ConvProblem) -> bool:
    """Whether the function must know the sum over rows side by side too."""
    return p.epilogue.row_stage.function == "sparsemax"


def _blocks(p: ConvProblem, schedule: Schedule, name: str) -> tuple[Block, ...]:
    """One function that takes a row of channels_last; or one for each width, that takes as many rows side by side."""
    c, sums = p.format.c, reads(p.format.c, "sums") if schedule.apart else ()
    if p.channels_last:
        function = static(f"{name}_row", *sums, *writes(c, "y"))
        return (Block(function, False, tuple(_along_row(p.out_filters, schedule.widths)), p.filters),)
    n = p.out_filters
    heads, place, gate = ((), "", "step") if n == 1 else ((count_loop("f", 0, n),), "step * f", f"step * (f + {n})")
    found = []
    for width in schedule.widths:
        function = static(f"{name}_rows_{width}", *sums, *writes(c, "y"), *numbers("step"))
        found.append(Block(function, True, (Segment(width, heads, place, gate, 0, True),), width * p.filters))
    return tuple(found)


@dataclass(frozen=True)
class Segment:
    """Vectors of `lanes` numbers from `first` on: the head of the loop over several, and the `place` of each vector.

    `gate` is the place of what stands half a row behind; a place that is empty is the first.

    `own`: each lane is a row of its own, so that what is known of a row is a vector too.
    """

    lanes: int
    heads: tuple[str, ...]
    place: str
    gate: str
    first: int
    own: bool

    @property
    def repeats(self) -> bool:
        """Whether there are several vectors."""
        return bool(self.heads)

    def at(self, pointer: str) -> str:
        """The pointer to a vector."""
        return f"{pointer} + {self.place}" if self.place else pointer

    def spread(self, value: str) -> str:
        """What is known of the row, in every lane."""
        return value if self.own else f"{spelled(self.lanes, '_set1')}({value})"


@dataclass(frozen=True)
class Block:
    """A static function that takes one row, or as many rows as a vector has lanes (`several`)."""

    function: CFunction
    several: bool
    segments: tuple[Segment, ...]
    numbers: int  # that it takes in all

    def call(self, sums: str, y: str) -> str:
        """The call for a row, or for several, of which these are the places."""
        given = {"sums": sums, "y": y, "step": "outs"}
        return f"{self.function.of(*(given[one.name] for one in self.function.parameters))};"

    @property
    def logarithm(self) -> CFunction:
        """The logarithm of numbers from 1 on, lane by lane."""
        vector = spelled(self.lanes)
        return CFunction(f"{self.function.name}_log", (Parameter("x", vector),), vector, "static inline")

    @property
    def logarithms(self) -> str:
        """That of `sum` in every lane."""
        return self.logarithm.of(f"{spelled(self.lanes, '_set1')}(sum)")

    @property
    def lanes(self) -> int:
        """Those of the widest vector, which come first."""
        return self.segments[0].lanes

    @property
    def type(self) -> str:
        """The C type of what is known of the row: one number, or one a lane."""
        return spelled(self.lanes if self.several else 1)

    def spread(self, value: str) -> str:
        """One number in all that is known of the row."""
        return f"{spelled(self.lanes if self.several else 1, '_set1')}({value})"

    @property
    def beyond(self) -> int:
        """More than it can count."""
        return self.numbers + 1

    def left(self, kernel: str) -> str:
        """The count of all lanes."""
        return lane_sum(kernel, self.lanes).of("count") if self.lanes > 1 else "count"

    def larger(self, a: str, b: str) -> str:
        """The larger of two numbers that are known of a row; a where one is NaN."""
        if self.several:
            return f"{spelled(self.lanes, '_where')}({a}, {b}, {b}, {a})"
        return f"{a} <= {b} ? {b} : {a}"

    def most(self, kernel: str) -> list[str]:
        """The lines that make `most` of the vectors most8, most1, …"""
        if self.several or self.lanes == 1:
            return [f"const {self.type} most = most{self.lanes};"]
        lines = [f"{spelled(1)} most = y[0];"]
        for n in (segment.lanes for segment in self.segments):
            larger = lane_most(kernel, n).of(f"most{n}", "most") if n > 1 else "most1 > most ? most1 : most"
            lines.append(f"most = {larger};")
        return lines

    def sum(self, kernel: str, name: str) -> str:
        """The sum of the vectors NAME8, NAME1, …"""
        if self.several:
            return f"{name}{self.lanes}"
        widths = (segment.lanes for segment in self.segments)
        terms = [lane_sum(kernel, n).of(f"{name}{n}") if n > 1 else f"{name}1" for n in widths]
        return f"({' + '.join(terms)})" if len(terms) > 1 else terms[0]


def _along_row(numbers: int, widths: tuple[int, ...]) -> Iterator[Segment]:
    """A row cut into loops over ever narrower vectors."""
    at = 0
    for width in widths:
        end = at + (numbers - at) // width * width
        if end - at > width:
            head = f"for (ptrdiff_t f = {at}; f < {end}; {step_by('f', width)})"
            yield Segment(width, (head,), "f", f"f + {numbers}", at, False)
        elif end > at:
            yield Segment(width, (), str(at) if at else "", str(at + numbers), at, False)
        at = end


WRITER = Writer(template="row_activation.c.j2", view=view, inner=INNER, lanes=lanes, packing=kernel_layouts.as_inner)
