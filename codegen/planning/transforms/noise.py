"""How a transform rounds, next to direct summation: the variances of all roundings, propagated to the outputs.

Inputs and weights are independent standard normal numbers; each operation adds a rounding error in proportion to its
result, errors of different operations are independent. What comes out is the ratio of the rms errors, before the data
is seen; tests hold it against measured ones.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

from codegen.planning.transforms.expressions import Code, Statement
from codegen.planning.transforms.figures import FIGURES
from codegen.planning.transforms.transform import Transform

if TYPE_CHECKING:
    from codegen.planning.transforms.transform import Array


def ratio(transform: Transform, channels: int, chunks: int = 1) -> float:
    """The transform's rms error over direct's (one fused sum); the sum over `channels` is made of `chunks` parts."""
    linear, products = coefficients(transform)
    part = channels / chunks
    sums = chunks * part * (part + 1) / 2 + (part * (chunks * (chunks + 1) / 2 - 1) if chunks > 1 else 0)
    terms = transform.taps * channels
    return sqrt((channels * linear + products * sums) / (terms * (terms + 1) / 2))


def coefficients(transform: Transform) -> tuple[float, float]:
    """Error variance of an output, mean over the outputs: (for each channel, for each unit of the sums' roundings)."""
    known = FIGURES.get((transform.name, transform.taps))
    if transform.phases:  # those of the phases, and the roundings of their sums
        linear, products = (sum(each) for each in zip(*map(coefficients, transform.phases), strict=True))
        taps = [phase.taps for phase in transform.phases]
        return linear + sum(sum(taps[: r + 1]) for r in range(1, len(taps))), products
    return known[2:] if known else propagated(transform)


@lru_cache(maxsize=128)
def propagated(transform: Transform) -> tuple[float, float]:
    """`coefficients` by the model itself, a tenth of a second for the largest transforms."""
    import numpy as np

    forward, inverse = evaluate(transform.forward), evaluate(transform.inverse)
    arriving = _errors(transform.forward, forward, forward, np.zeros(transform.inputs))
    rows = forward[results(transform.forward)]
    weights = (transform.weights**2).sum(1)  # of a transformed weight, and of its rounding
    products = (rows**2).sum(1) * weights
    together = (rows @ rows.T) * (transform.weights @ transform.weights.T)
    leaving = _errors(transform.inverse, inverse, inverse @ together, arriving * weights + products)
    spread = inverse[results(transform.inverse)] ** 2
    return float(leaving.mean()), float((spread @ products).mean())


def evaluate(code: Code) -> Array:
    """A row for each input, each statement and, last, for zero: the linear map that the value is."""
    import numpy as np

    rows = np.zeros((code.inputs + len(code.statements) + 1, code.inputs))
    rows[: code.inputs] = np.eye(code.inputs)
    for at, s in enumerate(code.statements, code.inputs):
        left, right = factors(s)
        np.multiply(rows[row(code, s.operands[0])], left, rows[at])
        if right:
            rows[at] += right * rows[row(code, s.operands[-1])]
    return rows


def row(code: Code, name: str) -> int:
    """The place of `x3`, an input, or of `t7`, a statement's value."""
    return int(name[1:]) + (code.inputs if name[0] == "t" else 0)


def results(code: Code) -> list[int]:
    return [-1 if name is None else row(code, name) for name in code.results]


def factors(s: Statement) -> tuple[float, float]:
    """What the first and the last operand of a statement are multiplied by; 0 where these are one."""
    return {
        "add": (1.0, 1.0),
        "sub": (1.0, -1.0),
        "neg": (-1.0, 0.0),
        "scale": (s.factor, 0.0),
        "fma": (s.factor, 1.0),
        "fms": (s.factor, -1.0),
    }[s.kind]


def _errors(code: Code, rows: Array, covariances: Array, wrong: Array) -> Array:
    """The error variance of each result, for inputs of those error variances; `covariances` with the rows' inputs."""
    import numpy as np

    roundings = (covariances * rows).sum(1).tolist()
    errors = [*wrong.tolist(), *[0.0] * (len(rows) - len(wrong))]
    for at, s in enumerate(code.statements, code.inputs):
        left, right = factors(s)
        carried = left**2 * errors[row(code, s.operands[0])] + right**2 * errors[row(code, s.operands[-1])]
        errors[at] = carried + (0.0 if s.kind == "neg" else roundings[at])
    return np.array(errors)[results(code)]
