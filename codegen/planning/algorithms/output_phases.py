"""The phases of an output whose input has zeros between its steps: which taps of which samples each of them sums up.

    output t reads the samples (t*stride + k*dilation - left) / up, of all taps k for which that is whole

So every phase has taps of its own, `tap_step` apart, and rows of `count` neighbouring outputs repeat the same pattern,
`stride` samples further on. Phases whose taps begin at the same sample are neighbouring filters of one convolution.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import gcd

from codegen.planning.plan import Key
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass


@dataclass(frozen=True)
class Part:
    """`phases` neighbouring outputs of a row, from its output `first` on, that `taps` products a channel make.

    Product j of phase i takes tap `tap` + i*`step` + j*tap_step and, in row 0, the sample `start` + j*dilation.
    A tap past the kernel's last is zero; with no `taps` there is nothing to sum up.
    """

    first: int
    phases: int
    tap: int
    step: int
    taps: int
    start: int

    @property
    def key(self) -> Key:
        return self.first, self.phases, self.tap, self.step, self.taps, self.start


@dataclass(frozen=True)
class Rows:
    """The outputs in rows of `count`, the first of which begins `shift` outputs before output 0."""

    count: int
    shift: int
    stride: int
    dilation: int
    tap_step: int
    parts: tuple[Part, ...]

    @property
    def key(self) -> Key:
        parts = tuple(part.key for part in self.parts)
        return self.count, self.shift, self.stride, self.dilation, self.tap_step, parts

    @property
    def first(self) -> int:
        """The first sample that row 0 reads; it may lie before the input."""
        return min(part.start for part in self.parts if part.taps)

    @property
    def reach(self) -> int:
        """Samples from the first that a row reads to its last, both counted."""
        return max(part.start + (part.taps - 1) * self.dilation for part in self.parts if part.taps) - self.first + 1

    def over(self, outs: int) -> int:
        """Rows that hold `outs` outputs."""
        return -(-(outs + self.shift) // self.count)

    def samples(self, rows: int) -> int:
        """Neighbouring samples that so many neighbouring rows read."""
        return (rows - 1) * self.stride + self.reach


@lru_cache(maxsize=64)
def rows_of(problem: ConvProblem, *, padded: bool = False) -> Rows:
    """The rows that fall into the fewest parts. With `padded` phases with fewer taps are given zeros for the others.

    Such rows begin where a part does.
    """
    shared, common = gcd(problem.up, problem.stride), gcd(problem.up, problem.dilation)
    count, runs = problem.up // shared, _Runs(problem, padded)
    before = runs.before(0)
    shift = before if before < count else 0
    parts: list[Part] = []
    at = 0
    while at < count:
        phases = min(1 + runs.after(at - shift), count - at)
        parts.append(runs.part(at, at - shift, phases))
        at += phases
    return Rows(count, shift, problem.stride // shared, problem.dilation // common, problem.up // common, tuple(parts))


def padded_phases(problem: ConvProblem) -> int:
    """`problem.phases` where those with fewer taps are given zeros, those without any too."""
    return 1 if problem.stride == problem.dilation == 1 else problem.up // gcd(problem.up, problem.dilation)


class _Runs:
    """Which neighbouring phases join, counted without a look at each of them: there may be billions."""

    def __init__(self, problem: ConvProblem, padded: bool) -> None:
        self._problem, self._padded = problem, padded
        self._step = -problem.stride // problem.dilation if problem.stride % problem.dilation == 0 else 0
        self._tap_step = problem.up // gcd(problem.up, problem.dilation)
        self._count = problem.up // gcd(problem.up, problem.stride)
        self._each = problem.stride == problem.dilation == 1
        self._filled = [] if self._each else sorted(self._with_taps())

    def _with_taps(self) -> Iterator[int]:
        """The phases of a row that have taps, where these are few: see `ConvProblem.phases`."""
        p, shared = self._problem, gcd(self._problem.stride, self._problem.up)
        left, turned = _left(p), pow(p.stride // shared, -1, self._count)
        for tap in range(self._tap_step if self._padded else min(p.kernel_size, self._tap_step)):
            sample, rest = divmod(left - tap * p.dilation, shared)
            if not rest:
                yield sample * turned % self._count

    def part(self, first: int, t: int, phases: int) -> Part:
        """So many phases from output `t` on, place `first` of a row, as one part."""
        alone = _phase(self._problem, first, t, self._padded)
        if phases == 1:
            return alone
        return replace(alone, phases=phases, step=self._step) if alone.taps else Part(first, phases, 0, 0, 0, 0)

    def after(self, t: int) -> int:
        """Phases after output `t` that join it."""
        tap, taps = self._taps(t)
        if taps:
            return (tap - self._bounds(tap)[0]) // -self._step if self._step else 0
        if self._each:
            return tap - self._problem.kernel_size
        return self._to_filled(t, 1)

    def before(self, t: int) -> int:
        """Phases before output `t` that join it."""
        tap, taps = self._taps(t)
        if taps:
            return (self._bounds(tap)[1] - tap) // -self._step if self._step else 0
        if self._each:
            return self._tap_step - 1 - tap
        return self._to_filled(t, -1)

    def _taps(self, t: int) -> tuple[int, int]:
        phase = _phase(self._problem, 0, t, self._padded)
        return phase.tap, phase.taps

    def _bounds(self, tap: int) -> tuple[int, int]:
        """The first and the last tap that begin as many as `tap` does."""
        if self._padded:
            return 0, self._tap_step - 1
        least = self._problem.kernel_size - self._tap_step * -(-(self._problem.kernel_size - tap) // self._tap_step)
        return max(0, least), min(least + self._tap_step, self._tap_step) - 1

    def _to_filled(self, t: int, way: int) -> int:
        """Phases between `t` and the next one with taps, after it or (`way` -1) before it; a whole row if none has."""
        if not self._filled:
            return self._count
        found = bisect_left(self._filled, t % self._count)
        next_ = self._filled[(found if way > 0 else found - 1) % len(self._filled)]
        return (way * (next_ - t) - 1) % self._count


def _phase(problem: ConvProblem, first: int, t: int, padded: bool) -> Part:
    """Output `t`, the first one of a part."""
    up, common = problem.up, gcd(problem.up, problem.dilation)
    tap_step = up // common
    at = t * problem.stride - _left(problem)
    if at % common:
        return Part(first, 1, 0, 0, 0, 0)
    tap = -(at // common) * pow(problem.dilation // common, -1, tap_step) % tap_step
    taps = len(range(0 if padded else tap, problem.kernel_size, tap_step))
    return Part(first, 1, tap, 0, taps, (at + tap * problem.dilation) // up)


def _left(problem: ConvProblem) -> int:
    return problem.pads(problem.steps or 1)[0]
