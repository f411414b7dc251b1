"""What `templates/gradients/output.c.j2` prints: dy taken back through the epilogue's stages, in one pass.

dz = dy * f'(z) is what comes before the stages. What an operand has a share in is written where it lies as y does, and
else summed over all that reads the same number of it, such as a bias.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from codegen.emission.cformat import identifier, times
from codegen.emission.cfunction import CFunction, Parameter
from codegen.emission.expressions import FAR, Part, Place, Variable
from codegen.emission.microkernel import count_loop, index, offset
from codegen.emission.vectors import spelled
from codegen.gradients.output_plan import OutputGradientPlan
from codegen.gradients.way_back import AtNumber, AtVector, back
from codegen.problem.epilogue import Operand
from codegen.records import dataclass

__all__ = ["sample", "view"]

CHUNK = 256  # rows whose sums are added up before they are added to a gradient: sums of sums round less


@dataclass(frozen=True)
class Summed:
    """An operand's gradient that is a sum: `name` in C, from number `first` of a row's sums on, `each` filter's own."""

    name: str
    first: int
    each: bool
    total: str

    def sum(self, column: Part) -> str:
        """That of a column in the sums of a row."""
        return f"sums[{Place.of(column, self.first).text}]"

    @property
    def of_filter(self) -> str:
        """What belongs to filter f."""
        return f"{self.name}[{'f' if self.each else '0'}]"

    def at(self, *filter_: Part) -> str:
        """Where the gradient has what belongs to a filter."""
        return f"{self.name}[{Place.of(*filter_).text if self.each else '0'}]"


@dataclass(frozen=True)
class Vector:
    """One vector of a row: accumulators, the statements of a turn, the stores of what was summed."""

    starts: tuple[str, ...]
    lines: tuple[str, ...]
    stores: tuple[str, ...]


@dataclass(frozen=True)
class Pointer:
    """An argument of the function of one sample: `declared` of the block of templates/gradients/abi.h.

    One that `moves` has a part for each sample; what it has of filter f is `of_filter`, where the outputs lie together.
    """

    name: str
    declared: str
    moves: bool
    of_filter: str


def later_operands(plan: OutputGradientPlan) -> tuple[Operand, ...]:
    """What the stages behind the sums read."""
    return tuple(operand for stage in plan.problem.epilogue.later for operand in stage.operands)


def summed(plan: OutputGradientPlan) -> tuple[Summed, ...]:
    """The gradients that are sums, in the order of the operands."""
    weights = plan.problem.epilogue.weights
    totals = [identifier(one.name) + "_total" if len(weights) > 1 else "total" for one in weights]
    return tuple(
        Summed(f"d{identifier(one.name)}", plan.columns * number, one.lies == "filter", totals[number])
        for number, one in enumerate(weights)
    )


def sample(plan: OutputGradientPlan, name: str, linkage: str = "") -> CFunction:
    """The function of one sample."""
    c, p = plan.problem.format.c, plan.problem
    reads = ["z", *(identifier(one.name) for one in later_operands(plan))] if plan.curved else []
    writes = ["dz"] if plan.curved else []
    writes += [f"d{identifier(one.name)}" for one in p.epilogue.operands]
    found = [Parameter(one, f"const {c} *") for one in (*reads, "dy")]
    return CFunction(name, (*found, *(Parameter(one, f"{c} *") for one in writes)), linkage=linkage)


def _rows(plan: OutputGradientPlan, name: str) -> CFunction:
    """The function of some rows of one width."""
    c, operands = plan.problem.format.c, later_operands(plan)
    reads = ["z", *(one.within for one in operands)] if plan.curved else []
    writes = ["dz", *(f"d{one.within}" for one in operands if one.lies == "output")] if plan.curved else []
    writes += ["sums"] if plan.problem.epilogue.weights else []
    found = [Parameter(one, f"const {c} *restrict") for one in (*reads, "dy")]
    found += [Parameter(one, f"{c} *restrict") for one in writes]
    return CFunction(name, (*found, Parameter("count", "ptrdiff_t")), linkage="static")


def _handed(plan: OutputGradientPlan) -> Iterator[str]:
    """The arguments of a call of `_rows` in the function of one sample."""
    turns, f = _turns(plan), (1, _filter(plan))

    def part(name: str) -> str:
        if not plan.along_time:
            return f"{name} + at" if turns > CHUNK else Place.of(f).in_array(name)
        return f"{name}s + {times(plan.width, 'from')}" if turns > CHUNK else f"{name}s"

    operands = later_operands(plan)
    if plan.curved:
        yield part("z")
        for one in operands:
            yield {"output": part(one.name), "filter": Place.of(f).in_array(one.name), "call": one.name}[one.lies]
    yield part("dy")
    if plan.curved:
        yield part("dz")
        yield from (part(f"d{one.name}") for one in operands if one.lies == "output")
    if plan.problem.epilogue.weights:
        yield "sums"
    yield "count" if turns > CHUNK else str(turns)


def _filter(plan: OutputGradientPlan) -> Variable:
    """The filter of a row along time, or the first one of a row's."""
    return Variable("f", plan.problem.filters - (1 if plan.along_time else plan.width))


def _turns(plan: OutputGradientPlan) -> int:
    """The rows that there are in all, each of them of as many numbers as the plan is wide."""
    outs = plan.problem.known_outs
    return outs // plan.width if plan.along_time else outs


def _vectors(plan: OutputGradientPlan) -> Iterator[Vector]:
    step, type_ = plan.width if plan.along_time else plan.problem.filters, spelled(plan.lanes)
    sums, epilogue = summed(plan), plan.problem.epilogue
    names = [
        tuple(f"a{v}_{one.total}" if number else f"a{v}" for number, one in enumerate(sums))
        for v in range(plan.vectors)
    ]
    for v, own in enumerate(names):
        column = v * plan.lanes
        at = AtVector(plan.lanes, index((step, "t"), column), None if plan.along_time else column, str(v), own)
        starts = tuple(f"{type_} {name} = {spelled(plan.lanes, '_set1')}(0);" for name in own)
        yield Vector(starts, tuple(back(epilogue, at)), () if plan.along_time and v else tuple(_stores(plan, names, v)))


def _stores(plan: OutputGradientPlan, names: Sequence[tuple[str, ...]], v: int) -> Iterator[str]:
    """What keeps the sums of vector v, of one filter's outputs those of all vectors."""
    for number, one in enumerate(summed(plan)):
        place = offset("sums", one.first if plan.along_time else one.first + v * plan.lanes)
        total = " + ".join(own[number] for own in names) if plan.along_time else names[v][number]
        yield f"{spelled(plan.lanes, '_store')}({place}, {total});"


def _pointers(plan: OutputGradientPlan) -> Iterator[Pointer]:
    p = plan.problem
    outs = p.known_outs
    places = {name: f"call->{name}" for name in ("dy", "z", "dz")}
    still = set()
    for number, one in enumerate(p.epilogue.operands):
        places |= {one.name: f"call->operands[{number}]", f"d{one.name}": f"call->gradients[{number}]"}
        still |= {one.name, f"d{one.name}"} if one.is_weight else set()
    for parameter in sample(plan, "").parameters:
        name, type_ = parameter.name, parameter.type
        held = f"const {name}" if name in still else name
        part = f"{type_}const {name}s = {Place.of((outs, _filter(plan))).in_array(name)};"
        yield Pointer(name, f"{type_}{held} = ({type_}){places[name]};", name not in still, part)


def _filters(plan: OutputGradientPlan) -> dict[str, Any]:
    """The loop over blocks of a row, the first filter of block j, and in it the first that is not its neighbour's, too.

    Along time, the loop over the filters.
    """
    filters, f = plan.problem.filters, _filter(plan)
    if plan.along_time:
        column = Variable.counted("i", plan.columns)
        return {
            "filter_heads": [f.loop] * (f.most > 0),
            "several": f.most > 0,
            "column_heads": [column.loop] * (column.most > 0),
        }
    j = Variable.counted("j", -(-filters // plan.width))
    at, overlaps = Place.of((plan.width, j)).text, filters % plan.width > 0
    return {
        "filter_heads": [j.loop] * (f.most > 0),
        "several": f.most > 0,
        "overlaps": overlaps,
        "first_filter": f"{at} < {f.most} ? {at} : {f.most}" if overlaps else at,
        "column_heads": [count_loop("i", f"{at} - f" if overlaps else 0, plan.width)] * (plan.width > 1),
        "row_at": Place.of((filters, Variable("from", FAR)), (1, f)).text,
    }


def _totals(plan: OutputGradientPlan, sums: tuple[Summed, ...]) -> Iterator[tuple[str, str, str]]:
    """Of each sum its total, what it is added to, and that of column i."""
    column: Part = (1, Variable.counted("i", plan.columns))
    for one in sums:
        yield one.total, one.at((1, _filter(plan)), *[] if plan.along_time else [column]), one.sum(column)


def _tail(plan: OutputGradientPlan, outs: int, sums: tuple[Summed, ...]) -> dict[str, Any]:
    """The outputs behind the last whole row, of which each is alone."""
    first = outs // plan.width * plan.width
    t: Part = first if outs - first == 1 else (1, Variable("t", FAR))
    at = AtNumber(
        plan.problem.format.c, tuple(one.total for one in sums), Place.of(t).text, Place.of((1, _filter(plan))).text
    )
    return {
        "tail_heads": [count_loop("t", first, outs)] * (outs - first > 1),
        "tail_lines": tuple(back(plan.problem.epilogue, at)) if outs > first else (),
    }


def view(plan: OutputGradientPlan, name: str) -> dict[str, Any]:
    """The template's variables."""
    p, dtype, sums = plan.problem, plan.problem.format, summed(plan)
    outs = p.known_outs
    whole, step = outs // plan.width, plan.width if plan.along_time else p.filters
    rows, totals = _rows(plan, f"{name}_rows"), [one.name for one in sums]
    names = [identifier(one.name) for one in p.epilogue.weights]
    return {
        "p": p,
        "plan": plan,
        "name": name,
        "sample": sample(plan, f"{name}_output_sample", "static"),
        "rows": rows,
        "rows_call": rows.call(*_handed(plan)),
        "c": dtype.c,
        "dtype": dtype,
        "target": plan.target,
        "lanes": tuple(sorted({plan.lanes, 1}, reverse=True)),
        "vectors": tuple(_vectors(plan)),
        "pointers": tuple(_pointers(plan)),
        **_tail(plan, outs, sums),
        "totals": tuple(_totals(plan, sums)),
        "summed": sums,
        "sum_numbers": plan.columns * len(sums),
        "sums_told": f"; what belongs to the {' and the '.join(names)} is added to {' and '.join(totals)}",
        "width": plan.width,
        "step": step,
        "curved": plan.curved,
        "outs": outs,
        "numbers": outs * p.filters,
        "whole": whole,
        "has_rows": bool(whole) or not plan.along_time,
        "chunk": CHUNK,
        "chunks": [f"for (ptrdiff_t from = 0; from < {_turns(plan)}; from += {CHUNK})"] * (_turns(plan) > CHUNK),
        **_filters(plan),
        "kernel_numbers": p.kernel_size * p.group_channels * p.filters,
    }
