"""What each activation means, in NumPy: obviously right, in the float type of its argument, and right at inf and NaN.

float64 is the reference of float32 kernels, longdouble that of float64 kernels. Where Keras' formula gives inf·0 the
limit stands instead: silu, gelu and hard_silu are 0 at -inf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def linear(x: Array) -> Array:
    """x."""
    return x


def relu(x: Array, negative_slope: float, max_value: float | None, threshold: float) -> Array:
    """x above the threshold, at most max_value; negative_slope·(x - threshold) up to it."""
    import numpy as np

    above = x if max_value is None else np.minimum(x, max_value)
    below = negative_slope * (np.minimum(x, threshold) - threshold) if negative_slope else 0
    return np.where(x <= threshold, below, above)


def relu6(x: Array) -> Array:
    """max(x, 0), at most 6."""
    return relu(x, 0.0, 6.0, 0.0)


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """x above 0, negative_slope·x up to it."""
    return relu(x, negative_slope, None, 0.0)


def elu(x: Array, alpha: float) -> Array:
    """x above 0, alpha·(exp(x) - 1) up to it."""
    import numpy as np

    return np.where(x <= 0, alpha * np.expm1(np.minimum(x, 0)), x)


def tanh(x: Array) -> Array:
    """(exp(2x) - 1) / (exp(2x) + 1)."""
    import numpy as np

    y: Array = np.tanh(x)
    return y


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    import numpy as np

    e = np.exp(-np.abs(x))
    y: Array = np.where(x <= 0, e, 1) / (1 + e)
    return y


def silu(x: Array) -> Array:
    """x·sigmoid(x)."""
    import numpy as np

    return np.where(x == -np.inf, 0, np.maximum(x, -np.finfo(x.dtype).max) * sigmoid(x))


def gelu(x: Array, approximate: bool) -> Array:
    """x·P(x), P the normal distribution; or its tanh form, x/2·(1 + tanh v) = x·sigmoid(2v)."""
    import numpy as np

    t = np.minimum(np.abs(x), 200)  # where both forms are 0 in any of these types
    if approximate:
        e = np.exp(-np.sqrt(8 / pi(x)) * (t + x.dtype.type(44715) / 1000000 * t * t * t))
        tail = e / (1 + e)
    else:
        tail = normal_tail(t)
    y: Array = np.maximum(x, 0) - t * tail
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    import numpy as np

    y: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


def hard_sigmoid(x: Array) -> Array:
    """(x + 3) / 6, kept in [0, 1]."""
    import numpy as np

    y: Array = np.clip(x + 3, 0, 6) / 6
    return y


def hard_silu(x: Array) -> Array:
    """x·hard_sigmoid(x)."""
    import numpy as np

    y: Array = np.maximum(x, -3) * hard_sigmoid(x)
    return y


def celu(x: Array, alpha: float) -> Array:
    """x above 0, alpha·(exp(x/alpha) - 1) up to it."""
    import numpy as np

    return np.where(x <= 0, alpha * np.expm1(np.minimum(x, 0) / alpha), x)


def selu(x: Array) -> Array:
    """1.05070098735548·x above 0, 1.05070098735548·1.67326324235438·(exp(x) - 1) up to it."""
    scale, alpha = selu_constants(x)
    y: Array = scale * elu(x, alpha)
    return y


def log_sigmoid(x: Array) -> Array:
    """log(1 / (1 + exp(-x)))."""
    return -softplus(-x)


def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    import numpy as np

    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def hard_tanh(x: Array) -> Array:
    """x, kept in [-1, 1]."""
    import numpy as np

    return np.clip(x, -1, 1)


def tanh_shrink(x: Array) -> Array:
    """x - tanh(x)."""
    import numpy as np

    near = np.clip(x, -2, 2)  # (x cosh x - sinh x) / cosh x there, whose numerator is a sum of one sign
    term, total = near, np.zeros_like(near)
    for k in range(1, 25):
        term = term * near * near / ((2 * k) * (2 * k + 1))
        total = total + 2 * k * term
    return np.where(np.abs(x) < 2, total / np.cosh(near), x - np.tanh(x))


def soft_shrink(x: Array, threshold: float) -> Array:
    """x - threshold above threshold, x + threshold below -threshold, 0 between."""
    import numpy as np

    return np.where(np.abs(x) <= threshold, 0, x - np.sign(x) * threshold)


def hard_shrink(x: Array, threshold: float) -> Array:
    """x where |x| > threshold, else 0."""
    import numpy as np

    return np.where(np.abs(x) <= threshold, 0, x)


def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """x above threshold, default_value up to it."""
    import numpy as np

    return np.where(x <= threshold, x.dtype.type(default_value), x)


def exponential(x: Array) -> Array:
    """exp(x)."""
    import numpy as np

    y: Array = np.exp(x)
    return y


def mish(x: Array) -> Array:
    """x·tanh(softplus(x)), as x·n / (n + 2) with n = e·(e + 2), e = exp(x)."""
    import numpy as np

    e = np.exp(np.minimum(x, 60))  # from there n / (n + 2) is 1 in any of these types
    n = e * (e + 2)
    return np.where(x == -np.inf, 0, np.maximum(x, -np.finfo(x.dtype).max) * (n / (n + 2)))


def squareplus(x: Array, b: float) -> Array:
    """(x + sqrt(x² + b)) / 2."""
    import numpy as np

    t = np.abs(x)
    half = (t + np.hypot(t, np.sqrt(x.dtype.type(b)))) / 2
    y: Array = np.where(x <= 0, b / (4 * half), half)
    return y


def sparse_plus(x: Array) -> Array:
    """0 up to -1, (x + 1)²/4 between, x from 1."""
    import numpy as np

    y: Array = np.where(x >= 1, x, (np.clip(x, -1, 1) + 1) ** 2 / 4)
    return y


def sparse_sigmoid(x: Array) -> Array:
    """(x + 1) / 2, kept in [0, 1]."""
    import numpy as np

    y: Array = (np.clip(x, -1, 1) + 1) / 2
    return y


def selu_constants(x: Array) -> tuple[Any, Any]:
    """selu's scale and alpha, in x's float type."""
    number = x.dtype.type
    return number("1.0507009873554804934193349852946"), number("1.6732632423543772848170429916717")


def normal_tail(t: Array) -> Array:
    """P(-t) for t >= 0, to a few ulp of its own however small it is.

    Abramowitz and Stegun, Handbook of Mathematical Functions: the series 26.2.11 up to 2, where 1/2 less the sum loses
    few digits, the continued fraction 26.2.14 above. exp(-t²/2) takes t² in two parts, of which the first is exact.
    """
    import numpy as np

    head = t.astype(np.float32).astype(t.dtype)
    density = np.exp(-head * head / 2) * np.exp((head - t) * (head + t) / 2) / np.sqrt(2 * pi(t))
    near, far = np.minimum(t, 2), np.maximum(t, 2)
    term, total = near, near
    for k in range(3, 81, 2):
        term = term * near * near / k
        total = total + term
    fraction = far
    for k in range(160, 0, -1):
        fraction = far + k / fraction
    tail: Array = np.where(t <= 2, 0.5 - density * total, density / fraction)
    return tail


def pi(x: Array) -> Any:
    """π in x's float type, every digit of it."""
    import numpy as np

    return 4 * np.arctan(x.dtype.type(1))
