"""The lengths of a problem in C: numbers where the steps are known, else what the number of steps makes of them."""

from __future__ import annotations

from codegen.emission.cformat import ceil_over, floor_over, times
from codegen.emission.microkernel import index
from codegen.problem.conv_problem import ConvProblem


def steps_of(p: ConvProblem) -> str:
    """The input's steps: a number, or the argument."""
    return "steps" if p.steps is None else str(p.steps)


def outs_of(p: ConvProblem) -> str:
    """The output steps: a number, or the variable."""
    return "outs" if p.steps is None else str(p.out_steps(p.steps))


def times_outs(p: ConvProblem, place: str) -> str:
    """The output steps times a place, or the place alone where there is one."""
    return f"outs * {place}" if p.steps is None else times(p.out_steps(p.steps), place)


def left_of(p: ConvProblem) -> str:
    """The zeros before the input: a number, or the variable of a padding that depends on the length."""
    return "left" if p.centred and p.steps is None else str(p.pads(p.steps or 0)[0])


def sample_of(p: ConvProblem, output: str) -> str:
    """The sample of tap 0 of an output, a variable."""
    left = left_of(p)
    return index((p.stride, output), -int(left) if left.isdigit() else (-1, left))


def padding(p: ConvProblem) -> tuple[str, str]:
    """C for the left padding and for all of it, where the length is `steps`."""
    if not p.centred:
        return str(p.pad_left), str(p.pad_left + p.pad_right)
    last = "(steps - 1)" if p.up == 1 else f"{p.up} * (steps - 1)"
    total, past = p.pad_left + p.pad_right, f"{last} % {p.stride}"
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


def first_whole(p: ConvProblem) -> str:
    """C for the first output all of whose taps lie behind the input's start."""
    left = left_of(p)
    return str(-(-int(left) // p.stride)) if left.isdigit() else ceil_over(left, p.stride)


def last_whole(p: ConvProblem) -> str:
    """C for the end of the outputs all of whose taps lie before the input's end; 0 for none."""
    left = left_of(p)
    ahead = p.reach - (int(left) if left.isdigit() else 0)
    total = "steps" if left.isdigit() else "steps + left"
    strided = f"{floor_over(index((1, total), -ahead), p.stride)} + 1"
    end = strided if p.stride > 1 else index((1, total), 1 - ahead)
    return f"{total} < {ahead} ? 0 : {end}" if ahead > 0 else end
