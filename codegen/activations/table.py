"""The one table of activations: names, options, meaning, derivative, steepest slope and stated errors.

Adding one is a row here, its formulas in codegen/curves.py and codegen/slopes.py, and a template of its name in
templates/activations/ and in templates/activations/slopes/.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen import curves, slopes
from codegen.registry import Check, flag, optional, real

Value = float | bool | None


@dataclass(frozen=True)
class Option:
    """An option's Keras name, its default, and the check that returns the value held or raises ValueError."""

    name: str
    default: Value
    check: Check[Any]


@dataclass(frozen=True)
class Derivative:
    """What there is to know about f'.

    `reference(x, *options)` computes it in x's dtype. `units` bounds the error of its C text for (float32, float64), in
    units of eps·max(1, |f'(x)|), eps = 2**-23 or 2**-52: for any x, on every target. What it stands on is `needs`.
    """

    reference: Callable[..., Any]
    units: tuple[float, float] = (0.0, 0.0)
    needs: tuple[str, ...] = ("where",)


@dataclass(frozen=True)
class Row:
    """What there is to know about one activation.

    `reference(x, *options)` computes it in x's dtype; `slope(*options)` is the largest |f'|. `ulps` bounds the error of
    the C text for (float32, float64), in units in the last place of the exact result, for any x, denormal results
    included, on every target, fused or not; the options taken as rounded to the dtype. `exact(*options)` tells where
    the text makes no error at all. `derivative` is None where a whole row of outputs is one function's.
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


def _always(*options: Value) -> bool:
    return True


def _constant(slope: float) -> Callable[..., float]:
    return lambda *options: slope


def _relu_slope(negative_slope: float, max_value: float | None, threshold: float) -> float:
    """A threshold is a jump of that height, which no slope bounds."""
    return math.inf if threshold else max(1.0, negative_slope)


_LEAST_0 = real(at_least=0.0)
_SMOOTH = ("bits", "abs", "min", "where", "exp")
_BELL = ("bits", "abs", "min", "exp")
_LOGISTIC = ("bits", "min", "max", "power")
_POSITIVE = ("bits", "abs", "min", "where", "power")
_TWO_WORDS = (*_POSITIVE, "excess", "low")

ROWS: tuple[Row, ...] = (
    Row(
        "linear",
        curves.linear,
        _constant(1.0),
        (0.0, 0.0),
        exact=_always,
        derivative=Derivative(slopes.linear, needs=()),
    ),
    Row(
        "relu",
        curves.relu,
        _relu_slope,
        (2.0, 2.0),
        ("where",),
        (
            Option("negative_slope", 0.0, _LEAST_0),
            Option("max_value", None, optional(_LEAST_0)),
            Option("threshold", 0.0, _LEAST_0),
        ),
        exact=lambda negative_slope, max_value, threshold: not negative_slope,
        derivative=Derivative(slopes.relu),
    ),
    Row(
        "relu6",
        curves.relu6,
        _constant(1.0),
        (0.0, 0.0),
        ("where",),
        exact=_always,
        derivative=Derivative(slopes.relu6),
    ),
    Row(
        "leaky_relu",
        curves.leaky_relu,
        lambda negative_slope: max(1.0, abs(negative_slope)),
        (2.0, 2.0),
        ("where",),
        (Option("negative_slope", 0.2, real()),),
        derivative=Derivative(slopes.leaky_relu),
    ),
    Row(
        "elu",
        curves.elu,
        lambda alpha: max(1.0, abs(alpha)),
        (3.0, 3.0),
        _SMOOTH,
        (Option("alpha", 1.0, real()),),
        derivative=Derivative(slopes.elu, (1.0, 1.0), _SMOOTH),
    ),
    Row(
        "tanh",
        curves.tanh,
        _constant(1.0),
        (3.0, 3.0),
        ("bits", "abs", "min", "copysign", "exp"),
        derivative=Derivative(slopes.tanh, (2.0, 2.0), _BELL),
    ),
    Row(
        "sigmoid",
        curves.sigmoid,
        _constant(0.25),
        (3.0, 3.0),
        _LOGISTIC,
        derivative=Derivative(slopes.sigmoid, (0.5, 0.5), _BELL),
    ),
    Row(
        "silu",
        curves.silu,
        _constant(1.09984),
        (4.0, 4.0),
        _LOGISTIC,
        aliases=("swish",),
        derivative=Derivative(slopes.silu, (2.5, 2.5), _SMOOTH),
    ),
    Row(
        "gelu",
        curves.gelu,
        lambda approximate: 1.129,
        (6.0, 6.0),
        _TWO_WORDS,
        (Option("approximate", False, flag),),
        derivative=Derivative(slopes.gelu, (2.5, 2.5), _SMOOTH),
    ),
    Row(
        "softplus",
        curves.softplus,
        _constant(1.0),
        (3.0, 3.0),
        _POSITIVE,
        derivative=Derivative(slopes.softplus, (1.0, 1.0), _SMOOTH),
    ),
    Row(
        "hard_sigmoid",
        curves.hard_sigmoid,
        _constant(1 / 6),
        (2.0, 2.0),
        ("where",),
        derivative=Derivative(slopes.hard_sigmoid, (0.1, 0.1), ("bits", "abs", "where")),
    ),
    Row(
        "hard_silu",
        curves.hard_silu,
        _constant(1.5),
        (3.0, 3.0),
        ("where",),
        aliases=("hard_swish",),
        derivative=Derivative(slopes.hard_silu, (1.0, 1.0)),
    ),
)
