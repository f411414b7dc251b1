"""Writes docs/activations.md from the table in codegen/activations.py: `python docs/write_activations.py`."""

from __future__ import annotations

import inspect
from pathlib import Path

from codegen import activations
from codegen.activations import ROWS, Option, Row
from codegen.dtypes import DTYPES

HEAD = """\
# Activations

Fused into the kernel, vectorised, without a call of the C library. Names, options and defaults are Keras'; names are
snake_case and case counts. Options are written as in a call: `activation = relu(max_value=6.0)`.

This page is written by `docs/write_activations.py`; a test holds it to the code, and the code to the bounds below.

| name | f(x) | options and defaults | error, float32 | error, float64 | steepest slope |
|---|---|---|---|---|---|
"""
TAIL = """
## What the error bounds mean

* The unit is the last place (ulp) of the exact result: the distance between neighbouring numbers of the dtype there. It
  is relative everywhere, in the tails of gelu and silu and near 0 too; where the exact result is a denormal the unit is
  the smallest denormal. 0 means the same bits as the exact result rounded once.
* They hold for every x, on every target, with fused products and sums or without, and also where a compiler fuses
  portable C on its own. They do not hold under `-ffast-math` or where denormals are flushed to zero.
* The argument is taken as it is. That it carries the rounding error of a convolution is counted apart: times the
  steepest slope. `relu` with a threshold jumps there, so no slope bounds it.
* Options are taken as rounded to the dtype. The bounds hold for the defaults and for any option with which nothing
  overflows or falls below the normal numbers on the way.
* The exponential beneath all the smooth ones is within 2 ulp for every argument that they give it.
* Where max(x, 0) or a clip decides, nothing is rounded: `relu` without a slope, `relu6` and `linear` are exact.
* For one target, the vectors of all widths and the single number give the same bits, with gcc and with clang, at any
  level of optimisation. Targets with and without fused products differ among themselves within the bounds.

## Infinity and NaN

NaN gives NaN, in `relu` and the clipped ones too. At infinity each function has its limit: where Keras' formula becomes
inf·0, so that it answers NaN, `silu`, `gelu` and `hard_silu` are 0 at -inf.
"""


def page() -> str:
    """The page: the table, a row for each activation, then what its columns mean."""
    return HEAD + "".join(line(row) for row in ROWS) + TAIL


def line(row: Row) -> str:
    """One row of the table; the formula is the first line of the reference's own docstring."""
    default = activations.get(row.name)
    names = ", ".join(f"`{name}`" for name in (row.name, *row.aliases))
    formula = (inspect.getdoc(row.reference) or "").splitlines()[0].rstrip(".")
    options = ", ".join(words(option) for option in row.options) or "none"
    cells = [names, formula, options, *(bound(row, dtype, most) for dtype, most in zip(DTYPES, row.ulps, strict=True))]
    slope = activations.slope(default)
    return f"| {' | '.join(cells)} | {slope:.6g} |\n"


def bound(row: Row, dtype: str, most: float) -> str:
    """The error with the default options, and the one that options can bring it to."""
    found = activations.ulps(activations.get(row.name), dtype)
    return f"{found:g} ulp" if found == most else f"{found:g} ulp; {most:g} ulp with a slope"


def words(option: Option) -> str:
    return f"{option.name} = {option.default}"


if __name__ == "__main__":
    Path(__file__).with_name("activations.md").write_text(page(), encoding="utf-8")
