"""Bilinear algorithms: a short convolution as R products between a transform of the input and one of the weights."""

from __future__ import annotations

import re

from codegen.transforms import fourier, toom_cook
from codegen.transforms.transform import Transform

__all__ = ["Transform", "named"]


def named(name: str, taps: int) -> Transform:
    """The transform of that name, `F(m,r)` or `FFTn`, for `taps` taps."""
    if found := re.fullmatch(r"FFT(\d+)", name):
        return fourier.fourier(int(found[1]), taps)
    found = re.fullmatch(r"F\((\d+),(\d+)\)", name)
    if not found or int(found[2]) != taps:
        raise ValueError(f"no transform {name!r} for {taps} taps")
    return toom_cook.toom_cook(int(found[1]), taps)
