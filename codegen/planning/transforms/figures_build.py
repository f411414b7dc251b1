"""Writes figures.py beside this: `python -m codegen.planning.transforms.figures_build`, half a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codegen.planning.transforms import noise
from codegen.planning.transforms.fourier import fourier
from codegen.planning.transforms.toom_cook import toom_cook
from codegen.planning.transforms.transform import Transform

SIZES = (16, 32, 64, 128)  # of the Fourier transforms, in samples
FEWEST_OUTPUTS = 8  # of one of them
MOST_POINTS = 8  # of Toom-Cook

HEAD = '''"""What planners ask of a transform, so that its code need not be made.

Written by `python -m codegen.planning.transforms.figures_build`. By name and taps: statements of forward and inverse
code, and `noise.propagated`.
"""

from __future__ import annotations

FIGURES: dict[tuple[str, int], tuple[int, int, float, float]] = {
'''


def transforms() -> Iterator[Transform]:
    """All that a planner may look at, made anew: F(m, r), FFTs of whole kernels and of parts half their size."""
    for points in range(3, MOST_POINTS + 1):
        for taps in range(2, min(points, MOST_POINTS - 1)):
            yield toom_cook.__wrapped__(points + 1 - taps, taps)
    for size in SIZES:
        for taps in range(2, size - FEWEST_OUTPUTS + 2):
            yield fourier.__wrapped__(size, taps, size - taps + 1)
        yield fourier.__wrapped__(size, size // 2, size // 2)


def line(transform: Transform) -> str:
    """The transform's entry, from its code alone."""
    counts = len(transform.forward.statements), len(transform.inverse.statements)
    linear, products = noise.propagated.__wrapped__(transform)
    return f'    ("{transform.name}", {transform.taps}): ({counts[0]}, {counts[1]}, {linear:.9g}, {products:.9g}),\n'


def write(path: Path) -> None:
    """Write the table."""
    path.write_text(HEAD + "".join(map(line, transforms())) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).with_name("figures.py"))
