"""The activations that take all filters of one output step together: softmax, log_softmax, sparsemax, glu.

They work over the channels, whatever the data format. Here is what each means, along the last axis and in the float
type of its argument, and how far its C text may be off: `bound(z, error, unit)` for exact sums z that are known within
`error` (in z's shape), u the unit roundoff of the dtype computed in; and the way back, `pull(dy, z)`: the gradient by z
from that by what it makes of z, each row by its Jacobian. Sources: keras/src/activations/activations.py;
Martins and Astudillo, From Softmax to Sparsemax (arXiv:1602.02068); Dauphin et al. (arXiv:1612.08083).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from codegen.functions.activations import curves
from codegen.functions.activations.row import Option, Row
from codegen.numbers.formats import COMPUTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SLACK = 12  # roundings of an output beside those of the row's sum: exp, a quotient or a logarithm, differences
LEAST = {dtype.unit: dtype.least for dtype in COMPUTED.values()}  # by unit roundoff


def _axis(value: object) -> int:
    """-1 alone: the channels."""
    if value != -1 or isinstance(value, bool):
        raise ValueError("-1, the channels, which these functions take whatever the data format")
    return -1


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) over its sum."""
    import numpy as np

    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y: Array = e / e.sum(axis=-1, keepdims=True)
    return y


def log_softmax(x: Array, axis: int = -1) -> Array:
    """x less the logarithm of the sum of exp(x)."""
    import numpy as np

    t = x - x.max(axis=-1, keepdims=True)
    y: Array = t - np.log(np.exp(t).sum(axis=-1, keepdims=True))
    return y


def sparsemax(x: Array, axis: int = -1) -> Array:
    """max(x - τ, 0) with the τ that makes the sum 1: the nearest point to x among the distributions."""
    import numpy as np

    t = x - x.max(axis=-1, keepdims=True)
    falling = -np.sort(-t, axis=-1)
    sums, count = falling.cumsum(axis=-1), np.arange(1, x.shape[-1] + 1)
    size = (count * falling > sums - 1).sum(axis=-1, keepdims=True)
    threshold = (np.take_along_axis(sums, np.maximum(size, 1) - 1, axis=-1) - 1) / np.maximum(size, 1)
    y: Array = np.maximum(t - threshold, 0)
    return y


def glu(x: Array, axis: int = -1) -> Array:
    """The first half of the channels times the sigmoid of the second."""
    half = x.shape[-1] // 2
    y: Array = x[..., :half] * curves.sigmoid(x[..., half:])
    return y


def _softmax_bound(z: Array, error: Array, unit: float) -> Array:
    """Relative: u(F + 12), and u times the distance to the row's largest sum, its own and their mean's.

    exp moves by its argument's error, the sum by the largest of all; each difference to the largest is rounded.
    """
    import numpy as np

    y = softmax(z)
    below, worst = z.max(axis=-1, keepdims=True) - z, error.max(axis=-1, keepdims=True)
    rounded = unit * (below + (y * below).sum(axis=-1, keepdims=True) + z.shape[-1] + SLACK)
    moved: Array = np.minimum(1 + 4 * unit, y * np.expm1(np.minimum(error + worst + rounded, 700))) + 4 * LEAST[unit]
    return moved


def _log_softmax_bound(z: Array, error: Array, unit: float) -> Array:
    """Absolute: u(F + 12), u times the distance to the row's largest sum, its own and their mean's, and a few u·|y|.

    The logarithm of the sum moves by the largest error at most.
    """
    y, below = log_softmax(z), z.max(axis=-1, keepdims=True) - z
    among = (softmax(z) * below).sum(axis=-1, keepdims=True)
    rounded = below + among + z.shape[-1] + SLACK + 4 * abs(below + y) + abs(y)
    moved: Array = error + error.max(axis=-1, keepdims=True) + unit * rounded
    return moved


def _sparsemax_bound(z: Array, error: Array, unit: float) -> Array:
    """Absolute: 2u(F + 12).

    τ moves by the largest error at most; its sum has one term a filter, each at most 1, and so has its set.
    """
    moved: Array = error + error.max(axis=-1, keepdims=True) + 2 * unit * (z.shape[-1] + SLACK)
    return moved


def _glu_bound(z: Array, error: Array, unit: float) -> Array:
    """4 ulp.

    A product whose second factor has a slope of 1/4 at most and an error of 3 in its last place.
    """
    half = z.shape[-1] // 2
    a, gate = abs(z[..., :half]), curves.sigmoid(z[..., half:])
    of_gate = error[..., half:] / 4 + 6 * unit * gate + 3 * LEAST[unit]
    moved: Array = error[..., :half] * (gate + of_gate) + a * of_gate
    rounded: Array = moved + unit * (a * gate + moved) + LEAST[unit]
    return rounded


def _pull_softmax(dy: Array, z: Array) -> Array:
    y = softmax(z)
    found: Array = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return found


def _pull_log_softmax(dy: Array, z: Array) -> Array:
    found: Array = dy - softmax(z) * dy.sum(axis=-1, keepdims=True)
    return found


def _pull_sparsemax(dy: Array, z: Array) -> Array:
    """Those that are above the threshold share what they have together (Martins and Astudillo, equation 14)."""
    above = sparsemax(z) > 0
    mean = (dy * above).sum(axis=-1, keepdims=True) / above.sum(axis=-1, keepdims=True)
    found: Array = above * (dy - mean)
    return found


def _pull_glu(dy: Array, z: Array) -> Array:
    import numpy as np

    half = z.shape[-1] // 2
    gate = curves.sigmoid(z[..., half:])
    return np.concatenate([dy * gate, dy * z[..., :half] * gate * (1 - gate)], axis=-1)


_AXIS = (Option("axis", -1, _axis),)
_POWER = ("power",)


def _steepest(*options: object) -> float:
    """No slope is one number's alone."""
    return math.inf


ROWWISE: tuple[Row, ...] = (
    Row(
        "softmax", softmax, _steepest, (0.0, 0.0), _POWER, _AXIS, rowwise=True, bound=_softmax_bound, pull=_pull_softmax
    ),
    Row(
        "log_softmax",
        log_softmax,
        _steepest,
        (0.0, 0.0),
        _POWER,
        _AXIS,
        rowwise=True,
        bound=_log_softmax_bound,
        pull=_pull_log_softmax,
    ),
    Row(
        "sparsemax",
        sparsemax,
        _steepest,
        (0.0, 0.0),
        (),
        _AXIS,
        rowwise=True,
        bound=_sparsemax_bound,
        pull=_pull_sparsemax,
    ),
    Row(
        "glu",
        glu,
        _steepest,
        (0.0, 0.0),
        _POWER,
        _AXIS,
        rowwise=True,
        bound=_glu_bound,
        pull=_pull_glu,
        shares=2,
        gate="sigmoid",
    ),
)
