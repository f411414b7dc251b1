"""What both kernels for Helium share: scaling by vectors, the guard, and the steps of a tile."""

from __future__ import annotations

from dataclasses import replace

from codegen.emission.cortex.scaling import INT32, Scaling, zero_of
from codegen.emission.cortex.sums import Sums
from codegen.records import dataclass

GUARD = "defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)"
GUARD_FLOAT = "defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)"
SAVED = 100  # bytes of nine registers that are pushed, and of eight of vectors
EVEN = ("r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr")  # registers that hold sums


@dataclass(frozen=True)
class Step:
    """An instruction of a tile: `vector` is loaded from `pointer`, or a product added to `sum`, which it may start."""

    vector: str = ""
    pointer: str = ""
    sum: str = ""
    x: str = ""
    weights: str = ""
    starts: bool = False


def scaling(sums: Sums) -> Scaling | None:
    """(multiplier, shift, shift of the sum) of each filter; None where sums are too large for 32 bits on the way."""
    how = Scaling((), zero=zero_of(sums), low=sums.low, high=sums.high, table=sums.table is not None)
    if sums.rounding == "fp32":
        bits = (int(one) for one in sums.scales.astype("float32").view("int32"))
        return replace(how, each=tuple((one,) for one in bits), float=True)
    filters = list(zip(sums.bounds.tolist(), sums.multipliers.tolist(), sums.shifts.tolist(), strict=True))
    if sums.rounding == "double":
        if any(bound << max(shift, 0) >= INT32 for bound, _, shift in filters):
            return None
        steep = any(shift > 0 for _, _, shift in filters)
        left = [(max(shift, 0),) if steep else () for _, _, shift in filters]
        each = [(m, min(shift, 0), *up) for (_, m, shift), up in zip(filters, left, strict=True)]
        return replace(how, each=tuple(each), rounded=True, steep=steep)
    before = max(0, *(shift + 2 for _, _, shift in filters))
    if any(bound << before >= INT32 for bound, _, _ in filters):
        return None
    return replace(how, each=tuple((m, shift + 1 - before) for _, m, shift in filters), before=before)


def bounds(how: Scaling) -> tuple[bool, int, int]:
    """Whether results are held between bounds other than int8's, and these: a place in the table, or a layer's own."""
    low, high = (0, 255) if how.table else (how.low, how.high)
    return (low, high) != (-128, 127), low, high
