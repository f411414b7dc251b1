"""The derivative of each activation, in NumPy: f'(x) in the float type of its argument, right at inf and at NaN.

At a kink it is what torch's own backward pass answers there (relu'(0) is 0, elu'(0) is alpha), as Keras' does on it.
float64 is the reference of float32 kernels, longdouble that of float64 kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen.functions.activations import curves
from codegen.functions.activations.curves import pi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def linear(x: Array) -> Array:
    """1."""
    import numpy as np

    return np.ones_like(x)


def relu(x: Array, negative_slope: float, max_value: float | None, threshold: float) -> Array:
    """1 above the threshold and up to max_value, 0 beyond it and at the threshold, negative_slope below.

    Keras hands the plain leaky form to torch's leaky_relu, which answers its slope at 0 too, and relu(max_value=6) to
    torch's relu6, which is flat from 6 itself.
    """
    import numpy as np

    if max_value is None:
        above = np.ones_like(x)
    else:
        is_relu6 = max_value == 6 and not threshold
        above = _step(x >= max_value, x, 0, 1) if is_relu6 else _step(x <= max_value, x, 1, 0)
    is_leaky = max_value is None and not threshold
    below = np.where(x == threshold, negative_slope if is_leaky else 0, x.dtype.type(negative_slope))
    return np.where(x <= threshold, below, above).astype(x.dtype)


def relu6(x: Array) -> Array:
    """1 between 0 and 6, 0 elsewhere and at both."""
    return relu(x, 0.0, 6.0, 0.0)


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """1 above 0, negative_slope up to it."""
    return relu(x, negative_slope, None, 0.0)


def elu(x: Array, alpha: float) -> Array:
    """1 above 0, alpha·exp(x) up to it."""
    import numpy as np

    return np.where(x <= 0, alpha * np.exp(np.minimum(x, 0)), 1)


def tanh(x: Array) -> Array:
    """1 - tanh²(x), as 4e / (1 + e)² with e = exp(-2|x|)."""
    import numpy as np

    e = np.exp(-2 * np.abs(x))
    y: Array = 4 * e / (1 + e) ** 2
    return y


def sigmoid(x: Array) -> Array:
    """sigmoid(x)·(1 - sigmoid(x)), as e / (1 + e)² with e = exp(-|x|)."""
    import numpy as np

    e = np.exp(-np.abs(x))
    y: Array = e / (1 + e) ** 2
    return y


def silu(x: Array) -> Array:
    """s·(1 + x·(1 - s)), s = sigmoid(x)."""
    return _gate(x, x)


def gelu(x: Array, approximate: bool) -> Array:
    """P(x) + x·P'(x), P the normal distribution; or the derivative of its tanh form."""
    import numpy as np

    t = np.minimum(np.abs(x), 200)  # where both are flat in any of these types
    if approximate:
        k = np.sqrt(8 / pi(x))
        cubic = x.dtype.type(44715) / 1000000
        within = np.clip(x, -200, 200)
        return _gate(k * (within + cubic * within**3), k * (within + 3 * cubic * within**3))
    below = curves.normal_tail(t) - t * np.exp(-t * t / 2) / np.sqrt(2 * pi(x))
    y: Array = np.where(x <= 0, below, 1 - below)
    return y


def softplus(x: Array) -> Array:
    """sigmoid(x)."""
    return curves.sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    """1/6 between -3 and 3, 0 elsewhere and at both."""
    import numpy as np

    return _step(np.abs(x) >= 3, x, 0, 1) / 6


def hard_silu(x: Array) -> Array:
    """x/3 + 1/2 between -3 and 3, 0 up to -3, 1 from 3."""
    import numpy as np

    return np.where(x <= -3, 0, np.where(x >= 3, 1, np.clip(x, -3, 3) / 3 + 0.5)).astype(x.dtype)


def celu(x: Array, alpha: float) -> Array:
    """1 above 0, exp(x/alpha) up to it."""
    import numpy as np

    return np.where(x <= 0, np.exp(np.minimum(x, 0) / alpha), 1)


def selu(x: Array) -> Array:
    """scale above 0, scale·alpha·exp(x) up to it."""
    scale, alpha = curves.selu_constants(x)
    y: Array = scale * elu(x, alpha)
    return y


def log_sigmoid(x: Array) -> Array:
    """sigmoid(-x)."""
    return curves.sigmoid(-x)


def softsign(x: Array) -> Array:
    """1 / (1 + |x|)²."""
    import numpy as np

    y: Array = (1 / (1 + np.abs(x))) ** 2
    return y


def hard_tanh(x: Array) -> Array:
    """1 between -1 and 1, 0 elsewhere and at both."""
    import numpy as np

    return _step(np.abs(x) >= 1, x, 0, 1)


def tanh_shrink(x: Array) -> Array:
    """tanh²(x)."""
    import numpy as np

    y: Array = np.tanh(x) ** 2
    return y


def hard_shrink(x: Array, threshold: float) -> Array:
    """1 where |x| > threshold, else 0."""
    import numpy as np

    return _step(np.abs(x) <= threshold, x, 0, 1)


def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """1 above threshold, 0 up to it."""
    return _step(x <= threshold, x, 0, 1)


def mish(x: Array) -> Array:
    """n / (n + 2) + 4·x·e·(1 + e) / (n + 2)², n = e·(e + 2), e = exp(x)."""
    import numpy as np

    t = np.clip(x, -12000, 60)  # flat beyond, in any of these types
    e = np.exp(t)
    n = e * (e + 2)
    y: Array = n / (n + 2) + 4 * t * (e / (n + 2)) * ((1 + e) / (n + 2))
    return y


def squareplus(x: Array, b: float) -> Array:
    """(1 + x / sqrt(x² + b)) / 2, as squareplus(x) / sqrt(x² + b)."""
    import numpy as np

    root = np.hypot(x, np.sqrt(x.dtype.type(b)))
    return np.where(np.isinf(x), (np.sign(x) + 1) / 2, curves.squareplus(x, b) / root)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, (x + 1)/2 between, 1 from 1."""
    return curves.sparse_sigmoid(x)


def sparse_sigmoid(x: Array) -> Array:
    """1/2 between -1 and 1, 0 elsewhere and at both."""
    return hard_tanh(x) / 2


def _gate(v: Array, slope: Array) -> Array:
    """The derivative of x·s(v) where `slope` is x·v'(x): s + slope·s·(1 - s), s = sigmoid(v); 0 and 1 at its ends."""
    import numpy as np

    e = np.exp(-np.abs(v))
    bent = np.where(e == 0, 0, np.where(np.isinf(slope), 0, slope) * e / (1 + e) ** 2)
    y: Array = curves.sigmoid(v) + bent
    return y


def _step(condition: Array, x: Array, yes: float, no: float) -> Array:
    """`yes` where the condition holds, else `no`, in x's float type."""
    import numpy as np

    y: Array = np.where(condition, x.dtype.type(yes), x.dtype.type(no))
    return y
