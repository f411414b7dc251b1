"""How sums become int8 again: the parameters of each filter, and which instructions a layer needs for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from codegen.emission.cortex.sums import Sums
from codegen.records import dataclass

INT32 = 1 << 31
MOST_SHIFT = 22  # a zero point shifted so far is below 2**30


@dataclass(frozen=True)
class Scaling:
    """Of the DSP extension: ((acc << before) * multiplier >> 32, rounded or not, + half) >> shift, then clamped.

    `each` holds (multiplier, half, shift) of a filter, with `steep` scales also (before, after): shifts of the sum and
    of the product. `away`: halves are rounded away from zero. In `float` each is (scale's bits, 0, 0). Where nothing
    below the zero point is left, `lift` is added last, saturated, to what is held to [-128, 127], or to [0, 127] where
    the zero point is no less than 0.
    """

    each: tuple[tuple[int, ...], ...]
    before: int = 0
    rounded: bool = False
    away: bool = False
    steep: bool = False
    float: bool = False
    wide: bool = False
    zero: int = 0
    low: int = -128
    high: int = 127
    table: bool = False
    lift: int | None = None

    @property
    def above(self) -> bool:
        """Whether results are held above a bound of their own."""
        return self.low > -128 and not self.table and not self.rectified and not self.clipped

    @property
    def rectified(self) -> bool:
        """Whether nothing below the zero point is left, so that it is added to what was held above 0."""
        return self.low == self.zero > -128 and not self.table and not self.clipped

    @property
    def unsigned(self) -> bool:
        """Whether rounding a float already leaves nothing below 0."""
        return self.float and self.rectified and not self.wide

    @property
    def moved(self) -> bool:
        """Whether a zero point is added to a rounded float, before anything else or behind `unsigned`."""
        return self.zero != 0 and (self.unsigned or not self.rectified)

    @property
    def clipped(self) -> bool:
        """Whether all that is left to do is to add `lift`."""
        return self.lift is not None

    @property
    def positive(self) -> bool:
        """Whether the zero point is no less than 0."""
        return self.zero >= 0

    @property
    def lifted(self) -> bool:
        """Whether there is something to add, a word of each filter's parameters."""
        return bool(self.lift)

    @property
    def below(self) -> bool:
        """Whether results are held below a bound of their own."""
        return self.high < 127 and not self.table

    @property
    def words(self) -> int:
        """Words of a filter's parameters."""
        return 5 if self.steep else 1 if self.float else 3 + self.lifted


def zero_of(sums: Sums) -> int:
    """What is added to a scaled sum: its zero point, or the place of 0 in the table."""
    return sums.zero + 128 if sums.table is not None else sums.zero


def _added(sums: Sums, lift: int | None) -> int:
    """What is added to a scaled sum with the half: its zero point, but where that or more follows."""
    rectified = sums.table is None and sums.low == sums.zero > -128
    return (0 if lift is None else sums.zero - lift) if rectified else zero_of(sums)


def _lift(sums: Sums) -> int | None:
    """What is added last, saturated; None where more than that is to be done."""
    steep = sums.rounding == "double" and any(shift >= 0 for _, _, shift in _filters(sums))
    if steep or sums.table is not None or sums.high < 127 or not sums.low == sums.zero > -128:
        return None
    return sums.zero if sums.zero >= 0 else 128 + sums.zero


def scaling(sums: Sums) -> Scaling | None:
    """The parameters of a layer; None where its sums are too large for 32 bits on the way."""
    ends = {"zero": zero_of(sums), "low": sums.low, "high": sums.high, "table": sums.table is not None}
    if sums.rounding == "fp32":
        bits = (int(one) for one in np.asarray(sums.scales, np.float32).view(np.int32))
        reached = (sums.bounds * np.asarray(sums.scales, np.float64)).max()
        return Scaling(tuple((one,) for one in bits), float=True, wide=bool(reached >= 2**30), **ends)  # type: ignore[arg-type]  # of `ends` each has its type
    lift = _lift(sums)
    found = (_double if sums.rounding == "double" else _single)(sums, _added(sums, lift))
    if found is None:
        return None
    each, more = found
    each = [(*one, lift) for one in each] if lift else each
    return Scaling(tuple(each), lift=lift, **more, **ends)  # type: ignore[arg-type]  # as above


def _filters(sums: Sums) -> Iterable[tuple[int, int, int]]:
    """(bound, multiplier, shift) of each filter; a multiplier of 0 has a shift of -1."""
    for bound, multiplier, shift in zip(sums.bounds, sums.multipliers, sums.shifts, strict=True):
        yield int(bound), int(multiplier), int(shift) if multiplier else -1


def _double(sums: Sums, zero: int) -> tuple[list[tuple[int, ...]], dict[str, int | bool]] | None:
    """Doubled by the multiplication, whose high word is rounded; then shifted, halves away from zero."""
    filters = list(_filters(sums))
    steep = any(shift >= 0 for _, _, shift in filters)
    each: list[tuple[int, ...]] = []
    for bound, multiplier, shift in filters:
        up = max(shift, 0)
        if bound << (up + 1) >= INT32:
            return None
        right = max(1, -shift)
        end = _end(zero, right, bound, multiplier)
        if end is None:
            return None
        each.append((*end, up + 1, int(shift >= 0)) if steep else end)
    return each, {"before": 1, "rounded": True, "away": True, "steep": steep}


def _single(sums: Sums, zero: int) -> tuple[list[tuple[int, ...]], dict[str, int | bool]] | None:
    """The high word of the product, then shifted by at least 1 with a half added: one rounding in all."""
    filters = list(_filters(sums))
    before = max(0, *(shift + 2 for _, _, shift in filters))
    each: list[tuple[int, ...]] = []
    for bound, multiplier, shift in filters:
        if bound << before >= INT32:
            return None
        end = _end(zero, before - 1 - shift, bound << before >> 1, multiplier)
        if end is None:
            return None
        each.append(end)
    return each, {"before": before}


def _end(zero: int, right: int, bound: int, multiplier: int) -> tuple[int, int, int] | None:
    """(multiplier, half and zero point, shift) of a filter; where all sums are scaled to 0 the multiplier is 0."""
    if right > MOST_SHIFT and bound >= 1 << (right - 1):
        return None
    if right > MOST_SHIFT or not multiplier:
        multiplier, right = 0, 1
    return multiplier, (1 << (right - 1)) + (zero << right), right
