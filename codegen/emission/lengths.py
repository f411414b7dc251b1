"""The lengths of a problem in C, where the number of steps is known only when it runs."""

from __future__ import annotations

from codegen.emission.cformat import times
from codegen.problem.conv_problem import ConvProblem


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
    spread = times(p.up, "steps")
    if p.centred:
        return f"{spread} + ({padding}) - {p.reach + p.up - 1}"
    return f"{spread} - {p.reach + p.up - 1 - p.pad_left - p.pad_right}"
