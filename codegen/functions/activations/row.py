"""What is known of one activation: the types that the table is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.functions.registry import Check
from codegen.records import dataclass

Value = float | bool | None


@dataclass(frozen=True)
class Option:
    """An option's Keras name, its default, and the check that returns the value held or raises ValueError."""

    name: str
    default: Value
    check: Check[Any]
    required: bool = False  # Keras gives it no default: it must be written


@dataclass(frozen=True)
class Derivative:
    """What there is to know about f'.

    `reference(x, *options)` computes it in x's dtype. `units` bounds the error of its C text for (float32, float64), in
    units of eps·max(1, |f'(x)|), eps = 2**-23 or 2**-52: for any x, on every target. `needs` as a Row's.
    """

    reference: Callable[..., Any]
    units: tuple[float, float] = (0.0, 0.0)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """What there is to know about one activation.

    `reference(x, *options)` computes it in x's dtype; `slope(*options)` is the largest |f'|. `ulps` bounds the error of
    the C text for (float32, float64), in units in the last place of the exact result, for any x, denormal results
    included, on every target, fused or not; the options taken as rounded to the dtype. `exact(*options)` tells where
    the text makes no error at all. `needs` are words of templates/activations/exp.c.j2: what the text is made of beside
    the vector spelling, and `root` for one of its own. `rowwise`: it takes a whole row,
    all filters of one output step, and has no derivative but `pull(dy, sums)`, the gradient before it; `bound` is then
    how far its C text may be off, given the sums and their error, and `shares` is how many sums make one output. Where
    the first half of the row is multiplied by an activation of the second one, `gate` is the name of that.
    """

    name: str
    reference: Callable[..., Any]
    slope: Callable[..., float]
    ulps: tuple[float, float]
    needs: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    aliases: tuple[str, ...] = ()
    exact: Callable[..., bool] = lambda *options: False
    derivative: Derivative | None = None
    rowwise: bool = False
    bound: Callable[..., Any] | None = None
    pull: Callable[..., Any] | None = None
    shares: int = 1
    gate: str | None = None
