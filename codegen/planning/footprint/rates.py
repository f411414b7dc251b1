"""What each piece takes, in bytes of code and of stack: one row a kind of instruction set.

Fitted by least squares of the logarithms to the fastest plans of 300 random layers each (avx512, neon: 200) and to
those of the fewest bytes of 100 (neon: 60), compiled by gcc 12.2 -std=c99 -O2 -ffp-contract=off on Debian 12: .text and
.rodata as `size -A` tells, the stack as the deepest chain of calls in -fcallgraph-info=su. On 200 other layers each:
docs/targets.md. bench/fit_footprint.py does so with layers of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen.planning.footprint.pieces import Pieces
from codegen.problem.targets import Target

__all__ = ["Rates", "rates"]


@dataclass(frozen=True)
class Rates:
    """Bytes of code of a file as such and for each piece; bytes of stack likewise."""

    code_base: float
    code: Pieces
    stack_base: float
    stack: Pieces


PLAIN = Rates(
    0.0,
    Pieces(
        broadcasts=0.1,
        single_updates=11.2,
        single_loads=5.3,
        single_broadcasts=3.6,
        paired=1.0,
        folded=37.5,
        gathers=9.1,
        sums=14.5,
        offsets=0.9,
        loops=54.0,
        heads=35.9,
        frees=244.6,
        sides=83.6,
        joined=1.2,
        pointers=18.9,
        copies=32.8,
        endings=0.7,
        more_endings=0.8,
        parts=44.8,
        constants=2.0,
        array_bytes=1.1,
    ),
    13.01,
    Pieces(
        updates=0.05,
        loads=0.05,
        broadcasts=0.05,
        starts=0.05,
        single_loads=0.72,
        paired=0.26,
        folded=0.05,
        gathers=0.74,
        sums=1.03,
        heads=3.71,
        frees=28.09,
        sides=27.34,
        joined=14.6,
        pointers=11.18,
        copies=8.42,
        parts=4.0,
        constants=0.05,
        array_bytes=0.53,
        in_line=0.13,
    ),
)  # scalar
VECTORS = Rates(
    0.0,
    Pieces(
        updates=11.1,
        broadcasts=7.4,
        starts=0.3,
        single_updates=13.4,
        single_starts=6.4,
        folded=1.8,
        gathers=5.2,
        sums=11.5,
        offsets=1.2,
        loops=45.0,
        heads=33.7,
        frees=309.3,
        sides=134.6,
        joined=3.1,
        pointers=45.3,
        copies=42.0,
        endings=0.7,
        more_endings=0.7,
        parts=22.6,
        constants=1.0,
        array_bytes=0.8,
    ),
    8.15,
    Pieces(
        paired=0.05,
        sums=1.78,
        loops=0.86,
        heads=6.11,
        frees=38.6,
        sides=26.73,
        joined=73.4,
        pointers=14.19,
        copies=2.65,
        arrays=0.01,
        parts=10.47,
        array_bytes=0.8,
    ),
)  # sse2
FUSED = Rates(
    0.0,
    Pieces(
        updates=8.1,
        broadcasts=3.4,
        starts=2.8,
        single_updates=7.3,
        single_starts=0.9,
        paired=0.1,
        folded=1.4,
        gathers=5.0,
        sums=9.6,
        offsets=0.9,
        loops=44.7,
        heads=47.7,
        frees=295.9,
        sides=119.9,
        joined=290.3,
        pointers=51.4,
        copies=37.4,
        endings=0.6,
        more_endings=0.7,
        arrays=35.9,
        parts=25.9,
        constants=0.5,
        array_bytes=0.5,
    ),
    1.93,
    Pieces(
        broadcasts=0.02,
        paired=0.05,
        sums=0.9,
        loops=1.58,
        heads=9.47,
        frees=37.43,
        sides=30.02,
        joined=84.74,
        pointers=21.39,
        copies=4.18,
        endings=0.01,
        parts=9.13,
        array_bytes=0.78,
    ),
)  # avx2
WIDE = Rates(
    0.0,
    Pieces(
        updates=8.4,
        loads=2.7,
        starts=5.6,
        single_updates=6.0,
        single_starts=9.8,
        folded=1.5,
        gathers=9.5,
        sums=9.2,
        offsets=1.5,
        loops=41.5,
        heads=46.2,
        frees=282.5,
        sides=161.4,
        joined=4.9,
        pointers=60.8,
        copies=31.5,
        endings=0.7,
        more_endings=0.8,
        parts=55.5,
        constants=0.2,
        array_bytes=0.4,
    ),
    1.22,
    Pieces(
        paired=0.05,
        loops=1.73,
        heads=10.59,
        frees=31.53,
        sides=31.62,
        joined=46.41,
        pointers=19.78,
        copies=4.93,
        arrays=0.01,
        parts=9.24,
        array_bytes=0.92,
    ),
)  # avx512
FIXED = Rates(
    0.0,
    Pieces(
        updates=5.1,
        broadcasts=3.2,
        starts=29.3,
        single_updates=3.4,
        single_loads=26.6,
        single_broadcasts=0.6,
        folded=2.2,
        gathers=2.3,
        sums=3.5,
        offsets=0.7,
        loops=20.3,
        heads=31.5,
        frees=248.1,
        sides=103.6,
        joined=19.3,
        pointers=34.3,
        copies=38.1,
        endings=0.5,
        more_endings=0.5,
        parts=49.6,
        constants=0.9,
        array_bytes=0.6,
        in_line=0.1,
    ),
    0.0,
    Pieces(
        updates=0.21,
        broadcasts=0.25,
        starts=6.78,
        paired=0.05,
        sums=0.47,
        offsets=0.04,
        heads=0.79,
        frees=51.04,
        sides=1.41,
        joined=32.13,
        pointers=9.72,
        copies=7.39,
        endings=0.01,
        more_endings=0.05,
        arrays=0.01,
        parts=12.82,
        array_bytes=1.03,
        in_line=0.13,
    ),
)  # neon


def rates(target: Target) -> Rates:
    """Those of instruction sets like `target`'s: by the width of vectors, and fused products."""
    if not target.vector_bytes:
        return PLAIN
    if not target.fma:
        return VECTORS
    if target.vector_bytes > 32:
        return WIDE
    return FUSED if target.vector_bytes > 16 else FIXED
