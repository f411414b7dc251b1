"""How much a transform may round, and in how many chunks it adds up the channels to stay below that."""

from __future__ import annotations

from math import sqrt

from codegen.planning.algorithms import tiling
from codegen.planning.plan import Request
from codegen.planning.transforms import noise
from codegen.planning.transforms.transform import Transform

MOST_CHUNKS = 4  # parts of the sum over channels that are added up last, to round less


def handicap(request: Request) -> float:
    """What a transform's noise counts more for: direct sums leave out zeros and taps in the padding, it does not."""
    p = request.against or request.problem
    full = p.terms * (p.terms + 1) / 2
    rewritten = request.problem.terms * (request.problem.terms + 1) / 2
    if p.steps is None:
        return sqrt(rewritten / full)
    (first, last), outs = tiling.interior(p, p.steps), p.out_steps(p.steps)
    border = first + outs - last
    looked_at = (i if i < first else last + i - first for i in range(0, border, max(1, -(-border // 256))))
    counts = [(taps[1] - taps[0]) * p.group_channels for taps in (p.taps(t, p.steps) for t in looked_at)]
    at_border = sum(n * (n + 1) / 2 for n in counts) / max(1, len(counts)) * border
    return sqrt(rewritten / max(1.0, ((last - first) * full + at_border) / max(1, outs)))


def chunks_of(transform: Transform, channels: int, most_noise: float) -> int:
    """The fewest chunks of the sums over channels that keep the noise in bounds; 0 if none does."""
    most = min(MOST_CHUNKS, max(1, channels // 8))
    good = (chunks for chunks in range(1, most + 1) if noise.ratio(transform, channels, chunks) <= most_noise)
    return next(good, 0)
