"""Clocks: how many rows of each value have come after so many steps of a stream's input, and how many in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from codegen.errors import PlanError
from codegen.problem.problem import Problem
from codegen.problem.state import StageState
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["INPUT", "Clock", "Clocks", "so_far", "times", "window"]


@dataclass(frozen=True)
class Clock:
    """Rows that follow from those of the clocks with the numbers `of`.

    window: those whose `reach` samples have come, `stride` apart, the first `left` before the value's; `right` samples
    of zeros come behind its last, or, where it is `centred`, as many as let an output come for each whole stride. A row
    is `up` samples, its own and zeros behind it; an output waits for `held` more. least: those that all have. times:
    `stride` for each. padded: `left` more as soon as there is one, `right` at the end.
    """

    rule: Literal["input", "window", "least", "times", "padded"]
    of: tuple[int, ...] = ()
    reach: int = 1
    stride: int = 1
    left: int = 0
    right: int = 0
    centred: bool = False
    up: int = 1
    held: int = 0

    @property
    def room(self) -> int:
        """The samples that output 0 waits for beyond those of the rows: 0 or less."""
        return self.left - self.reach - self.held


INPUT = Clock("input")


def window(problem: Problem, of: int, told: str) -> Clock:
    """The clock of a kernel's outputs. Raises PlanError for what cannot stream, with the reason and the way out."""
    p = problem.walk
    others = [] if p is None else [one for one in problem.stages if one is not p]
    if p is None or any(one.reach > 1 or one.stride > 1 for one in others):
        raise PlanError(f"{told} cannot stream: several of its stages read other steps than an output's own")
    if p.up > 1 and (p.stride > 1 or p.centred):
        raise PlanError(f"{told} cannot stream: a stride and zeros between the input's steps do not go together")
    try:
        state = StageState(p)
    except PlanError as wrong:
        raise PlanError(f"{told} cannot stream: {wrong}") from None
    if state.left >= p.reach:
        raise PlanError(f"{told} cannot stream: outputs that read zeros alone come before the input; pad less")
    right = p.pad_left + p.pad_right - state.left
    return Clock("window", (of,), p.reach, p.stride, state.left, right, p.centred, p.up, state.held)


def times(size: int, of: int) -> Clock:
    """The clock of each row `size` times."""
    return Clock("times", (of,), stride=size)


@lru_cache(maxsize=1)
def _probes() -> Array:
    """Steps for which counts are compared: the first ones, and many that lie far on."""
    import numpy as np

    return np.concatenate([np.arange(12_000), (1 << 24) + np.arange(8_192)])


def so_far(found: Sequence[Clock], steps: int) -> list[int]:
    """The rows of each clock after so many steps of the input."""
    counts = [steps]
    for clock in found[1:]:
        counts.append(int(SO_FAR[clock.rule](clock, [counts[number] for number in clock.of])))
    return counts


def _least(clock: Clock, given: Sequence[Any]) -> Any:
    import numpy as np

    return np.minimum.reduce(given)


def _times(clock: Clock, given: Sequence[Any]) -> Any:
    return given[0] * clock.stride


def _padded_so_far(clock: Clock, given: Sequence[Any]) -> Any:
    import numpy as np

    return np.where(given[0], given[0] + clock.left, 0)


def _padded_in_all(clock: Clock, given: Sequence[Any]) -> Any:
    import numpy as np

    return np.where(given[0], given[0] + clock.left + clock.right, 0)


def _window_so_far(clock: Clock, given: Sequence[Any]) -> Any:
    import numpy as np

    return np.maximum(0, (given[0] * clock.up + clock.room) // clock.stride + 1)


def _window_in_all(clock: Clock, given: Sequence[Any]) -> Any:
    import numpy as np

    if clock.centred:
        return np.maximum(0, (given[0] - 1) // clock.stride + 1)
    room = (given[0] - 1) * clock.up + 1 + clock.left + clock.right - clock.reach
    return np.where((given[0] > 0) & (room >= 0), room // clock.stride + 1, 0)


Rule: TypeAlias = Callable[[Clock, Sequence[Any]], Any]  # rows of the clocks that it follows to its own, or arrays
SO_FAR: dict[str, Rule] = {"window": _window_so_far, "least": _least, "times": _times, "padded": _padded_so_far}
IN_ALL: dict[str, Rule] = SO_FAR | {"window": _window_in_all, "padded": _padded_in_all}  # at the input's end


class Clocks:
    """The clocks of a model, each kind of count once: `found`, `counts` and `totals` of each for all of `steps`."""

    def __init__(self, block: int) -> None:
        self.steps, self.block = _probes(), block
        self.found: list[Clock] = [INPUT]
        self.counts, self.totals = [self.steps], [self.steps]
        self.rates = [Fraction(1)]

    def number(self, clock: Clock) -> int:
        """The number of a clock: that of one that counts alike, if there is such a one."""
        counts = SO_FAR[clock.rule](clock, [self.counts[each] for each in clock.of])
        totals = IN_ALL[clock.rule](clock, [self.totals[each] for each in clock.of])
        for number, (known, all_of_it) in enumerate(zip(self.counts, self.totals, strict=True)):
            if (known == counts).all() and (all_of_it == totals).all():
                return number
        self.found.append(clock)
        self.counts.append(counts)
        self.totals.append(totals)
        rate = self.rates[clock.of[0]] * clock.up
        self.rates.append(rate * clock.stride if clock.rule == "times" else rate / clock.stride)
        return len(self.found) - 1

    def least(self, of: Sequence[int]) -> int:
        """The clock of what all of these are needed for."""
        numbers = tuple(dict.fromkeys(of))
        return numbers[0] if len(numbers) == 1 else self.number(Clock("least", numbers))

    def most(self, number: int) -> int:
        """The most rows that come with a block."""
        counts = self.counts[number]
        apart = [counts[self.block :] - counts[: -self.block], counts[: self.block]]
        inside = self.steps[self.block :] - self.steps[: -self.block] == self.block
        return int(max(apart[0][inside].max(initial=0), apart[1].max(initial=0)))

    def rate(self, number: int) -> tuple[int, int, int]:
        """(a, b, c): of n steps come at most n * a / b rows, rounded up, and c more."""
        rate, more, counts = self.rates[number], 0, self.counts[number]
        for steps in (1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 100):
            inside = self.steps[steps:] - self.steps[:-steps] == steps
            most = int((counts[steps:] - counts[:-steps])[inside].max(initial=0))
            more = max(more, most - -(-steps * rate.numerator // rate.denominator))
        return rate.numerator, rate.denominator, more

    def rest(self, number: int) -> int:
        """The most rows that come at the end."""
        return int((self.totals[number] - self.counts[number]).max())

    def behind(self, number: int, starts: Array) -> int:
        """The most rows of a clock that lie behind `starts`, the first rows that are still read."""
        return int(max(0, (self.counts[number] - starts).max()))

    def latency(self, number: int) -> int:
        """The input's steps that a row waits for beyond its own, at most."""
        rate, far = self.rates[number], self.steps >= 1 << 24
        steps, counts = self.steps[far], self.counts[number][far]
        first = counts[1:] > counts[:-1]  # where a row comes
        waits = (steps[1:] - 1)[first] - counts[:-1][first] * rate.denominator // rate.numerator
        return max(0, int(waits.max(initial=0)))
