"""The lengths of a problem in C: numbers where the steps are known, else what the number of steps makes of them."""

from __future__ import annotations

from codegen.emission.cformat import ceil_over, floor_over, grouped, times
from codegen.emission.expressions import Place, Variable
from codegen.emission.microkernel import index
from codegen.problem.conv_problem import ConvProblem

STEPS, OUTS, LEFT, T = (Variable.free(name) for name in ("steps", "outs", "left", "t"))


def steps_of(p: ConvProblem) -> Place:
    """The input's steps: a number, or the argument."""
    return Place.of((1, STEPS) if p.steps is None else p.steps)


def outs_of(p: ConvProblem) -> Place:
    """The output steps: a number, or the variable."""
    return Place.of((1, OUTS) if p.steps is None else p.out_steps(p.steps))


def product(length: Place, place: Place) -> Place:
    """A length times a place: what lies behind so many rows as long."""
    if place.known is not None:
        return length.scaled(place.known)
    if length.known is not None:
        return Place.of((length.known, Variable(grouped(place.text), place.most)))
    return Place.of((1, Variable.free(f"{grouped(length.text)} * {grouped(place.text)}")))


def left_of(p: ConvProblem) -> Place:
    """The zeros before the input: a number, or the variable of a padding that depends on the length."""
    return Place.of((1, LEFT) if p.centred and p.steps is None else p.pads(p.steps or 0)[0])


def sample_of(p: ConvProblem, output: Place = T.place) -> Place:
    """The sample of tap 0 of an output, number t of all if none is told."""
    return Place.of(*output.scaled(p.stride).parts, *left_of(p).scaled(-1).parts)


def padding(p: ConvProblem) -> tuple[str, str]:
    """C for the left padding and for all of it, where the length is `steps`."""
    if not p.centred:
        return str(p.pad_left), str(p.pad_left + p.pad_right)
    last = "(steps - 1)" if p.up == 1 else f"{p.up} * (steps - 1)"
    total, past = p.pad_left + p.pad_right, f"{last} % {p.stride}"
    if p.stride == 1:
        left, whole = (f"steps > 0 ? {zeros} : 0" if zeros else "0" for zeros in (total // 2, total))
        return left, whole
    some = "steps > 0" if total >= p.stride else f"steps > 0 && {past} < {total}"  # the remainder is below the stride
    left, whole = (f"{some} ? ({total} - {past}){part} : 0" for part in (" / 2", ""))
    return left, whole


def room(p: ConvProblem, padding: str) -> str:
    """C for the samples beyond the first output's, where the input has `steps`, with zeros between them for `up`."""
    if p.centred:
        return f"{times(p.up, 'steps')} + ({padding}) - {p.reach + p.up - 1}"
    return index((p.up, "steps"), p.pad_left + p.pad_right - (p.reach + p.up - 1))


def out_steps(p: ConvProblem) -> str:
    """C for the output steps where `room` samples lie beyond the first output's, 0 or more."""
    return f"{floor_over('room', p.stride)} + 1"


def first_whole(p: ConvProblem) -> Place:
    """The first output all of whose taps lie behind the input's start."""
    left = left_of(p)
    if left.known is not None:
        return Place.of(-(-left.known // p.stride))
    return Place.of((1, Variable.free(ceil_over(left.text, p.stride))))


def last_whole(p: ConvProblem) -> str:
    """C for the end of the outputs all of whose taps lie before the input's end; 0 for none."""
    total = Place.of((1, STEPS), *[(1, variable) for _, variable in left_of(p).terms])
    ahead = p.reach - left_of(p).constant
    strided = f"{floor_over(Place.of(*total.parts, -ahead).text, p.stride)} + 1"
    end = strided if p.stride > 1 else Place.of(*total.parts, 1 - ahead).text
    return f"{total.text} < {ahead} ? 0 : {end}" if ahead > 0 else end
