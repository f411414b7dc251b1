"""How far a transform's outputs may stray for any data: each rounding of its code, followed to the outputs.

The roundings' sizes are added up, where transforms.noise adds their variances: Higham, Accuracy and Stability
of Numerical Algorithms, chapter 3. Output i of a tile is the sum of w[k] x[i + k], and the products w[k] x[j] of all
other distances j - k cancel, but for what the roundings leave of them. The products of one distance are those of one
output of the whole correlation, at times one beyond the tile or beyond the signal's ends. So the largest Σ|w||x| among
all of these, times the sum over the distances of the most that a product of that distance leaves, bounds the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import frexp
from typing import TYPE_CHECKING

from codegen.planning.transforms import Transform, noise
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.planning.transforms.expressions import Code, Statement
    from codegen.planning.transforms.transform import Array

__all__ = ["Worst", "worst"]

PRODUCTS = ("scale", "fma", "fms")  # statements that multiply


@dataclass(frozen=True)
class Worst:
    """Errors before bias and activation, for samples |x| <= X, weights |w| <= W and products summed over C terms.

    `linear` units of roundoff times the largest Σ|w||x| come from the codelets, `products` of them from each rounding
    of a transformed weight and of the sums. With e what underflow takes from a product, half the least number,
    `from_samples`·C·W·e + `from_weights`·C·X·e + `from_sums`·C·e are lost to it at most. No value on the way passes
    `samples`·X, `weights`·W and `sums`·C·X·W.
    """

    linear: float
    products: float
    from_samples: float
    from_weights: float
    from_sums: float
    samples: float
    weights: float
    sums: float


@lru_cache(maxsize=128)
def worst(transform: Transform) -> Worst:
    """The transform's, from its code; a second for the longest."""
    import numpy as np

    forward, inverse = (np.abs(noise.evaluate(code)) for code in (transform.forward, transform.inverse))
    into, back = noise.results(transform.forward), noise.results(transform.inverse)
    points, outputs, weights = forward[into], inverse[back], np.abs(transform.weights)
    size = weights.sum(1)  # of a transformed weight, for W = 1
    return Worst(
        linear=_by_distance(_of_codelets(transform), transform),
        products=_by_distance((outputs @ (points * each[:, None]) for each in weights.T), transform),
        from_samples=float((outputs @ (size * _lost(transform.forward)[into])).max()),
        from_weights=float((outputs @ points.sum(1)).max()),
        from_sums=float((outputs.sum(1) + _lost(transform.inverse)[back]).max()),
        samples=float(forward.sum(1).max()),
        weights=float(size.max()),
        sums=float((inverse @ (points.sum(1) * size)).max()),
    )


def _by_distance(left: Iterator[Array], transform: Transform) -> float:
    """The sum over the distances j - k of the most that a product leaves, of the worst output.

    `left` is for each tap k what the products of w[k] and each x[j] leave in each output, (outputs, inputs).
    """
    import numpy as np

    most = np.zeros((transform.outputs, transform.inputs + transform.taps - 1))
    for k, each in enumerate(left):
        first = transform.taps - 1 - k
        at = most[:, first : first + transform.inputs]
        np.maximum(at, each, out=at)
    return float(most.sum(1).max())


def _of_codelets(transform: Transform) -> Iterator[Array]:
    """What the codelets' roundings leave, tap by tap, in units of roundoff."""
    import numpy as np

    forward, inverse = noise.evaluate(transform.forward), noise.evaluate(transform.inverse)
    points, outputs = forward[noise.results(transform.forward)], inverse[noise.results(transform.inverse)]
    onward, out = _reached(transform.forward), np.abs(_reached(transform.inverse))
    into, back = _Roundings.of(transform.forward), _Roundings.of(transform.inverse)
    rounded = into.sizes(forward)
    for weights in transform.weights.T:
        before = np.abs((outputs * weights) @ onward.T) @ rounded
        yield before + out.T @ back.sizes((inverse * weights) @ points)


@dataclass(frozen=True)
class _Roundings:
    """Of each value: whether it is rounded, and what times its `first` operand is rounded beside it."""

    values: Array
    factors: Array
    first: Array

    @classmethod
    def of(cls, code: Code) -> _Roundings:
        import numpy as np

        beside = [
            (s.kind != "neg", _of_product(s) * abs(s.factor), noise.row(code, s.operands[0])) for s in code.statements
        ]
        exact = (0, 0.0, -1)
        values, factors, first = zip(*[exact] * code.inputs, *beside, exact, strict=True)
        return cls(np.array(values, float)[:, None], np.array(factors)[:, None], np.array(first))

    def sizes(self, values: Array) -> Array:
        """The size of all that is rounded at each value, for what the values are made of."""
        import numpy as np

        apart = np.abs(values)
        return np.asarray(self.values * apart + self.factors * apart[self.first])


def _reached(code: Code) -> Array:
    """What each value's error becomes in each result, (values, results): the code from its end to its beginning."""
    import numpy as np

    weights = np.zeros((code.inputs + len(code.statements) + 1, len(code.results)))
    for result, value in enumerate(noise.results(code)):
        weights[value, result] = 1
    for at, s in reversed(tuple(enumerate(code.statements, code.inputs))):
        left, right = noise.factors(s)
        weights[noise.row(code, s.operands[0])] += left * weights[at]
        if right:
            weights[noise.row(code, s.operands[-1])] += right * weights[at]
    return weights


def _of_product(s: Statement) -> int:
    """Roundings of a statement's product beside that of its result; none by a power of two."""
    import numpy as np

    if s.kind not in PRODUCTS or abs(frexp(s.factor)[0]) == 0.5:
        return 0
    return (s.kind != "scale") + (float(np.float32(s.factor)) != s.factor)


def _lost(code: Code) -> Array:
    """What underflow takes from each value, in units of what it takes from a product; sums lose nothing."""
    import numpy as np

    errors = np.zeros(code.inputs + len(code.statements) + 1)
    for at, s in enumerate(code.statements, code.inputs):
        left, right = map(abs, noise.factors(s))
        carried = left * errors[noise.row(code, s.operands[0])] + right * errors[noise.row(code, s.operands[-1])]
        errors[at] = carried + (s.kind in PRODUCTS)
    return errors
