"""How a transform rounds, next to direct summation: the variances of all roundings, propagated to the outputs.

Inputs and weights are independent standard normal numbers; each operation adds a rounding error in proportion to its
result, errors of different operations are independent. What comes out is the ratio of the rms errors, before the data
is seen; tests hold it against measured ones.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

from codegen.transforms.expressions import Code, Statement
from codegen.transforms.transform import Transform

if TYPE_CHECKING:
    from codegen.transforms.transform import Array


def ratio(transform: Transform, channels: int, chunks: int = 1) -> float:
    """The transform's rms error over direct's (one fused sum); the sum over `channels` is made of `chunks` parts."""
    linear, products = coefficients(transform)
    part = channels / chunks
    sums = chunks * part * (part + 1) / 2 + (part * (chunks * (chunks + 1) / 2 - 1) if chunks > 1 else 0)
    terms = transform.taps * channels
    return sqrt((channels * linear + products * sums) / (terms * (terms + 1) / 2))


@lru_cache(maxsize=64)
def coefficients(transform: Transform) -> tuple[float, float]:
    """Error variance of an output, mean over the outputs: (for each channel, for each unit of the sums' roundings)."""
    import numpy as np

    into, wrong = _propagate(transform.forward, np.eye(transform.inputs), np.zeros(transform.inputs))
    weights = (transform.weights**2).sum(1)  # of a transformed weight, and of its rounding
    samples = np.diag(into)
    products = samples * weights
    arriving = wrong * weights + products
    together = (_rows(transform) @ _rows(transform).T) * (transform.weights @ transform.weights.T)
    _, leaving = _propagate(transform.inverse, together, arriving)
    spread = _matrix(transform.inverse) ** 2
    return float(leaving.mean()), float((spread @ products).mean())


def _rows(transform: Transform) -> Array:
    return _matrix(transform.forward)


@lru_cache(maxsize=128)
def _matrix(code: Code) -> Array:
    """The linear map that `code` computes."""
    return _evaluate(code)[0]


def _evaluate(code: Code) -> tuple[Array, dict[str, Array]]:
    import numpy as np

    rows: dict[str, Array] = {f"x{i}": row for i, row in enumerate(np.eye(code.inputs))}
    for s in code.statements:
        left, right = _factors(s)
        rows[s.target] = left * rows[s.operands[0]] + right * rows[s.operands[-1]]
    nothing = np.zeros(code.inputs)
    return np.array([nothing if name is None else rows[name] for name in code.results]), rows


def _factors(s: Statement) -> tuple[float, float]:
    """What the first and the last operand of a statement are multiplied by; 0 where these are one."""
    return {
        "add": (1.0, 1.0),
        "sub": (1.0, -1.0),
        "neg": (-1.0, 0.0),
        "scale": (s.factor, 0.0),
        "fma": (s.factor, 1.0),
        "fms": (s.factor, -1.0),
    }[s.kind]


def _propagate(code: Code, covariance: Array, wrong: Array) -> tuple[Array, Array]:
    """(covariance of the results, error variance of each) for inputs of that covariance and those error variances."""
    import numpy as np

    matrix, rows = _evaluate(code)
    errors: dict[str, float] = {f"x{i}": float(e) for i, e in enumerate(wrong)}
    for s in code.statements:
        left, right = _factors(s)
        carried = left**2 * errors[s.operands[0]] + right**2 * errors[s.operands[-1]]
        row = rows[s.target]
        rounding = 0.0 if s.kind == "neg" else float(row @ covariance @ row)
        errors[s.target] = carried + rounding
    result = np.array([0.0 if name is None else errors[name] for name in code.results])
    return matrix @ covariance @ matrix.T, result
