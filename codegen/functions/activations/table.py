"""The one table of activations: names, options, meaning, derivative, steepest slope and stated errors.

Adding one is a row here, its formulas in curves.py and slopes.py beside this, and a template of its name in
templates/activations/ and in templates/activations/slopes/.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from codegen.functions.activations import curves, slopes
from codegen.functions.activations.row import Derivative, Option, Row, Value
from codegen.functions.registry import flag, optional, real


def _always(*options: Value) -> bool:
    return True


def _constant(slope: float) -> Callable[..., float]:
    return lambda *options: slope


def _relu_slope(negative_slope: float, max_value: float | None, threshold: float) -> float:
    """A threshold is a jump of that height, which no slope bounds."""
    return math.inf if threshold else max(1.0, negative_slope)


def _jump(height: float) -> float:
    """A jump, which no slope bounds, if it has a height."""
    return math.inf if height > 0 or height < 0 else 1.0


_LEAST_0 = real(at_least=0.0)
_EXP, _POWER = ("exp",), ("power",)
_TWO_WORDS = (*_POWER, "low")

ROWS: tuple[Row, ...] = (
    Row(
        "linear",
        curves.linear,
        _constant(1.0),
        (0.0, 0.0),
        exact=_always,
        derivative=Derivative(slopes.linear),
    ),
    Row(
        "relu",
        curves.relu,
        _relu_slope,
        (2.0, 2.0),
        (),
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
        (),
        exact=_always,
        derivative=Derivative(slopes.relu6),
    ),
    Row(
        "leaky_relu",
        curves.leaky_relu,
        lambda negative_slope: max(1.0, abs(negative_slope)),
        (2.0, 2.0),
        (),
        (Option("negative_slope", 0.2, real()),),
        derivative=Derivative(slopes.leaky_relu),
    ),
    Row(
        "elu",
        curves.elu,
        lambda alpha: max(1.0, abs(alpha)),
        (3.0, 3.0),
        _EXP,
        (Option("alpha", 1.0, real()),),
        derivative=Derivative(slopes.elu, (1.0, 1.0), _EXP),
    ),
    Row(
        "tanh",
        curves.tanh,
        _constant(1.0),
        (3.0, 3.0),
        _EXP,
        derivative=Derivative(slopes.tanh, (2.0, 2.0), _EXP),
    ),
    Row(
        "sigmoid",
        curves.sigmoid,
        _constant(0.25),
        (3.0, 3.0),
        _POWER,
        derivative=Derivative(slopes.sigmoid, (0.5, 0.5), _EXP),
    ),
    Row(
        "silu",
        curves.silu,
        _constant(1.09984),
        (4.0, 4.0),
        _POWER,
        aliases=("swish",),
        derivative=Derivative(slopes.silu, (2.5, 2.5), _EXP),
    ),
    Row(
        "gelu",
        curves.gelu,
        lambda approximate: 1.129,
        (6.0, 6.0),
        _TWO_WORDS,
        (Option("approximate", False, flag),),
        derivative=Derivative(slopes.gelu, (2.5, 2.5), _EXP),
    ),
    Row(
        "softplus",
        curves.softplus,
        _constant(1.0),
        (3.0, 3.0),
        _POWER,
        derivative=Derivative(slopes.softplus, (1.0, 1.0), _POWER),
    ),
    Row(
        "celu",
        curves.celu,
        _constant(1.0),
        (4.0, 4.0),
        _EXP,
        (Option("alpha", 1.0, real(above=0.0)),),
        derivative=Derivative(slopes.celu, (1.0, 1.0), _EXP),
    ),
    Row(
        "selu",
        curves.selu,
        _constant(1.7580993408473766),
        (4.0, 4.0),
        _EXP,
        derivative=Derivative(slopes.selu, (2.0, 2.0), _EXP),
    ),
    Row(
        "log_sigmoid",
        curves.log_sigmoid,
        _constant(1.0),
        (3.0, 3.0),
        _POWER,
        derivative=Derivative(slopes.log_sigmoid, (1.0, 1.0), _POWER),
    ),
    Row(
        "softsign",
        curves.softsign,
        _constant(1.0),
        (2.0, 2.0),
        (),
        derivative=Derivative(slopes.softsign, (2.0, 2.0)),
    ),
    Row(
        "mish",
        curves.mish,
        _constant(1.0884981612518572),
        (5.0, 5.0),
        _POWER,
        derivative=Derivative(slopes.mish, (2.5, 2.5), _POWER),
    ),
    Row(
        "exponential",
        curves.exponential,
        _constant(math.inf),
        (3.0, 3.0),
        _POWER,
        derivative=Derivative(curves.exponential, (3.0, 3.0), _POWER),
    ),
    Row(
        "squareplus",
        curves.squareplus,
        _constant(1.0),
        (4.0, 4.0),
        ("root",),
        (Option("b", 4.0, real(above=0.0)),),
        derivative=Derivative(slopes.squareplus, (1.0, 1.0)),
    ),
    Row(
        "tanh_shrink",
        curves.tanh_shrink,
        _constant(1.0),
        (4.0, 4.0),
        _POWER,
        derivative=Derivative(slopes.tanh_shrink, (3.0, 3.0), _EXP),
    ),
    Row(
        "hard_tanh",
        curves.hard_tanh,
        _constant(1.0),
        (0.0, 0.0),
        ("min", "max"),
        exact=_always,
        derivative=Derivative(slopes.hard_tanh),
    ),
    Row(
        "soft_shrink",
        curves.soft_shrink,
        _constant(1.0),
        (0.5, 0.5),
        (),
        (Option("threshold", 0.5, _LEAST_0),),
        derivative=Derivative(slopes.hard_shrink),
    ),
    Row(
        "hard_shrink",
        curves.hard_shrink,
        lambda threshold: _jump(max(threshold, 0.0)),
        (0.0, 0.0),
        (),
        (Option("threshold", 0.5, real()),),
        exact=_always,
        derivative=Derivative(slopes.hard_shrink),
    ),
    Row(
        "threshold",
        curves.threshold,
        lambda threshold, default_value: _jump(threshold - default_value),
        (0.0, 0.0),
        (),
        (Option("threshold", None, real(), required=True), Option("default_value", None, real(), required=True)),
        exact=_always,
        derivative=Derivative(slopes.threshold),
    ),
    Row(
        "sparse_plus",
        curves.sparse_plus,
        _constant(1.0),
        (2.0, 2.0),
        (),
        derivative=Derivative(slopes.sparse_plus, (0.5, 0.5)),
    ),
    Row(
        "sparse_sigmoid",
        curves.sparse_sigmoid,
        _constant(0.5),
        (0.5, 0.5),
        (),
        derivative=Derivative(slopes.sparse_sigmoid),
    ),
    Row(
        "hard_sigmoid",
        curves.hard_sigmoid,
        _constant(1 / 6),
        (2.0, 2.0),
        (),
        derivative=Derivative(slopes.hard_sigmoid, (0.1, 0.1)),
    ),
    Row(
        "hard_silu",
        curves.hard_silu,
        _constant(1.5),
        (3.0, 3.0),
        (),
        aliases=("hard_swish",),
        derivative=Derivative(slopes.hard_silu, (1.0, 1.0)),
    ),
)
