"""What each piece takes, in bytes of code and of stack: one row a kind of instruction set.

Fitted by least squares of the logarithms to the fastest plans of 300 random layers each (avx512, neon: 200) and to
those of the fewest bytes of 100 (neon: 60), compiled by gcc 12.2 -std=c99 -O2 -ffp-contract=off on Debian 12: .text and
.rodata as `size -A` tells, the stack as the deepest chain of calls in -fcallgraph-info=su. On 160 other plans each:
docs/targets.md. bench/fit_footprint.py does so with layers of its own.
"""

from __future__ import annotations

from codegen.planning.footprint.pieces import Pieces
from codegen.problem.targets import Target
from codegen.records import dataclass

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
        updates=0.1,
        loads=0.1,
        broadcasts=0.1,
        single_updates=11.0,
        single_loads=4.9,
        single_broadcasts=3.2,
        paired=0.8,
        folded=37.1,
        gathers=15.3,
        sums=13.0,
        offsets=1.1,
        loops=56.2,
        heads=34.2,
        frees=245.1,
        sides=86.2,
        joined=1.0,
        pointers=26.7,
        copies=34.0,
        endings=0.7,
        more_endings=0.8,
        parts=46.4,
        constants=2.0,
        array_bytes=0.9,
    ),
    12.95,
    Pieces(
        updates=0.05,
        loads=0.05,
        broadcasts=0.05,
        starts=0.05,
        single_loads=0.72,
        paired=0.26,
        folded=0.06,
        gathers=0.75,
        sums=1.03,
        heads=3.68,
        frees=27.94,
        sides=27.53,
        joined=13.94,
        pointers=11.15,
        copies=8.58,
        parts=3.92,
        constants=0.05,
        array_bytes=0.53,
        in_line=0.13,
    ),
)  # scalar
VECTORS = Rates(
    0.0,
    Pieces(
        updates=10.3,
        broadcasts=6.3,
        starts=1.9,
        single_updates=12.2,
        single_starts=11.2,
        folded=1.0,
        gathers=6.3,
        sums=9.9,
        offsets=1.7,
        loops=41.9,
        heads=35.3,
        frees=299.5,
        sides=135.5,
        joined=2.5,
        pointers=52.2,
        copies=40.8,
        endings=0.7,
        more_endings=0.7,
        parts=20.6,
        constants=1.0,
        array_bytes=0.8,
    ),
    8.53,
    Pieces(
        paired=0.05,
        sums=1.79,
        loops=0.82,
        heads=6.12,
        frees=38.92,
        sides=26.45,
        joined=73.42,
        pointers=14.16,
        copies=2.5,
        arrays=0.01,
        parts=10.22,
        array_bytes=0.81,
    ),
)  # sse2
FUSED = Rates(
    0.0,
    Pieces(
        updates=6.8,
        broadcasts=3.1,
        starts=4.3,
        single_updates=6.4,
        single_loads=0.1,
        single_starts=3.1,
        folded=0.5,
        gathers=10.0,
        sums=8.3,
        offsets=1.5,
        loops=43.6,
        heads=46.0,
        frees=291.7,
        sides=125.6,
        joined=302.4,
        pointers=58.1,
        copies=38.3,
        endings=0.6,
        more_endings=0.7,
        arrays=26.6,
        parts=22.0,
        constants=0.5,
        array_bytes=0.6,
    ),
    2.36,
    Pieces(
        broadcasts=0.02,
        paired=0.05,
        sums=0.89,
        loops=1.55,
        heads=9.46,
        frees=37.47,
        sides=29.73,
        joined=91.05,
        pointers=21.4,
        copies=4.18,
        endings=0.01,
        arrays=0.01,
        parts=8.95,
        array_bytes=0.78,
    ),
)  # avx2
WIDE = Rates(
    0.0,
    Pieces(
        updates=8.2,
        loads=2.5,
        starts=7.4,
        single_updates=5.9,
        single_starts=10.0,
        paired=0.1,
        folded=1.5,
        gathers=11.3,
        sums=9.1,
        offsets=1.6,
        loops=42.0,
        heads=44.9,
        frees=281.1,
        sides=162.3,
        joined=6.2,
        pointers=61.1,
        copies=33.6,
        endings=0.7,
        more_endings=0.7,
        parts=52.4,
        constants=0.2,
        array_bytes=0.4,
    ),
    1.46,
    Pieces(
        paired=0.05,
        loops=1.69,
        heads=10.64,
        frees=31.5,
        sides=31.51,
        joined=46.87,
        pointers=19.79,
        copies=4.91,
        arrays=0.01,
        parts=9.07,
        array_bytes=0.92,
    ),
)  # avx512
FIXED = Rates(
    0.0,
    Pieces(
        updates=4.4,
        broadcasts=2.6,
        starts=30.2,
        single_updates=2.7,
        single_loads=27.4,
        single_broadcasts=0.5,
        folded=1.8,
        gathers=7.4,
        sums=2.6,
        offsets=1.0,
        loops=23.0,
        heads=28.9,
        frees=239.6,
        sides=104.7,
        joined=43.5,
        pointers=38.2,
        copies=39.1,
        endings=0.5,
        more_endings=0.5,
        parts=54.6,
        constants=0.9,
        array_bytes=0.5,
        in_line=0.3,
    ),
    0.0,
    Pieces(
        updates=0.21,
        broadcasts=0.26,
        starts=7.39,
        paired=0.05,
        gathers=0.26,
        sums=0.52,
        offsets=0.04,
        heads=0.92,
        frees=52.26,
        sides=0.85,
        joined=25.31,
        pointers=9.55,
        copies=6.74,
        endings=0.01,
        more_endings=0.05,
        arrays=0.01,
        parts=10.12,
        array_bytes=1.02,
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
