"""Bilinear algorithms: a short convolution as R products between a transform of the input and one of the weights."""

from __future__ import annotations

import re
from functools import lru_cache

from codegen.planning.transforms import fourier, phased, toom_cook
from codegen.planning.transforms.transform import Transform

__all__ = ["Transform", "named"]


@lru_cache(maxsize=256)
def named(name: str, taps: int) -> Transform:
    """The transform of that name, `F(m,r)`, `F(m,r)/stride`, `FFTn` or `FFTn(outputs)`, for `taps` taps."""
    if found := re.fullmatch(r"FFT(\d+)(?:\((\d+)\))?", name):
        return fourier.fourier(int(found[1]), taps, int(found[2]) if found[2] else None)
    found = re.fullmatch(r"F\((\d+),(\d+)\)(?:/(\d+))?", name)
    if not found or int(found[2]) != taps:
        raise ValueError(f"no transform {name!r} for {taps} taps")
    if found[3]:
        return phased.phased(int(found[1]), taps, int(found[3]))
    return toom_cook.toom_cook(int(found[1]), taps)
