"""Writes docs/activations.md from the table in codegen/activations.py: `python docs/write_activations.py`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.functions import activations
from codegen.functions.activations import ROWS, ROWWISE, Activation, Option, Row
from codegen.functions.registry import Call
from codegen.numbers.formats import COMPUTED

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
  the smallest denormal. 0.5 is the exact result rounded once; 0 is no rounding at all.
* They hold for every x, on every target, with fused products and sums or without, and also where a compiler fuses
  portable C on its own. They do not hold under `-ffast-math` or where denormals are flushed to zero.
* The argument is taken as it is. That it carries the rounding error of a convolution is counted apart: times the
  steepest slope; inf where no slope bounds it, because the function jumps (`hard_shrink`, `threshold`, `relu` with a
  threshold) or grows without end (`exponential`).
* Options are taken as rounded to the dtype. The bounds hold for the defaults and for any option with which nothing
  overflows or falls below the normal numbers on the way.
* The exponential beneath all the smooth ones is within 2 ulp for every argument that they give it.
* Where a comparison decides, nothing is rounded: `relu` without a slope, `relu6`, `hard_tanh`, `hard_shrink`,
  `threshold` and `linear` are exact.
* For one target, the vectors of all widths and the single number give the same bits, with gcc and with clang, at any
  level of optimisation. Targets with and without fused products differ among themselves within the bounds.

## Infinity and NaN

NaN gives NaN, in `relu` and the clipped ones too. At infinity each function has its limit: where Keras' formula becomes
inf·0 or inf/inf, so that it answers NaN, `silu`, `gelu`, `mish` and `hard_silu` are 0 at -inf, `softsign` is -1 and 1.
`exponential` is inf where exp(x) is beyond the dtype.
"""
TOGETHER = """
## All filters of an output step together

These take the channels as one row, whatever the data format: `axis` is -1, and nothing else. In C the sums are computed
first, as without an activation; then vectors run along the row, in `channels_first` along time. The error stated here
grows with the row, as its sum does: u is 2^-24 for float32 and 2^-53 for float64, F the number of filters, and what the
sums themselves may be off is counted too.

| name | y | error |
|---|---|---|
"""
SLOPES = """
## Derivatives

What the gradients of a layer go through, as C fused into the backward kernel and as `activations.derivative` in NumPy.
The error of the C text is bounded in units of eps·max(1, |f'(x)|), eps = 2^-23 for float32 and 2^-52 for float64: for
any x, on every target.

| name | f'(x) | error |
|---|---|---|
"""
KINKS = """
At a kink the derivative is the one that torch's backward pass answers under Keras: 0 for `relu` at 0, but the slope for
`leaky_relu`; 1 for a `max_value` at itself, but 0 for one of 6, which Keras hands to `relu6`.
"""


def page() -> str:
    """The page: the table, a row for each activation, then what its columns mean."""
    rows = [row for row in ROWS if not row.rowwise]
    together = "".join(map(line_together, ROWWISE))
    return (
        HEAD + "".join(map(line, rows)) + TAIL + TOGETHER + together + SLOPES + "".join(map(slope_line, rows)) + KINKS
    )


def line(row: Row) -> str:
    """One row of the table; the formula is the first line of the reference's own docstring."""
    names = ", ".join(f"`{name}`" for name in (row.name, *row.aliases))
    options = ", ".join(words(option) for option in row.options) or "none"
    bounds = [bound(row, dtype, most) for dtype, most in zip(COMPUTED, row.ulps, strict=True)]
    slope = activations.slope(example(row))
    return f"| {' | '.join([names, first(row.reference), options, *bounds])} | {slope:.6g} |\n"


def line_together(row: Row) -> str:
    """One row of the table of those that take all filters; the error is the first line of the bound's own docstring."""
    assert row.bound is not None
    return f"| `{row.name}` | {first(row.reference)} | {first(row.bound)} |\n"


def slope_line(row: Row) -> str:
    """One row of the table of derivatives."""
    assert row.derivative is not None
    units = row.derivative.units
    told = f"{units[0]:g}" if units[0] == units[1] else f"{units[0]:g}; {units[1]:g} in float64"
    return f"| `{row.name}` | {first(row.derivative.reference)} | {told} |\n"


def first(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").splitlines()[0].rstrip(".").replace("|", "\\|")


def example(row: Row) -> Activation:
    """The activation with its defaults, and 0 and 1 where Keras has none."""
    required = [option.name for option in row.options if option.required]
    return activations.get(Call(row.name, (), tuple((name, float(i)) for i, name in enumerate(required))))


def bound(row: Row, dtype: str, most: float) -> str:
    """The error with the default options, and the one that options can bring it to."""
    found = activations.ulps(example(row), dtype)
    return f"{found:g} ulp" if found == most else f"{found:g} ulp; {most:g} ulp with a slope"


def words(option: Option) -> str:
    return f"{option.name} (required)" if option.required else f"{option.name} = {option.default}"


if __name__ == "__main__":
    Path(__file__).with_name("activations.md").write_text(page(), encoding="utf-8")
