"""The phases of an output whose input has zeros between its steps: which taps of which samples each of them sums up.

    output t reads the samples (t*stride + k*dilation - left) / up, of all taps k for which that is whole

So every phase has taps of its own, `tap_step` apart, and rows of `count` neighbouring outputs repeat the same pattern,
`stride` samples further on. Phases whose taps begin at the same sample are neighbouring filters of one convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from codegen.problem import ConvProblem


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

    def joins(self, other: Part) -> Part | None:
        """Both as one, None where their samples or taps do not follow each other."""
        if not self.taps and not other.taps:
            return Part(self.first, self.phases + other.phases, 0, 0, 0, 0)
        step = self.step if self.phases > 1 else other.tap - self.tap
        follows = other.phases == 1 and other.tap == self.tap + self.phases * step
        if self.taps != other.taps or self.start != other.start or not follows:
            return None
        return Part(self.first, self.phases + 1, self.tap, step, self.taps, self.start)


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


def rows_of(problem: ConvProblem, *, padded: bool = False) -> Rows:
    """The rows that fall into the fewest parts. With `padded` phases with fewer taps are given zeros for the others."""
    found = [_rows(problem, shift, padded) for shift in range(problem.up // gcd(problem.up, problem.stride))]
    return min(found, key=lambda rows: len(rows.parts))


def _rows(problem: ConvProblem, shift: int, padded: bool) -> Rows:
    shared, common = gcd(problem.up, problem.stride), gcd(problem.up, problem.dilation)
    count, tap_step = problem.up // shared, problem.up // common
    parts: list[Part] = []
    for i in range(count):
        part = _phase(problem, i, i - shift, padded)
        joint = parts[-1].joins(part) if parts else None
        parts[-1:] = [joint] if joint else [*parts[-1:], part]
    return Rows(count, shift, problem.stride // shared, problem.dilation // common, tap_step, tuple(parts))


def _phase(problem: ConvProblem, first: int, t: int, padded: bool) -> Part:
    """Output `t`, the first one of a part."""
    up, common = problem.up, gcd(problem.up, problem.dilation)
    tap_step = up // common
    at = t * problem.stride - problem.pads(problem.steps or 1)[0]
    if at % common:
        return Part(first, 1, 0, 0, 0, 0)
    tap = -(at // common) * pow(problem.dilation // common, -1, tap_step) % tap_step
    taps = len(range(0 if padded else tap, problem.kernel_size, tap_step))
    return Part(first, 1, tap, 0, taps, (at + tap * problem.dilation) // up)
